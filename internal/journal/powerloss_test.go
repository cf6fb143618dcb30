package journal_test

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"claudeops/internal/journal"
	"claudeops/internal/journal/journaltest"
)

// forgetfulLayer is a disk that remembers, beside what it holds, what it would still hold after
// power loss: contents as of the last sync of each file, names as of the last sync of their
// directory, and of what came since any part or none.
type forgetfulLayer struct {
	journal.Layer
	dir string

	mu    sync.Mutex
	files map[string]*forgetfulContents
	named map[string]bool // names whose directory has been synced since
}

type forgetfulContents struct {
	durable []byte
	since   []change
}

// change is one write, or a cut to the length at when bytes is nil.
type change struct {
	at    int64
	bytes []byte
}

// newForgetful opens a store on such a disk; what is in the directory counts as durable.
func newForgetful(t *testing.T, dir string) (*journal.Files, *forgetfulLayer) {
	t.Helper()
	executions := filepath.Join(dir, "executions")
	if err := os.MkdirAll(executions, 0o700); err != nil {
		t.Fatal(err)
	}
	disk, err := journal.DiskLayer(executions)
	if err != nil {
		t.Fatal(err)
	}
	l := &forgetfulLayer{Layer: quickLayer{disk}, dir: executions, files: map[string]*forgetfulContents{}, named: map[string]bool{}}
	err = filepath.WalkDir(executions, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == executions {
			return err
		}
		name = strings.TrimPrefix(name, executions+"/")
		l.named[name] = true
		if !entry.IsDir() {
			contents, err := os.ReadFile(filepath.Join(executions, name))
			l.files[name] = &forgetfulContents{durable: contents}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := journal.OpenDir(dir, journal.WithLayer(l))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store, l
}

func (l *forgetfulLayer) SyncDir(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, err := os.ReadDir(filepath.Join(l.dir, name))
	for _, e := range entries {
		l.named[path.Join(name, e.Name())] = true
	}
	return err
}

func (l *forgetfulLayer) Remove(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.files, name)
	delete(l.named, name)
	return l.Layer.Remove(name)
}

func (l *forgetfulLayer) Create(name string) (journal.File, error) {
	f, err := l.Layer.Create(name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files[name] = &forgetfulContents{}
	return &forgetfulFile{f, l, name}, nil
}

func (l *forgetfulLayer) Change(name string) (journal.File, error) {
	f, err := l.Layer.Change(name)
	if err != nil {
		return nil, err
	}
	return &forgetfulFile{f, l, name}, nil
}

type forgetfulFile struct {
	journal.File
	layer *forgetfulLayer
	name  string
}

func (f *forgetfulFile) changed(c change) {
	f.layer.mu.Lock()
	defer f.layer.mu.Unlock()
	contents := f.layer.files[f.name]
	contents.since = append(contents.since, c)
}

func (f *forgetfulFile) WriteAt(p []byte, off int64) (int, error) {
	f.changed(change{off, slices.Clone(p)})
	return f.File.WriteAt(p, off)
}

func (f *forgetfulFile) Truncate(size int64) error {
	f.changed(change{at: size})
	return f.File.Truncate(size)
}

func (f *forgetfulFile) Sync() error {
	f.layer.mu.Lock()
	defer f.layer.mu.Unlock()
	contents := f.layer.files[f.name]
	for _, c := range contents.since {
		contents.durable = c.apply(contents.durable)
	}
	contents.since = nil
	return nil
}

func (c *change) apply(b []byte) []byte {
	end := c.at + int64(len(c.bytes))
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	if c.bytes == nil {
		return b[:c.at]
	}
	copy(b[c.at:], c.bytes)
	return b
}

// pullPlug makes a directory of what is left after power loss.
func (l *forgetfulLayer) pullPlug(t *testing.T, random *rand.Rand) (dir string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	dir = t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		if (!l.named[name] || !l.named[path.Dir(name)]) && random.IntN(2) == 0 {
			continue
		}
		target := filepath.Join(dir, "executions", name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, l.files[name].left(random), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// left is what of some contents reaches the disk: in the order of the writes up to some point, or
// page by page in any order.
func (c *forgetfulContents) left(random *rand.Rand) []byte {
	const page = 4096
	b := slices.Clone(c.durable)
	inOrder, upTo := random.IntN(2) == 0, random.IntN(len(c.since)+1)
	odds := random.IntN(4)
	for i, change := range c.since {
		if inOrder {
			if i < upTo {
				b = change.apply(b)
			}
			continue
		}
		if change.bytes == nil {
			if random.IntN(2) == 0 && int64(len(b)) > change.at {
				b = change.apply(b)
			}
			continue
		}
		for len(change.bytes) > 0 {
			n := min(page-int(change.at%page), len(change.bytes))
			part := change
			part.bytes = change.bytes[:n]
			if random.IntN(4) >= odds {
				b = part.apply(b)
			}
			change.at, change.bytes = change.at+int64(n), change.bytes[n:]
		}
	}
	return b
}

// What was synced is there after power loss, unaltered; what was not is there, or is gone, or is a
// gap, but never something else. Three times over, on what is left each time.
func TestRecovery_PowerLoss(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	totals := struct{ durable, left, lost uint64 }{}
	for run := range 30 {
		random := rand.New(rand.NewPCG(seed, uint64(run)))
		dir, id := t.TempDir(), journaltest.NewID()
		durable := uint64(0)
		known := map[uint64]bool{} // lost before they were durable
		for generation := range 3 {
			store, layer := newForgetful(t, dir)
			before := journaltest.Account{}
			if generation > 0 {
				var err error
				if before, err = auditOne(store, id); errors.Is(err, journal.ErrNotFound) && durable == 0 {
					before, err = journaltest.Account{}, nil
				} else if err != nil {
					t.Fatalf("run %d.%d: %v", run, generation, err)
				}
				checkLoss(t, run, before, durable, known)
			}
			w, err := store.Create(id)
			if errors.Is(err, journal.ErrExists) {
				w, _, err = store.Append(id)
			}
			if err != nil {
				t.Fatalf("run %d.%d: %v", run, generation, err)
			}
			if w.Head().Seq < durable {
				t.Fatalf("run %d.%d: goes on after %d, durable are %d", run, generation, w.Head().Seq, durable)
			}
			after, err := auditOne(store, id)
			if err != nil || after.End != w.Head() {
				t.Fatalf("run %d.%d: recovered to %+v, read %+v, %v", run, generation, w.Head(), after, err)
			}
			checkLoss(t, run, after, durable, known)
			for _, g := range after.Gaps {
				for seq := g.From; seq <= g.To; seq++ {
					known[seq] = true
				}
			}
			totals.durable += durable
			totals.left += after.Events
			totals.lost += after.Lost()
			for range 1 + random.IntN(15) {
				if err := appendLines(w, id, 1+random.Uint64N([]uint64{3, 40, 700}[random.IntN(3)])); err != nil {
					t.Fatal(err)
				}
				if random.IntN(4) == 0 {
					if err := w.Sync(); err != nil {
						t.Fatal(err)
					}
					durable = w.Head().Seq
				}
			}
			dir = layer.pullPlug(t, random)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("durable %d / left %d / in gaps %d", totals.durable, totals.left, totals.lost)
}

// checkLoss holds what was read against what must be there.
func checkLoss(t *testing.T, run int, a journaltest.Account, durable uint64, known map[uint64]bool) {
	t.Helper()
	if a.End.Seq < durable {
		t.Fatalf("run %d: the journal ends at %d, durable are %d", run, a.End.Seq, durable)
	}
	for _, g := range a.Gaps {
		for seq := g.From; seq <= min(g.To, durable); seq++ {
			if !known[seq] {
				t.Fatalf("run %d: gap %+v, durable are %d", run, g, durable)
			}
		}
	}
}

func auditOne(store *journal.Files, id string) (journaltest.Account, error) {
	r, err := store.Open(id)
	if err != nil {
		return journaltest.Account{}, err
	}
	a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 50_000), nil)
	return a, errors.Join(err, r.Close())
}
