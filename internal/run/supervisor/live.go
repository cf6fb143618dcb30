package supervisor

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/process"
)

// phase is where an execution stands with the queue.
type phase int

const (
	waiting phase = iota // in its agent's lane
	leaving              // being cancelled before it ran
	active               // has a slot
	over                 // has its last event
)

// live is an execution whose end is not in the index yet.
type live struct {
	id    string
	agent string

	notBefore time.Time // it is not started before; zero: at once
	account   string    // that its agent uses, where its use is limited

	phase phase // guarded by Supervisor.mu

	// counted says that its end was in the index when it was found, so that its cost is among those of
	// ended executions.
	counted bool

	// order makes what happens to the execution one sequence: it is held while an event is applied
	// and told.
	order sync.Mutex

	// cancelling serializes those who cancel it.
	cancelling sync.Mutex

	// looked is closed when the first attempt to reach its runner, or to end it, is over.
	looked   chan struct{}
	lookOnce sync.Once

	// Only attend uses these.
	runner  process.ID                              // that an earlier server has started; zero: not known
	verdict func(execution.Record) *execution.Event // its end, when no runner will ever tell it

	pressing atomic.Bool // its runner is being asked for a sign of life
	term     term        // only watchAnswers uses it

	switching sync.Mutex // serializes turning the link's notices on and off; guards noticed
	noticed   bool       // what the link was told last

	mu       sync.Mutex // guards what follows; held for moments, and while nothing is called
	record   execution.Record
	cancel   *cancelRequest
	link     Link
	watchers []*watcher // replaced, never changed
	ended    bool       // the last event is applied; final is the journal's end
	final    journal.Position
	seen     journal.Position // after the newest event that was applied, where that is known
	stalled  bool             // its runner has no room for its journal
	silent   string           // why its runner was killed: it did not answer; empty: it was not
}

func newLive(rec execution.Record) *live {
	return &live{id: rec.ExecutionID, agent: rec.AgentType, record: rec, looked: make(chan struct{})}
}

func (l *live) firstLookOver() { l.lookOnce.Do(func() { close(l.looked) }) }

// snapshot is the record as it stands. What its pointers point to is never changed.
func (l *live) snapshot() execution.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record
}

func (l *live) terminal() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record.Terminal
}

// cancelRequested gives what was asked for, nil when nobody did.
func (l *live) cancelRequested() *cancelRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cancel
}

// apply folds an event into the record. It reports whether the event was new.
func (l *live) apply(e *execution.Event, at journal.Position) (execution.Record, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.Seq > l.seen.Seq {
		l.seen = at
	}
	if e.Seq <= l.record.Head {
		return l.record, false
	}
	l.record.Apply(e)
	if l.cancel != nil && !l.record.Terminal {
		// No event says so: it is what was asked for, until the outcome is known.
		l.record.Status = execution.Cancelling
	}
	return l.record, true
}

// cutBack forgets that events were seen which a damaged journal does not have any more, so that
// those which take their numbers are not mistaken for them.
func (l *live) cutBack(head journal.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if head.Seq < l.record.Head {
		l.record.Head = head.Seq
	}
	if head.Seq < l.seen.Seq {
		l.seen = journal.Position{}
	}
}

// observe is the one way by which something happens to an execution: an event that is in its
// journal is applied to the record, and everybody told. With its last event it gives up its place.
func (s *Supervisor) observe(l *live, line []byte, e *execution.Event, at journal.Position) {
	l.order.Lock()
	rec, isNew := l.apply(e, at)
	ends := isNew && rec.Terminal
	if ends {
		s.mu.Lock()
		s.queue.release(l)
		s.mu.Unlock()
	}
	if isNew {
		s.indexer.mark(l, rec.Terminal)
		s.told.tell(line, e, rec)
	}
	l.order.Unlock()
	if isNew {
		s.logEvent(e, rec)
	}
	l.tell(at, ends)
	if isNew && e.Type == execution.TypeCost {
		s.enforceBudgets()
	}
	if ends {
		s.limitReached(l, rec)
		s.schedule()
	}
}

// observeLine is observe for a line that was just written or read.
func (s *Supervisor) observeLine(l *live, line []byte, at journal.Position) error {
	var e execution.Event
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("decode event %d of execution %s: %w", at.Seq, l.id, err)
	}
	s.observe(l, line, &e, at)
	return nil
}

// handler passes what a link tells on to the supervisor.
type handler struct {
	s *Supervisor
	l *live
}

// CaughtUp is the moment from which the record is as true as the runner's own.
func (h handler) CaughtUp() { h.l.firstLookOver() }

func (h handler) Grew(at journal.Position) { h.l.tell(at, false) }

// Stalled is told when the runner has no room for its journal, and "" when it has again.
func (h handler) Stalled(why string) {
	h.l.mu.Lock()
	h.l.stalled = why != ""
	h.l.mu.Unlock()
	if why == "" {
		h.s.log.Info("an execution is recorded again", "executionId", h.l.id)
		return
	}
	h.s.log.Error("an execution can't be recorded for now; its agent waits", "executionId", h.l.id, "reason", why)
}

func (h handler) Event(line []byte, e *execution.Event, at journal.Position) {
	h.s.observe(h.l, line, e, at)
}
