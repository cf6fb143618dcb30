package journal

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// On Linux the lock is an open-file-description lock. Like flock(2) it belongs to the open file, so
// it keeps out a second writer in the same process too and ends with the process; unlike flock(2)
// it can be asked after without being taken, so asking never makes a writer believe in another.

// lockFile takes the lock, or gives ErrLocked.
func lockFile(f *os.File) error {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err := retryInterrupted(func() error { return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrLocked
	}
	return os.NewSyscallError("fcntl", err)
}

func unlockFile(f *os.File) error {
	lock := unix.Flock_t{Type: unix.F_UNLCK, Whence: io.SeekStart}
	return os.NewSyscallError("fcntl", retryInterrupted(func() error { return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock) }))
}

// fileLocked tells whether somebody holds the lock.
func fileLocked(f *os.File) (bool, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err := retryInterrupted(func() error { return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock) })
	if err != nil {
		return false, os.NewSyscallError("fcntl", err)
	}
	return lock.Type != unix.F_UNLCK, nil
}
