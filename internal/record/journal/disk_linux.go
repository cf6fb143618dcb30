package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncData leaves out what fsync(2) would add: the times.
func syncData(f *os.File) error {
	return os.NewSyscallError("fdatasync", retryInterrupted(func() error { return unix.Fdatasync(int(f.Fd())) }))
}

func reserve(f *os.File, off, n int64) error {
	err := retryInterrupted(func() error { return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n) })
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENODEV):
		return errors.ErrUnsupported
	default:
		return os.NewSyscallError("fallocate", err)
	}
}
