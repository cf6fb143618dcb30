// Package datadir owns the data directory as a place: its layout, its modes, its format version,
// and the lock that says who serves from it. It never reads or writes what the rooms keep there.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Dir is a data directory that this process holds the lock of.
type Dir struct {
	path string

	mu     sync.Mutex // guards lock and holder
	lock   *os.File
	holder Holder
}

// Open creates the directory when it is missing, makes it private, checks that it can be written
// and that its format is one this program knows, upgrades an older one, and takes its lock. ErrLocked,
// as a *LockedError that names the holder, when another process has it; a *RunningError when an
// upgrade has to wait.
func Open(path string, options ...Option) (*Dir, error) {
	if path == "" {
		return nil, errors.New("open data directory: no path given; name one with --data")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", path, err)
	}
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	d := &Dir{path: path}
	// The lock comes before the format: whoever holds it may be migrating.
	if err := d.takeLock(); err != nil {
		return nil, err
	}
	if err := d.prepare(newOpening(options)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) prepare(o *opening) error {
	if err := d.checkWritable(); err != nil {
		return err
	}
	if err := checkRestoring(d.path); err != nil {
		return err
	}
	if err := o.bringUp(d.path); err != nil {
		return err
	}
	for _, sub := range []string{d.Active(), d.Executions()} {
		if err := makePrivate(sub); err != nil {
			return err
		}
	}
	return nil
}

// Path is the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// Active holds one empty marker for each execution whose end is not yet in the index.
func (d *Dir) Active() string { return filepath.Join(d.path, ActiveDir) }

// Executions holds one directory for each execution.
func (d *Dir) Executions() string { return filepath.Join(d.path, ExecutionsDir) }

// Directories of a data directory. What is in them is package rundir's.
const (
	ExecutionsDir = "executions"
	ActiveDir     = "active"
)

// IndexName is the read model's file.
const IndexName = "index.sqlite"

// Index is the path of the read model's file. It may be deleted while nobody serves.
func (d *Dir) Index() string { return filepath.Join(d.path, IndexName) }

// Close gives the lock up. It is safe to call twice.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return nil
	}
	// The file stays: removing it would let two processes lock two files of the same name. It is
	// emptied so that nobody reads a holder that is gone.
	// Unlocking says so also for the copy that a child just being forked may have.
	err := errors.Join(d.lock.Truncate(0), unlock(d.lock), d.lock.Close())
	d.lock = nil
	if err != nil {
		return fmt.Errorf("give up data directory %s: %w", d.path, err)
	}
	return nil
}

// makePrivate makes a directory that only its owner can enter, whatever the umask.
func makePrivate(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("create data directory %s: %w; choose another place with --data", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at data directory %s: %w", path, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("open data directory %s: it is a file; choose another place with --data", path)
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return fmt.Errorf("data directory %s has mode %#o, so others can reach the secrets in it, and that can't be changed: %w; run chmod 700 as its owner", path, info.Mode().Perm(), err)
	}
	return nil
}

func (d *Dir) checkWritable() error {
	probe, err := os.CreateTemp(d.path, ".writable-*")
	if err == nil {
		_, err = probe.Write([]byte("x"))
		err = errors.Join(err, probe.Close(), os.Remove(probe.Name()))
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("data directory %s is not writable for this user: %w; give it to the user with chown, or choose another with --data", d.path, err)
	case isFull(err):
		return fmt.Errorf("data directory %s is on a full disk: %w; free some space", d.path, err)
	case isReadOnly(err):
		return fmt.Errorf("data directory %s is on a read-only file system: %w; choose another with --data", d.path, err)
	default:
		return fmt.Errorf("data directory %s can't be written: %w", d.path, err)
	}
}
