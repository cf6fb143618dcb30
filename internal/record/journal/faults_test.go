package journal_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// faultyLayer is the disk with faults injected.
type faultyLayer struct {
	journal.Layer
	mu sync.Mutex
	// fault decides about each call: a nil error lets it through. Of a failing write the first
	// written bytes reach the file.
	fault func(op, name string) (written int, err error)
	calls []string
}

func (l *faultyLayer) call(op, name string) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	base := name[strings.LastIndexByte(name, '/')+1:]
	l.calls = append(l.calls, op+" "+base)
	if l.fault == nil {
		return 0, nil
	}
	return l.fault(op, base)
}

// inject sets the faults from now on; nil ends them.
func (l *faultyLayer) inject(fault func(op, name string) (int, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = fault
}

// fail makes one kind of call fail.
func (l *faultyLayer) fail(op, name string, written int, err error) {
	l.inject(func(o, n string) (int, error) {
		if o == op && n == name {
			return written, err
		}
		return 0, nil
	})
}

func (l *faultyLayer) Open(name string) (journal.File, error) {
	if _, err := l.call("read", name); err != nil {
		return nil, err
	}
	return l.Layer.Open(name)
}

func (l *faultyLayer) Rename(from, to string) error {
	if _, err := l.call("rename", to); err != nil {
		return err
	}
	return l.Layer.Rename(from, to)
}

func (l *faultyLayer) Remove(name string) error {
	if _, err := l.call("remove", name); err != nil {
		return err
	}
	return l.Layer.Remove(name)
}

func (l *faultyLayer) Mkdir(name string) error {
	if _, err := l.call("mkdir", name); err != nil {
		return err
	}
	return l.Layer.Mkdir(name)
}

func (l *faultyLayer) SyncDir(name string) error {
	if _, err := l.call("syncdir", name); err != nil {
		return err
	}
	return l.Layer.SyncDir(name)
}

func (l *faultyLayer) Lock(name, note string) (journal.Lock, string, error) {
	if _, err := l.call("lock", name); err != nil {
		return nil, "", err
	}
	return l.Layer.Lock(name, note)
}

func (l *faultyLayer) Create(name string) (journal.File, error) {
	if _, err := l.call("create", name); err != nil {
		return nil, err
	}
	return l.wrap(name)(l.Layer.Create(name))
}

func (l *faultyLayer) Change(name string) (journal.File, error) {
	if _, err := l.call("open", name); err != nil {
		return nil, err
	}
	return l.wrap(name)(l.Layer.Change(name))
}

func (l *faultyLayer) wrap(name string) func(journal.File, error) (journal.File, error) {
	return func(f journal.File, err error) (journal.File, error) {
		if err != nil {
			return nil, err
		}
		return &faultyFile{f, l, name}, nil
	}
}

type faultyFile struct {
	journal.File
	layer *faultyLayer
	name  string
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if n, err := f.layer.call("write", f.name); err != nil {
		if errors.Is(err, errShort) { // without saying so, which io.WriterAt forbids
			return f.File.WriteAt(p[:min(n, len(p)-1)], off)
		}
		n, werr := f.File.WriteAt(p[:min(n, len(p))], off)
		return n, errors.Join(err, werr)
	}
	return f.File.WriteAt(p, off)
}

func (f *faultyFile) Truncate(size int64) error {
	if _, err := f.layer.call("truncate", f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Reserve(off, n int64) error {
	if _, err := f.layer.call("reserve", f.name); err != nil {
		return err
	}
	return f.File.Reserve(off, n)
}

func (f *faultyFile) Sync() error {
	if _, err := f.layer.call("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

var errShort = errors.New("short write")

func newFaulty(t *testing.T) (*journal.Files, *faultyLayer) {
	t.Helper()
	layer := &faultyLayer{}
	return newWithLayer(t, func(disk journal.Layer) journal.Layer {
		layer.Layer = disk
		return layer
	}), layer
}

// newWithLayer opens a store of its own for a test, with a layer over the disk.
func newWithLayer(t *testing.T, over func(journal.Layer) journal.Layer) *journal.Files {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "executions"), 0o700); err != nil {
		t.Fatal(err)
	}
	disk, err := journal.DiskLayer(filepath.Join(dir, "executions"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := journal.OpenDir(dir, journal.WithLayer(over(disk)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// newQuick opens a store that leaves out syncing, for tests with thousands of journals that don't
// pull the plug.
func newQuick(t *testing.T) *journal.Files {
	t.Helper()
	return newWithLayer(t, func(disk journal.Layer) journal.Layer { return quickLayer{disk} })
}

type quickLayer struct{ journal.Layer }

func (quickLayer) SyncDir(string) error { return nil }

func (l quickLayer) Create(name string) (journal.File, error) { return quickly(l.Layer.Create(name)) }
func (l quickLayer) Change(name string) (journal.File, error) { return quickly(l.Layer.Change(name)) }

func quickly(f journal.File, err error) (journal.File, error) {
	if err != nil {
		return nil, err
	}
	return quickFile{f}, nil
}

type quickFile struct{ journal.File }

func (quickFile) Sync() error { return nil }

// mustAudit reads an execution from its start and expects so many events and no gap.
func mustAudit(t *testing.T, store journal.Store, id string, want uint64) {
	t.Helper()
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 64<<10), nil)
	if err != nil || a.Events != want || a.Gaps != nil || a.End.Seq != want {
		t.Errorf("read %+v, %v; want %d events and no gap", a, err, want)
	}
}

func appendLines(w journal.Writer, id string, n uint64) error {
	from := w.Head().Seq + 1
	_, err := w.Append(journaltest.Lines(id, from, from+n-1), int(n))
	return err
}

// The errors a disk gives when it has no room or is broken.
var diskErrors = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EFBIG, errShort}

func TestWriter_FailedWrite(t *testing.T) {
	t.Parallel()
	for _, cause := range diskErrors {
		for _, written := range []int{0, 1, 200, 5000, 1 << 30} {
			t.Run(fmt.Sprintf("%v/after_%d_bytes", cause, written), func(t *testing.T) {
				t.Parallel()
				store, layer := newFaulty(t)
				id := journaltest.NewID()
				w, err := store.Create(id)
				if err != nil {
					t.Fatal(err)
				}
				r, err := store.Open(id)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				stored := uint64(0)
				for _, n := range []uint64{1000, 3, 1500} {
					if err := appendLines(w, id, n); err != nil {
						t.Fatal(err)
					}
					stored += n
					head := w.Head()

					layer.fail("write", journal.DataName, written, cause)
					for range 3 {
						err := appendLines(w, id, 50)
						if err == nil || errors.Is(err, journal.ErrReadOnly) {
							t.Fatalf("a failed write gave %v", err)
						}
						if !errors.Is(err, cause) && !(cause == errShort && errors.Is(err, io.ErrShortWrite)) {
							t.Errorf("%v does not name its cause %v", err, cause)
						}
						if w.Head() != head {
							t.Fatalf("head moved from %+v to %+v", head, w.Head())
						}
						if seen, err := r.Head(); err != nil || seen != head {
							t.Fatalf("a reader sees %+v, %v; want %+v", seen, err, head)
						}
					}
					layer.inject(nil)
					mustAudit(t, store, id, stored)
				}
				// Room again: it goes on as if nothing had been.
				if err := appendLines(w, id, 2000); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				mustAudit(t, store, id, stored+2000)
			})
		}
	}
}

func TestWriter_FailedWriteThatCannotBeTakenBack(t *testing.T) {
	t.Parallel()
	store, layer := newFaulty(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := appendLines(w, id, 1030); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	layer.inject(func(op, name string) (int, error) {
		if name == journal.DataName && (op == "write" || op == "truncate") {
			return 100, syscall.EIO
		}
		return 0, nil
	})
	if err := appendLines(w, id, 5); !errors.Is(err, journal.ErrReadOnly) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v, want ErrReadOnly because of EIO", err)
	}
	layer.inject(nil)
	if err := appendLines(w, id, 5); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("Append afterwards: %v, want ErrReadOnly for ever", err)
	}
	if err := w.Sync(); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("Sync afterwards: %v, want ErrReadOnly for ever", err)
	}
	if w.Head().Seq != 1030 {
		t.Errorf("head is %+v", w.Head())
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	mustAudit(t, store, id, 1030) // the torn event is not shown
	w, recovery, err := store.Append(id)
	if err != nil || recovery.CutBytes != 100 || recovery.CutFrom != 1031 || recovery.Reason == "" {
		t.Fatalf("the next writer: %+v, %v", recovery, err)
	}
	if err := errorsOf(appendLines(w, id, 5), w.Close()); err != nil {
		t.Fatal(err)
	}
	mustAudit(t, store, id, 1035)
}

func TestWriter_NoRoomToReserve(t *testing.T) {
	t.Parallel()
	store, layer := newFaulty(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	layer.inject(func(op, name string) (int, error) {
		if op == "reserve" {
			return 0, syscall.ENOSPC
		}
		if op == "write" && name == journal.DataName {
			t.Error("it writes where there is no room")
		}
		return 0, nil
	})
	if err := appendLines(w, id, 500); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	layer.fail("reserve", journal.DataName, 0, errors.ErrUnsupported)
	if err := appendLines(w, id, 5000); err != nil {
		t.Errorf("where room can't be reserved: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	mustAudit(t, store, id, 5000)
}

func TestWriter_FailedSync(t *testing.T) {
	t.Parallel()
	for _, failing := range []struct{ op, name string }{{"sync", journal.DataName}, {"syncdir", "."}} {
		t.Run(failing.op+" "+failing.name, func(t *testing.T) {
			t.Parallel()
			store, layer := newFaulty(t)
			id := journaltest.NewID()
			w, err := store.Create(id)
			if err != nil {
				t.Fatal(err)
			}
			if err := appendLines(w, id, 10); err != nil {
				t.Fatal(err)
			}
			layer.fail(failing.op, failing.name, 0, syscall.EIO)
			if err := w.Sync(); !errors.Is(err, journal.ErrReadOnly) || !errors.Is(err, syscall.EIO) {
				t.Fatalf("got %v, want ErrReadOnly because of EIO", err)
			}
			layer.inject(nil)
			// A second sync would succeed and prove nothing, for the kernel drops what it can't write.
			if err := w.Sync(); !errors.Is(err, journal.ErrReadOnly) {
				t.Errorf("Sync again: %v, want ErrReadOnly", err)
			}
			if err := appendLines(w, id, 1); !errors.Is(err, journal.ErrReadOnly) {
				t.Errorf("Append: %v, want ErrReadOnly", err)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			mustAudit(t, store, id, 10)
		})
	}
}

// What only the index needs may fail without anybody noticing.
func TestWriter_FailingIndex(t *testing.T) {
	t.Parallel()
	store, layer := newFaulty(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	layer.inject(func(op, name string) (int, error) {
		if name == journal.IndexName && op != "read" {
			return 40, syscall.ENOSPC
		}
		return 0, nil
	})
	for range 5 {
		if err := errorsOf(appendLines(w, id, 3000), w.Sync()); err != nil {
			t.Fatal(err)
		}
		mustAudit(t, store, id, w.Head().Seq)
	}
	layer.inject(nil)
	if err := errorsOf(appendLines(w, id, 3000), w.Sync()); err != nil {
		t.Fatal(err)
	}
	if got, want := indexSize(t, store, id), int64(16+32*(18000/1024+1)); got != want {
		t.Errorf("the index has %d bytes when there is room again, want %d", got, want)
	}
	mustAudit(t, store, id, 18000)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mustAudit(t, store, id, 18000)
}

func indexSize(t *testing.T, store *journal.Files, id string) int64 {
	t.Helper()
	info, err := os.Stat(fileOf(t, store, id, journal.IndexName))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// Whatever fails while an execution is created, nothing of it stays and it can be tried again.
func TestFiles_CreateFails(t *testing.T) {
	t.Parallel()
	store, layer := newFaulty(t)
	for failing := 0; ; failing++ {
		id := journaltest.NewID()
		n := 0
		var op string
		layer.inject(func(o, name string) (int, error) {
			if o == "remove" {
				return 0, nil // a full disk keeps nobody from taking back what was made
			}
			if n++; n > failing {
				op = o + " " + name
				return 0, syscall.ENOSPC
			}
			return 0, nil
		})
		w, err := store.Create(id)
		layer.inject(nil)
		if err == nil {
			if failing < 4 {
				t.Errorf("only %d calls could fail", failing)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s failing: %v, want ENOSPC", op, err)
		}
		if _, err := store.Open(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s failing: Open gives %v, want ErrNotFound", op, err)
		}
		if _, err := os.Lstat(filepath.Dir(fileOf(t, store, id, "x"))); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s failing: the directory stays: %v", op, err)
		}
		w, err = store.Create(id)
		if err != nil {
			t.Fatalf("%s failing: create again: %v", op, err)
		}
		if err := errorsOf(appendLines(w, id, 2), w.Close()); err != nil {
			t.Error(err)
		}
		mustAudit(t, store, id, 2)
	}
}

// Names are made durable by the first sync, and in time: before it returns.
func TestWriter_FirstSyncPublishes(t *testing.T) {
	t.Parallel()
	store, layer := newFaulty(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(appendLines(w, id, 1), w.Sync(), appendLines(w, id, 1), w.Sync(), w.Close()); err != nil {
		t.Fatal(err)
	}
	var syncs []string
	for _, call := range layer.calls {
		if strings.HasPrefix(call, "sync") && !strings.HasSuffix(call, journal.IndexName) {
			syncs = append(syncs, call)
		}
	}
	want := []string{"sync " + journal.DataName, "syncdir " + id, "syncdir .", "sync " + journal.DataName}
	if fmt.Sprint(syncs) != fmt.Sprint(want) {
		t.Errorf("synced %q, want %q", syncs, want)
	}
}

func TestWriter_AppendAllocatesNothing(t *testing.T) {
	store := newFiles(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	const batch, runs = 700, 100
	lines := lines350(id, batch*(runs+1))
	per := testing.AllocsPerRun(runs, func() {
		at := w.Head()
		if _, err := w.Append(lines[at.Offset:at.Offset+batch*350], batch); err != nil {
			t.Fatal(err)
		}
	})
	if per != 0 {
		t.Errorf("Append allocates %.2f times", per)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// The index never vouches for bytes that power loss could still take.
func TestWriter_IndexFollowsSync(t *testing.T) {
	t.Parallel()
	store, layer := newFaulty(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	layer.calls = nil
	for _, n := range []uint64{1, 3000, 5, 1024} {
		if err := errorsOf(appendLines(w, id, n), w.Sync()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errorsOf(appendLines(w, id, 2000), w.Close()); err != nil {
		t.Fatal(err)
	}
	written, entries := false, 0
	for _, call := range layer.calls {
		switch call {
		case "write " + journal.DataName:
			written = true
		case "sync " + journal.DataName:
			written = false
		case "write " + journal.IndexName:
			entries++
			if written {
				t.Errorf("the index is written before the events are synced: %q", layer.calls)
			}
		}
	}
	if entries != 5 {
		t.Errorf("the index was written %d times, want once after each sync: %q", entries, layer.calls)
	}
}
