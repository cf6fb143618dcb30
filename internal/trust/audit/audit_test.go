package audit_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/trust/audit"
)

func open(t *testing.T, dir string, log *slog.Logger) *audit.Log {
	t.Helper()
	l, err := audit.Open(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func entries(t *testing.T, path string) []audit.Entry {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []audit.Entry
	for line := range strings.Lines(string(text)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, e)
	}
	return all
}

// Not parallel: the umask is the process's.
func TestOpen_the_file_is_private_whatever_the_umask(t *testing.T) {
	for _, umask := range []int{0, 0o777} {
		dir := t.TempDir()
		before := syscall.Umask(umask)
		l, err := audit.Open(dir, nil)
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		info, err := os.Stat(filepath.Join(dir, audit.File))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("umask %#o: %v %v", umask, info.Mode(), err)
		}
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()

	t.Run("from_many_at_once_each_is_one_whole_line", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		var logged bytes.Buffer
		l := open(t, dir, slog.New(slog.NewJSONHandler(&logged, nil)))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range 50 {
					l.Record(t.Context(), audit.Entry{Actor: "alice", Kind: "jwt", Address: "192.0.2.1", Action: "execution.cancel", Target: "x", Outcome: audit.OK, Detail: "two\nlines\x1b[2J"})
				}
			})
		}
		wg.Wait()
		all := entries(t, filepath.Join(dir, audit.File))
		if len(all) != 1000 {
			t.Fatalf("%d entries", len(all))
		}
		for _, e := range all {
			if e.Actor != "alice" || e.Detail != "two\nlines\x1b[2J" || e.Time.IsZero() || e.Time.Location() != time.UTC {
				t.Fatalf("%+v", e)
			}
		}
		if n := strings.Count(logged.String(), `"audit":{"action":"execution.cancel"`); n != 1000 || strings.Count(logged.String(), "\n") != 1000 {
			t.Errorf("%d log records", n)
		}
	})

	t.Run("goes_on_after_a_restart_and_after_rotation", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		path := filepath.Join(dir, audit.File)
		first, err := audit.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		first.Record(t.Context(), audit.Entry{Action: "one"})
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, nil)
		l.Record(t.Context(), audit.Entry{Action: "two"})
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		l.Record(t.Context(), audit.Entry{Action: "three"})
		if old, now := entries(t, path+".1"), entries(t, path); len(old) != 2 || len(now) != 1 || now[0].Action != "three" {
			t.Errorf("%v, %v", old, now)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		l.Record(t.Context(), audit.Entry{Action: "four"})
		if now := entries(t, path); len(now) != 1 {
			t.Errorf("%v", now)
		}
	})

	t.Run("that_cant_be_written_is_an_error_in_the_log", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		var logged bytes.Buffer
		l := open(t, dir, slog.New(slog.NewTextHandler(&logged, nil)))
		path := filepath.Join(dir, audit.File)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/dev/full", path); err != nil {
			t.Fatal(err)
		}
		l.Record(t.Context(), audit.Entry{Action: "one"})
		if !strings.Contains(logged.String(), "level=ERROR") || !strings.Contains(logged.String(), "audit.action=one") {
			t.Errorf("the log says %q", logged.String())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		l.Record(t.Context(), audit.Entry{Action: "two"})
		if now := entries(t, path); len(now) != 1 || now[0].Action != "two" {
			t.Errorf("%v", now)
		}
	})
}

func TestOpen_refuses_what_is_no_file(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, audit.File)); err != nil {
		t.Fatal(err)
	}
	if l, err := audit.Open(dir, nil); err == nil {
		l.Close()
		t.Error("a link was taken")
	}
	if _, err := audit.Open(filepath.Join(dir, "missing"), nil); err == nil {
		t.Error("a missing directory was taken")
	}
}

func TestClose_twice(t *testing.T) {
	t.Parallel()
	l, err := audit.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	l.Record(t.Context(), audit.Entry{Action: "late"}) // nowhere to go, but no harm
}
