package supervisor

import (
	"slices"
	"sync"

	"github.com/claudeops/claudeops/internal/execution"
)

// subscriber is told of every event but log lines. line is valid during the call only; e and rec
// may be kept, and must not be changed.
type subscriber func(line []byte, e *execution.Event, rec execution.Record)

// subscribers are told one execution's events in order, those of several side by side.
type subscribers struct {
	mu   sync.RWMutex // guards list
	list []*subscriber
}

func (s *subscribers) tell(line []byte, e *execution.Event, rec execution.Record) {
	s.mu.RLock()
	list := s.list
	s.mu.RUnlock()
	for _, fn := range list {
		(*fn)(line, e, rec)
	}
}

// Lifecycle has fn called for every event but log lines of every execution, in order for each, with
// the record as the event has left it. Calls for different executions may overlap. line is valid
// during the call only. fn must not block, and must not cancel or execute anything itself. A call
// that is under way may still be finishing when cancel returns.
func (s *Supervisor) Lifecycle(fn func(line []byte, e *execution.Event, rec execution.Record)) (cancel func()) {
	added := (*subscriber)(&fn)
	s.told.mu.Lock()
	defer s.told.mu.Unlock()
	s.told.list = append(slices.Clone(s.told.list), added)
	return func() {
		s.told.mu.Lock()
		defer s.told.mu.Unlock()
		s.told.list = slices.DeleteFunc(slices.Clone(s.told.list), func(other *subscriber) bool { return other == added })
	}
}

// logEvent leaves a trace of an execution's beginning and end in the server's log.
func (s *Supervisor) logEvent(e *execution.Event, rec execution.Record) {
	switch {
	case e.Type == execution.TypeStarted:
		s.log.Info("execution started", "executionId", rec.ExecutionID, "agent", rec.AgentType, "pid", rec.PID)
	case e.Terminal() && rec.Status == execution.Completed:
		s.log.Info("execution ended", "executionId", rec.ExecutionID, "agent", rec.AgentType, "status", rec.Status, "durationMs", rec.DurationMs)
	case e.Terminal():
		s.log.Info("execution ended", "executionId", rec.ExecutionID, "agent", rec.AgentType, "status", rec.Status, "durationMs", rec.DurationMs,
			"reason", rec.Reason, "processesReaped", rec.ProcessesReaped)
	}
}
