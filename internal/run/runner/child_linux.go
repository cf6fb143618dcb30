package runner

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// bytesReadable is FIONREAD: how much a pipe holds.
const bytesReadable = unix.TIOCINQ

// waitAll waits for children of every kind, threads started like processes (clone) included.
const waitAll = syscall.WALL

func pipeCloseOnExec(fds []int) error { return unix.Pipe2(fds, unix.O_CLOEXEC) }

// growPipe makes room for what the agent writes ahead. The kernel may refuse: a user has so many
// pages for pipes.
func growPipe(fd int) {
	for size := pipeBurstBytes; size > pipeBytes; size /= 2 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, size); err == nil {
			return
		}
	}
}

// shrinkPipe gives that room up again, unless it is in use.
func shrinkPipe(fd int) { _, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeBytes) }

// agentAttr: a session of its own; dead when we are; in the cgroup with that descriptor.
func agentAttr(group int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, UseCgroupFD: group >= 0, CgroupFD: max(group, 0)}
}

// keepDescriptors keeps what we were given open from being inherited.
func keepDescriptors() { _ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) }
