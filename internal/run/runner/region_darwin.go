package runner

import "golang.org/x/sys/unix"

func keepPagesSmall([]byte) {}

func discardPages(b []byte) { _ = unix.Madvise(b, unix.MADV_FREE) }
