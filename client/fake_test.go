package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

const token = "the-owners-token"

// fake is a server in this process that speaks the protocol over all three transports, and can be
// made to misbehave.
type fake struct {
	*httptest.Server
	t    testing.TB
	life context.Context

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced at every change
	journals  map[string][][]byte
	keys      map[string]string // idempotency key → execution
	conns     map[*fakeConn]struct{}
	accepted  map[string]int // connections by transport
	seen      []protocol.Request
	refuse    map[string]int        // path → status to answer with
	tokens    map[string]bool       // that are taken
	omit      map[uint64]int        // seq → how often to leave it out
	double    map[uint64]bool       // seqs to send twice
	lost      []protocol.LogsGap    // told to every subscription
	dropAfter map[string]int        // message type → connections to drop instead of answering
	answerTo  map[string]func() any // message type → another answer
	refusal   *websocket.CloseError // closes every WebSocket at once
	heartbeat protocol.Heartbeat
	silent    bool // WebSockets are accepted and never written to
	torn      int  // answers with events to break off in the middle
}

type fakeConn struct {
	fake *fake
	id   string
	ws   *websocket.Conn // nil over HTTP
	ctx  context.Context
	end  context.CancelFunc

	write   sync.Mutex
	subs    map[string]context.CancelFunc
	watched bool
	out     chan []byte // to the stream, over HTTP
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{
		t: t, changed: make(chan struct{}), journals: map[string][][]byte{}, keys: map[string]string{},
		conns: map[*fakeConn]struct{}{}, accepted: map[string]int{}, refuse: map[string]int{},
		tokens: map[string]bool{token: true}, omit: map[uint64]int{}, double: map[uint64]bool{},
		dropAfter: map[string]int{}, answerTo: map[string]func() any{}, heartbeat: protocol.DefaultHeartbeat(),
	}
	life, end := context.WithCancel(context.Background())
	f.life = life
	mux := http.NewServeMux()
	mux.HandleFunc("GET /base/api/ws", f.serveWebSocket)
	mux.HandleFunc("GET /base/api/events", f.serveEvents)
	mux.HandleFunc("GET /base/api/poll", f.servePoll)
	mux.HandleFunc("POST /base/api/messages", f.serveMessages)
	mux.HandleFunc("GET /base/api/executions", f.serveList)
	mux.HandleFunc("GET /base/api/executions/{id}/events", f.serveHistory)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		status := f.refuse[strings.TrimPrefix(r.URL.Path, "/base")]
		f.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		end()
		f.drop(0)
		f.Server.Close()
	})
	return f
}

func (f *fake) url() string { return f.URL + "/base" }

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// wait waits until ok holds.
func (f *fake) wait(what string, ok func() bool) {
	f.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		f.mu.Lock()
		done, changed := ok(), f.changed
		f.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			f.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// executionID makes a valid id.
func executionID(n int) string { return fmt.Sprintf("01jd%022d", n) }

// start begins a journal.
func (f *fake) start(id string) {
	f.append(id, execution.Event{Type: execution.TypeQueued, AgentType: "test", Trigger: &execution.Trigger{Kind: "api", User: "owner"}})
}

func (f *fake) append(id string, events ...execution.Event) {
	f.set(func() {
		for _, e := range events {
			e.ExecutionID, e.Seq, e.Timestamp = id, uint64(len(f.journals[id])+1), execution.At(time.Unix(1700000000, 0))
			b, err := json.Marshal(e)
			if err != nil {
				panic(err)
			}
			f.journals[id] = append(f.journals[id], append(b, '\n'))
		}
	})
}

// log appends n log events.
func (f *fake) log(id string, n int) {
	events := make([]execution.Event, n)
	for i := range events {
		text := "line " + strconv.Itoa(i)
		events[i] = execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Stdout, Message: &text}
	}
	f.append(id, events...)
}

func (f *fake) complete(id string) {
	zero, cost, ms := 0, 0.0, int64(5)
	f.append(id, execution.Event{Type: execution.TypeCompleted, ExitCode: &zero, Cost: &cost, DurationMs: &ms, ProcessesReaped: &zero})
}

// drop ends every connection: with a close code, or, for 0, without a word.
func (f *fake) drop(code int) {
	f.mu.Lock()
	conns := f.conns
	f.conns = map[*fakeConn]struct{}{}
	f.mu.Unlock()
	var wg sync.WaitGroup
	for c := range conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c.drop(code, "")
		}()
	}
	wg.Wait()
}

