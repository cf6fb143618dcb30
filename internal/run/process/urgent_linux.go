package process

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// urgent calls f on a thread that goes before others, where that is allowed: what is to be killed must
// not run because whoever kills waits for its turn.
func urgent(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := unix.Gettid()
	// The system call gives 20 less the value, so that none is negative.
	before, err := unix.Getpriority(unix.PRIO_PROCESS, thread)
	if err == nil && unix.Setpriority(unix.PRIO_PROCESS, thread, -20) == nil {
		defer func() { _ = unix.Setpriority(unix.PRIO_PROCESS, thread, 20-before) }()
	}
	f()
}
