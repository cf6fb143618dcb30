package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// abi is the version of Landlock that the kernel has: 0 where it has none.
func abi() (int, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case errno == 0:
		return int(version), nil
	case errors.Is(errno, unix.ENOSYS):
		return 0, errors.New("this kernel is built without Landlock; it takes Linux 5.13 or later with CONFIG_SECURITY_LANDLOCK")
	case errors.Is(errno, unix.EOPNOTSUPP):
		return 0, errors.New("the kernel has Landlock switched off; add landlock to the kernel's lsm= boot parameter")
	}
	return 0, fmt.Errorf("ask for Landlock: %w", errno)
}