func (c *fakeConn) drop(code int, reason string) {
	if c.ws != nil {
		if code != 0 {
			_ = c.ws.Close(websocket.StatusCode(code), reason)
		} else {
			_ = c.ws.CloseNow()
		}
	}
	c.end()
}

func (f *fake) authorized(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && f.tokens[given]
}

func refuseRequest(w http.ResponseWriter, status int, code protocol.Code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "code": code, "detail": detail})
}

func (f *fake) connect(transport string, ws *websocket.Conn) *fakeConn {
	c := &fakeConn{fake: f, ws: ws, subs: map[string]context.CancelFunc{}, out: make(chan []byte)}
	c.ctx, c.end = context.WithCancel(f.life)
	f.set(func() {
		f.accepted[transport]++
		c.id = fmt.Sprintf("%s-%d", transport, f.accepted[transport])
		f.conns[c] = struct{}{}
	})
	return c
}

func (f *fake) greeting(c *fakeConn) protocol.Connection {
	return protocol.Connection{Type: protocol.TypeConnection, Message: protocol.Greeting, Protocol: protocol.Version,
		ConnectionID: c.id, ServerTime: execution.At(time.Now()), Heartbeat: f.heartbeat, Limits: protocol.DefaultLimits(),
		User: protocol.User{ID: "owner", Permissions: protocol.Permissions}}
}

func (f *fake) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		return
	}
	c := f.connect("websocket", ws)
	defer c.drop(0, "")
	f.mu.Lock()
	refusal, silent := f.refusal, f.silent
	f.mu.Unlock()
	if refusal != nil {
		c.drop(int(refusal.Code), refusal.Reason)
		return
	}
	if !f.authorized(r) {
		if r.Header.Get("Authorization") != "" {
			c.drop(protocol.ClosePolicy, "authentication failed")
			return
		}
		_, b, err := ws.Read(c.ctx)
		var m protocol.Request
		f.mu.Lock()
		ok := err == nil && json.Unmarshal(b, &m) == nil && m.Type == protocol.TypeAuth && f.tokens[m.Token]
		f.mu.Unlock()
		if !ok {
			c.drop(protocol.ClosePolicy, "authentication failed")
			return
		}
	}
	if silent {
		<-c.ctx.Done()
		return
	}
	c.send(f.greeting(c))
	for {
		_, b, err := ws.Read(c.ctx)
		if err != nil {
			return
		}
		var m protocol.Request
		if err := json.Unmarshal(b, &m); err != nil {
			f.t.Errorf("the client sent %q: %v", b, err)
			return
		}
		if !c.handle(m, c.send) {
			return
		}
	}
}

// send writes one message, or several lines.
func (c *fakeConn) send(message any) {
	b, ok := message.([]byte)
	if !ok {
		b, _ = json.Marshal(message)
		b = append(b, '\n')
	}
	if c.ws == nil {
		select {
		case c.out <- b:
		case <-c.ctx.Done():
		}
		return
	}
	c.write.Lock()
	defer c.write.Unlock()
	_ = c.ws.Write(c.ctx, websocket.MessageText, b)
}

