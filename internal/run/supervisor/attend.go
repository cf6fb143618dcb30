package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/process"
)

// How often a runner that is not reached is tried again: at once after it was started, seldom when
// it does not answer for long.
const (
	firstPause = time.Millisecond
	lastPause  = 250 * time.Millisecond
)

const (
	// dialTimeout bounds one attempt to reach a runner.
	dialTimeout = 5 * time.Second
	// steadyLink is how long a link must have held for its end to be news: one that ends at once,
	// again and again, is tried ever more seldom.
	steadyLink = time.Second
	// unreachable is for how long a runner may hold its journal and not be reached before a
	// cancellation is carried out without it.
	unreachable = 5 * time.Second
	// complainEvery is how often an operator is told of the same trouble.
	complainEvery = time.Minute
)

// attend stays with an execution until it has its last event, or the supervisor stops. start says
// that its runner is to be started; otherwise it was, by this server or an earlier one.
func (s *Supervisor) attend(l *live, start bool) {
	defer l.firstLookOver()
	free := sync.OnceFunc(func() { s.counted.adopted.Add(1) })
	if start {
		select {
		case s.spawning <- struct{}{}:
			free = sync.OnceFunc(func() { <-s.spawning })
			defer free()
		case <-s.ctx.Done():
			return
		}
	}
	trouble := s.complaint("an execution can't be started or settled; it is tried again", l)
	reached := time.Now()
	for pause := firstPause; s.ctx.Err() == nil && !l.terminal(); pause = min(2*pause, lastPause) {
		if start {
			err := s.launch(l)
			start = err != nil
			trouble(err)
		}
		if !start {
			if held := s.follow(l, free); held > 0 {
				reached = time.Now()
				if held > steadyLink {
					pause = firstPause
				}
			}
			if !l.terminal() && !s.starting(l) {
				trouble(s.settleOrFree(l, reached))
			}
		}
		l.firstLookOver()
		if l.terminal() || !later(s.ctx, pause) {
			break
		}
	}
}

// complaint gives a function that logs errors, the same trouble not too often.
func (s *Supervisor) complaint(message string, l *live) func(error) {
	var last time.Time
	return func(err error) {
		if err == nil || s.ctx.Err() != nil || (!last.IsZero() && time.Since(last) < complainEvery) {
			return
		}
		last = time.Now()
		s.log.Error(message, "executionId", l.id, "error", err)
	}
}

// launch starts the execution's runner. When that can't be done for good, it leaves the reason in
// l.verdict; an error is worth another try.
func (s *Supervisor) launch(l *live) error {
	if l.cancelRequested() != nil {
		return nil // settle does what was asked for
	}
	// Durable before anything runs: should the machine go down now, nobody may take the execution
	// for one that has never run.
	if err := s.writeSidecar(l.id, spawnedName, spawned{Boot: s.boot}); err != nil {
		return err
	}
	runner, err := s.trySpawn(l.id)
	if isShortage(err) || s.ctx.Err() != nil && err != nil {
		return err
	}
	if err != nil {
		message := fmt.Sprintf("its runner could not be started: %v", err)
		if missing := (*fetchError)(nil); errors.As(err, &missing) {
			message = fmt.Sprintf("cannot start the agent: %v", missing)
		}
		s.log.Error("a runner could not be started", "executionId", l.id, "error", err)
		l.verdict = func(rec execution.Record) *execution.Event {
			return failedEvent(rec, execution.ReasonSpawnFailed, message, time.Now(), 0)
		}
		return nil
	}
	// The next server can do without it, so it need not be durable.
	if err := s.noteRunner(l.id, spawned{Boot: s.boot, Runner: runner}); err != nil {
		s.log.Warn("which process runs an execution could not be noted", "executionId", l.id, "error", err)
	}
	return nil
}

// trySpawn tries a few times: nothing runs after a failed attempt, and what failed for a passing
// reason should not cost an execution.
func (s *Supervisor) trySpawn(id string) (runner process.ID, err error) {
	const tries = 3
	pause := 20 * time.Millisecond
	for try := 1; ; try++ {
		runner, err = s.runners.Spawn(id)
		if missing := (*fetchError)(nil); err == nil || errors.As(err, &missing) || isShortage(err) || try == tries || !later(s.ctx, pause) {
			return runner, err
		}
		pause *= 5
	}
}

// isShortage reports whether starting a process failed for want of something that may be there
// again soon.
func isShortage(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM, syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// starting reports whether a runner that an earlier server has started may be on its way to lock the
// journal: nobody else may then.
func (s *Supervisor) starting(l *live) bool {
	return l.runner.PID != 0 && l.snapshot().StartedAt == nil && s.runners.Alive(l.runner)
}

// follow reaches the runner and passes on what it tells until the link ends. It gives for how long
// there was one, 0 when there was none. reached is called once there is.
func (s *Supervisor) follow(l *live, reached func()) (held time.Duration) {
	ctx, cancel := context.WithTimeout(s.ctx, dialTimeout)
	link, err := s.runners.Dial(ctx, l.id)
	cancel()
	if err != nil {
		return 0
	}
	reached()
	began := time.Now()
	l.verdict = nil // there is one who can tell
	l.setLink(link)
	// From here on a cancellation finds the link; one from before is passed on now. Twice is harmless.
	if request := l.cancelRequested(); request != nil {
		if err := link.Cancel(request.By, request.Reason); err != nil {
			s.log.Warn("the runner was not reached for a cancellation", "executionId", l.id, "error", err)
		}
	}
	if l.snapshot().Cost != 0 {
		s.enforceBudgets() // one from before is carried out now
	}
	l.switchNotices()
	err = link.Run(s.ctx, handler{s, l})
	l.setLink(nil)
	if err != nil && s.ctx.Err() == nil {
		s.counted.linksLost.Add(1)
		s.log.Warn("the link to a runner broke", "executionId", l.id, "error", err)
	}
	return max(1, time.Since(began))
}

// settleOrFree settles the execution if its runner is gone. A runner that is there but has not
// been reached for long can't be asked to stop its agent: then the agent is ended without it, and
// the runner, if it is whole, tells the end.
func (s *Supervisor) settleOrFree(l *live, reached time.Time) error {
	err := s.settle(l)
	if !errors.Is(err, journal.ErrLocked) {
		return err
	}
	if l.cancelRequested() == nil || time.Since(reached) < unreachable {
		return nil
	}
	_, err = s.runners.EndLost(s.ctx, l.id, process.ID{})
	return err
}
