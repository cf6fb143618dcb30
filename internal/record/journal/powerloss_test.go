package journal_test

import (
	"errors"
	"io"
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

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// forgetfulLayer is a disk that remembers, beside what it holds, what it would still hold after
// power loss: contents as of the last sync of each file, names as of the last sync of their
// directory, and of what came since any part or none.
type forgetfulLayer struct {
	journal.Layer
	dir string

	mu      sync.Mutex
	files   map[string]*forgetfulContents // as names are now
	durable map[string]*forgetfulContents // as they were when their directory was synced last
	renamed []nameChange                  // since, in order
	named   map[string]bool               // directories whose own directory has been synced since

	left  int    // so many changes and syncs are let pass before the plug is pulled
	syncs bool   // or only syncs of data are counted
	pull  func() // pulls it; called once, with mu held
}

// nextLocked counts a change or sync that is about to be.
func (l *forgetfulLayer) nextLocked(dataSync bool) {
	if l.syncs && !dataSync {
		return
	}
	if l.left--; l.left == 0 {
		l.pull()
	}
}

// Lock takes no lock: a writer that was killed can't let go of it here.
func (l *forgetfulLayer) Lock(string, string) (journal.Lock, string, error) {
	return io.NopCloser(nil), "", nil
}

// nameChange is a change to the names in a directory.
type nameChange struct {
	dir  string
	make func(map[string]*forgetfulContents)
}

func (l *forgetfulLayer) renameLocked(dir string, change func(map[string]*forgetfulContents)) {
	change(l.files)
	l.renamed = append(l.renamed, nameChange{dir, change})
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
	defer func() { l.durable = maps.Clone(l.files) }()
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
	l.nextLocked(false)
	entries, err := os.ReadDir(filepath.Join(l.dir, name))
	for _, e := range entries {
		l.named[path.Join(name, e.Name())] = true
	}
	var left []nameChange
	for _, c := range l.renamed {
		if c.dir == name {
			c.make(l.durable)
		} else {
			left = append(left, c)
		}
	}
	l.renamed = left
	return err
}

func (l *forgetfulLayer) Remove(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nextLocked(false)
	l.renameLocked(path.Dir(name), func(names map[string]*forgetfulContents) { delete(names, name) })
	return l.Layer.Remove(name)
}

func (l *forgetfulLayer) Rename(from, to string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nextLocked(false)
	contents := l.files[from]
	l.renameLocked(path.Dir(from), func(names map[string]*forgetfulContents) {
		delete(names, from)
		names[to] = contents
	})
	return l.Layer.Rename(from, to)
}

func (l *forgetfulLayer) Create(name string) (journal.File, error) {
	f, err := l.Layer.Create(name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	contents := &forgetfulContents{}
	l.renameLocked(path.Dir(name), func(names map[string]*forgetfulContents) { names[name] = contents })
	return &forgetfulFile{f, l, name, contents}, nil
}

func (l *forgetfulLayer) Change(name string) (journal.File, error) {
	f, err := l.Layer.Change(name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return &forgetfulFile{f, l, name, l.files[name]}, nil
}

type forgetfulFile struct {
	journal.File
	layer    *forgetfulLayer
	name     string
	contents *forgetfulContents
}

func (f *forgetfulFile) changed(c change) {
	f.layer.mu.Lock()
	defer f.layer.mu.Unlock()
	f.layer.nextLocked(false)
	f.contents.since = append(f.contents.since, c)
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
	f.layer.nextLocked(path.Base(f.name) == journal.DataName)
	for _, c := range f.contents.since {
		f.contents.durable = c.apply(f.contents.durable)
	}
	f.contents.since = nil
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

// pullPlugLocked makes a directory of what is left after power loss.
func (l *forgetfulLayer) pullPlugLocked(t *testing.T, random *rand.Rand) (dir string) {
	t.Helper()
	dir = t.TempDir()
	// Of the changes to names some are left: the first ones, or any.
	names := maps.Clone(l.durable)
	inOrder, upTo := random.IntN(2) == 0, random.IntN(len(l.renamed)+1)
	for i, c := range l.renamed {
		if inOrder && i < upTo || !inOrder && random.IntN(2) == 0 {
			c.make(names)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !l.named[path.Dir(name)] && random.IntN(2) == 0 {
			continue
		}
		target := filepath.Join(dir, "executions", name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, names[name].left(random), 0o600); err != nil {
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
// gap, but never something else. Three times over, on what is left each time. The plug is pulled at
// any change or sync, in the middle of recovery too, and writers are killed in between.
func TestRecovery_PowerLoss(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var totals lossTotals
	for run := range 60 {
		p := powerLoss{t: t, random: rand.New(rand.NewPCG(seed, uint64(run))), id: journaltest.NewID(), known: map[uint64]bool{}, totals: &totals}
		p.dir = t.TempDir()
		for p.generation = range 3 {
			p.live()
			if t.Failed() {
				t.Fatalf("run %d", run)
			}
		}
	}
	t.Logf("durable %d / left %d / in gaps %d / killed %d", totals.durable, totals.left, totals.lost, totals.killed)
}

type lossTotals struct{ durable, left, lost, killed uint64 }

// powerLoss is an execution that loses power again and again.
type powerLoss struct {
	t          *testing.T
	random     *rand.Rand
	id         string
	dir        string // of what is left
	generation int
	durable    uint64          // events that were synced when the power went
	known      map[uint64]bool // those lost before they were durable
	totals     *lossTotals
}

// live takes what is left over, appends to it, and loses power somewhere on the way.
func (p *powerLoss) live() {
	t, id := p.t, p.id
	store, layer := newForgetful(t, p.dir)
	if p.generation > 0 {
		before, err := auditOne(store, id)
		if err != nil && (p.durable > 0 || !errors.Is(err, journal.ErrNotFound)) {
			t.Fatal(err)
		}
		p.check(before)
	}
	durable, pulled := p.durable, ""
	layer.left = 1 + p.random.IntN(60)
	if layer.syncs = p.random.IntN(2) == 0; layer.syncs {
		layer.left = 1 + p.random.IntN(6)
	}
	layer.pull = func() { pulled, p.durable = layer.pullPlugLocked(t, p.random), durable }

	w := p.open(store)
	for range 1 + p.random.IntN(15) {
		if err := appendLines(w, id, 1+p.random.Uint64N([]uint64{3, 40, 700}[p.random.IntN(3)])); err != nil {
			t.Fatal(err)
		}
		switch p.random.IntN(8) {
		case 0, 1:
			if err := w.Sync(); err != nil {
				t.Fatal(err)
			}
			durable = w.Head().Seq
		case 2: // killed, and another takes over what may not have been synced
			p.totals.killed++
			head := w.Head()
			if w = p.open(store); w.Head() != head {
				t.Fatalf("killed after %+v, goes on after %+v", head, w.Head())
			}
		}
	}
	layer.mu.Lock()
	if pulled == "" {
		layer.pull()
	}
	layer.left = 0
	layer.mu.Unlock()
	p.dir = pulled
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// open creates the execution or takes it over, and looks at what it finds.
func (p *powerLoss) open(store *journal.Files) journal.Writer {
	w, err := store.Create(p.id)
	if errors.Is(err, journal.ErrExists) {
		w, _, err = store.Append(p.id)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	a, err := auditOne(store, p.id)
	if err != nil || a.End != w.Head() {
		p.t.Fatalf("recovered to %+v, read %+v, %v", w.Head(), a, err)
	}
	p.check(a)
	for _, g := range a.Gaps {
		for seq := g.From; seq <= g.To; seq++ {
			p.known[seq] = true
		}
	}
	p.totals.durable += p.durable
	p.totals.left += a.Events
	p.totals.lost += a.Lost()
	return w
}

// check holds what was read against what must be there.
func (p *powerLoss) check(a journaltest.Account) {
	if a.End.Seq < p.durable {
		p.t.Errorf("generation %d: the journal ends at %d, durable are %d", p.generation, a.End.Seq, p.durable)
	}
	for _, g := range a.Gaps {
		for seq := g.From; seq <= min(g.To, p.durable); seq++ {
			if !p.known[seq] {
				p.t.Errorf("generation %d: gap %+v, durable are %d", p.generation, g, p.durable)
				break
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

// A sync may run while another goroutine appends, and makes durable what was there when it began.
func TestWriter_FlushWhileAppending(t *testing.T) {
	t.Parallel()
	store, layer := newForgetful(t, t.TempDir())
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	flusher, ok := w.(interface{ Flush() error })
	if !ok {
		t.Fatal("the writer can't flush")
	}
	appended := make(chan struct{})
	var flushers sync.WaitGroup
	for range 2 {
		flushers.Go(func() {
			for {
				head := w.Head()
				if err := flusher.Flush(); err != nil {
					t.Error(err)
					return
				}
				layer.mu.Lock()
				durable := int64(len(layer.files[id+"/"+journal.DataName].durable))
				layer.mu.Unlock()
				if durable < head.Offset {
					t.Errorf("flushed, but durable are %d bytes of %d", durable, head.Offset)
					return
				}
				select {
				case <-appended:
					return
				default:
				}
			}
		})
	}
	err = journaltest.Fill(w, id, 20_000)
	close(appended)
	flushers.Wait()
	if err := errorsOf(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	mustAudit(t, store, id, 20_000)
	if err := flusher.Flush(); err == nil {
		t.Error("a closed writer flushed")
	}
}
