package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrLocked tells that another process serves from the data directory.
var ErrLocked = errors.New("data directory is in use")

// Holder is who serves from a data directory, as the lock file says.
type Holder struct {
	PID    int       `json:"pid"`
	Since  time.Time `json:"since"`
	Listen string    `json:"listen,omitempty"` // address it answers on, once it does
}

// LockedError names who has the lock.
type LockedError struct {
	Dir    string
	Holder Holder // zero when the file could not be read
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.Holder.PID != 0 {
		who = fmt.Sprintf("process %d since %s", e.Holder.PID, e.Holder.Since.Local().Format(time.DateTime))
	}
	if e.Holder.Listen != "" {
		who += ", listening on " + e.Holder.Listen
	}
	return fmt.Sprintf("data directory %s is in use by %s; stop that one, or choose another directory with --data", e.Dir, who)
}

// Is makes errors.Is(err, ErrLocked) hold.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

func lockPath(dir string) string { return filepath.Join(dir, "lock") }

// takeLock locks the file for as long as the process lives. The descriptor is close-on-exec, so no
// runner inherits the lock.
func (d *Dir) takeLock() error {
	f, err := os.OpenFile(lockPath(d.path), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock of data directory %s: %w; is the directory writable for this user?", d.path, err)
	}
	if err := d.outlastDead(f); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			holder, _ := HeldBy(d.path)
			return &LockedError{Dir: d.path, Holder: holder}
		}
		return fmt.Errorf("lock data directory %s: %w", d.path, err)
	}
	d.lock = f
	if err := f.Chmod(0o600); err != nil {
		return errors.Join(fmt.Errorf("make the lock of data directory %s private: %w", d.path, err), d.Close())
	}
	d.holder = Holder{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second)}
	if err := d.writeHolderLocked(); err != nil {
		return errors.Join(err, d.Close())
	}
	return nil
}

// A process that was being forked when its parent was killed keeps the parent's lock until it
// executes its program or dies, some milliseconds. That must not keep the next server out.
const (
	deadLockWait  = 2 * time.Second
	deadLockPause = 5 * time.Millisecond
)

// outlastDead locks f, waiting a little if who is said to hold it is dead.
func (d *Dir) outlastDead(f *os.File) error {
	for deadline := time.Now().Add(deadLockWait); ; time.Sleep(deadLockPause) {
		err := flock(f)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			return err
		}
		// Between taking the lock and writing its name into the file a holder has none.
		if holder, e := HeldBy(d.path); e == nil && exists(holder.PID) {
			return err
		}
	}
}

// exists reports whether there is a process of that pid. Signal 0 is none.
func exists(pid int) bool {
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func flock(f *os.File) error { return changeLock(f, syscall.LOCK_EX|syscall.LOCK_NB) }

func unlock(f *os.File) error { return changeLock(f, syscall.LOCK_UN) }

func changeLock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			return err
		}
	}
}

// SetListen tells those who find the directory locked where its holder answers.
func (d *Dir) SetListen(address string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return fmt.Errorf("note the address in data directory %s: it is closed", d.path)
	}
	d.holder.Listen = address
	return d.writeHolderLocked()
}

func (d *Dir) writeHolderLocked() error {
	text, err := json.Marshal(d.holder)
	if err == nil {
		text = append(text, '\n')
		_, err = d.lock.WriteAt(text, 0)
	}
	if err == nil {
		err = d.lock.Truncate(int64(len(text)))
	}
	if err != nil {
		return fmt.Errorf("write the lock of data directory %s: %w", d.path, err)
	}
	return nil
}

// HeldBy reads who holds the directory's lock. It tells what the file says, not whether the lock
// is held: only Open finds that out.
func HeldBy(dir string) (Holder, error) {
	data, err := os.ReadFile(lockPath(dir))
	if err != nil {
		return Holder{}, fmt.Errorf("read who holds data directory %s: %w", dir, err)
	}
	var h Holder
	if err := json.Unmarshal(data, &h); err != nil {
		return Holder{}, fmt.Errorf("read who holds data directory %s: %w", dir, err)
	}
	return h, nil
}
