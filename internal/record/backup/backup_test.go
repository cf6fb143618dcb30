package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/backup"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/supervisor"
)

// house is a data directory with journals that a test writes.
type house struct {
	t       *testing.T
	dir     string
	store   *journal.Files
	writers map[string]journal.Writer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: filepath.Join(t.TempDir(), "data"), writers: map[string]journal.Writer{}}
	d, err := datadir.Open(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	if h.store, err = journal.OpenDir(h.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, w := range h.writers {
			_ = w.Close()
		}
		if err := errors.Join(h.store.Close(), d.Close()); err != nil {
			t.Error(err)
		}
	})
	h.put("owner.token", "a-token-of-this-house\n")
	h.put("sessions.json", `{"secret":true}`)
	h.put("audit.ndjson", `{"n":1}`+"\n"+`{"n":2}`+"\n"+`{"n":`)
	h.put("index.sqlite", "not copied")
	return h
}

func (h *house) put(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// begin makes an execution that runs, with so many lines.
func (h *house) begin(lines int) string {
	h.t.Helper()
	id := strings.ToLower(ulid.Make().String())
	w, err := h.store.Create(id)
	if err != nil {
		h.t.Fatal(err)
	}
	h.writers[id] = w
	h.event(id, `"type":"execution:queued"`, `"agentType":"a","config":{},"trigger":{"kind":"cli","user":"owner"}`)
	h.put("executions/"+id+"/spec.json", `{"secret":"hunter2"}`)
	h.put("executions/"+id+"/spawned.json", `{"boot":"x"}`)
	h.put("executions/"+id+"/claim.json", `{"key":"k"}`)
	h.say(id, lines)
	return id
}

func (h *house) event(id, kind, rest string) {
	h.t.Helper()
	w := h.writers[id]
	line := fmt.Sprintf(`{%s,"executionId":"%s","seq":%d,"timestamp":"2026-01-02T03:04:05.678Z",%s}`+"\n", kind, id, w.Head().Seq+1, rest)
	if _, err := w.Append([]byte(line), 1); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) say(id string, lines int) {
	h.t.Helper()
	for range lines {
		h.event(id, `"type":"execution:log"`, fmt.Sprintf(`"level":"info","stream":"stdout","message":"line %d of it %s"`, h.writers[id].Head().Seq, strings.Repeat("x", 100)))
	}
}

// end ends an execution, as its runner and the server do.
func (h *house) end(id string) {
	h.t.Helper()
	h.event(id, `"type":"execution:completed"`, `"cost":0,"exitCode":0,"durationMs":5,"processesReaped":0`)
	if err := h.writers[id].Close(); err != nil {
		h.t.Fatal(err)
	}
	delete(h.writers, id)
	for _, name := range []string{"spec.json", "spawned.json"} {
		if err := os.Remove(filepath.Join(h.dir, "executions", id, name)); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) events(id string) string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, "executions", id, "events.ndjson"))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// read gives all events of an execution as a reader sees them, however they are stored.
