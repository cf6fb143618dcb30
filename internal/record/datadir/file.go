package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// WriteFile puts data into the file at path so that after a crash or a power loss there is either
// the old file or the whole new one. The file is private (0600) whatever the umask.
func WriteFile(path string, data []byte) error {
	dir, name := filepath.Split(path)
	f, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600, and no umask makes it wider
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o600)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = SyncDir(dir)
	}
	if err != nil {
		os.Remove(f.Name()) // may be renamed already: then there is nothing to remove
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// SyncDir makes the names in a directory survive power loss.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// Explain says for a person why writing failed, and what to do: the part of a message after
// "because". It knows the causes an operator can mend and is empty for the rest.
func Explain(err error) string {
	switch {
	case isFull(err):
		return "the disk of the data directory is full; free some space"
	case isReadOnly(err):
		return "the file system of the data directory is read-only"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "no file descriptors are left; raise the limit (ulimit -n)"
	case errors.Is(err, os.ErrPermission):
		return "the data directory is not writable for the server's user"
	case errors.Is(err, syscall.EIO):
		return "the disk of the data directory reports an I/O error; look at the kernel's log"
	default:
		return ""
	}
}
