//go:build unix && !linux

package journal

import (
	"errors"
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

// lockFile takes the lock, or gives ErrLocked.
func lockFile(f *os.File) error {
	for try := 1; ; try++ {
		err := retryInterrupted(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return os.NewSyscallError("flock", err)
		}
		if try == lockTries {
			return ErrLocked
		}
		time.Sleep(lockPause)
	}
}

func unlockFile(f *os.File) error {
	return os.NewSyscallError("flock", retryInterrupted(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }))
}

// fileLocked tells whether somebody holds the lock.
func fileLocked(f *os.File) (bool, error) {
	err := retryInterrupted(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, os.NewSyscallError("flock", err)
}
