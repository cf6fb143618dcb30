package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/protocol"
)

// ErrNotRunning says that no runner serves the execution: it has ended, or was lost.
var ErrNotRunning = errors.New("no runner serves this execution")

// ErrLost says that a runner went without having told of a last event.
var ErrLost = errors.New("the runner is gone and has not told how the execution ended")

// Handler hears what a runner has to tell. Its methods are called one at a time and hold up what
// comes after, so they should be quick.
type Handler interface {
	// Grew tells that the journal can be read up to at. Several growths are told as one.
	Grew(at journal.Position)
	// Event gives every event but log lines, in order, durable in the journal already, at being the
	// position after it. line is the event as journaled, '\n' included. First come all there have
	// been since the runner started (of progress and cost events long past, the newest 256 each).
	Event(line []byte, e *execution.Event, at journal.Position)
	// CaughtUp tells, once, that all events have been given that were there when the link was made.
	CaughtUp()
}

// StallHandler is a Handler that also wants to hear of a journal without room.
type StallHandler interface {
	// Stalled tells that nothing can be recorded for now, and why; "" that it goes on.
	Stalled(why string)
}

// Link is a server's connection to one runner. Its methods may be called by any goroutine.
type Link struct {
	conn net.Conn
	in   *bufio.Reader
	pid  int
	life uint64 // seq of the last event but log lines when the link was made

	mu      sync.Mutex
	lastID  uint64
	answers map[uint64]chan error
	closed  bool
}

// writeWait is how long a runner may take to accept a request. It reads all the time, so a runner
// that does not is stopped or stuck.
const writeWait = 5 * time.Second

// Dial connects to the runner of execution id. ErrNotRunning when there is none.
func Dial(ctx context.Context, dataDir, id string) (*Link, error) {
	if err := execution.ValidateID(id); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Join(dataDir, rundir.ExecutionsDir, id))
	if err != nil {
		return nil, fmt.Errorf("reach the runner of execution %s: %w", id, err)
	}
	short, release, err := ShortPath(dir)
	if err != nil {
		return nil, fmt.Errorf("reach the runner of execution %s: %w: %w", id, ErrNotRunning, err)
	}
	defer release()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", filepath.Join(short, SocketFile))
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("reach the runner of execution %s: %w", id, context.Cause(ctx))
		}
		return nil, fmt.Errorf("reach the runner of execution %s: %w: %w", id, ErrNotRunning, err)
	}
	l := &Link{conn: conn, in: bufio.NewReaderSize(conn, 4096), answers: make(map[uint64]chan error)}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	n, err := l.read()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil && (n.Hello == nil || n.Hello.ExecutionID != id) {
		err = errors.New("something else answers there")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reach the runner of execution %s: %w: %w", id, ErrNotRunning, err), conn.Close())
	}
	l.pid, l.life = n.Hello.PID, n.Hello.Life
	return l, nil
}

// PID is the runner's process id.
func (l *Link) PID() int { return l.pid }

// read gives the runner's next line.
func (l *Link) read() (*Notice, error) {
	line, err := l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		head := append([]byte(nil), line...)
		line, err = l.in.ReadBytes('\n')
		line = append(head, line...)
	}
	if err != nil {
		return nil, err
	}
	n := &Notice{}
	if err := json.Unmarshal(line, n); err != nil {
		return nil, fmt.Errorf("read from the runner: %w", err)
	}
	return n, nil
}

// Run calls h with what the runner tells until the runner is gone or ctx ends: nil when it has told
// the last event, ErrLost when it went without, ctx's cause when that ended it.
func (l *Link) Run(ctx context.Context, h Handler) error {
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	ended, behind := false, l.life > 0
	if !behind {
		h.CaughtUp()
	}
	for {
		n, err := l.read()
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case ended:
				return nil
			case errors.Is(err, io.EOF):
				return ErrLost
			default:
				return fmt.Errorf("%w: %w", ErrLost, err)
			}
		}
		switch {
		case n.Grew != nil:
			h.Grew(*n.Grew)
		case n.Event != nil && n.At != nil:
			var e execution.Event
			if err := json.Unmarshal(n.Event, &e); err != nil {
				return fmt.Errorf("%w: an event that can't be read: %w", ErrLost, err)
			}
			ended = ended || e.Terminal()
			h.Event(append(n.Event, '\n'), &e, *n.At)
			if behind && e.Seq >= l.life {
				behind = false
				h.CaughtUp()
			}
		case n.Stalled != nil:
			if s, ok := h.(StallHandler); ok {
				s.Stalled(*n.Stalled)
			}
		case n.Answer != nil:
			l.answered(n.Answer)
		}
	}
}

// Watch turns growth notices on or off. While they are off the execution costs the server nothing.
// The first after turning on comes at once. A runner that is gone takes no notice.
func (l *Link) Watch(on bool) { _ = l.send(&Request{Watch: &on}) }

// Cancel asks the runner to stop the agent. It does not wait for that: the outcome is the last event.
func (l *Link) Cancel(by, reason string) error {
	return l.send(&Request{Cancel: &Cancel{By: by, Reason: reason}})
}

// End asks the runner to stop the agent, and to end the execution as failed. It does not wait for
// that: the outcome is the last event.
func (l *Link) End(reason execution.Reason, text string) error {
	return l.send(&Request{End: &End{Reason: reason, Error: text}})
}

// Input is what a person sends to a running agent.
type Input = driver.Input

// Input passes on what a person sends to the agent, and waits until the agent's driver has taken or
// refused it. Run must be under way. A refusal has a code (package fault).
func (l *Link) Input(ctx context.Context, in Input) error {
	return l.ask(ctx, Request{Input: &in})
}

// Ping waits for a sign of life. Run must be under way.
func (l *Link) Ping(ctx context.Context) error { return l.ask(ctx, Request{Ping: true}) }

// ask sends a request and waits for its answer.
func (l *Link) ask(ctx context.Context, r Request) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrNotRunning
	}
	l.lastID++
	id := l.lastID
	done := make(chan error, 1)
	l.answers[id] = done
	l.mu.Unlock()
	r.ID = id
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.answers, id)
	}()
	if err := l.send(&r); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Link) answered(a *Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	done, ok := l.answers[a.ID]
	if !ok {
		return
	}
	delete(l.answers, a.ID)
	if a.Error != "" {
		code := a.Code
		if code == "" {
			code = protocol.Conflict
		}
		done <- fault.New(code, "%s", a.Error)
	} else {
		done <- nil
	}
}

func (l *Link) send(r *Request) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("tell the runner: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("tell the runner: %w", ErrNotRunning)
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(writeWait))
	if _, err := l.conn.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("tell the runner: %w", err)
	}
	return nil
}

// Close hangs up. The runner does not mind. It is safe to call twice.
func (l *Link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	for id, done := range l.answers {
		done <- ErrNotRunning
		delete(l.answers, id)
	}
	return l.conn.Close()
}
