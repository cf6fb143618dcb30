package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/protocol"
)

// Cancel ends an execution. One that waits has ended when it returns; one that runs is then being
// stopped, which its record says, and its last event tells the outcome. Cancelling what is being
// cancelled, or has ended, changes nothing and gives its record.
//
// Codes of its errors: not_found, and unavailable when the end of one that waits could not be
// stored.
func (s *Supervisor) Cancel(ctx context.Context, id, by, reason string) (execution.Record, error) {
	done, err := s.enter()
	if err != nil {
		return execution.Record{}, err
	}
	defer done()
	if err := checkID(id); err != nil {
		return execution.Record{}, err
	}
	l := s.find(id)
	if l == nil {
		rec, err := s.Get(ctx, id)
		if err != nil || rec.Terminal {
			return rec, err
		}
		// The index knows it as open, but nothing marks it so: it is looked at now.
		if l, err = s.resumeOne(ctx, id); err != nil {
			return rec, err
		}
		if l == nil { // it was never accepted, and is gone now
			return execution.Record{}, index.NotFound(id)
		}
	}
	l.cancelling.Lock()
	defer l.cancelling.Unlock()
	request := &cancelRequest{By: by, Reason: reason, At: time.Now().UTC()}
	if s.takeWaiting(l) {
		return s.cancelWaiting(l, request)
	}
	s.cancelRunning(l, request)
	return s.view(l)
}

// cancelEarly ends an execution whose end was asked for between its first event and its place in
// line: whoever hears of an execution may do so at once.
func (s *Supervisor) cancelEarly(l *live) {
	request := l.cancelRequested()
	if request == nil || !s.takeWaiting(l) {
		return
	}
	if _, err := s.cancelWaiting(l, request); err != nil {
		s.log.Warn("an execution is cancelled when its turn comes", "executionId", l.id, "error", err)
	}
}

// takeWaiting takes an execution out of the queue, if it is in it.
func (s *Supervisor) takeWaiting(l *live) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l.phase == waiting && s.queue.remove(l)
}

// cancelWaiting ends an execution of which nothing has run.
func (s *Supervisor) cancelWaiting(l *live, request *cancelRequest) (execution.Record, error) {
	err := s.end(l, func(rec execution.Record) *execution.Event { return cancelledEvent(rec, request, time.Now(), 0) })
	if err != nil {
		s.mu.Lock()
		s.queue.push(l)
		s.mu.Unlock()
		s.schedule()
		err = fmt.Errorf("cancel execution %s: %w", l.id, err)
		return l.snapshot(), fault.Wrap(protocol.Unavailable, err, "execution %s could not be cancelled, and still waits: its end could not be stored", l.id)
	}
	return l.snapshot(), nil
}

// cancelRunning asks for an execution's end, or has it asked for as soon as its runner is reached.
func (s *Supervisor) cancelRunning(l *live, request *cancelRequest) {
	l.mu.Lock()
	asked := l.cancel != nil || l.record.Terminal
	l.mu.Unlock()
	if asked {
		return
	}
	// The promise must outlive this server. It is kept even when it can't be written down.
	if err := s.writeSidecar(l.id, cancelName, request); err != nil {
		s.log.Warn("a cancellation could not be stored; it is lost if the server dies now", "executionId", l.id, "error", err)
	}
	l.mu.Lock()
	if l.record.Terminal {
		l.mu.Unlock()
		return
	}
	l.cancel = request
	l.record.Status = execution.Cancelling
	link := l.link
	l.mu.Unlock()
	s.indexer.mark(l, false)
	if link == nil {
		return
	}
	if err := link.Cancel(request.By, request.Reason); err != nil {
		// The runner is gone or going: whoever attends to it finds out, and knows of the request.
		s.log.Warn("the runner was not reached for a cancellation", "executionId", l.id, "error", err)
	}
}
