package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

var (
	errRestart = errors.New("server restarts")
	errLeft    = errors.New("the client left")
)

// stream is what a client of the two transports that only read follows: it is said in the URL, and
// every answer is built from cursors, so nothing of it outlives the request.
type stream struct {
	live      *live
	principal auth.Principal
	puller    *feed.Puller
	readers   []*streamReader // does not change once the stream is open
	turn      int             // the reader that was asked last
	watch     *executionsFilter
	interval  time.Duration // of system:status; 0: not asked for

	mu    sync.Mutex // guards what follows
	queue []*lifecycleEvent
	stale bool   // a snapshot is due
	had   string // the broadcast's position that the client has, as far as it was given

	ctx context.Context
	end context.CancelCauseFunc
}

// streamReader is a cursor of a stream.
type streamReader struct {
	id    string
	sub   *feed.Sub
	seq   uint64 // the last event given
	from  uint64
	over  bool
	atEnd bool // it has come to the end of what was stored, once
	buf   []byte
	greet *protocol.LogsSubscribed // not given yet
	gap   *journal.Gap             // not given yet
}

// maxLifecycleQueue is how many lifecycle events wait for a slow stream before it gets a new
// snapshot instead.
const maxLifecycleQueue = 256

// openStream reads what a request wants to follow, and subscribes to it.
func (l *live) openStream(r *http.Request, p auth.Principal, lastEventID string) (_ *stream, err error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	// It takes a connection of its user's, as a WebSocket does.
	if err := l.users.admit(p, true); err != nil {
		l.work.Done()
		return nil, err
	}
	defer func() {
		if err != nil {
			l.users.dismiss(p, true)
			l.work.Done()
		}
	}()
	query := r.URL.Query()
	s := &stream{live: l, principal: p, puller: feed.NewPuller()}
	cursors, err := cursorsOf(query["execution"], query["since"], query.Get("tail"), lastEventID)
	if err != nil {
		return nil, err
	}
	if len(cursors) > l.limits.MaxSubscriptions {
		return nil, fault.New(protocol.LimitReached, "a stream may watch %d executions at once", l.limits.MaxSubscriptions)
	}
	if query.Get("executions") != "" {
		if s.watch, err = filterOf(p, query.Get("agentType"), query.Get("status")); err != nil {
			return nil, err
		}
	}
	if text := query.Get("system"); text != "" {
		if !p.Can(protocol.PermSystem) {
			return nil, fault.New(protocol.Forbidden, "system needs the permission %s", protocol.PermSystem)
		}
		ms, err := protocol.ParseSeq(text)
		if err != nil {
			return nil, fault.New(protocol.BadRequest, "system: %s", err)
		}
		if s.interval, err = l.systemInterval(int64(ms)); err != nil {
			return nil, err
		}
	}
	if (len(cursors) > 0 || s.watch != nil) && !p.Can(protocol.PermRead) {
		return nil, fault.New(protocol.Forbidden, "following executions needs the permission %s", protocol.PermRead)
	}
	readable := readingOf(l.executions, p)
	for _, c := range cursors {
		if err := readable.check(r.Context(), c.id); err != nil {
			return nil, err
		}
	}
	s.ctx, s.end = context.WithCancelCause(r.Context())
	for _, c := range cursors {
		sub, from, head, gap, err := l.feed.Subscribe(c.id, c.start, s.puller)
		if err != nil {
			s.close()
			return nil, subscribeError(c.id, err)
		}
		s.readers = append(s.readers, &streamReader{
			id: c.id, sub: sub, from: from, seq: from - 1, gap: gap,
			greet: &protocol.LogsSubscribed{Type: protocol.TypeLogsSubscribed, ExecutionID: c.id, From: from, Head: head},
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		s.close()
		return nil, errGoingAway()
	}
	l.streams[s] = struct{}{}
	if s.watch != nil {
		l.broadcast.add(s)
		// A poll that names the position it has needs no snapshot when nothing happened since.
		s.had = l.broadcast.position()
		s.mu.Lock()
		s.stale = query.Get("executions") != s.had
		s.mu.Unlock()
	}
	l.users.arrive(p)
	return s, nil
}

// enter makes what is begun now something that close waits for, before it touches what close gives up.
func (l *live) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errGoingAway()
	}
	l.work.Add(1)
	return nil
}

func errGoingAway() error {
	return fault.New(protocol.Unavailable, "the server is going away; come back in a moment")
}

// leave ends a stream that openStream gave.
func (s *stream) leave() {
	l := s.live
	l.mu.Lock()
	delete(l.streams, s)
	l.mu.Unlock()
	if s.watch != nil {
		l.broadcast.remove(s)
	}
	l.users.leave(s.principal)
	l.users.dismiss(s.principal, true)
	s.close()
	l.work.Done()
}

func (s *stream) close() {
	for _, r := range s.readers {
		r.sub.Close()
	}
	s.end(errLeft)
}

type startCursor struct {
	id    string
	start feed.Start
}

