package process

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// cleanLooks is how many looks in a row must find nothing before nothing is believed to be left: a
// process can be born behind the place a look has reached, or be between two programs (execve),
// when its environment shows empty for a moment.
const cleanLooks = 3

// KillMarked kills everything that carries id as its execution, all that descends from such a
// process, and what is in the execution's cgroup, until nothing of it is left. It is for executions
// whose runner is dead; it does not need to be called by an ancestor. killed counts the processes
// it found alive. The calling process is spared.
func KillMarked(ctx context.Context, id string) (killed int, err error) {
	if id == "" {
		return 0, errors.New("kill the processes of an execution: no id given")
	}
	r := reach{mark: id, group: FindGroup(id)}
	ended := make(map[ID]struct{})
	pause := time.Millisecond
	for clean := 0; clean < cleanLooks; {
		found, err := r.kill(ended)
		if found == 0 && err != nil {
			return len(ended), fmt.Errorf("kill the processes of execution %s: %w", id, err)
		}
		if found == 0 {
			clean++
			pause = time.Millisecond
		} else {
			clean = 0
			pause = min(2*pause, 50*time.Millisecond)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return len(ended), fmt.Errorf("kill the processes of execution %s: at least %d are left: %w", id, found, errors.Join(context.Cause(ctx), err))
		}
	}
	if err := r.group.Remove(); err != nil {
		return len(ended), fmt.Errorf("kill the processes of execution %s: %w", id, err)
	}
	return len(ended), nil
}
