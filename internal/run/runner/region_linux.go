package runner

import "golang.org/x/sys/unix"

// A huge page would take 2 MiB at the first touch.
func keepPagesSmall(b []byte) { _ = unix.Madvise(b, unix.MADV_NOHUGEPAGE) }

func discardPages(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
