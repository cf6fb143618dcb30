package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"claudeops/protocol"
)

// sseLink reads one stream of server-sent events.
type sseLink struct {
	*httpLink
	body   io.ReadCloser
	stream *eventStream
	first  []byte // what followed the connection message in its frame
}

func dialSSE(ctx context.Context, c *Client) (link, error) {
	l := &sseLink{httpLink: newHTTPLink(c)}
	// The stream outlives the handshake, but not a handshake that fails.
	stop := context.AfterFunc(ctx, func() { l.close(0, context.Cause(ctx).Error()) })
	err := l.open(ctx)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		l.close(0, "")
		if l.body != nil {
			l.body.Close()
		}
		return nil, err
	}
	return l, nil
}

func (l *sseLink) open(ctx context.Context) error {
	r, err := http.NewRequestWithContext(l.life, http.MethodGet, l.c.url("api/events", nil), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Cache-Control", "no-cache")
	answer, err := l.c.do(r)
	if err != nil {
		return err
	}
	l.body = answer.Body
	if answer.StatusCode >= 400 {
		return problem(answer)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "text/event-stream" {
		return fmt.Errorf("the server answered %s with %q instead of an event stream", answer.Status, kind)
	}
	l.stream = &eventStream{r: bufio.NewReaderSize(l.body, 64<<10)}
	frame, err := l.stream.next(nil)
	if err != nil {
		return fmt.Errorf("read the connection message: %w", err)
	}
	l.first, err = l.greet(frame)
	return err
}

func (l *sseLink) transport() Transport { return SSE }

func (l *sseLink) read(ctx context.Context, deliver func([]byte) error) error {
	ctx, cancel := l.context(ctx)
	defer cancel()
	defer l.body.Close()

	beat := l.greeting.Heartbeat
	if beat.IntervalMs <= 0 || beat.TimeoutMs <= 0 {
		beat = protocol.DefaultHeartbeat()
	}
	silence := time.Duration(beat.IntervalMs+beat.TimeoutMs) * time.Millisecond
	dead := time.AfterFunc(silence, func() {
		l.close(protocol.CloseHeartbeat, fmt.Sprintf("nothing was heard from the server for %v", silence))
	})
	defer dead.Stop()

	// Frames come from the stream and from responses; both are handed on from here, one at a time.
	var mu sync.Mutex
	var wg sync.WaitGroup
	handOn := func(frame []byte) error {
		mu.Lock()
		defer mu.Unlock()
		return deliver(frame)
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			select {
			case frame := <-l.answers:
				if err := handOn(frame); err != nil {
					l.end(err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	err := l.readStream(handOn, func() { dead.Reset(silence) })
	l.end(err)
	cancel()
	wg.Wait()
	return context.Cause(l.life)
}

func (l *sseLink) readStream(handOn func([]byte) error, heard func()) error {
	if len(l.first) > 0 {
		if err := handOn(l.first); err != nil {
			return err
		}
	}
	for {
		frame, err := l.stream.next(heard)
		if err != nil {
			return err
		}
		if err := handOn(frame); err != nil {
			return err
		}
		heard()
	}
}

// eventStream parses text/event-stream. Event names and ids are of no use here: a frame says itself
// what it is, and cursors are kept by execution.
type eventStream struct {
	r *bufio.Reader
}

// next gives the next event's data: a frame. heard is called for every line, comments included.
func (s *eventStream) next(heard func()) ([]byte, error) {
	var data []byte
	has := false
	for {
		line, err := s.line()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("the stream ended: %w", io.ErrUnexpectedEOF)
			}
			return nil, err
		}
		if heard != nil {
			heard()
		}
		if len(line) == 0 {
			if has {
				return data, nil
			}
			continue
		}
		value, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok {
			continue
		}
		value = bytes.TrimPrefix(value, []byte(" "))
		if has {
			data = append(data, '\n')
			data = append(data, value...)
		} else {
			data = append([]byte(nil), value...)
		}
		has = true
		if len(data) > maxFrame {
			return nil, fmt.Errorf("the server sent an event of more than %d bytes", maxFrame)
		}
	}
}

// line reads one line of any length, without its end.
func (s *eventStream) line() ([]byte, error) {
	line, err := s.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		long := append([]byte(nil), line...)
		for err == bufio.ErrBufferFull {
			if len(long) > maxFrame {
				return nil, fmt.Errorf("the server sent a line of more than %d bytes", maxFrame)
			}
			line, err = s.r.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return nil, err
	}
	line = line[:len(line)-1]
	return bytes.TrimSuffix(line, []byte("\r")), nil
}
