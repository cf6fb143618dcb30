package backup

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncAll makes everything that was written to the file system of dir durable, at once.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(os.NewSyscallError("syncfs", unix.Syncfs(int(d.Fd()))), d.Close())
}

// syncsAll says that syncAll does.
const syncsAll = true