func read(t *testing.T, dir, id string) string {
	t.Helper()
	store, err := journal.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	head, err := r.Head()
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	buf := make([]byte, 1<<20)
	for at := (journal.Position{}); at.Seq < head.Seq; {
		n, next, gap, err := r.Read(at, head, buf)
		if err != nil {
			t.Fatal(err)
		}
		if gap != nil {
			text = fmt.Appendf(text, "gap %d-%d %s\n", gap.From, gap.To, gap.Reason)
		}
		text, at = append(text, buf[:n]...), next
	}
	if err := errors.Join(r.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// restoreTo makes a data directory from a backup.
func restoreTo(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "restored")
	restored, err := backup.Restore(t.Context(), backup.RestoreOptions{
		Source: from, Target: to, Unfinished: supervisor.MarkRestored, Index: func(context.Context, string) error { return nil },
	})
	if err != nil || len(restored.Damaged) > 0 {
		t.Fatalf("%+v, %v", restored, err)
	}
	return to
}

func (h *house) take(target string) backup.Taken {
	h.t.Helper()
	taken, err := backup.Take(h.t.Context(), backup.Options{Source: h.dir, Target: target})
	if err != nil || len(taken.Failed) > 0 {
		h.t.Fatalf("%+v, %v", taken, err)
	}
	return taken
}

// restore gives what is in a directory made from a backup: path → content.
func restore(t *testing.T, from string) map[string]string {
	t.Helper()
	files, restored := restoreAll(t, from)
	if len(restored.Damaged) > 0 {
		t.Errorf("damaged: %+v", restored.Damaged)
	}
	return files
}

func restoreAll(t *testing.T, from string) (map[string]string, backup.Restored) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "restored")
	restored, err := backup.Restore(t.Context(), backup.RestoreOptions{
		Source: from, Target: to, Unfinished: supervisor.MarkRestored,
		Index: func(context.Context, string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree(t, to), restored
}

// tree reads every file below a directory, and makes sure that nobody else can.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if entry.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTake_and_restore_give_the_same(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	done, runs := h.begin(3000), h.begin(1500)
	h.end(done)
	h.put("executions/"+runs+"/cancel.json", `{"by":"alice"}`)
	to := filepath.Join(t.TempDir(), "b")
	taken := h.take(to)
	if taken.Executions != 2 || taken.Copied != 2 || taken.Unfinished != 1 || taken.Number != 1 {
		t.Errorf("%+v", taken)
	}
	for path, text := range tree(t, to) {
		if strings.Contains(text, "hunter2") || strings.Contains(path, "sessions") || strings.Contains(path, "sqlite") {
			t.Errorf("%s is in the backup", path)
		}
	}
	before := h.events(runs)
	h.say(runs, 10) // not in the backup

	got := restore(t, to)
	index, err := os.ReadFile(filepath.Join(h.dir, "executions", done, "events.idx"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"format": `{"version":1}` + "\n", "lock": "", "owner.token": "a-token-of-this-house\n", "audit.ndjson": `{"n":1}` + "\n" + `{"n":2}` + "\n",
		"executions/" + done + "/events.ndjson": h.events(done), "executions/" + done + "/events.idx": string(index), "executions/" + done + "/claim.json": `{"key":"k"}`,
		"executions/" + runs + "/events.ndjson": before, "executions/" + runs + "/claim.json": `{"key":"k"}`, "executions/" + runs + "/cancel.json": `{"by":"alice"}`,
		"executions/" + runs + "/spawned.json": got["executions/"+runs+"/spawned.json"], "active/" + runs: "",
	}
	if !maps.Equal(got, want) {
		t.Errorf("restored are %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	if !strings.Contains(got["executions/"+runs+"/spawned.json"], `"restored":"`+taken.Taken.Format(time.RFC3339Nano)) {
		t.Errorf("the mark is %s", got["executions/"+runs+"/spawned.json"])
	}
}

func TestTake_copies_only_what_is_new(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var ended []string
	for range 5 {
		id := h.begin(100)
		h.end(id)
		ended = append(ended, id)
	}
	runs := h.begin(5000)
	to := filepath.Join(t.TempDir(), "b")
	first := h.take(to)
	inode := func(id string) fs.FileInfo {
		info, err := os.Stat(filepath.Join(to, "executions", id, "events.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	before := inode(ended[0])
	h.say(runs, 10)
	second := h.take(to)
	if second.Copied != 1 || second.Unchanged != 5 || second.Unfinished != 1 || second.Number != 2 || second.Bytes > first.Bytes/50 {
		t.Errorf("first %+v, then %+v", first, second)
	}
	if after := inode(ended[0]); !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Error("what was in the backup was written again")
	}
	h.end(runs)
	if third := h.take(to); third.Copied != 1 || third.Unfinished != 0 {
		t.Errorf("%+v", third)
	}
	if fourth := h.take(to); fourth.Copied != 0 || fourth.Unchanged != 6 {
		t.Errorf("%+v", fourth)
	}
	got := restore(t, to)
	for _, id := range append(ended, runs) {
		if got["executions/"+id+"/events.ndjson"] != h.events(id) {
			t.Errorf("%s is another after the restore", id)
		}
	}

	// What is missing from the backup, or too short, is copied again; with full everything is.
	if err := os.Truncate(filepath.Join(to, "executions", ended[0], "events.ndjson"), 100); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(to, "executions", ended[1])); err != nil {
		t.Fatal(err)
	}
	if taken := h.take(to); taken.Copied != 2 {
		t.Errorf("%+v", taken)
	}
	restore(t, to)
	taken, err := backup.Take(t.Context(), backup.Options{Source: h.dir, Target: to, Full: true})
	if err != nil || taken.Copied != 6 {
		t.Errorf("%+v, %v", taken, err)
	}
	restore(t, to)

	// What the data directory has removed goes from the backup, too, and nothing is left of it.
	if err := h.store.Remove(ended[2]); err != nil {
		t.Fatal(err)
	}
	if taken := h.take(to); taken.Removed != 1 || taken.Executions != 5 {
		t.Errorf("%+v", taken)
	}
	m, err := backup.Read(to)
	if err != nil {
		t.Fatal(err)
	}
	want := 1 + 1 // manifest, lock
	want += len(m.Files)
	for _, e := range m.Executions {
		want += len(e.Files)
	}
	if files := tree(t, to); len(files) != want {
		t.Errorf("%d files are there, want %d: %v", len(files), want, slices.Sorted(maps.Keys(files)))
	}
}

// A journal whose end was cut off and went on differently is another; the earlier backup keeps the
// one it has.
func TestTake_of_a_journal_that_was_cut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.begin(100)
	to := filepath.Join(t.TempDir(), "b")
	h.take(to)
	h.say(id, 50)
	h.take(to)
	if err := h.writers[id].Close(); err != nil {
		t.Fatal(err)
	}
	// As if power loss had taken the end.
	text := h.events(id)
	cut := strings.LastIndexByte(text[:len(text)*3/4], '\n') + 1
	if err := os.Truncate(filepath.Join(h.dir, "executions", id, "events.ndjson"), int64(cut)); err != nil {
		t.Fatal(err)
	}
	w, _, err := h.store.Append(id)
	if err != nil {
		t.Fatal(err)
	}
	h.writers[id] = w
	h.event(id, `"type":"execution:log"`, `"level":"info","stream":"stdout","message":"something else"`)
	h.say(id, 100)
	if taken, err := backup.TakeWithRoom(t.Context(), backup.Options{Source: h.dir, Target: to}, 1000); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%+v, %v", taken, err)
	}
	if got := restore(t, to)["executions/"+id+"/events.ndjson"]; got != text {
		t.Error("the earlier backup is not what it was")
	}
	h.take(to)
	h.say(id, 10)
	h.take(to)
	h.end(id)
	h.take(to)
	if got := restore(t, to)["executions/"+id+"/events.ndjson"]; got != h.events(id) {
		t.Error("the backup is not of the journal as it is now")
	}
}

// Whenever a disk gets full, the earlier backup stays as it was, and the next run with room is whole.
func TestTake_on_a_full_disk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	done, runs := h.begin(200), h.begin(200)
	h.end(done)
	to := filepath.Join(t.TempDir(), "b")
	if _, err := backup.TakeWithRoom(t.Context(), backup.Options{Source: h.dir, Target: to}, 5000); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "is full; free some space") || strings.Contains(err.Error(), "as it was") {
		t.Errorf("%v", err)
	}
	if backup.Is(to) {
		t.Error("what is not whole is called a backup")
	}
	h.take(to)
	earlier := restore(t, to)
	h.say(runs, 300)
	more := h.begin(300)
	h.end(more)
	for room := int64(0); ; room += 20_000 {
		_, err := backup.TakeWithRoom(t.Context(), backup.Options{Source: h.dir, Target: to}, room)
		if err == nil {
			if room == 0 {
				t.Error("nothing had to be copied")
			}
			break
		}
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "is as it was") {
			t.Fatal(err)
		}
		if now := restore(t, to); !maps.Equal(now, earlier) {
			t.Fatalf("with room for %d bytes the earlier backup has become another", room)
		}
	}
	got := restore(t, to)
	for _, id := range []string{done, runs, more} {
		if got["executions/"+id+"/events.ndjson"] != h.events(id) {
			t.Errorf("%s is another after the restore", id)
		}
	}
}

// A backup that was ended before it had copied anything is begun again, on a file system of its own, too.
func TestTake_begins_where_little_is(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.end(h.begin(1))
	for _, left := range [][]string{{"executions"}, {"lock", "executions"}, {"lost+found"}, {"executions", "files-1", ".manifest.ndjson-123"}} {
		to := t.TempDir()
		for _, name := range left {
			if err := os.Mkdir(filepath.Join(to, name), 0o755); name != "lock" && err != nil {
				t.Fatal(err)
			}
		}
		if slices.Contains(left, "lock") {
			if err := errors.Join(os.Remove(filepath.Join(to, "lock")), os.WriteFile(filepath.Join(to, "lock"), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if taken := h.take(to); taken.Executions != 1 {
			t.Errorf("%v: %+v", left, taken)
		}
		into := t.TempDir()
		if err := os.Mkdir(filepath.Join(into, "lost+found"), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := backup.Restore(t.Context(), backup.RestoreOptions{
			Source: to, Target: into, Unfinished: supervisor.MarkRestored, Index: func(context.Context, string) error { return nil },
		})
		if _, there := os.Stat(filepath.Join(into, "lost+found")); err != nil || there != nil {
			t.Errorf("%v, %v", err, there)
		}
	}
}

// What an interrupted backup has copied is not copied again, unless it is not what it should be.
func TestTake_goes_on_where_it_was_interrupted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var ids []string
	for range 10 {
		id := h.begin(500)
		h.end(id)
		ids = append(ids, id)
	}
	to := filepath.Join(t.TempDir(), "b")
	all := int64(len(h.events(ids[0]))) * 10
	if _, err := backup.TakeWithRoom(t.Context(), backup.Options{Source: h.dir, Target: to}, all*7/10); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	flip(t, filepath.Join(to, "executions", ids[1], "events.ndjson"), 500) // as if it had never reached the disk
	if taken := h.take(to); taken.Copied != 10 || taken.Bytes > all*6/10 || taken.Bytes < all*4/10 {
		t.Errorf("of %d bytes %+v", all, taken)
	}
	got := restore(t, to)
	for _, id := range ids {
		if got["executions/"+id+"/events.ndjson"] != h.events(id) {
			t.Errorf("%s is another after the restore", id)
		}
	}
}

// Whoever seals a journal holds it for as long as that takes. The execution has ended all the same.
func TestTake_of_a_journal_that_is_held(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.begin(10)
	h.end(id)
	w, _, err := h.store.Append(id)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	to := filepath.Join(t.TempDir(), "b")
	if taken := h.take(to); taken.Unfinished != 0 || taken.Copied != 1 {
		t.Errorf("%+v", taken)
	}
	if got := restore(t, to); got["executions/"+id+"/events.ndjson"] != h.events(id) || got["executions/"+id+"/events.idx"] == "" {
		t.Errorf("restored are %v", slices.Sorted(maps.Keys(got)))
	}
}

// Whatever is written while it copies: an execution is copied up to a whole event.
func TestTake_while_everything_changes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var ids []string
	for range 8 {
		ids = append(ids, h.begin(100))
	}
	gone := h.begin(10)
	h.end(gone)
	to := filepath.Join(t.TempDir(), "b")
	for round := range 3 {
		taken, err := backup.TakeWatched(t.Context(), backup.Options{Source: h.dir, Target: to}, func(n int) {
			if round == 0 && n == 0 {
				if err := h.store.Remove(gone); err != nil {
					t.Error(err)
				}
			}
			for i, id := range ids {
				if h.writers[id] == nil {
					continue
				}
				h.say(id, 3)
				if i == n%20 && round > 0 {
					h.end(id)
				}
			}
		})
		if err != nil || len(taken.Failed) > 0 {
			t.Fatalf("%+v, %v", taken, err)
		}
		got := restore(t, to)
		for _, id := range ids {
			text := got["executions/"+id+"/events.ndjson"]
			if text == "" || !strings.HasSuffix(text, "\n") || !strings.HasPrefix(h.events(id), text) {
				t.Errorf("round %d: %s has %d bytes that are no beginning of its %d", round, id, len(text), len(h.events(id)))
			}
		}
	}
}

// An execution that has ended is sealed, trimmed and pinned later. The backup follows; what it is at
// any moment can be restored and read, whatever is done to the journal while it is copied.
func TestTake_of_sealed_journals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	plain, sealed, during := h.begin(4000), h.begin(4000), h.begin(4000)
	want := map[string]string{}
	for _, id := range []string{plain, sealed, during} {
		h.end(id)
		want[id] = h.events(id)
	}
	seal := func(id string) {
		t.Helper()
		if _, err := h.store.Seal(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	same := func(what, to string) {
		t.Helper()
		dir := restoreTo(t, to)
		for id, text := range want {
			if read(t, dir, id) != text {
				t.Errorf("%s: %s is another after the restore", what, id)
			}
		}
		store, err := journal.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		for id := range want {
			report, err := store.Verify(ctx, id)
			if err != nil || len(report.Damaged) > 0 || report.Torn > 0 || report.Unindexed > 0 || report.Mended != "" {
				t.Errorf("%s: %s is %+v, %v", what, id, report, err)
			}
		}
	}
	seal(sealed)
	to := filepath.Join(t.TempDir(), "b")

	// Sealed at every step of its copying.
	for point := range 8 {
		again := filepath.Join(t.TempDir(), "b")
		h := newHouse(t)
		id := h.begin(2000)
		h.end(id)
		text := h.events(id)
		taken, err := backup.TakeWatched(ctx, backup.Options{Source: h.dir, Target: again}, func(n int) {
			if n == point {
				if _, err := h.store.Seal(ctx, id); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil || len(taken.Failed) > 0 || taken.Unfinished > 0 {
			t.Fatalf("point %d: %+v, %v", point, taken, err)
		}
		if got := read(t, restoreTo(t, again), id); got != text {
			t.Errorf("point %d: %d bytes are restored of %d", point, len(got), len(text))
		}
	}

	first := h.take(to)
	if first.Copied != 3 {
		t.Errorf("%+v", first)
	}
	same("first", to)
	if taken := h.take(to); taken.Copied != 0 {
		t.Errorf("at rest: %+v", taken)
	}
	seal(plain)
	seal(during)
	second := h.take(to)
	if second.Copied != 2 || second.Unchanged != 1 || second.TotalBytes > first.TotalBytes/2 {
		t.Errorf("sealed: %+v after %+v", second, first)
	}
	same("sealed", to)
	for path := range tree(t, to) {
		if strings.HasSuffix(path, "events.ndjson") {
			t.Errorf("%s is left behind", path)
		}
	}

	if err := os.WriteFile(filepath.Join(h.dir, "executions", plain, "pin.json"), []byte(`{"by":"alice"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Trim(ctx, sealed, 3000); err != nil {
		t.Fatal(err)
	}
	earlier := tree(t, restoreTo(t, to))
	if _, err := backup.TakeWithRoom(ctx, backup.Options{Source: h.dir, Target: to}, 500); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if now := tree(t, restoreTo(t, to)); !maps.Equal(now, earlier) {
		t.Error("the earlier backup has become another")
	}
	if taken := h.take(to); taken.Copied != 2 {
		t.Errorf("trimmed and pinned: %+v", taken)
	}
	want[sealed] = read(t, h.dir, sealed)
	if !strings.Contains(want[sealed], "gap 2-3000 retention") {
		t.Errorf("it begins with %.300s", want[sealed])
	}
	same("trimmed", to)
	dir := restoreTo(t, to)
	if text, err := os.ReadFile(filepath.Join(dir, "executions", plain, "pin.json")); err != nil || string(text) != `{"by":"alice"}` {
		t.Errorf("the pin is %q, %v", text, err)
	}
	if taken := h.take(to); taken.Copied != 0 || taken.Unchanged != 3 {
		t.Errorf("at rest: %+v", taken)
	}
	if err := os.Remove(filepath.Join(h.dir, "executions", plain, "pin.json")); err != nil {
		t.Fatal(err)
	}
	h.take(to)
	if _, err := os.Lstat(filepath.Join(restoreTo(t, to), "executions", plain, "pin.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the pin is still there: %v", err)
	}
}

func TestTake_refuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.end(h.begin(1))
	other := newHouse(t)
	other.end(other.begin(1))
	to := filepath.Join(t.TempDir(), "b")
	h.take(to)
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newer := newHouse(t)
	newer.put("format", `{"version":9}`)
	for name, c := range map[string]struct {
		source, target, want string
	}{
		"a_place_with_something_else":  {h.dir, foreign, "no backup"},
		"no_data_directory":            {filepath.Join(foreign, "x"), to, "--data"},
		"a_directory_that_is_none":     {foreign, to, "is no data directory"},
		"itself":                       {h.dir, h.dir, "must not be one in the other"},
		"a_place_in_the_directory":     {h.dir, filepath.Join(h.dir, "backup"), "must not be one in the other"},
		"the_backup_of_another":        {other.dir, to, "--force"},
		"what_a_newer_program_has_got": {newer.dir, filepath.Join(foreign, "y"), "format 9"},
	} {
		_, err := backup.Take(t.Context(), backup.Options{Source: c.source, Target: c.target})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if taken, err := backup.Take(t.Context(), backup.Options{Source: other.dir, Target: to, Force: true}); err != nil || taken.Executions != 1 || taken.Removed != 1 {
		t.Errorf("%+v, %v", taken, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := backup.Take(ctx, backup.Options{Source: h.dir, Target: filepath.Join(foreign, "z")}); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
	// Two at a time.
	if _, err := backup.TakeWatched(t.Context(), backup.Options{Source: h.dir, Target: filepath.Join(foreign, "w")}, func(int) {
		if _, err := backup.Take(t.Context(), backup.Options{Source: h.dir, Target: filepath.Join(foreign, "w")}); err == nil || !strings.Contains(err.Error(), "under way") {
			t.Errorf("%v", err)
		}
	}); err != nil {
		t.Error(err)
	}
}

func TestTake_definitions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	agents := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "name: a\n", "b.yml": "name: b\n", "notes.txt": "no"} {
		if err := os.WriteFile(filepath.Join(agents, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	to, place := filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "agents")
	if taken, err := backup.Take(t.Context(), backup.Options{Source: h.dir, Target: to, Agents: agents}); err != nil || taken.Definitions != 2 || taken.DefinitionsKept {
		t.Fatalf("%+v, %v", taken, err)
	}
	// Brought up to date without naming them, it still has them.
	for range 2 {
		if taken, err := backup.Take(t.Context(), backup.Options{Source: h.dir, Target: to}); err != nil || taken.Definitions != 2 || !taken.DefinitionsKept {
			t.Fatalf("%+v, %v", taken, err)
		}
	}
	options := backup.RestoreOptions{
		Source: to, Target: filepath.Join(t.TempDir(), "d"), Agents: place, Unfinished: supervisor.MarkRestored,
		Index: func(context.Context, string) error { return nil },
	}
	if restored, err := backup.Restore(t.Context(), options); err != nil || restored.Agents != 2 {
		t.Fatalf("%+v, %v", restored, err)
	}
	if got := tree(t, place); !maps.Equal(got, map[string]string{"a.yaml": "name: a\n", "b.yml": "name: b\n"}) {
		t.Errorf("%v", got)
	}
	options.Target = filepath.Join(t.TempDir(), "d")
	if _, err := backup.Restore(t.Context(), options); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("%v", err)
	}
}

func TestRestore_refuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.end(h.begin(1))
	to := filepath.Join(t.TempDir(), "b")
	h.take(to)
	try := func(from, into string) error {
		_, err := backup.Restore(t.Context(), backup.RestoreOptions{
			Source: from, Target: into, Unfinished: supervisor.MarkRestored, Index: func(context.Context, string) error { return nil },
		})
		return err
	}
	occupied := t.TempDir()
	if err := os.WriteFile(filepath.Join(occupied, "thesis.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(occupied, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := try(to, occupied); err == nil || !strings.Contains(err.Error(), "is not empty") || !strings.Contains(err.Error(), "--data") {
		t.Errorf("%v", err)
	}
	if info, err := os.Stat(occupied); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the mode of a directory that is not ours is %v now, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(occupied); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if err := try(to, h.dir); !errors.Is(err, datadir.ErrLocked) || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("%v", err)
	}
	if err := try(occupied, filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(err.Error(), "no whole backup") {
		t.Errorf("%v", err)
	}
	if err := try(to, filepath.Join(to, "x")); err == nil || !strings.Contains(err.Error(), "one in the other") {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(filepath.Join(to, backup.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"torn":        {`,"executions":1,"sha256":`, "", "is damaged"},
		"altered":     {`"head":3`, `"head":4`, "is damaged"},
		"newer":       {`"version":1`, `"version":2`, "newer claudeops"},
		"newer_data":  {`"format":1`, `"format":2`, "is damaged"}, // its checksum is wrong, too
		"leads_out":   {`"name":"owner.token"`, `"name":"../../owner.token"`, "is damaged"},
		"leads_out_2": {`"name":"claim.json"`, `"name":"../x"`, "is damaged"},
	} {
		bad := t.TempDir()
		changed := bytes.Replace(text, []byte(c.from), []byte(c.to), 1)
		if bytes.Equal(changed, text) {
			t.Fatalf("%s: the manifest holds no %s", name, c.from)
		}
		if err := os.WriteFile(filepath.Join(bad, backup.ManifestName), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := try(bad, filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An interrupted restore leaves what no server takes, and is begun again.
func TestRestore_interrupted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 5 {
		h.end(h.begin(10))
	}
	to, into := filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "d")
	h.take(to)
	ctx, cancel := context.WithCancel(t.Context())
	options := backup.RestoreOptions{
		Source: to, Target: into, Unfinished: supervisor.MarkRestored, Index: func(context.Context, string) error { return nil },
		Progress: func(p backup.Progress) {
			if p.Done == 3 {
				cancel()
			}
		},
	}
	if _, err := backup.Restore(ctx, options); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := datadir.Open(into); err == nil || !strings.Contains(err.Error(), "claudeops restore again") {
		t.Errorf("%v", err)
	}
	options.Progress = nil
	if restored, err := backup.Restore(t.Context(), options); err != nil || restored.Executions != 5 {
		t.Fatalf("%+v, %v", restored, err)
	}
	d, err := datadir.Open(into)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// What was damaged in the backup is told, by Check and by Restore, and the rest restored.
func TestRestore_tells_damage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := h.begin(100), h.begin(100)
	h.end(one)
	h.end(two)
	to := filepath.Join(t.TempDir(), "b")
	h.take(to)
	flip(t, filepath.Join(to, "executions", one, "events.ndjson"), 500)
	if err := os.Remove(filepath.Join(to, "executions", two, "claim.json")); err != nil {
		t.Fatal(err)
	}
	var told []string
	if _, err := backup.Check(t.Context(), to, nil, func(f backup.Failure) { told = append(told, f.ExecutionID+" "+filepath.Base(f.File)) }); err != nil {
		t.Fatal(err)
	}
	want := []string{one + " events.ndjson", two + " claim.json"}
	if !slices.Equal(told, want) {
		t.Errorf("damaged are %v, want %v", told, want)
	}
	files, restored := restoreAll(t, to)
	told = nil
	for _, f := range restored.Damaged {
		told = append(told, f.ExecutionID+" "+f.File)
	}
	if !slices.Equal(told, want) || files["executions/"+two+"/events.ndjson"] != h.events(two) || len(files["executions/"+one+"/events.ndjson"]) != len(h.events(one)) {
		t.Errorf("%+v", restored)
	}
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x20
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"version":1,"format":1,"number":2,"files":[]}` + "\n" + `{"end":true,"executions":0,"sha256":""}` + "\n"))
	f.Add([]byte(`{"version":1}` + "\n" + `{"id":"01jd3w0000000000000000000a","files":[{"name":"..","bytes":1}]}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := backup.Decode(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range m.Executions {
			if execution.ValidateID(e.ID) != nil || strings.ContainsAny(e.Dir, "/\x00") || e.Dir == ".." {
				t.Errorf("%+v", e)
			}
			for _, file := range e.Files {
				if strings.Contains(file.Name, "/") || file.Name == ".." || file.Bytes < 0 {
					t.Errorf("%+v", file)
				}
			}
		}
		if _, err := json.Marshal(m); err != nil {
			t.Error(err)
		}
	})
}
