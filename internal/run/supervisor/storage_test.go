package supervisor_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

// faultyStore is a journal.Store on a disk that fails when it is told to, and counts what it is
// asked for.
type faultyStore struct {
	journal.Store

	mu     sync.Mutex // guards what follows
	open   error      // Open fails
	create error      // Create fails
	append error      // a writer's Append fails
	sync   error      // a writer's Sync fails
	opened int        // readers and writers
	spoil  func(dir string)

	written func() // called once after the first look for a writer
	once    sync.Once
}

func (f *faultyStore) Written(id string) (bool, error) {
	held, err := f.Store.Written(id)
	if f.written != nil && held {
		f.once.Do(f.written)
	}
	return held, err
}

func (f *faultyStore) set(change func(f *faultyStore)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (w *world) startWith(f *faultyStore) *server {
	w.t.Helper()
	s := w.openWith(f)
	if err := s.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) openWith(f *faultyStore) *server {
	w.t.Helper()
	store, err := journal.OpenDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { store.Close() })
	f.Store = store
	w.options.Store = f
	return w.open()
}

func (f *faultyStore) Create(id string) (journal.Writer, error) {
	f.mu.Lock()
	err, spoil := f.create, f.spoil
	f.opened++
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	w, err := f.Store.Create(id)
	if err != nil {
		return nil, err
	}
	if spoil != nil {
		dir, err := f.Store.Dir(id)
		if err != nil {
			return nil, err
		}
		spoil(dir)
	}
	return &faultyWriter{w, f}, nil
}

func (f *faultyStore) Append(id string) (journal.Writer, journal.Recovery, error) {
	w, recovery, err := f.Store.Append(id)
	f.set(func(f *faultyStore) { f.opened++ })
	if err != nil {
		return nil, recovery, err
	}
	return &faultyWriter{w, f}, recovery, nil
}

func (f *faultyStore) Open(id string) (journal.Reader, error) {
	f.mu.Lock()
	err := f.open
	f.opened++
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.Store.Open(id)
}

type faultyWriter struct {
	journal.Writer
	f *faultyStore
}

func (w *faultyWriter) Append(lines []byte, count int) (journal.Position, error) {
	w.f.mu.Lock()
	err := w.f.append
	w.f.mu.Unlock()
	if err != nil {
		return w.Head(), &os.PathError{Op: "write", Path: "events.ndjson", Err: err}
	}
	return w.Writer.Append(lines, count)
}

func (w *faultyWriter) Sync() error {
	w.f.mu.Lock()
	err := w.f.sync
	w.f.mu.Unlock()
	if err != nil {
		return &os.PathError{Op: "fsync", Path: "events.ndjson", Err: err}
	}
	return w.Writer.Sync()
}

