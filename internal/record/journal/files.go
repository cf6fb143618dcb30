package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/rundir"
)

// The names within an execution's directory that the journal owns.
const (
	dataName  = rundir.JournalFile
	indexName = rundir.BlockIndexFile
	lockName  = rundir.LockFile
)

// removedName is the directory where what is being removed goes first, so that an execution is
// either there with all that belongs to it or not at all. No execution's id can be this.
const removedName = ".removed"

// Files keeps journals as files: DIR/executions/<id>/.
type Files struct {
	dir   string // of all executions
	layer layer

	counted counted

	decoders decoders
	cache    frameCache
	encoders sync.Pool // *zstd.Encoder

	// buffers holds *[]byte of walkBuffer bytes.
	buffers sync.Pool

	mu       sync.Mutex
	views    map[string]*view   // those that have readers
	sealings map[string]sealing // under way here
	closed   bool
}

// Option changes how OpenDir works.
type Option func(*Files)

// OpenDir opens the journals below a data directory, making DIR/executions when it is missing.
func OpenDir(dataDir string, opts ...Option) (*Files, error) {
	dir, err := filepath.Abs(filepath.Join(dataDir, rundir.ExecutionsDir))
	if err != nil {
		return nil, fmt.Errorf("open journals in %s: %w", dataDir, err)
	}
	f := &Files{dir: dir, views: make(map[string]*view), sealings: make(map[string]sealing)}
	f.buffers.New = func() any { b := make([]byte, walkBuffer); return &b }
	for _, o := range opts {
		o(f)
	}
	if f.layer == nil {
		if err := makePrivate(dir); err != nil {
			return nil, fmt.Errorf("open journals in %s: %w", dataDir, err)
		}
		if f.layer, err = openDisk(dir); err != nil {
			return nil, fmt.Errorf("open journals in %s: %w", dataDir, err)
		}
	}
	return f, nil
}