// handle answers one message through answer. False: the connection is to be dropped.
func (c *fakeConn) handle(m protocol.Request, answer func(any)) bool {
	f := c.fake
	var special func() any
	drop := false
	f.set(func() {
		f.seen = append(f.seen, m)
		special = f.answerTo[m.Type]
		if f.dropAfter[m.Type] > 0 {
			f.dropAfter[m.Type]--
			drop = true
		}
	})
	refuse := func(code protocol.Code, text string) {
		answer(protocol.Error{Type: protocol.TypeError, ID: m.ID, Code: code, Message: text, Retryable: code.Retryable()})
	}
	if special != nil {
		if a := special(); a != nil {
			if e, ok := a.(protocol.Error); ok {
				e.ID = m.ID
				a = e
			}
			answer(a)
			return true
		}
	}
	switch m.Type {
	case protocol.TypePing:
		answer(protocol.Pong{Type: protocol.TypePong, ID: m.ID, ServerTime: execution.At(time.Now())})
	case protocol.TypeExecute:
		f.mu.Lock()
		id, known := f.keys[m.IdempotencyKey]
		if !known {
			id = executionID(1000 + len(f.keys))
			f.keys[m.IdempotencyKey] = id
		}
		f.mu.Unlock()
		if !known {
			f.start(id)
		}
		if drop {
			c.drop(0, "")
			return false
		}
		answer(protocol.Ack{Type: protocol.TypeAck, ID: m.ID, ExecutionID: id, Status: execution.Queued, Existing: known})
	case protocol.TypeStatus:
		f.mu.Lock()
		record := f.recordLocked(m.ExecutionID)
		f.mu.Unlock()
		if record.Head == 0 {
			refuse(protocol.NotFound, "no such execution")
			break
		}
		answer(protocol.ExecutionStatus{Type: protocol.TypeExecutionStatus, ID: m.ID, Record: record})
	case protocol.TypeLogsSubscribe:
		f.mu.Lock()
		head := uint64(len(f.journals[m.ExecutionID]))
		gaps := f.lost
		f.mu.Unlock()
		if head == 0 {
			refuse(protocol.NotFound, "no such execution")
			break
		}
		var since uint64
		if m.Since != nil {
			since = uint64(*m.Since)
		}
		if since > head {
			refuse(protocol.BadRequest, "cursor is past the end of the journal")
			break
		}
		if stop := c.subs[m.ExecutionID]; stop != nil {
			stop()
		}
		answer(protocol.LogsSubscribed{Type: protocol.TypeLogsSubscribed, ID: m.ID, ExecutionID: m.ExecutionID, From: since + 1, Head: head})
		ctx, stop := context.WithCancel(c.ctx)
		c.subs[m.ExecutionID] = stop
		go c.feed(ctx, m.ExecutionID, since, gaps)
	case protocol.TypeLogsUnsubscribe:
		if stop := c.subs[m.ExecutionID]; stop != nil {
			stop()
			delete(c.subs, m.ExecutionID)
		}
		answer(protocol.Ack{Type: protocol.TypeAck, ID: m.ID})
	case protocol.TypeExecutionsSubscribe:
		var records []execution.Record
		heads := map[string]int{}
		f.mu.Lock()
		for id := range f.journals {
			records = append(records, f.recordLocked(id))
			heads[id] = len(f.journals[id])
		}
		f.mu.Unlock()
		answer(protocol.ExecutionsSnapshot{Type: protocol.TypeExecutionsSnapshot, ID: m.ID, Executions: records})
		if !c.watched {
			c.watched = true
			go c.feedAll(heads)
		}
	case protocol.TypeCancel:
		answer(protocol.Ack{Type: protocol.TypeAck, ID: m.ID, ExecutionID: m.ExecutionID, Status: execution.Cancelling})
	case protocol.TypeSystemSubscribe:
		answer(protocol.Ack{Type: protocol.TypeAck, ID: m.ID})
		go c.send(protocol.SystemStatus{Type: protocol.TypeSystemStatus, CPU: float64(m.IntervalMs)})
	default:
		answer(protocol.Ack{Type: protocol.TypeAck, ID: m.ID})
	}
	return true
}

func (f *fake) recordLocked(id string) execution.Record {
	var record execution.Record
	for _, line := range f.journals[id] {
		var e execution.Event
		_ = json.Unmarshal(line, &e)
		record.Apply(&e)
	}
	return record
}

// feed sends an execution's events as they come.
func (c *fakeConn) feed(ctx context.Context, id string, seq uint64, gaps []protocol.LogsGap) {
	f := c.fake
	for _, gap := range gaps {
		if gap.ExecutionID == id && gap.From <= seq+1 && gap.To > seq {
			c.send(gap)
			seq = gap.To
		}
	}
	for {
		var batch []byte
		f.mu.Lock()
		changed := f.changed
		journal := f.journals[id]
		for n := 0; seq < uint64(len(journal)) && n < 50; n++ {
			line := journal[seq]
			seq++
			if f.omit[seq] > 0 {
				f.omit[seq]--
				continue
			}
			batch = append(batch, line...)
			if f.double[seq] {
				batch = append(batch, line...)
			}
		}
		f.mu.Unlock()
		if len(batch) > 0 {
			if ctx.Err() != nil {
				return
			}
			c.send(batch)
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// feedAll sends the lifecycle events of all executions.
func (c *fakeConn) feedAll(heads map[string]int) {
	f := c.fake
	for {
		var batch []byte
		f.mu.Lock()
		changed := f.changed
		for id, journal := range f.journals {
			for ; heads[id] < len(journal); heads[id]++ {
				if line := journal[heads[id]]; !strings.Contains(string(line), execution.TypeLog) {
					batch = append(batch, line...)
				}
			}
		}
		f.mu.Unlock()
		if len(batch) > 0 {
			c.send(batch)
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return
		}
	}
}
