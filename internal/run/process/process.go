// Package process finds and ends processes provably: by pid together with start time and boot, by
// descent from a subreaper, by the execution id that everything an agent starts inherits in its
// environment, and where there is a writable cgroup v2 by that. It never signals a bare pid, starts
// no process, and knows nothing of journals or executions beyond the id.
package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Marker is the environment variable that carries an execution's id through all that its agent starts.
const Marker = "CLAUDEOPS_EXECUTION_ID"

// ErrGone says that the process an ID names does not exist any more. Another may have its pid by now.
var ErrGone = errors.New("process is gone")

// ID names one process for ever: its pid may be used again, the three together never are.
type ID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // when it started: clock ticks after boot on Linux, µs since 1970 on macOS
	Boot  string `json:"boot"`  // which boot of the machine; empty in an Info's ID, which is of this boot
}

// Info is one process as the kernel showed it at one moment.
type Info struct {
	ID
	PPID, PGID, SID int
	State           byte   // 'R', 'S', 'D', 'T', 'Z' … as ps shows it
	Name            string // at most 15 bytes, what the process calls itself

	threads int // not waited for; 0 where it is not known
}

// dead reports whether nothing of the process runs any more, though it has not been waited for. A
// process whose first thread has ended is shown as a zombie while its other threads run on.
func (i *Info) dead() bool {
	return (i.State == 'Z' && i.threads <= 1) || i.State == 'X' || i.State == 'x'
}

// Self names the calling process.
func Self() (ID, error) { return Find(os.Getpid()) }

// Find names the process that has pid now.
func Find(pid int) (ID, error) {
	info, err := Read(pid)
	if err != nil {
		return ID{}, err
	}
	boot, err := BootID()
	if err != nil {
		return ID{}, err
	}
	id := info.ID
	id.Boot = boot
	return id, nil
}

// Alive reports whether the process runs: it exists, is the one meant, and is not a zombie.
func (id ID) Alive() bool {
	if !id.thisBoot() {
		return false
	}
	info, err := Read(id.PID)
	return err == nil && info.Start == id.Start && !info.dead()
}

// Signal sends sig to exactly this process. ErrGone when it exists no more, whoever has its pid now.
func (id ID) Signal(sig syscall.Signal) error {
	if id.PID <= 1 {
		return fmt.Errorf("signal process %d: refused, that is no process of ours", id.PID)
	}
	if !id.thisBoot() {
		return ErrGone
	}
	return id.signal(sig)
}

func (id ID) thisBoot() bool {
	if id.Boot == "" {
		return true
	}
	boot, err := BootID()
	return err == nil && boot == id.Boot
}

// Descends reports whether process pid is ancestor itself or descends from it, as the tree is now.
// ErrGone when pid does not exist.
func Descends(pid, ancestor int) (bool, error) {
	for pid > 1 {
		if pid == ancestor {
			return true, nil
		}
		info, err := Read(pid)
		if err != nil {
			return false, err
		}
		if info.PPID == pid {
			break
		}
		pid = info.PPID
	}
	return pid == ancestor, nil
}
