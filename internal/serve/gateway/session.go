package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/internal/serve/websocket"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/internal/trust/exactjson"
	"github.com/claudeops/claudeops/protocol"
)

// receive takes one text message of the client: one or more of the contract's messages.
func (s *session) receive(payload []byte) error {
	for line := range messageLines(payload) {
		if retry, verdict := s.rate.allow(s.live.users, s.principal.Load()); verdict != within {
			if verdict == persists {
				return &websocket.CloseError{Code: protocol.CloseRateLimited, Reason: retryReason(retry)}
			}
			s.answerError(requestID(line), rateLimited(retry))
			continue
		}
		if s.principal.Load() == nil {
			if err := s.authenticate(line); err != nil {
				return err
			}
			continue
		}
		s.live.dispatch(s.context.get(), s.caller(), s, line)
	}
	return nil
}

// authenticate takes the first message of a session whose upgrade carried no credential.
func (s *session) authenticate(line []byte) error {
	refused := &websocket.CloseError{Code: protocol.ClosePolicy, Reason: "the first message must be auth with a valid token"}
	var req protocol.Request
	if err := exactjson.Unmarshal(line, &req); err != nil || req.Type != protocol.TypeAuth {
		return refused
	}
	p, err := s.live.auth.Token(s.context.get(), req.Token)
	switch {
	case errors.Is(err, auth.ErrExpired):
		return &websocket.CloseError{Code: protocol.CloseCredential, Reason: "the credential has expired or was revoked"}
	case err != nil:
		s.live.recordStranger(s.address, err)
		return &websocket.CloseError{Code: protocol.ClosePolicy, Reason: "authentication failed"}
	}
	if err := s.live.users.admitUser(p); err != nil {
		s.answerError(req.ID, err)
		return &websocket.CloseError{Code: protocol.ClosePolicy, Reason: "too many connections of this user"}
	}
	s.welcome(p)
	return nil
}

func (s *session) caller() caller {
	p := *s.principal.Load()
	return caller{principal: p, trigger: triggerKind(s.userAgent, p), via: "ws", address: s.address}
}

// answer sends a reply ahead of log bytes.
func (s *session) answer(message any) { _ = s.conn.Answer(websocket.Text(encode(message))) }

func (s *session) answerError(id string, err error) { s.answer(s.live.errorMessage(id, err)) }

// subscriptions are what a session follows.
type subscriptions struct {
	session *session

	mu      sync.Mutex // guards what follows; taken after a feed's lock, never before
	closed  bool
	logs    map[string]*logSub
	lagging []*logSub // those that must read the journal, in turn
	watch   *executionsFilter

	// A snapshot is due: the executions feed begins, or begins anew because it fell behind. Events
	// are left out until the connection's writer takes the snapshot; those from then on wait behind
	// it, so none is missed and none comes before it.
	stale      bool
	snapshotID string // the request that the next snapshot answers

	buf []byte // the catch-up frame, while there is one; only the connection's writer touches it
}

// logSub is a session's reader of one execution.
type logSub struct {
	session *session
	sub     *feed.Sub
	id      string
	from    uint64 // seq of its first event
	waits   bool   // in lagging
	over    bool   // closed or ended
	atEnd   bool   // it has come to the end of what was stored, once
	chunk   int    // bytes of the next frame
}

// A reader that catches up begins with small frames and doubles them while its socket takes them
// whole, so that a stalled one holds little and a fast one pays few system calls.
const (
	minChunk = 32 << 10
	maxChunk = 256 << 10
)

