package control

import (
	"fmt"
	"os"
	"syscall"
)

// readyEnv names the descriptor on which Spawn waits to hear that the runner has begun.
const readyEnv = "CLAUDEOPS_RUNNER_READY_FD"

// Readiness is the pipe on which Spawn waits. A nil *Readiness belongs to a runner that nobody
// waits for.
type Readiness struct{ f *os.File }

// TakeReadiness gives the pipe that Spawn has handed to this process, nil when there is none.
func TakeReadiness() *Readiness {
	var fd uintptr
	if _, err := fmt.Sscanf(os.Getenv(readyEnv), "%d", &fd); err != nil {
		return nil
	}
	_ = os.Unsetenv(readyEnv)
	syscall.CloseOnExec(int(fd))
	return &Readiness{os.NewFile(fd, "ready")}
}

// readyWord is what Spawn hears when all is well; anything else is an error.
const readyWord = "ready"

// OK says that the runner has the journal and can be dialled.
func (r *Readiness) OK() { r.say(readyWord) }

// Failed says why the runner can't begin.
func (r *Readiness) Failed(err error) { r.say(err.Error()) }

// say tells Spawn once; whoever spawned may be gone by now, which is no matter.
func (r *Readiness) say(text string) {
	if r == nil || r.f == nil {
		return
	}
	_, _ = r.f.WriteString(text)
	_ = r.f.Close()
	r.f = nil
}
