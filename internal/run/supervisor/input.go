package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/protocol"
)

// inputWait is how long a runner may take to accept or refuse input.
const inputWait = 10 * time.Second

// Input passes on what a person sends to a running agent, and gives the record. in.By says who that is.
//
// Codes of its errors: not_found (no such execution, no such request), conflict (it does not run, its
// stdin is closed, the request is answered already), bad_request (nothing is sent), unavailable (the
// runner is not reached).
func (s *Supervisor) Input(ctx context.Context, id string, in Input) (execution.Record, error) {
	done, err := s.enter()
	if err != nil {
		return execution.Record{}, err
	}
	defer done()
	if in.RequestID == "" && in.Decision == "" && in.Text == "" && !in.EOF {
		return execution.Record{}, fault.New(protocol.BadRequest, "nothing is sent: give text, or eof to end the agent's stdin")
	}
	rec, err := s.Get(ctx, id)
	if err != nil {
		return rec, err
	}
	l := s.find(id)
	switch {
	case rec.Terminal || l == nil:
		return rec, fault.New(protocol.Conflict, "execution %s has ended and takes no input", id)
	case rec.StartedAt == nil:
		return rec, fault.New(protocol.Conflict, "execution %s is %s and takes no input yet", id, rec.Status)
	}
	l.mu.Lock()
	link := l.link
	l.mu.Unlock()
	if link == nil {
		return rec, fault.New(protocol.Unavailable, "the runner of execution %s is not reached at the moment; try again", id)
	}
	waiting, cancel := context.WithTimeoutCause(ctx, inputWait, fmt.Errorf("the runner did not answer within %s", inputWait))
	defer cancel()
	err = link.Input(waiting, in)
	switch {
	case err == nil:
		return l.snapshot(), nil
	case errors.Is(err, control.ErrNotRunning):
		return rec, fault.New(protocol.Conflict, "execution %s has ended and takes no input", id)
	case fault.CodeOf(err) != protocol.Internal || ctx.Err() != nil:
		return rec, err
	}
	return rec, fault.Wrap(protocol.Unavailable, err, "the input did not reach execution %s: %v; try again", id, err)
}