func (s *session) subscribeLogs(id, executionID string, start feed.Start) error {
	s.mu.Lock()
	_, known := s.logs[executionID]
	full := len(s.logs) >= s.live.limits.MaxSubscriptions
	s.mu.Unlock()
	if known {
		// A client that asks again means the new place.
		s.unsubscribeLogs(executionID)
	} else if full {
		return fault.New(protocol.LimitReached, "a connection may watch %d executions at once; unsubscribe from one first", s.live.limits.MaxSubscriptions)
	}
	ls := &logSub{session: s, id: executionID, chunk: minChunk}
	sub, from, head, gap, err := s.live.feed.Subscribe(executionID, start, ls)
	if err != nil {
		return subscribeError(executionID, err)
	}
	ls.sub, ls.from = sub, from
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		sub.Close()
		return nil
	}
	if s.logs == nil {
		s.logs = map[string]*logSub{}
	}
	s.logs[executionID] = ls
	s.mu.Unlock()
	s.answer(protocol.LogsSubscribed{Type: protocol.TypeLogsSubscribed, ID: id, ExecutionID: executionID, From: from, Head: head})
	if gap != nil {
		s.answer(gapMessage(executionID, gap))
		if end := s.live.lostEnd(s.context.get(), executionID, gap); end != nil {
			_ = s.conn.Answer(websocket.Text(end))
			s.forget(ls)
			sub.Close()
			return nil
		}
	}
	s.lag(ls)
	return nil
}

func (s *session) unsubscribeLogs(executionID string) {
	s.mu.Lock()
	ls := s.logs[executionID]
	delete(s.logs, executionID)
	behind := false
	if ls != nil {
		ls.over = true
		behind = ls.waits
	}
	if behind && s.watch != nil {
		// Lifecycle events that this reader had not reached were left out of the executions feed.
		s.stale = true
	}
	s.mu.Unlock()
	if ls != nil {
		ls.sub.Close()
	}
	if behind {
		s.conn.Wake()
	}
}

func (s *subscriptions) closeAll() {
	s.mu.Lock()
	s.closed = true
	all := s.logs
	s.logs, s.lagging = nil, nil
	watch := s.watch
	s.watch = nil
	s.mu.Unlock()
	for _, ls := range all {
		ls.sub.Close()
	}
	if watch != nil {
		s.session.live.broadcast.remove(s.session)
	}
}

// Offer gives a live frame to the client, if it can take it now.
func (ls *logSub) Offer(_ *feed.Sub, f *feed.Frame) feed.Verdict {
	defer ls.session.rescue() // the zero Verdict is Lags
	conn := ls.session.conn
	var wire []byte
	if conn.Deflate() && len(f.Lines()) > minDeflate {
		wire = f.Packed(packShared)
	} else {
		wire = f.Plain(websocket.Seal)
	}
	sent, kept := conn.Send(wire)
	if kept {
		f.Keep()
	}
	if !sent {
		ls.session.lag(ls)
		return feed.Lags
	}
	if f.Ends {
		ls.session.forget(ls)
		return feed.Done
	}
	return feed.Taken
}

// Lagging sends the reader to the journal.
func (ls *logSub) Lagging(*feed.Sub) {
	defer ls.session.rescue()
	ls.session.lag(ls)
}

// minDeflate is the payload below which compressing costs more than it saves.
const minDeflate = 256

func packShared(lines []byte) []byte {
	buf := make([]byte, websocket.Headroom, websocket.Headroom+len(lines)/4)
	return websocket.SealDeflated(websocket.Deflate(buf, lines, websocket.LevelShared))
}

func (s *session) lag(ls *logSub) {
	s.mu.Lock()
	if ls.over || ls.waits || s.closed {
		s.mu.Unlock()
		return
	}
	ls.waits = true
	s.lagging = append(s.lagging, ls)
	s.mu.Unlock()
	s.conn.Wake()
}

// forget drops a subscription whose execution has ended: nothing can follow.
func (s *session) forget(ls *logSub) {
	s.mu.Lock()
	ls.over = true
	if s.logs[ls.id] == ls {
		delete(s.logs, ls.id)
	}
	s.mu.Unlock()
}

