package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
)

// When the processes of the agent are looked at: soon after its start, ever more seldom while nothing
// happens, and soon again when it has written something.
const (
	firstSighting = 50 * time.Millisecond
	lastSighting  = 15 * time.Second
	busySighting  = 300 * time.Millisecond
)

// sightings keeps on disk which processes the agent has had, for the server to find them if this
// process is killed. An agent in a cgroup is found by that.
type sightings struct {
	tree   *process.Tree
	trace  *process.Trace
	active chan struct{} // the agent has written something
	done   chan struct{}
	wg     sync.WaitGroup
}

// startSightings begins to look; a nil *sightings, where nobody needs to, can be stopped too.
func startSightings(id, dir string, group *process.Group) *sightings {
	if group != nil {
		return nil
	}
	trace, err := process.NewTrace(filepath.Join(dir, control.TraceFile))
	if err != nil {
		fmt.Fprintf(os.Stderr, "the agent's processes can't be noted: %v\n", err)
		return nil
	}
	s := &sightings{tree: process.NewTree(id, nil), trace: trace, active: make(chan struct{}, 1), done: make(chan struct{})}
	s.wg.Go(s.run)
	return s
}

// written tells that the agent has written something. It never blocks.
func (s *sightings) written() {
	select {
	case s.active <- struct{}{}:
	default:
	}
}

func (s *sightings) stop() {
	if s == nil {
		return
	}
	close(s.done)
	s.wg.Wait()
}

func (s *sightings) run() {
	pause := firstSighting
	timer := time.NewTimer(pause)
	defer timer.Stop()
	told := false
	for {
		select {
		case <-s.active:
			if pause > busySighting {
				pause = busySighting
				timer.Reset(pause)
			}
			continue
		case <-timer.C:
		case <-s.done:
			return
		}
		live, err := s.tree.Live()
		if err == nil {
			_, err = s.trace.Note(live)
		}
		if err != nil && !told {
			told = true
			fmt.Fprintf(os.Stderr, "the agent's processes can't be noted: %v\n", err)
		}
		pause = min(2*pause, lastSighting)
		timer.Reset(pause)
	}
}
