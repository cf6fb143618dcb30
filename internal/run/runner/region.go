package runner

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// region is memory outside the heap. Pages that were never touched, or given back, take no room,
// so a runner at rest does not hold what it needs under load.
type region struct{ bytes []byte }

func newRegion(size int) (region, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return region{}, fmt.Errorf("reserve %d bytes: %w", size, err)
	}
	keepPagesSmall(b)
	return region{b}, nil
}

// release gives the contents back to the system; they read as zeros after.
func (r region) release() { discardPages(r.bytes) }

func (r region) free() { _ = unix.Munmap(r.bytes) }