// pull gives the connection's writer the next frame of what the client is behind with, or nil. It
// takes lagging readers in turn, so a long catch-up holds up no other execution.
func (s *session) pull() []byte {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil
		}
		if s.stale {
			id := s.snapshotID
			s.stale, s.snapshotID = false, ""
			s.mu.Unlock()
			if frame := s.snapshotFrame(id); frame != nil {
				return frame
			}
			continue
		}
		if len(s.lagging) == 0 {
			s.mu.Unlock()
			s.buf = nil
			return nil
		}
		ls := s.lagging[0]
		s.lagging = s.lagging[1:]
		if ls.over {
			s.mu.Unlock()
			continue
		}
		// waits stays set while this goroutine has it, so that lag does not list it a second time.
		s.mu.Unlock()
		frame, state := ls.next()
		s.mu.Lock()
		switch {
		case state == behind:
			s.lagging = append(s.lagging, ls)
		case state == ended:
			ls.over = true
			if s.logs[ls.id] == ls {
				delete(s.logs, ls.id)
			}
		}
		s.mu.Unlock()
		if state == ended {
			ls.sub.Close()
		}
		if frame != nil {
			return frame
		}
	}
}

type place int

const (
	behind place = iota
	joined
	ended
)

// next reads on in the journal, or joins the live edge.
func (ls *logSub) next() ([]byte, place) {
	s := ls.session
	if len(s.buf) < websocket.Headroom+ls.chunk {
		s.buf = make([]byte, websocket.Headroom+ls.chunk)
	}
	buf := s.buf
	for {
		n, gap, err := ls.sub.Fill(buf[websocket.Headroom:])
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			buf = make([]byte, websocket.Headroom+short.Need)
			continue
		case err != nil:
			s.live.log.Error("journal could not be read", "executionId", ls.id, "error", err)
			message := protocol.Error{Type: protocol.TypeError, Code: protocol.Unavailable, Retryable: true,
				Message: "the journal of " + ls.id + " could not be read; subscribe again with the last seq you have"}
			return websocket.Text(encode(message)), ended
		case gap != nil:
			end := s.live.lostEnd(s.context.get(), ls.id, gap)
			state := behind
			if end != nil {
				state = ended
			}
			return websocket.Text(append(encode(gapMessage(ls.id, gap)), end...)), state
		case n > 0:
			ls.chunk = min(2*ls.chunk, maxChunk)
			lines := buf[websocket.Headroom : websocket.Headroom+n]
			state := behind
			if feed.EndsExecution(lines) {
				state = ended
			}
			return ls.frame(buf[:websocket.Headroom+n]), state
		}
		if !ls.atEnd {
			ls.atEnd = true
			if lines, gap := s.live.conclude(s.context.get(), ls.id, ls.sub); gap != nil {
				return websocket.Text(lines), ended
			}
		}
		// waits must be false before the reader can be offered frames, or a Lags would be lost.
		ls.session.mu.Lock()
		ls.waits = false
		ls.session.mu.Unlock()
		if ls.sub.Join() {
			return nil, joined
		}
		ls.session.mu.Lock()
		ls.waits = true
		ls.session.mu.Unlock()
	}
}

func (ls *logSub) frame(buf []byte) []byte {
	lines := buf[websocket.Headroom:]
	if !ls.session.conn.Deflate() || len(lines) <= minDeflate {
		return websocket.Seal(buf)
	}
	packed := make([]byte, websocket.Headroom, websocket.Headroom+len(lines)/4)
	return websocket.SealDeflated(websocket.Deflate(packed, lines, websocket.LevelCatchUp))
}

// systemTimer is when a session next wants to hear of the host.
type systemTimer struct {
	mu       sync.Mutex
	interval time.Duration // 0: not subscribed
	next     time.Time
}

func (s *session) systemDue(now time.Time) bool {
	s.system.mu.Lock()
	defer s.system.mu.Unlock()
	if s.system.interval == 0 || now.Before(s.system.next) {
		return false
	}
	s.system.next = now.Add(s.system.interval - tick/2)
	return true
}
