// Package sandbox confines an agent with what the kernel offers to a process without privileges:
// Landlock for paths and TCP ports, no-new-privileges, resource limits, and a seccomp filter. It
// describes a confinement, says what of it this kernel can't enforce, and applies it to the calling
// process before that becomes the agent. It starts and watches nothing.
package sandbox

import (
	"os"
	"strconv"
	"sync"
)

// AssumeVariable is a variable of the server's environment with which a kernel that has less Landlock
// is simulated: its value is the version to assume, 0 for none. It never makes more of a kernel than it is.
const AssumeVariable = "CLAUDEOPS_ASSUME_LANDLOCK"

// Support is what this kernel can enforce.
type Support struct {
	// ABI is Landlock's version: 0 none, 1 paths, 3 truncation too, 4 TCP ports, 5 devices, 6 signals and
	// abstract sockets.
	ABI int
	// Err says why there is no Landlock, and what to do.
	Err error
}

// The versions of Landlock from which something is enforced.
const (
	abiPaths    = 1
	abiTruncate = 3
	abiTCP      = 4
	abiScope    = 6
)

var support = sync.OnceValue(func() Support {
	version, err := abi()
	if text, ok := os.LookupEnv(AssumeVariable); ok {
		if assumed, parseErr := strconv.Atoi(text); parseErr == nil && assumed >= 0 && assumed < version {
			version = assumed
			if version == 0 {
				err = errSimulated
			}
		}
	}
	return Support{version, err}
})

type simulatedError struct{}

func (simulatedError) Error() string {
	return AssumeVariable + "=0 is set, so this kernel is taken for one without Landlock"
}

var errSimulated = simulatedError{}

// Supported says what this kernel can enforce. It asks once.
func Supported() Support { return support() }
