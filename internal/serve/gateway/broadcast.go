package gateway

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/serve/websocket"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// executionsFilter is what an executions subscription asks for.
type executionsFilter struct {
	caller    auth.Principal
	scope     auth.Scope // what the caller may read
	agentType string
	status    []execution.Status
}

// wants reports whether an event is for this subscription. Changes of status pass whatever the
// filter says of status: who watches what runs must hear that it ended.
func (f *executionsFilter) wants(e *execution.Event, rec *execution.Record) bool {
	if !f.scope.Allows(rec.AgentType) && !f.caller.Owns(protocol.PermRead, rec) || f.agentType != "" && rec.AgentType != f.agentType {
		return false
	}
	if len(f.status) == 0 || slices.Contains(f.status, rec.Status) || e.Terminal() {
		return true
	}
	return e.Type == execution.TypeQueued || e.Type == execution.TypeStarted
}

// follower gets the lifecycle events of all executions. It must not wait.
type follower interface {
	lifecycle(e *lifecycleEvent)
}

// lifecycleEvent is shared by all followers: its frame is built once, when first wanted.
type lifecycleEvent struct {
	line   []byte // with its newline
	event  *execution.Event
	rec    *execution.Record
	number uint64 // among all events that were published
	once   sync.Once
	frame  []byte
}

func (e *lifecycleEvent) websocket() []byte {
	e.once.Do(func() { e.frame = websocket.Text(e.line) })
	return e.frame
}

// broadcast gives lifecycle events to those who asked. It begins to listen to the supervisor when
// somebody first does, and counts events from then on, so that a client that polls can say which it
// had last.
type broadcast struct {
	live *live
	boot string // tells the counts of one server's life from another's

	mu        sync.RWMutex // guards what follows
	followers map[follower]struct{}
	count     uint64

	turn     sync.Mutex // guards unlisten
	unlisten func()
}

func newBroadcast(l *live) *broadcast {
	return &broadcast{live: l, boot: newConnectionID(), followers: map[follower]struct{}{}}
}

func (b *broadcast) add(f follower) {
	b.mu.Lock()
	b.followers[f] = struct{}{}
	b.mu.Unlock()
	b.turn.Lock()
	defer b.turn.Unlock()
	if b.unlisten == nil {
		b.unlisten = b.live.executions.Lifecycle(b.publish)
	}
}

func (b *broadcast) remove(f follower) {
	b.mu.Lock()
	delete(b.followers, f)
	b.mu.Unlock()
}

// position names the last event published so far.
func (b *broadcast) position() string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.positionOf(b.count)
}

func (b *broadcast) positionOf(count uint64) string {
	return b.boot + "-" + strconv.FormatUint(count, 10)
}

func (b *broadcast) close() {
	b.mu.Lock()
	clear(b.followers)
	b.mu.Unlock()
	b.turn.Lock()
	defer b.turn.Unlock()
	if b.unlisten != nil {
		b.unlisten()
		b.unlisten = nil
	}
}

func (b *broadcast) publish(line []byte, e *execution.Event, rec execution.Record) {
	// The caller's buffer is its own.
	line = append(append(make([]byte, 0, len(line)+1), bytes.TrimSuffix(line, []byte{'\n'})...), '\n')
	shared := &lifecycleEvent{line: line, event: e, rec: &rec}
	b.mu.Lock()
	b.count++
	shared.number = b.count
	b.mu.Unlock()
	b.mu.RLock()
	defer b.mu.RUnlock()
	for f := range b.followers {
		f.lifecycle(shared)
	}
}

// recentInSnapshot is how many ended executions a snapshot holds beside all that have not ended.
// Older ones are asked for by GET /api/executions.
const recentInSnapshot = 50

// snapshotPage is how many records are held whole while a snapshot is made.
const snapshotPage = 100

// snapshot gives what an executions subscription begins with.
func (l *live) snapshot(ctx context.Context, f *executionsFilter) ([]execution.Record, error) {
	live, ended := splitStatuses(f.status)
	var all []execution.Record
	var short brief
	readable := readingOf(l.executions, f.caller)
	for cursor := ""; len(live) > 0; {
		page, err := readable.List(ctx, index.Filter{Status: live, AgentType: f.agentType, Limit: snapshotPage, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		short.records(page.Executions)
		all = append(all, page.Executions...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(ended) > 0 {
		page, err := readable.List(ctx, index.Filter{Status: ended, AgentType: f.agentType, Limit: recentInSnapshot})
		if err != nil {
			return nil, err
		}
		short.records(page.Executions)
		all = append(all, page.Executions...)
	}
	if all == nil {
		all = []execution.Record{}
	}
	return all, nil
}

// splitStatuses parts the statuses asked for (none: all) into those that go on and those that ended.
func splitStatuses(asked []execution.Status) (live, ended []execution.Status) {
	if len(asked) == 0 {
		asked = execution.Statuses
	}
	for _, s := range asked {
		if s.Terminal() {
			ended = append(ended, s)
		} else {
			live = append(live, s)
		}
	}
	return live, ended
}

// lifecycle passes an event on to the client, unless its logs subscription brings the very same.
func (s *session) lifecycle(e *lifecycleEvent) {
	defer s.rescue()
	s.mu.Lock()
	if s.watch == nil || s.stale || !s.watch.wants(e.event, e.rec) {
		s.mu.Unlock()
		return
	}
	if ls := s.logs[e.event.ExecutionID]; ls != nil && e.event.Seq >= ls.from {
		s.mu.Unlock()
		return
	}
	if s.conn.Crowded() {
		// A client that doesn't read gets no queue: it gets the state anew once it does.
		s.stale = true
		s.mu.Unlock()
		s.conn.Wake()
		return
	}
	s.mu.Unlock()
	_ = s.conn.Urgent(e.websocket())
}

func (s *session) snapshotFrame(id string) []byte {
	s.mu.Lock()
	filter := s.watch
	s.mu.Unlock()
	if filter == nil {
		return nil
	}
	all, err := s.live.snapshot(s.context.get(), filter)
	if err != nil {
		return websocket.Text(encode(s.live.errorMessage(id, err)))
	}
	return websocket.Text(encode(protocol.ExecutionsSnapshot{Type: protocol.TypeExecutionsSnapshot, ID: id, Executions: all}))
}
