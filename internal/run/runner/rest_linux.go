package runner

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// restImage gives the pages of this program back that only its start needed: code and constants,
// which the kernel has in its page cache anyway and maps again where they are used. Of a runner's
// memory at rest they would be the most.
func restImage() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	var start, length uint64
	for line := range bytes.Lines(maps) {
		f := bytes.Fields(line)
		switch {
		case len(f) >= 5 && bytes.IndexByte(f[0], '-') > 0:
			// 00400000-0178c000 r-xp 00000000 fe:00 1234   /path
			start, length = 0, 0
			if len(f) == 6 && string(f[5]) == exe && f[1][1] == '-' {
				from, to, _ := bytes.Cut(f[0], []byte("-"))
				first, err1 := strconv.ParseUint(string(from), 16, 64)
				end, err2 := strconv.ParseUint(string(to), 16, 64)
				if err1 == nil && err2 == nil && end > first {
					start, length = first, end-first
				}
			}
		case len(f) == 3 && string(f[0]) == "Anonymous:" && string(f[1]) == "0" && length > 0:
			// Nothing of it has ever been written to, so nothing is lost.
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(length), unix.MADV_DONTNEED)
		}
	}
}