func TestStorage(t *testing.T) {
	t.Parallel()
	request := supervisor.Request{AgentType: "free", IdempotencyKey: "k", Trigger: me}
	for name, c := range map[string]struct {
		fail func(f *faultyStore)
		says string
	}{
		"create":   {func(f *faultyStore) { f.create = syscall.EROFS }, "read-only"},
		"append":   {func(f *faultyStore) { f.append = syscall.ENOSPC }, "free some space"},
		"sync":     {func(f *faultyStore) { f.sync = syscall.EIO }, "I/O error"},
		"spec":     {func(f *faultyStore) { f.spoil = func(dir string) { occupy(t, dir, "spec.json") } }, "the server's log"},
		"claim":    {func(f *faultyStore) { f.spoil = func(dir string) { occupy(t, dir, "claim.json") } }, "the server's log"},
		"no files": {func(f *faultyStore) { f.create = syscall.EMFILE }, "descriptors"},
	} {
		t.Run("what_can_not_be_stored_is_not_accepted/"+strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			faulty := &faultyStore{}
			s := w.startWith(faulty)
			var told []string
			defer s.Lifecycle(func(_ []byte, e *execution.Event, _ execution.Record) { told = append(told, e.Type) })()
			faulty.set(c.fail)
			_, _, err := s.Execute(t.Context(), request)
			if fault.CodeOf(err) != protocol.Unavailable || !strings.Contains(fault.Message(err), c.says) || !strings.Contains(fault.Message(err), "nothing was started") {
				t.Errorf("error is %v, its message %q", err, fault.Message(err))
			}
			if len(told) != 0 {
				t.Errorf("told was %v", told)
			}
			w.checkEmpty()
			if counts := s.Counts(); counts != (protocol.Executions{}) {
				t.Errorf("counts are %+v", counts)
			}
			// The same request is taken as soon as there is room.
			faulty.set(func(f *faultyStore) { f.create, f.append, f.sync, f.spoil = nil, nil, nil, nil })
			rec, existing, err := s.Execute(t.Context(), request)
			if err != nil || existing {
				t.Fatal(existing, err)
			}
			w.machine.runner(rec.ExecutionID).complete()
			s.untilStatus(t, rec.ExecutionID, execution.Completed)
		})
	}

	t.Run("an_end_that_can_not_be_stored_is_stored_when_there_is_room", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		faulty := &faultyStore{}
		s := w.startWith(faulty)
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		faulty.set(func(f *faultyStore) { f.append = syscall.ENOSPC })
		r.kill()
		eventually(t, "it is tried", func() bool { return strings.Contains(s.log.String(), "no space left") })
		if rec := s.get(t, id); rec.Terminal {
			t.Errorf("it is %s although nothing of that is stored", rec.Status)
		}
		faulty.set(func(f *faultyStore) { f.append = nil })
		if rec := s.untilStatus(t, id, execution.Failed); rec.Reason != string(execution.ReasonRunnerLost) {
			t.Errorf("reason is %q", rec.Reason)
		}
		w.checkOneEnd(id)
	})

	t.Run("no_end_is_told_while_something_still_runs", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		s.untilStatus(t, id, execution.Running)
		w.machine.set(func(m *machine) { m.killErr, m.marked[id] = errors.New("1 is left"), 1 })
		r.kill()
		eventually(t, "it is tried", func() bool { return strings.Contains(s.log.String(), "1 is left") })
		if rec := s.get(t, id); rec.Terminal {
			t.Errorf("it is %s while a process is left", rec.Status)
		}
		w.machine.set(func(m *machine) { m.killErr = nil })
		if rec := s.untilStatus(t, id, execution.Failed); rec.ProcessesReaped != 1 {
			t.Errorf("%d were reaped", rec.ProcessesReaped)
		}
	})

	t.Run("a_damaged_index_is_rebuilt_while_serving", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.machine.auto = func(r *fakeRunner) { r.log(2); r.complete() }
		s := w.start()
		var ids []string
		for range 30 {
			id := s.execute(t, "free")
			s.untilStatus(t, id, execution.Completed)
			w.untilRetired(id)
			ids = append(ids, id)
		}
		smash(t, filepath.Join(w.dir, "index.sqlite"))
		eventually(t, "the list is whole again", func() bool {
			s.Execute(t.Context(), supervisor.Request{AgentType: "free", Trigger: me})
			page, err := s.List(t.Context(), index.Filter{Limit: 1000})
			if err != nil && fault.CodeOf(err) != protocol.Unavailable {
				t.Fatal(err)
			}
			return err == nil && len(page.Executions) >= len(ids)
		})
		for _, id := range ids {
			if rec := s.get(t, id); rec.Status != execution.Completed {
				t.Errorf("%s is %s", short(id), rec.Status)
			}
		}
	})
}

// occupy puts a directory where a file should go.
func occupy(t testing.TB, dir, name string) {
	if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
		t.Error(err)
	}
}

// smash overwrites all but the first page of a database, and its log.
func smash(t testing.TB, path string) {
	t.Helper()
	for _, name := range []string{path, path + "-wal"} {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		junk := []byte(strings.Repeat("\xde\xad\xbe\xef", 1024))
		from := int64(4096)
		if strings.HasSuffix(name, "-wal") {
			from = 0
		}
		for at := from; at < info.Size(); at += int64(len(junk)) {
			if _, err := f.WriteAt(junk[:min(int64(len(junk)), info.Size()-at)], at); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
