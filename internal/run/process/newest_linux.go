package process

import (
	"bytes"
	"os"
)

// newest gives the pid that was given out last. What forks and is gone again sooner than a walk through
// /proc gets to it is found there.
func newest() (pid int, ok bool) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(b)
	if len(fields) < 5 {
		return 0, false
	}
	n, ok := number(fields[4])
	return int(n), ok
}
