package runner

import (
	"os"
	"syscall"

	"github.com/claudeops/claudeops/internal/run/process"
)

// memoryWatch tells whether the kernel has killed for want of memory since it was made.
type memoryWatch struct {
	counters string // the kernel's list of counters
	group    *process.Group
	caps     *process.Caps // where the definition limits memory
	before   uint64
}

func watchMemory(counters string, group *process.Group, caps *process.Caps) *memoryWatch {
	w := &memoryWatch{counters: counters, group: group, caps: caps}
	w.before = w.machine()
	return w
}

// machine counts over the whole machine.
func (w *memoryWatch) machine() uint64 {
	b, err := os.ReadFile(w.counters)
	if err != nil {
		return 0
	}
	n, _ := process.Counter(b, "oom_kill")
	return n
}

const kernelCounters = "/proc/vmstat"

// ended reports whether a main process that ended like this, and not by us, fell to the OOM killer:
// by SIGKILL while the count of such kills rose, in its own cgroup where memory is counted there
// (then a shell that passes on its child's death as 137 counts too), otherwise on the machine.
func (w *memoryWatch) ended(status syscall.WaitStatus) bool {
	killed := status.Signaled() && status.Signal() == syscall.SIGKILL
	if kills, known := w.caps.OutOfMemory(); known {
		// Whatever the main process made of it: it was this limit that a process of the agent met.
		return kills > 0 && !(status.Exited() && status.ExitStatus() == 0)
	}
	if kills, known := w.group.OutOfMemory(); known {
		return kills > 0 && (killed || status.Exited() && status.ExitStatus() == 128+int(syscall.SIGKILL))
	}
	return killed && w.machine() > w.before
}
