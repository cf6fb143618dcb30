//go:build linux && (amd64 || arm64)

package sandbox

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidden are system calls that no agent needs and that open ways around a sandbox, or into the
// kernel. They fail as on a kernel without them, which programs are prepared for.
var forbidden = []uint32{
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, // would go past this filter
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEXEC_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN,
	unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_REBOOT, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_VM_READV,
}

// Offsets in the kernel's struct seccomp_data.
const (
	dataNumber = 0
	dataArch   = 4
	dataArg0   = 16
	dataArg1   = 24
)

// tiocsti types into a terminal, for whoever reads from it next.
const tiocsti = 0x5412

// filter applies a seccomp filter: the forbidden system calls, TIOCSTI, and without a network sockets
// that could reach one. Other architectures' system calls are refused, because numbers differ.
func filter(noNetwork bool) error {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		atMost = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
	)
	refuse := func(errno unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }
	program := []unix.SockFilter{
		{Code: load, K: dataArch},
		{Code: equal, K: auditArch, Jt: 1},
		{Code: answer, K: refuse(unix.ENOSYS)},
		{Code: load, K: dataNumber},
		{Code: atMost, K: 0x40000000, Jf: 1}, // x32
		{Code: answer, K: refuse(unix.ENOSYS)},
	}
	for _, number := range forbidden {
		program = append(program, unix.SockFilter{Code: equal, K: number, Jf: 1}, unix.SockFilter{Code: answer, K: refuse(unix.ENOSYS)})
	}
	program = append(program,
		unix.SockFilter{Code: equal, K: unix.SYS_IOCTL, Jf: 4},
		unix.SockFilter{Code: load, K: dataArg1},
		unix.SockFilter{Code: equal, K: tiocsti, Jf: 1},
		unix.SockFilter{Code: answer, K: refuse(unix.EPERM)},
		unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	)
	if noNetwork {
		program = append(program,
			unix.SockFilter{Code: equal, K: unix.SYS_SOCKET, Jf: 5},
			unix.SockFilter{Code: load, K: dataArg0},
			unix.SockFilter{Code: equal, K: unix.AF_UNIX, Jt: 2},
			unix.SockFilter{Code: equal, K: unix.AF_NETLINK, Jt: 1},
			unix.SockFilter{Code: answer, K: refuse(unix.EACCES)},
			unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW},
		)
	}
	program = append(program, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(program)
	if errno == unix.ENOSYS || errno == unix.EINVAL {
		return nil // a kernel without seccomp
	}
	if errno != 0 {
		return errno
	}
	return nil
}
