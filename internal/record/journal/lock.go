package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func (d *disk) Lock(name, note string) (lock, string, error) {
	for {
		f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, "", err
		}
		if err := lockFile(f); err != nil {
			holder := ""
			if errors.Is(err, ErrLocked) {
				holder = readNote(f)
			}
			return nil, holder, errors.Join(err, f.Close())
		}
		// Between opening and locking it the file may have been removed, and another made.
		var stat unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
			return nil, "", errors.Join(os.NewSyscallError("fstat", err), f.Close())
		}
		if stat.Nlink == 0 {
			if err := f.Close(); err != nil {
				return nil, "", err
			}
			continue
		}
		if err := leaveNote(f, note); err != nil {
			return nil, "", errors.Join(err, f.Close())
		}
		return heldLock{f}, "", nil
	}
}

// heldLock is a lock that was taken.
type heldLock struct{ f *os.File }

// Close lets the lock go. To close the file is not enough: when another goroutine has just started a
// process, that has the file open too until it runs its own program.
func (l heldLock) Close() error { return errors.Join(unlockFile(l.f), l.f.Close()) }

func (d *disk) Locked(name string) (bool, error) {
	f, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	held, err := fileLocked(f)
	return held, errors.Join(err, f.Close())
}

// maxNote is as much of a lock file as is ever shown, in bytes.
const maxNote = 64

// leaveNote replaces what the last holder left in a lock file. The note only helps people, so a
// full disk must not keep the lock from being taken.
func leaveNote(f *os.File, note string) error {
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(note+"\n"), 0)
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return nil
	}
	return err
}

func readNote(f *os.File) string {
	note := make([]byte, maxNote)
	n, err := f.ReadAt(note, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(note[:n]), "?"))
}

func retryInterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
