package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// On Linux the lock is an open-file-description lock. Like flock(2) it belongs to the open file, so
// it keeps out a second writer in the same process too and ends with the process; unlike flock(2)
// it can be asked after without being taken, so asking never makes a writer believe in another.

func (d *disk) Lock(name, note string) (io.Closer, string, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, "", err
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = retryInterrupted(func() error { return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		holder := readNote(f)
		return nil, holder, errors.Join(ErrLocked, f.Close())
	}
	if err != nil {
		return nil, "", errors.Join(os.NewSyscallError("fcntl", err), f.Close())
	}
	if err := leaveNote(f, note); err != nil {
		return nil, "", errors.Join(err, f.Close())
	}
	return &held{f, unlock}, "", nil
}

func unlock(f *os.File) error {
	lock := unix.Flock_t{Type: unix.F_UNLCK, Whence: io.SeekStart}
	return os.NewSyscallError("fcntl", retryInterrupted(func() error { return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock) }))
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
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err = retryInterrupted(func() error { return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock) })
	if err != nil {
		return false, os.NewSyscallError("fcntl", err)
	}
	return lock.Type != unix.F_UNLCK, nil
}