// makePrivate makes a directory and those above it that are missing, each for its owner alone and
// durable. The mode of one that exists is left to whoever made it.
func makePrivate(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makePrivate(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil { // the umask may have taken too much
		return err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// Close gives the directory up. Writers and readers opened before are not affected.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	return f.layer.Close()
}

// Create begins the journal of a new execution and returns its only writer.
func (f *Files) Create(id string) (Writer, error) {
	w, err := f.create(id)
	if err != nil {
		return nil, fmt.Errorf("create execution %s: %w", shown(id), err)
	}
	return w, nil
}

func (f *Files) create(id string) (_ *writer, err error) {
	if err := execution.ValidateID(id); err != nil {
		return nil, err
	}
	exists, err := f.exists(id)
	if err != nil {
		return nil, err
	}
	if exists {
		return nil, ErrExists
	}
	// Taken back on failure, last made first. The directory only goes if it is empty: others may
	// keep files of the execution there.
	var undo []func() error
	defer func() {
		if err != nil {
			for _, u := range slices.Backward(undo) {
				err = errors.Join(err, u())
			}
		}
	}()
	if err := f.layer.Mkdir(id); err == nil {
		undo = append(undo, func() error { return f.layer.Remove(id) })
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	lock, err := f.lock(id)
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() error { return errors.Join(f.layer.Remove(id+"/"+lockName), lock.Close()) })
	data, err := f.layer.Create(id + "/" + dataName)
	if errors.Is(err, fs.ErrExist) {
		undo = []func() error{lock.Close} // somebody was faster; it is all theirs
		return nil, ErrExists
	}
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() error { return errors.Join(data.Close(), f.layer.Remove(id+"/"+dataName)) })
	w := f.newWriter(id, data, lock)
	if w.index, err = f.createIndex(id, w.key); err != nil {
		return nil, err
	}
	w.publish = f.publisher(id)
	return w, nil
}

func (f *Files) newWriter(id string, data file, lock lock) *writer {
	return &writer{
		id: id, key: indexKey(id), format: newFormat(id), counted: &f.counted, data: data, lock: lock,
		unwritten: make([]byte, 0, 64*entrySize),
	}
}

// createIndex makes an empty index, in place of one that is of no use.
func (f *Files) createIndex(id string, key uint32) (file, error) {
	name := id + "/" + indexName
	index, err := f.layer.Create(name)
	if errors.Is(err, fs.ErrExist) {
		if err := f.layer.Remove(name); err != nil {
			return nil, err
		}
		index, err = f.layer.Create(name)
	}
	if err != nil {
		return nil, err
	}
	if _, err := index.WriteAt(encodeHeader(key), 0); err != nil {
		return nil, errors.Join(err, index.Close(), f.layer.Remove(name))
	}
	return index, nil
}

// publisher gives what makes the names of an execution's files durable.
func (f *Files) publisher(id string) func() error {
	return func() error { return errors.Join(f.layer.SyncDir(id), f.layer.SyncDir(".")) }
}

// lock takes the writer's lock of an execution.
func (f *Files) lock(id string) (lock, error) {
	l, holder, err := f.layer.Lock(id+"/"+lockName, "process "+strconv.Itoa(os.Getpid()))
	if err != nil && holder != "" {
		return nil, fmt.Errorf("%w: %s", err, holder)
	}
	return l, err
}

// Append opens an existing journal for writing at its end.
func (f *Files) Append(id string) (Writer, Recovery, error) {
	w, recovery, err := f.append(id)
	if err != nil {
		return nil, Recovery{}, fmt.Errorf("append to execution %s: %w", shown(id), err)
	}
	return w, recovery, nil
}

func (f *Files) append(id string) (*writer, Recovery, error) {
	if err := f.mustExist(id); err != nil {
		return nil, Recovery{}, err
	}
	lock, err := f.lock(id)
	if err != nil {
		return nil, Recovery{}, notFound(err)
	}
	w, recovery, err := f.takeOver(id, lock)
	if err != nil {
		return nil, Recovery{}, errors.Join(err, lock.Close())
	}
	return w, recovery, nil
}

// takeOver opens a journal for writing of which the lock is held, and mends what there is to mend.
func (f *Files) takeOver(id string, lock lock) (_ *writer, _ Recovery, err error) {
	data, err := f.layer.Change(id + "/" + dataName)
	if errors.Is(err, fs.ErrNotExist) {
		if sealed, e := f.layer.Exists(id + "/" + sealedName); e == nil && sealed {
			return nil, Recovery{}, fmt.Errorf("%w: its execution has ended, and nothing can be added", ErrSealed)
		}
	}
	if err != nil {
		return nil, Recovery{}, notFound(err)
	}
	if err := f.unfinishedSeal(id); err != nil {
		return nil, Recovery{}, errors.Join(err, data.Close())
	}
	w := f.newWriter(id, data, lock)
	w.publish = f.publisher(id) // whoever created it may have died before
	w.unsynced = true           // and may not have synced
	w.index, err = f.layer.Change(id + "/" + indexName)
	if errors.Is(err, fs.ErrNotExist) {
		w.index, err = f.createIndex(id, w.key)
	}
	if err != nil {
		return nil, Recovery{}, errors.Join(err, data.Close())
	}
	recovery, err := w.recover()
	if err != nil {
		return nil, Recovery{}, errors.Join(err, w.index.Close(), data.Close())
	}
	return w, recovery, nil
}

// Open gives a reader.
func (f *Files) Open(id string) (Reader, error) {
	v, err := f.view(id)
	if err != nil {
		return nil, fmt.Errorf("open execution %s: %w", shown(id), err)
	}
	return &reader{files: f, view: v}, nil
}

func (f *Files) view(id string) (*view, error) {
	if err := execution.ValidateID(id); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v := f.views[id]; v != nil {
		v.refs++
		return v, nil
	}
	v, err := f.newView(id)
	if err != nil {
		return nil, err
	}
	f.views[id] = v
	return v, nil
}

// newView opens a journal as it is now: plain, or sealed. Where it is both, it was being sealed when
// that was interrupted, and both hold the same.
func (f *Files) newView(id string) (*view, error) {
	v := &view{id: id, key: indexKey(id), format: newFormat(id), files: f.layer, refs: 1, indexSize: -1, size: -1}
	data, err := f.layer.Open(id + "/" + dataName)
	if err == nil {
		v.src, v.data = data, data
		return v, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s, err := f.openSealed(id, sealedName)
	if err != nil {
		return nil, notFound(err)
	}
	v.useSealed(s)
	return v, nil
}

// release undoes view.
func (f *Files) release(v *view) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	v.refs--
	if v.refs > 0 {
		return nil
	}
	if f.views[v.id] == v {
		delete(f.views, v.id)
	}
	return v.close()
}

func (f *Files) scratch() *[]byte   { return f.buffers.Get().(*[]byte) }
func (f *Files) giveBack(b *[]byte) { f.buffers.Put(b) }

// Written reports whether a writer, in any process, holds the journal now.
func (f *Files) Written(id string) (bool, error) {
	held, err := f.written(id)
	if err != nil {
		return false, fmt.Errorf("see who writes execution %s: %w", shown(id), err)
	}
	return held, nil
}

func (f *Files) written(id string) (bool, error) {
	if err := f.mustExist(id); err != nil {
		return false, err
	}
	return f.layer.Locked(id + "/" + lockName)
}

// IDs lists every execution that has a journal, oldest first.
func (f *Files) IDs(ctx context.Context) ([]string, error) {
	var ids []string
	err := f.layer.Names(".", func(names []string) error {
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			if execution.ValidateID(name) != nil {
				continue
			}
			exists, err := f.exists(name)
			if err != nil {
				return err
			}
			if exists {
				ids = append(ids, name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list executions: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
}

// Dir is the directory that belongs to one execution, whether or not it is there yet.
func (f *Files) Dir(id string) (string, error) {
	if err := execution.ValidateID(id); err != nil {
		return "", fmt.Errorf("find the directory of execution %s: %w", shown(id), err)
	}
	return filepath.Join(f.dir, id), nil
}

// Remove deletes the execution's directory with everything in it. ErrLocked while a writer holds
// the journal. Readers opened before read on.
func (f *Files) Remove(id string) error {
	if err := f.remove(id); err != nil {
		return fmt.Errorf("remove execution %s: %w", shown(id), err)
	}
	return nil
}

func (f *Files) remove(id string) error {
	if err := f.mustExist(id); err != nil {
		if errors.Is(err, ErrNotFound) {
			err = errors.Join(err, f.tidy(id))
		}
		return err
	}
	f.interruptSealing(id)
	lock, err := f.lock(id)
	if err != nil {
		return notFound(err)
	}
	if err := f.layer.Mkdir(removedName); err != nil && !errors.Is(err, fs.ErrExist) {
		return errors.Join(err, lock.Close())
	}
	target := removedName + "/" + id
	// One that was removed before under the same id, and not to its end, would be in the way.
	if err := errors.Join(f.layer.RemoveAll(target), f.layer.Rename(id, target)); err != nil {
		return errors.Join(notFound(err), lock.Close())
	}
	f.mu.Lock()
	delete(f.views, id) // the next of that name is another
	f.mu.Unlock()
	err = errors.Join(f.layer.SyncDir("."), lock.Close())
	// With it goes what other removals have left when they were interrupted.
	return errors.Join(err, f.sweep())
}

// Sweep deletes what removals have left that were interrupted: nobody finds it any more, but it takes
// room.
func (f *Files) Sweep() error {
	if err := f.sweep(); err != nil {
		return fmt.Errorf("delete what interrupted removals have left: %w", err)
	}
	return nil
}

func (f *Files) sweep() error {
	err := f.layer.Names(removedName, func(names []string) error {
		var errs []error
		for _, name := range names {
			errs = append(errs, f.layer.RemoveAll(removedName+"/"+name))
		}
		return errors.Join(errs...)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever removed
	}
	return err
}

// tidy removes what a Create has left that was killed before there was a journal: a directory with
// nothing in it but perhaps its lock. One that holds anything else stays.
func (f *Files) tidy(id string) error {
	empty := true
	err := f.layer.Names(id, func(names []string) error {
		for _, name := range names {
			empty = empty && name == lockName
		}
		return nil
	})
	if err != nil || !empty {
		return nil // there is none, or it is not ours
	}
	lock, err := f.lock(id)
	if err != nil {
		return nil // a Create is under way
	}
	return errors.Join(f.layer.Remove(id+"/"+lockName), f.layer.Remove(id), lock.Close())
}

// mustExist is ErrNotFound when there is no journal of that id.
func (f *Files) mustExist(id string) error {
	if err := execution.ValidateID(id); err != nil {
		return err
	}
	exists, err := f.exists(id)
	if err == nil && !exists {
		err = ErrNotFound
	}
	return err
}

// exists tells whether an execution has a journal, plain or sealed.
func (f *Files) exists(id string) (bool, error) {
	plain, err := f.layer.Exists(id + "/" + dataName)
	if err != nil || plain {
		return plain, err
	}
	return f.layer.Exists(id + "/" + sealedName)
}

// notFound says in our words what a file that is not there means.
func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

// shown is an id as far as it is fit for a message: it may be anything a client has sent.
func shown(id string) string {
	if execution.ValidateID(id) == nil {
		return id
	}
	if len(id) > 2*execution.IDLength {
		id = id[:2*execution.IDLength]
	}
	return strconv.Quote(id)
}
