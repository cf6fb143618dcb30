package control

import (
	"os"

	"golang.org/x/sys/unix"
)

// reap waits for a runner that is our child. It parks on a pidfd, which takes no thread.
func reap(pid int) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		wait(pid)
		return
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			var status unix.WaitStatus
			got, err := unix.Wait4(pid, &status, unix.WNOHANG, nil)
			return got == pid || err == unix.ECHILD
		})
	}
	if err != nil { // the poller does not take it
		wait(pid)
	}
}
