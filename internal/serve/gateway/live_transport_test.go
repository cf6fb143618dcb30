package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	peer "github.com/coder/websocket"

	"github.com/claudeops/claudeops/protocol"
)

// patience bounds every wait of these tests; nothing is asserted of how long things take.
const patience = 20 * time.Second

// wish is what a client follows.
type wish struct {
	cursors    []protocol.Cursor
	tail       string // of the only cursor, instead of its seq
	executions bool
	system     bool
}

func (w wish) query() url.Values {
	q := url.Values{}
	for _, c := range w.cursors {
		q.Add("execution", c.ExecutionID)
		if w.tail == "" {
			q.Add("since", strconv.FormatUint(c.Seq, 10))
		}
	}
	if w.tail != "" {
		q.Set("tail", w.tail)
	}
	if w.executions {
		q.Set("executions", "1")
	}
	if w.system {
		q.Set("system", "1000")
	}
	return q
}

// message is what came, as far as tests look.
type message struct {
	Type        string           `json:"type"`
	ID          string           `json:"id"`
	ExecutionID string           `json:"executionId"`
	Seq         uint64           `json:"seq"`
	From        uint64           `json:"from"`
	To          uint64           `json:"to"`
	Head        uint64           `json:"head"`
	Code        string           `json:"code"`
	Message     string           `json:"message"`
	Status      string           `json:"status"`
	Existing    bool             `json:"existing"`
	Executions  json.RawMessage  `json:"executions"`
	Timestamp   json.RawMessage  `json:"timestamp"`
	Limits      protocol.Limits  `json:"limits"`
	User        protocol.User    `json:"user"`
	Matches     []protocol.Match `json:"matches"`
	RetryAfter  int64            `json:"retryAfterMs"`
}

// line is a client's connection, over whichever transport.
type line struct {
	t        *testing.T
	messages chan message
	ended    chan error
	stop     func()
}

// next gives the next message.
func (l *line) next() message {
	l.t.Helper()
	select {
	case m, ok := <-l.messages:
		if !ok {
			l.t.Fatalf("the connection ended: %v", <-l.ended)
		}
		return m
	case <-time.After(patience):
		l.t.Fatal("nothing came")
		return message{}
	}
}

// await skips to the next message of a type.
func (l *line) await(kind string) message {
	l.t.Helper()
	for {
		if m := l.next(); m.Type == kind {
			return m
		}
	}
}

