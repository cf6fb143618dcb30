package space

import (
	"fmt"
	"syscall"
)

// statfs asks the system. What is kept for root does not count as free.
func statfs(path string) (Figures, error) {
	var s syscall.Statfs_t
	for {
		err := syscall.Statfs(path, &s)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return Figures{}, fmt.Errorf("statfs %s: %w", path, err)
		}
		break
	}
	block := uint64(s.Bsize)
	return Figures{
		Free: uint64(s.Bavail) * block, Total: (uint64(s.Blocks) - uint64(s.Bfree) + uint64(s.Bavail)) * block,
		FreeInodes: uint64(s.Ffree), Inodes: uint64(s.Files),
	}, nil
}
