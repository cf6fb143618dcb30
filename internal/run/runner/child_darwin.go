package runner

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// bytesReadable is FIONREAD: how much a pipe holds.
const bytesReadable = 0x4004667f

const waitAll = 0

func pipeCloseOnExec(fds []int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Pipe(fds); err != nil {
		return err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	return nil
}

// Pipes grow by themselves here.
func growPipe(int)   {}
func shrinkPipe(int) {}

func agentAttr(int) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func keepDescriptors() {
	for fd := 3; fd < 256; fd++ {
		unix.CloseOnExec(fd)
	}
}
