package supervisor

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
)

// A runner ends its agent by itself, in time. One that was stopped (an agent can do that, with SIGSTOP)
// does not; so it is looked whether runners answer whose agent should have ended by now.
const (
	answerTick  = time.Second
	answerSlack = 3 * time.Second // beyond the grace
	answerWait  = 2 * time.Second // for one answer
	answerAgain = 10 * time.Second
)

// term is when an execution's agent should have ended. Only watchAnswers uses it.
type term struct {
	known          bool
	timeout, grace time.Duration
	asked          time.Time // when its runner was asked last
}

// watchAnswers looks after runners until the supervisor stops.
func (s *Supervisor) watchAnswers() {
	for later(s.ctx, answerTick) {
		s.mu.RLock()
		all := make([]*live, 0, len(s.live))
		for _, l := range s.live {
			all = append(all, l)
		}
		s.mu.RUnlock()
		for _, l := range all {
			if s.overdue(l, time.Now()) && l.pressing.CompareAndSwap(false, true) {
				s.work.Go(func() {
					defer l.pressing.Store(false)
					s.press(l)
				})
			}
		}
	}
}

// overdue reports whether the agent should have ended by now, and its runner was not asked lately.
func (s *Supervisor) overdue(l *live, now time.Time) bool {
	l.mu.Lock()
	rec, cancel := l.record, l.cancel
	l.mu.Unlock()
	if rec.Terminal || rec.StartedAt == nil || now.Sub(*rec.StartedAt) < answerSlack || now.Sub(l.term.asked) < answerAgain {
		return false
	}
	if !l.term.known {
		l.term.known = true
		if path, err := s.sidecar(l.id, ""); err == nil {
			if spec, err := control.ReadSpec(path); err == nil {
				l.term.timeout, l.term.grace = spec.Timeout, max(0, spec.StopGrace)
			}
		}
	}
	patience := l.term.grace + answerSlack
	late := cancel != nil && now.Sub(cancel.At) > patience ||
		l.term.timeout > 0 && now.Sub(*rec.StartedAt) > l.term.timeout+patience
	if late {
		l.term.asked = now
	}
	return late
}

// press asks the runner for a sign of life. One that gives none is let go on, should it have been
// stopped, and killed if that does not help: then the execution is settled without it.
func (s *Supervisor) press(l *live) {
	if s.answers(l) {
		return
	}
	start, _, err := s.readSpawned(l.id)
	if err != nil || start.Runner.PID == 0 {
		return // whose process it is can't be told; the link says when it is gone
	}
	s.log.Warn("a runner does not answer; it is told to go on, in case it was stopped", "executionId", l.id, "pid", start.Runner.PID)
	_ = s.runners.Signal(start.Runner, syscall.SIGCONT)
	if s.answers(l) {
		return
	}
	l.mu.Lock()
	if l.record.Terminal {
		l.mu.Unlock()
		return
	}
	if l.cancel == nil {
		l.silent = fmt.Sprintf("it took longer than the %s it is allowed; its runner did not answer any more, as if it had been stopped, and was killed", l.term.timeout)
	}
	l.mu.Unlock()
	s.log.Warn("a runner does not answer and is killed; its execution is settled without it", "executionId", l.id, "pid", start.Runner.PID)
	if err := s.runners.Signal(start.Runner, syscall.SIGKILL); err != nil && !errors.Is(err, process.ErrGone) {
		s.log.Error("a runner that does not answer could not be killed", "executionId", l.id, "pid", start.Runner.PID, "error", err)
	}
}

// answers reports whether the runner gives a sign of life over its link.
func (s *Supervisor) answers(l *live) bool {
	l.mu.Lock()
	link := l.link
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, answerWait)
	defer cancel()
	if link == nil { // attend tries to reach it
		<-ctx.Done()
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.link != nil || l.record.Terminal
	}
	return link.Ping(ctx) == nil || s.ctx.Err() != nil
}

// silentEvent ends an execution whose runner was killed because it did not answer; nil for any other.
func (l *live) silentEvent(rec execution.Record, killed int) *execution.Event {
	l.mu.Lock()
	silent := l.silent
	l.mu.Unlock()
	if silent == "" {
		return nil
	}
	return failedEvent(rec, execution.ReasonTimeout, silent, time.Now(), killed)
}
