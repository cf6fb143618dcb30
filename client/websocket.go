package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/claudeops/claudeops/protocol"
)

// maxFrame bounds what one frame may take in memory: far above anything a server sends.
const maxFrame = 256 << 20

// wsLink is a WebSocket.
type wsLink struct {
	conn      *websocket.Conn
	greeting  protocol.Connection
	heard     atomic.Int64 // when anything last came, in nanoseconds since started
	started   time.Time
	handing   atomic.Bool // a frame is being handed on, so nothing can be heard
	closeOnce sync.Once

	mu   sync.Mutex
	stop context.CancelFunc // ends a read that goes on
}

func dialWebSocket(ctx context.Context, c *Client) (link, error) {
	l := &wsLink{started: time.Now()}
	options := &websocket.DialOptions{
		HTTPClient:     c.cfg.httpClient,
		HTTPHeader:     http.Header{"User-Agent": {c.cfg.userAgent}},
		Subprotocols:   []string{protocol.Subprotocol},
		OnPingReceived: func(context.Context, []byte) bool { l.hear(); return true },
		OnPongReceived: func(context.Context, []byte) { l.hear() },
	}
	if c.compress() {
		options.CompressionMode = websocket.CompressionNoContextTakeover
	}
	token, err := c.credential(ctx, false)
	if err != nil {
		return nil, err
	}
	if token != "" && !c.cfg.firstMessage {
		options.HTTPHeader.Set("Authorization", "Bearer "+token)
	}
	conn, answer, err := websocket.Dial(ctx, c.url("api/ws", nil), options)
	if err != nil {
		if answer != nil && answer.StatusCode >= 400 {
			return nil, problem(answer)
		}
		return nil, err
	}
	conn.SetReadLimit(maxFrame)
	l.conn = conn
	if err := l.greet(ctx, token, c.cfg.firstMessage); err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return l, nil
}

// greet waits for the connection message, before which the server sends nothing else.
func (l *wsLink) greet(ctx context.Context, token string, firstMessage bool) error {
	if firstMessage && token != "" {
		if err := l.send(ctx, &protocol.Request{Type: protocol.TypeAuth, Token: token}); err != nil {
			return err
		}
	}
	_, frame, err := l.conn.Read(ctx)
	if err != nil {
		err = closeError(err)
		var closed *CloseError
		if errors.As(err, &closed) && (closed.Code == protocol.ClosePolicy || closed.Code == protocol.CloseCredential) {
			// A credential that is no good is told after the upgrade: a browser could not read it before.
			return &Error{Code: protocol.Unauthenticated, Message: "the server refuses the credential: " + closed.Reason}
		}
		return err
	}
	line, _ := nextLine(frame)
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return fmt.Errorf("read the connection message: %w", err)
	}
	switch kind.Type {
	case protocol.TypeConnection:
		return json.Unmarshal(line, &l.greeting)
	case protocol.TypeError:
		var refused protocol.Error
		if err := json.Unmarshal(line, &refused); err != nil {
			return fmt.Errorf("read the server's refusal: %w", err)
		}
		return refusal(&refused)
	default:
		return fmt.Errorf("the server began with %q instead of a connection message", kind.Type)
	}
}

func (l *wsLink) transport() Transport       { return WebSocket }
func (l *wsLink) hello() protocol.Connection { return l.greeting }

func (l *wsLink) send(ctx context.Context, m *protocol.Request) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode %s: %w", m.Type, err)
	}
	return l.conn.Write(ctx, websocket.MessageText, b)
}

func (l *wsLink) read(ctx context.Context, deliver func([]byte) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	l.mu.Lock()
	l.stop = stop
	l.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.hear()
	var watching sync.WaitGroup
	watching.Add(1)
	go func() {
		defer watching.Done()
		cancel(l.listen(ctx))
	}()
	defer watching.Wait()
	defer cancel(nil)
	var slab []byte
	for {
		frame, rest, err := l.readFrame(ctx, slab)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				return cause
			}
			return closeError(err)
		}
		slab = rest
		l.handing.Store(true)
		err = deliver(frame)
		l.hear()
		l.handing.Store(false)
		if err != nil {
			return err
		}
	}
}

// readFrame reads one message into slab, or a larger one, and gives what is left of the slab for the
// next: frames are kept for as long as their events wait, so a buffer is never used twice.
func (l *wsLink) readFrame(ctx context.Context, slab []byte) (frame, rest []byte, err error) {
	const least, most = 16 << 10, 512 << 10
	kind, r, err := l.conn.Reader(ctx)
	if err != nil {
		return nil, nil, err
	}
	if kind != websocket.MessageText {
		return nil, nil, &CloseError{Code: protocol.CloseBinary, Reason: "the server sent a binary frame"}
	}
	if cap(slab) < 512 {
		slab = make([]byte, 0, least)
	}
	n := 0
	for {
		if n == cap(slab) {
			grown := make([]byte, 0, max(2*cap(slab), least))
			copy(grown[:n], slab[:n])
			slab = grown
		}
		m, err := r.Read(slab[n:cap(slab)])
		n += m
		l.hear() // a large frame on a slow way is a sign of life long before it is whole
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	frame, rest = slab[:n:n], slab[n:n:cap(slab)]
	if cap(rest) < n/2 || cap(rest) < 512 {
		rest = make([]byte, 0, min(max(4*n, least), most))
	}
	return frame, rest, nil
}

// listen watches that the server is there. The server sends a ping every interval; when nothing came
// for that long it is asked with a ping of ours, and has the timeout to answer.
func (l *wsLink) listen(ctx context.Context) error {
	beat := l.greeting.Heartbeat
	if beat.IntervalMs <= 0 || beat.TimeoutMs <= 0 {
		beat = protocol.DefaultHeartbeat()
	}
	interval, timeout := time.Duration(beat.IntervalMs)*time.Millisecond, time.Duration(beat.TimeoutMs)*time.Millisecond
	for {
		quiet := time.Since(l.started) - time.Duration(l.heard.Load())
		if quiet < interval || l.handing.Load() {
			if sleep(ctx, max(interval-quiet, timeout/4, time.Millisecond)) != nil {
				return nil
			}
			continue
		}
		asked := l.heard.Load()
		pinging, cancel := context.WithTimeout(ctx, timeout)
		err := l.conn.Ping(pinging)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && l.heard.Load() == asked && !l.handing.Load() {
			return &CloseError{Code: protocol.CloseHeartbeat, Reason: fmt.Sprintf("nothing was heard from the server for %v", interval+timeout)}
		}
		l.hear()
	}
}

func (l *wsLink) hear() { l.heard.Store(int64(time.Since(l.started))) }

func (l *wsLink) close(code int, reason string) {
	l.closeOnce.Do(func() {
		l.mu.Lock()
		stop := l.stop
		l.mu.Unlock()
		if stop == nil {
			_ = l.conn.CloseNow()
			return
		}
		// The close frame is a courtesy to an end that may be gone: it is not waited for long.
		timer := time.AfterFunc(250*time.Millisecond, stop)
		defer timer.Stop()
		_ = l.conn.Close(websocket.StatusCode(code), reason)
	})
}

// closeError gives the close code that ended the connection, if the other end sent one.
func closeError(err error) error {
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		return &CloseError{Code: int(closed.Code), Reason: closed.Reason}
	}
	return err
}

// compress says whether to offer permessage-deflate.
func (c *Client) compress() bool {
	if c.cfg.compress != nil {
		return *c.cfg.compress
	}
	host := c.base.Hostname()
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}
