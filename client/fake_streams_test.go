package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// wants carries out what a URL says is to be followed. False: it was refused.
func (c *fakeConn) wants(w http.ResponseWriter, r *http.Request, answer func(any)) bool {
	q := r.URL.Query()
	var requests []protocol.Request
	for i, id := range q["execution"] {
		since, err := protocol.ParseSeq(q["since"][i])
		if err != nil {
			c.fake.t.Errorf("the client asks for %s: %v", r.URL, err)
		}
		requests = append(requests, protocol.Request{Type: protocol.TypeLogsSubscribe, ExecutionID: id, Since: &since})
	}
	if q.Has("executions") {
		requests = append(requests, protocol.Request{Type: protocol.TypeExecutionsSubscribe})
	}
	if q.Has("system") {
		ms, _ := strconv.ParseInt(q.Get("system"), 10, 64)
		requests = append(requests, protocol.Request{Type: protocol.TypeSystemSubscribe, IntervalMs: ms})
	}
	var answers []any
	for _, m := range requests {
		refused := false
		c.handle(m, func(message any) {
			if e, ok := message.(protocol.Error); ok {
				refuseRequest(w, e.Code.HTTPStatus(), e.Code, e.Message)
				refused = true
			}
			if _, ok := message.(protocol.Ack); !ok {
				answers = append(answers, message)
			}
		})
		if refused {
			return false
		}
	}
	for _, a := range answers {
		answer(a)
	}
	return true
}

func (f *fake) serveEvents(w http.ResponseWriter, r *http.Request) {
	if !f.authorized(r) {
		refuseRequest(w, 401, protocol.Unauthenticated, "no valid credential")
		return
	}
	c := f.connect("sse", nil)
	defer c.end()
	hello, _ := json.Marshal(f.greeting(c))
	if !c.wants(w, r, func(message any) {
		b, _ := json.Marshal(message)
		hello = append(append(hello, '\n'), b...)
	}) {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	frame := func(b []byte) bool {
		var text strings.Builder
		text.WriteString(": a comment\nid: 1\n")
		for line := range strings.Lines(string(b)) {
			text.WriteString("data: " + strings.TrimSuffix(line, "\n") + "\r\n")
		}
		text.WriteString("\n")
		_, err := w.Write([]byte(text.String()))
		return err == nil && flush.Flush() == nil
	}
	for ok := frame(hello); ok; {
		select {
		case b := <-c.out:
			ok = frame(b)
		case <-c.ctx.Done():
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
			return
		}
	}
}

func (f *fake) serveMessages(w http.ResponseWriter, r *http.Request) {
	if !f.authorized(r) {
		refuseRequest(w, 401, protocol.Unauthenticated, "no valid credential")
		return
	}
	var m protocol.Request
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		f.t.Errorf("the client posted what is not JSON: %v", err)
		return
	}
	if strings.HasSuffix(m.Type, ":subscribe") || strings.HasSuffix(m.Type, ":unsubscribe") {
		f.t.Errorf("the client posted %s: over HTTP a subscription is a URL", m.Type)
	}
	var out []byte
	c := &fakeConn{fake: f}
	c.ctx, c.end = context.WithCancel(r.Context())
	defer c.end()
	if !c.handle(m, func(message any) {
		b, _ := json.Marshal(message)
		out = append(append(out, b...), '\n')
	}) {
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(out)
}

func (f *fake) servePoll(w http.ResponseWriter, r *http.Request) {
	if !f.authorized(r) {
		refuseRequest(w, 401, protocol.Unauthenticated, "no valid credential")
		return
	}
	q := r.URL.Query()
	wait, err := time.ParseDuration(q.Get("wait"))
	if err != nil {
		f.t.Errorf("the client waits for %q", q.Get("wait"))
	}
	c := f.connect("poll", nil)
	defer c.end()
	var body []byte
	add := func(message any) {
		b, _ := json.Marshal(message)
		body = append(append(body, b...), '\n')
	}
	if q.Get("connection") == "" {
		add(f.greeting(c))
	}
	if !c.wants(w, r, func(message any) {
		if _, ok := message.(protocol.LogsSubscribed); !ok {
			add(message)
		}
	}) {
		return
	}
	// What there is already is in the answer, however short the wait.
	f.mu.Lock()
	for i, id := range q["execution"] {
		since, _ := strconv.Atoi(q["since"][i])
		for n := 0; since < len(f.journals[id]) && n < 50; n++ {
			body = append(body, f.journals[id][since]...)
			since++
		}
	}
	f.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	if len(body) == 0 {
		select {
		case b := <-c.out:
			body = b
		case <-timer.C:
		case <-c.ctx.Done():
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
		}
	}
	_, _ = w.Write(body)
}

func (f *fake) serveList(w http.ResponseWriter, r *http.Request) {
	if !f.authorized(r) {
		refuseRequest(w, 401, protocol.Unauthenticated, "no valid credential")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	page := map[string]any{"next": "more", "executions": []execution.Record{f.recordLocked(r.URL.Query().Get("q"))}}
	_ = json.NewEncoder(w).Encode(page)
}

func (f *fake) serveHistory(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	journal := f.journals[r.PathValue("id")]
	torn := f.torn
	f.torn = max(torn-1, 0)
	f.mu.Unlock()
	if journal == nil {
		refuseRequest(w, 404, protocol.NotFound, "no such execution")
		return
	}
	since, _ := strconv.Atoi(r.URL.Query().Get("since"))
	if tail, err := strconv.Atoi(r.URL.Query().Get("tail")); err == nil {
		since = len(journal) - min(tail, len(journal))
	}
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	for n, line := range journal[min(since, len(journal)):] {
		if limit > 0 && n == limit {
			return
		}
		if torn > 0 && n == 10 {
			_, _ = w.Write(line[:len(line)/2])
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(line)
		_ = http.NewResponseController(w).Flush()
	}
}