// cursorsOf pairs the executions of a URL with where they begin. What the client has seen last by its
// own account (Last-Event-ID) counts more than what its URL says.
func cursorsOf(ids, since []string, tail, lastEventID string) ([]startCursor, error) {
	if len(since) > len(ids) {
		return nil, fault.New(protocol.BadRequest, "there are %d since for %d execution; give at most one each, in the same order", len(since), len(ids))
	}
	if len(since) > 0 && tail != "" {
		return nil, fault.New(protocol.BadRequest, "give since or tail, not both")
	}
	seen, err := parseEventID(lastEventID)
	if err != nil {
		return nil, err
	}
	var all []startCursor
	had := map[string]bool{}
	for i, id := range ids {
		if err := execution.ValidateID(id); err != nil {
			return nil, fault.New(protocol.BadRequest, "execution: %s", err)
		}
		if had[id] {
			return nil, fault.New(protocol.BadRequest, "execution %s is named twice", id)
		}
		had[id] = true
		c := startCursor{id: id}
		if seq, ok := seen[id]; ok {
			c.start.Since = seq
		} else if i < len(since) {
			seq, err := protocol.ParseSeq(since[i])
			if err != nil {
				return nil, fault.New(protocol.BadRequest, "since: %s", err)
			}
			c.start.Since = uint64(seq)
		} else if tail != "" {
			n, err := protocol.ParseSeq(tail)
			if err != nil {
				return nil, fault.New(protocol.BadRequest, "tail: %s", err)
			}
			c.start.Tail, c.start.AtTail = uint64(n), true
		}
		all = append(all, c)
	}
	return all, nil
}

// lifecycle queues an event for the stream's own goroutine.
func (s *stream) lifecycle(e *lifecycleEvent) {
	defer s.rescue()
	if !s.watch.wants(e.event, e.rec) {
		return
	}
	for _, r := range s.readers {
		if r.id == e.event.ExecutionID && e.event.Seq >= r.from {
			return // its logs bring the very same
		}
	}
	s.mu.Lock()
	if !s.stale { // else the snapshot will have it
		if len(s.queue) >= maxLifecycleQueue {
			s.queue, s.stale = nil, true
		} else {
			s.queue = append(s.queue, e)
		}
	}
	s.mu.Unlock()
	s.puller.Lagging(nil)
}

// greetings gives what comes before any event: where each reader begins, and what is missing there.
func (s *stream) greetings() []byte {
	var out []byte
	for _, r := range s.readers {
		if r.greet != nil {
			out = append(out, encode(r.greet)...)
			r.greet = nil
		}
	}
	return out
}

// next gives the next messages there are, or nil when the stream has all. Lifecycle events and
// snapshots go ahead of log bytes.
func (s *stream) next() ([]byte, error) {
	s.mu.Lock()
	stale, queue := s.stale, s.queue
	s.stale, s.queue = false, nil
	s.mu.Unlock()
	if stale {
		s.had = s.live.broadcast.position()
		all, err := s.live.snapshot(s.ctx, s.watch)
		if err != nil {
			return nil, err
		}
		return encode(protocol.ExecutionsSnapshot{Type: protocol.TypeExecutionsSnapshot, Executions: all}), nil
	}
	if len(queue) > 0 {
		var out []byte
		for _, e := range queue {
			out = append(out, e.line...)
			s.had = s.live.broadcast.positionOf(e.number)
		}
		return out, nil
	}
	for range s.readers {
		// Each has its turn, so that a long catch-up holds up no other execution.
		s.turn = (s.turn + 1) % len(s.readers)
		lines, err := s.readers[s.turn].next(s)
		if err != nil || lines != nil {
			return lines, err
		}
	}
	return nil, nil
}

func (r *streamReader) next(s *stream) ([]byte, error) {
	if r.gap != nil {
		g := r.gap
		r.gap = nil
		return r.told(s, g), nil
	}
	if r.buf == nil {
		r.buf = make([]byte, minChunk)
	}
	for !r.over {
		n, gap, err := r.sub.Fill(r.buf)
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			r.buf = make([]byte, short.Need)
			continue
		case err != nil:
			return nil, fault.Wrap(protocol.Unavailable, err, "the journal of %s could not be read; come back with your cursor", r.id)
		case gap != nil:
			return r.told(s, gap), nil
		case n > 0:
			lines := r.buf[:n]
			r.seq += countLines(lines)
			r.over = feed.EndsExecution(lines)
			if n > len(r.buf)/2 && len(r.buf) < maxChunk {
				r.buf = make([]byte, 2*len(r.buf)) // lines keep the old one
			}
			return lines, nil
		}
		if !r.atEnd {
			r.atEnd = true
			if lines, gap := s.live.conclude(s.ctx, r.id, r.sub); gap != nil {
				r.seq, r.over = gap.To, true
				return lines, nil
			}
		}
		if r.sub.Join() {
			break
		}
	}
	return nil, nil
}

// told is a gap, with the end behind it when that is lost too.
func (r *streamReader) told(s *stream, gap *journal.Gap) []byte {
	r.seq = gap.To
	end := s.live.lostEnd(s.ctx, r.id, gap)
	r.over = end != nil
	return append(encode(gapMessage(r.id, gap)), end...)
}
