//go:build unix && !linux

package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Elsewhere the lock is flock(2), which can only be asked after by taking it, shared and for a
// moment. A writer that meets somebody asking therefore tries a few times more.
const (
	lockTries = 20
	lockPause = 5 * time.Millisecond
)

func (d *disk) Lock(name, note string) (io.Closer, string, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, "", err
	}
	for try := 1; ; try++ {
		err = retryInterrupted(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
		if !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		if try == lockTries {
			holder := readNote(f)
			return nil, holder, errors.Join(ErrLocked, f.Close())
		}
		time.Sleep(lockPause)
	}
	if err != nil {
		return nil, "", errors.Join(os.NewSyscallError("flock", err), f.Close())
	}
	if err := leaveNote(f, note); err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	return &held{f, unlock}, "", nil
}

func unlock(f *os.File) error {
	return os.NewSyscallError("flock", retryInterrupted(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }))
}

func (d *disk) Locked(name string) (bool, error) {
	f, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = retryInterrupted(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, os.NewSyscallError("flock", err)
}
