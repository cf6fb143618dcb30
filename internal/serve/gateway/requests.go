package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/serve/websocket"
	"github.com/claudeops/claudeops/protocol"
)

// What a WebSocket session does with the messages that subscribe and search.

func (s *session) subscribeExecutions(id string, f *executionsFilter) error {
	s.mu.Lock()
	first := s.watch == nil
	s.watch, s.stale, s.snapshotID = f, true, id
	s.mu.Unlock()
	if first {
		s.live.broadcast.add(s)
	}
	s.conn.Wake()
	return nil
}

func (s *session) unsubscribeExecutions() {
	s.mu.Lock()
	followed := s.watch != nil
	s.watch, s.stale = nil, false
	s.mu.Unlock()
	if followed {
		s.live.broadcast.remove(s)
	}
}

func (s *session) subscribeSystem(interval time.Duration) error {
	s.system.mu.Lock()
	s.system.interval = interval
	s.system.next = time.Now().Add(interval - tick/2)
	s.system.mu.Unlock()
	status, err := s.live.sample(s.context.get())
	if err != nil {
		return fault.Wrap(protocol.Unavailable, err, "the host can't be sampled now")
	}
	return s.conn.Answer(websocket.Text(status))
}

func (s *session) unsubscribeSystem() {
	s.system.mu.Lock()
	s.system.interval = 0
	s.system.mu.Unlock()
}

// searches are the searches of one session that run.
type searches struct {
	mu      sync.Mutex
	running int
	work    sync.WaitGroup
}

// maxSearches is how many searches one connection may have at once: each reads a journal as fast as
// the disk gives it.
const maxSearches = 4

func (s *searches) wait() { s.work.Wait() }

func (s *session) searchLogs(req *protocol.Request) error {
	query, err := queryOf(req)
	if err != nil {
		return err
	}
	s.searches.mu.Lock()
	defer s.searches.mu.Unlock()
	if s.searches.running >= maxSearches {
		return fault.New(protocol.LimitReached, "%d searches run on this connection already; wait for one to end", maxSearches)
	}
	s.searches.running++
	s.searches.work.Go(func() {
		defer s.rescue()
		defer func() {
			s.searches.mu.Lock()
			s.searches.running--
			s.searches.mu.Unlock()
		}()
		s.live.answerSearch(s.context.get(), s, req, query)
	})
	return nil
}

// answerSearch sends matches as they are found, then the ack.
func (l *live) answerSearch(ctx context.Context, to receiver, req *protocol.Request, query search.Query) {
	send := func(r search.Result) {
		matches := r.Matches
		if matches == nil {
			matches = []protocol.Match{}
		}
		to.answer(protocol.LogsMatches{
			Type: protocol.TypeLogsMatches, ID: req.ID, ExecutionID: req.ExecutionID,
			Matches: matches, Total: r.Total, Complete: r.Complete, Lost: r.Lost,
		})
	}
	result, err := l.search.Execution(ctx, req.ExecutionID, query, func(r search.Result) error {
		send(r)
		return ctx.Err()
	})
	if err != nil {
		if ctx.Err() == nil {
			to.answer(l.errorMessage(req.ID, err))
		}
		return
	}
	if len(result.Matches) > 0 || result.Total == 0 || result.Lost > 0 {
		send(result)
	}
	to.answer(protocol.Ack{Type: protocol.TypeAck, ID: req.ID, ExecutionID: req.ExecutionID, Total: &result.Total, Complete: &result.Complete})
}

// maxSearchMatches is how many matches one search over a live connection may ask for, which it shares
// with others; more come by asking on from the last, or over REST.
const maxSearchMatches = 10_000

func queryOf(req *protocol.Request) (search.Query, error) {
	q := search.Query{Text: req.Query, Regex: req.Regex, CaseSensitive: req.CaseSensitive, Limit: req.Limit}
	switch {
	case q.Limit == 0:
		q.Limit = 100
	case q.Limit < 0 || q.Limit > maxSearchMatches:
		return q, fault.New(protocol.BadRequest, "limit must be from 1 to %d", maxSearchMatches)
	}
	switch req.Direction {
	case "", "next":
	case "previous":
		q.Backwards = true
	default:
		return q, fault.New(protocol.BadRequest, `direction must be "next" or "previous", not %.40q`, req.Direction)
	}
	if req.From != nil {
		q.From = uint64(*req.From)
	}
	if req.To != nil {
		q.To = uint64(*req.To)
	}
	switch level := execution.Level(req.Level); level {
	case "":
	case execution.Debug, execution.Info, execution.Warn, execution.Error:
		q.Levels = []execution.Level{level}
	default:
		return q, fault.New(protocol.BadRequest, "level %.40q is none of debug, info, warn, error", req.Level)
	}
	switch stream := execution.Stream(req.Stream); stream {
	case "":
	case execution.Stdout, execution.Stderr, execution.Agent:
		q.Streams = []execution.Stream{stream}
	default:
		return q, fault.New(protocol.BadRequest, "stream %.40q is none of stdout, stderr, agent", req.Stream)
	}
	return q, nil
}
