package audit_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/audit"
)

// record writes n entries and closes the log.
func record(t *testing.T, dir string, n int) {
	t.Helper()
	l, err := audit.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		l.Record(t.Context(), audit.Entry{Actor: "alice", Action: "execution.cancel", Target: fmt.Sprint(i), Outcome: audit.OK})
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func verify(t *testing.T, dir string) audit.Report {
	t.Helper()
	report, err := audit.Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// edit changes a file's lines; lines are without their newlines.
func edit(t *testing.T, path string, change func(lines []string) []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := change(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerify_finds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(lines []string) []string
		line   int
		says   string
	}{
		"nothing": {func(l []string) []string { return l }, 0, ""},
		"an altered entry": {func(l []string) []string {
			l[4] = strings.Replace(l[4], "alice", "mallory", 1)
			return l
		}, 6, "entry 5 was altered"},
		"an altered last entry": {func(l []string) []string {
			l[9] = strings.Replace(l[9], "alice", "mallory", 1)
			return l
		}, 10, "last entry was altered"},
		"a removed entry":      {func(l []string) []string { return append(l[:3], l[4:]...) }, 4, "entries 4 to 4 are missing"},
		"removed at the end":   {func(l []string) []string { return l[:7] }, 8, "entries 8 to 10 are missing at the end"},
		"all but one removed":  {func(l []string) []string { return l[:1] }, 2, "entries 2 to 10"},
		"two in another order": {func(l []string) []string { l[2], l[3] = l[3], l[2]; return l }, 3, "missing before it"},
		"an entry put in":      {func(l []string) []string { return append(l[:2], append([]string{l[1]}, l[2:]...)...) }, 3, "it is entry 2"},
		"a line of somebody's": {func(l []string) []string { return append(l, `{"action":"x"}`) }, 11, "no number"},
		"no JSON":              {func(l []string) []string { l[5] = "x"; return l }, 6, "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			record(t, dir, 0)
			record(t, dir, 6)
			record(t, dir, 4) // a restart goes on with the chain
			edit(t, filepath.Join(dir, audit.File), c.change)
			report := verify(t, dir)
			if c.line == 0 {
				if report.Fault != nil || report.Entries != 10 || report.First != 1 || report.Last != 10 {
					t.Errorf("%+v %v", report, report.Fault)
				}
				return
			}
			if report.Fault == nil || report.Fault.File != audit.File || report.Fault.Line != c.line || !strings.Contains(report.Fault.Reason, c.says) {
				t.Fatalf("%v, want line %d: %q", report.Fault, c.line, c.says)
			}
			if c.says == "not JSON" || strings.Contains(c.says, "no number") {
				return
			}
			// A server that goes on does not make it good.
			record(t, dir, 2)
			if report := verify(t, dir); report.Fault == nil {
				t.Error("a restart has hidden it")
			}
		})
	}
}

func TestVerify_rotated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, audit.File)
	l := open(t, dir, nil)
	say := func(n int) {
		for range n {
			l.Record(t.Context(), audit.Entry{Action: "x", Outcome: audit.OK})
		}
	}
	say(5)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	say(5)
	// The oldest is packed, the next takes its place.
	text, err := os.ReadFile(path + ".1")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(text)
	_ = w.Close()
	if err := os.WriteFile(path+".2.gz", packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	record(t, dir, 3) // a start that finds no file at all
	report := verify(t, dir)
	if report.Fault != nil || report.Entries != 13 || len(report.Files) != 3 || report.Files[0] != audit.File+".2.gz" {
		t.Fatalf("%+v %v", report, report.Fault)
	}
	// Old files may go; one in the middle may not.
	if err := os.Remove(path + ".2.gz"); err != nil {
		t.Fatal(err)
	}
	if report = verify(t, dir); report.Fault != nil || report.First != 6 {
		t.Errorf("without the oldest: %+v %v", report, report.Fault)
	}
	edit(t, path+".1", func(l []string) []string { l[1] = strings.Replace(l[1], `"x"`, `"y"`, 1); return l })
	if report = verify(t, dir); report.Fault == nil || report.Fault.File != audit.File+".1" || report.Fault.Line != 3 {
		t.Errorf("an altered entry of a rotated file: %v", report.Fault)
	}
}

// A record of before there was a chain is taken over, and a torn line is cut off.
func TestOpen_earlier_record(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, audit.File)
	old := `{"time":"2026-01-01T00:00:00Z","actor":"a","kind":"owner","address":"","action":"x","outcome":"ok"}` + "\n"
	if err := os.WriteFile(path, []byte(old+old+`{"time":"2026-01`), 0o600); err != nil {
		t.Fatal(err)
	}
	record(t, dir, 2)
	report := verify(t, dir)
	if report.Fault != nil || report.Unchained != 2 || report.Entries != 3 {
		t.Errorf("%+v %v", report, report.Fault)
	}
	edit(t, path, func(l []string) []string { l[1] = strings.Replace(l[1], `"a"`, `"b"`, 1); return l })
	if report := verify(t, dir); report.Fault == nil {
		t.Error("the last line before the chain may be altered")
	}
}

func TestRecord_nothing_that_acts_on_a_terminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, dir, nil)
	l.Record(t.Context(), audit.Entry{Action: "x", Detail: "a\u009b31m\u202eb\u0085\u2028é日"})
	text, err := os.ReadFile(filepath.Join(dir, audit.File))
	if err != nil || strings.ContainsAny(string(text), "\u009b\u202e\u0085\u2028") || !strings.Contains(string(text), `a\u009b31m\u202eb\u0085\u2028é日`) {
		t.Errorf("%s %v", text, err)
	}
	if all := entries(t, filepath.Join(dir, audit.File)); all[0].Detail != "a\u009b31m\u202eb\u0085\u2028é日" {
		t.Errorf("%q", all[0].Detail)
	}
}

// A server that is killed before it has noted the chain's end leaves an empty head; a disk may leave any.
func TestOpen_with_a_head_that_is_none(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{"empty": "", "zeros": strings.Repeat("\x00", 128), "spaces": "  \n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			record(t, dir, 3)
			if err := os.WriteFile(filepath.Join(dir, audit.HeadFile), []byte(head), 0o600); err != nil {
				t.Fatal(err)
			}
			record(t, dir, 1)
			if report := verify(t, dir); report.Fault != nil || report.Entries != 4 {
				t.Errorf("it is %+v", report)
			}
		})
	}
	t.Run("damaged", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		record(t, dir, 3)
		if err := os.WriteFile(filepath.Join(dir, audit.HeadFile), []byte(`{"seq":3,"ha`), 0o600); err != nil {
			t.Fatal(err)
		}
		if report := verify(t, dir); report.Fault == nil || report.Fault.File != audit.HeadFile {
			t.Errorf("the damage is not told: %+v", report)
		}
		record(t, dir, 1)
		text, err := os.ReadFile(filepath.Join(dir, audit.File))
		if err != nil {
			t.Fatal(err)
		}
		if report := verify(t, dir); report.Fault != nil || report.Entries != 5 || !strings.Contains(string(text), "audit.head was damaged") {
			t.Errorf("it is %+v:\n%s", report, text)
		}
	})
}
