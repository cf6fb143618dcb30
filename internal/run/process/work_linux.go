package process

import (
	"bytes"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// ticksPerSecond is USER_HZ, which is 100 on every architecture that Go runs on.
const ticksPerSecond = 100

// cpuTime is what a process and those of its children that have ended and been waited for have used; 0
// when it is gone.
func cpuTime(pid int) time.Duration {
	var buf [1024]byte
	b, err := slurp(unix.AT_FDCWD, "/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return 0
	}
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return 0
	}
	fields := bytes.Fields(b[end+1:]) // the first is field 3, the state
	var ticks uint64
	for field := 14; field <= 17; field++ { // utime, stime, cutime, cstime
		if i := field - 3; i < len(fields) {
			n, _ := strconv.ParseUint(string(fields[i]), 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}