// records reads a snapshot.
func (m message) records(t *testing.T) []protocol.Record {
	t.Helper()
	var all []protocol.Record
	if err := json.Unmarshal(m.Executions, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// transport is one way to the same messages.
type transport interface {
	// open follows what is wished. An error is what the server answered instead.
	open(t *testing.T, d *door, token string, w wish) (*line, error)
	// ask sends one message and gives what answers it.
	ask(t *testing.T, d *door, token, text string) []message
}

var transports = map[string]transport{"websocket": overWebSocket{}, "sse": overSSE{}, "poll": overPoll{}}

func decode(t *testing.T, frame []byte) []message {
	t.Helper()
	var all []message
	for text := range bytes.Lines(frame) {
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var m message
		if err := json.Unmarshal(text, &m); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		all = append(all, m)
	}
	return all
}

func newLine(t *testing.T, read func(ctx context.Context, give func(frame []byte)) error) *line {
	ctx, cancel := context.WithCancel(t.Context())
	l := &line{t: t, messages: make(chan message, 64), ended: make(chan error, 1)}
	var work sync.WaitGroup
	work.Go(func() {
		l.ended <- read(ctx, func(frame []byte) {
			for _, m := range decode(t, frame) {
				select {
				case l.messages <- m:
				case <-ctx.Done():
					return
				}
			}
		})
		close(l.messages)
	})
	l.stop = sync.OnceFunc(func() {
		cancel()
		work.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

type overWebSocket struct{}

func (overWebSocket) dial(t *testing.T, d *door, token string) *peer.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, err := peer.Dial(ctx, d.server.URL+"/api/ws", &peer.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}, Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(-1)
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func (o overWebSocket) open(t *testing.T, d *door, token string, w wish) (*line, error) {
	t.Helper()
	c := o.dial(t, d, token)
	for _, cursor := range w.cursors {
		where := fmt.Sprintf(`"since":%d`, cursor.Seq)
		if w.tail != "" {
			where = `"tail":` + w.tail
		}
		_ = c.Write(t.Context(), peer.MessageText, fmt.Appendf(nil, `{"type":"logs:subscribe","executionId":%q,%s}`, cursor.ExecutionID, where))
	}
	if w.executions {
		_ = c.Write(t.Context(), peer.MessageText, []byte(`{"type":"executions:subscribe"}`))
	}
	if w.system {
		_ = c.Write(t.Context(), peer.MessageText, []byte(`{"type":"system:subscribe","intervalMs":1000}`))
	}
	return newLine(t, func(ctx context.Context, give func([]byte)) error {
		for {
			_, frame, err := c.Read(ctx)
			if err != nil {
				return err
			}
			give(frame)
		}
	}), nil
}

func (o overWebSocket) ask(t *testing.T, d *door, token, text string) []message {
	t.Helper()
	c := o.dial(t, d, token)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// The pong of a later ping shows that everything before it was answered.
	for _, m := range []string{text, `{"type":"ping","id":"last"}`} {
		if err := c.Write(ctx, peer.MessageText, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	var all []message
	searched := !strings.Contains(text, "logs:search")
	for ponged := false; !ponged || !searched; {
		_, frame, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range decode(t, frame) {
			switch {
			case m.Type == "pong" && m.ID == "last":
				ponged = true
			case m.Type != "connection":
				searched = searched || m.Type == "ack" || m.Type == "error"
				all = append(all, m)
			}
		}
	}
	return all
}

// overHTTP is what the two transports that only read share: messages are posted.
type overHTTP struct{}

func (overHTTP) ask(t *testing.T, d *door, token, text string) []message {
	t.Helper()
	body, status := d.post(t, token, text)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	return decode(t, body)
}

func (d *door) request(t *testing.T, method, path, token string, body io.Reader) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	resp, err := d.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func (d *door) post(t *testing.T, token, text string) ([]byte, int) {
	t.Helper()
	resp := d.request(t, http.MethodPost, "/api/messages", token, strings.NewReader(text))
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body, resp.StatusCode
}

type overSSE struct{ overHTTP }

func (overSSE) open(t *testing.T, d *door, token string, w wish) (*line, error) {
	t.Helper()
	resp := d.request(t, http.MethodGet, "/api/events?"+w.query().Encode(), token, nil)
	if resp.StatusCode != http.StatusOK {
		return nil, problemOf(t, resp)
	}
	return newLine(t, func(ctx context.Context, give func([]byte)) error {
		stop := context.AfterFunc(ctx, func() { resp.Body.Close() })
		defer stop()
		defer resp.Body.Close()
		var data []byte
		r := bufio.NewReader(resp.Body)
		for {
			text, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			switch field, value, _ := strings.Cut(strings.TrimSuffix(text, "\n"), ": "); field {
			case "data":
				data = append(append(data, value...), '\n')
			case "":
				give(data)
				data = nil
			}
		}
	}), nil
}

type overPoll struct{ overHTTP }

// open polls again and again, each time behind what it has seen, as a client does.
func (overPoll) open(t *testing.T, d *door, token string, w wish) (*line, error) {
	t.Helper()
	poll := func(ctx context.Context, q url.Values) (*http.Response, []byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.server.URL+"/api/poll?wait=1s&"+q.Encode(), nil)
		if err != nil {
			return nil, nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := d.server.Client().Do(req)
		if err != nil {
			return nil, nil, err
		}
		if resp.StatusCode != http.StatusOK {
			return nil, nil, problemOf(t, resp)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp, body, err
	}
	query := w.query()
	resp, body, err := poll(t.Context(), query)
	if err != nil {
		return nil, err
	}
	return newLine(t, func(ctx context.Context, give func([]byte)) error {
		for ctx.Err() == nil {
			give(body)
			next := url.Values{}
			for part := range strings.SplitSeq(resp.Header.Get("ClaudeOps-Cursor"), ",") {
				if id, seq, ok := strings.Cut(part, ":"); ok {
					next.Add("execution", id)
					next.Add("since", seq)
				}
			}
			if w.executions {
				next.Set("executions", resp.Header.Get("ClaudeOps-Executions"))
			}
			if w.system {
				next.Set("system", "1000")
			}
			if resp, body, err = poll(ctx, next); err != nil {
				return err
			}
		}
		return ctx.Err()
	}), nil
}

// refusal is a problem document.
type refusal struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (r *refusal) Error() string { return r.Code + ": " + r.Detail }

func problemOf(t *testing.T, resp *http.Response) error {
	t.Helper()
	defer resp.Body.Close()
	r := &refusal{}
	if err := json.NewDecoder(resp.Body).Decode(r); err != nil || r.Status != resp.StatusCode {
		t.Errorf("status %s with a body that is no problem document: %v", resp.Status, err)
	}
	return r
}
