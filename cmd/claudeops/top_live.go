package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// topView is top on a terminal: goroutines that listen, and one that keeps the model and draws it.
type topView struct {
	c      *command
	f      *topFlags
	cl     *client.Client
	screen *screen
	model  *topModel
	color  bool

	ctx  context.Context
	work sync.WaitGroup

	keys    chan key
	updates chan client.Update
	samples chan hostSample
	heads   chan []protocol.Record
	said    chan string
	fatal   chan error
	poke    chan struct{} // capacity 1: something else has changed

	mu    sync.Mutex // guards state
	state client.State
}

type hostSample struct {
	status protocol.SystemStatus
	err    error
}

// frameTime is the least time between frames that no key has asked for.
const frameTime = 100 * time.Millisecond

// noticeTime is for how long a notice stays.
const noticeTime = 6 * time.Second

func (c *command) topLive(ctx context.Context, f *topFlags, in, out *os.File) (err error) {
	t := &topView{
		c: c, f: f, screen: &screen{in: in, out: out}, color: c.colored(out),
		keys: make(chan key), updates: make(chan client.Update), samples: make(chan hostSample), heads: make(chan []protocol.Record),
		said: make(chan string), fatal: make(chan error), poke: make(chan struct{}, 1),
	}
	if t.cl, err = c.connect(ctx, client.WithState(t.connection)); err != nil {
		return err
	}
	t.model = newTopModel(t.cl.URL())
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(signals)

	ctx, leave := context.WithCancel(ctx)
	t.ctx = ctx
	defer t.work.Wait()
	defer leave()
	// Before anything is waited for, and on a panic too: a terminal must not be left as it is now.
	defer func() { err = errors.Join(err, t.screen.close()) }()
	if err := t.screen.open(); err != nil {
		return err
	}
	t.listen()
	return t.run(signals)
}

// spawn runs something beside the loop. Should it panic, the terminal is given back before the
// program ends and says so.
func (t *topView) spawn(fn func()) {
	t.work.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				_ = t.screen.close()
				panic(r)
			}
		}()
		fn()
	})
}

func (t *topView) connection(s client.State) {
	t.mu.Lock()
	t.state = s
	t.mu.Unlock()
	t.changed()
}

func (t *topView) changed() {
	select {
	case t.poke <- struct{}{}:
	default:
	}
}

func send[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

// listen starts everything that tells the loop something.
func (t *topView) listen() {
	t.spawn(func() {
		if err := t.screen.read(t.ctx, t.keys); err != nil {
			send(t.ctx, t.fatal, err)
		}
	})
	t.spawn(func() {
		for u, err := range t.cl.Executions(t.ctx) {
			if err != nil {
				send(t.ctx, t.fatal, err)
				return
			}
			if !send(t.ctx, t.updates, u) {
				return
			}
		}
	})
	t.spawn(func() {
		for status, err := range t.cl.System(t.ctx, t.f.interval) {
			if !send(t.ctx, t.samples, hostSample{status, err}) || err != nil {
				return
			}
		}
	})
	t.spawn(func() {
		ticker := time.NewTicker(t.f.interval)
		defer ticker.Stop()
		for {
			// While there is no connection the rates stay as they were, and the first line says why.
			if records, err := running(t.ctx, t.cl, t.f.agent); err == nil && !send(t.ctx, t.heads, records) {
				return
			}
			select {
			case <-ticker.C:
			case <-t.ctx.Done():
				return
			}
		}
	})
}

// run keeps the model and draws it, until the user leaves.
func (t *topView) run(signals <-chan os.Signal) error {
	m := t.model
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	frame := time.NewTimer(0) // the first at once
	defer frame.Stop()
	due := true
	for {
		now := false // draw without waiting
		select {
		case k := <-t.keys:
			if done, err := t.press(k, signals); done {
				return err
			}
			now = true
		case u := <-t.updates:
			m.apply(u, t.f.agent)
		case s := <-t.samples:
			if s.err == nil {
				m.host, m.hostErr = &s.status, ""
			} else {
				m.host, m.hostErr = nil, s.err.Error()
			}
		case records := <-t.heads:
			m.measure(records, time.Now())
		case text := <-t.said:
			m.say("%s", text)
		case <-t.poke:
		case <-clock.C:
		case err := <-t.fatal:
			return err
		case s := <-signals:
			switch s {
			case syscall.SIGWINCH:
			case syscall.SIGCONT:
				t.screen.forget()
			default:
				return leftBy(s)
			}
			now = true
		case <-frame.C:
			due = false
			if err := t.draw(); err != nil {
				return err
			}
			continue
		}
		if now {
			frame.Reset(0)
			due = true
		} else if !due {
			frame.Reset(frameTime)
			due = true
		}
	}
}

func (t *topView) draw() error {
	m := t.model
	m.now = time.Now()
	if m.notice != "" && m.now.Sub(m.noticed) > noticeTime {
		m.notice = ""
	}
	t.mu.Lock()
	m.state = t.state
	t.mu.Unlock()
	w, h := t.screen.size()
	return t.screen.draw(m.view(w, h, t.color), w, h)
}

const (
	ctrlC = 0x03
	ctrlL = 0x0c
	ctrlZ = 0x1a
)

// press does what a key stands for. done says that the user leaves.
func (t *topView) press(k key, signals <-chan os.Signal) (done bool, err error) {
	m := t.model
	if k == ctrlC {
		return true, nil
	}
	if m.asks != "" {
		id := m.asks
		m.asks = ""
		if k == 'y' || k == 'Y' {
			m.say("cancelling %s", id)
			t.cancel(id)
		}
		return false, nil
	}
	switch k {
	case 'q', 'Q':
		return true, nil
	case keyUp, 'k':
		m.move(-1)
	case keyDown, 'j':
		m.move(1)
	case keyPageUp:
		m.move(-10)
	case keyPageDown:
		m.move(10)
	case keyHome, 'g':
		m.move(-len(m.live) - len(m.past))
	case keyEnd, 'G':
		m.move(len(m.live) + len(m.past))
	case '\r', '\n', 'l':
		t.toggleTail()
	case keyEscape, keyLeft, 'h':
		t.closeTail()
	case 'x':
		if _, row := m.choice(m.rows()); row != nil {
			if row.rec.Terminal {
				m.say("%s has ended already", row.rec.ExecutionID)
			} else {
				m.asks = row.rec.ExecutionID
			}
		}
	case ctrlL:
		t.screen.forget()
	case ctrlZ:
		if err := t.suspend(signals); err != nil {
			return true, err
		}
	}
	if m.tail != nil && m.tail.id != m.selected {
		t.toggleTail() // the tail goes with the selection
		if m.tail == nil {
			t.toggleTail()
		}
	}
	return false, nil
}

func (t *topView) toggleTail() {
	m := t.model
	_, row := m.choice(m.rows())
	if row == nil || m.tail != nil {
		t.closeTail()
		return
	}
	ctx, cancel := context.WithCancel(t.ctx)
	tail := &topTail{id: row.rec.ExecutionID, agent: row.rec.AgentType, cancel: cancel}
	m.tail = tail
	t.spawn(func() { tail.run(ctx, t.cl, t.changed) })
}

func (t *topView) closeTail() {
	if t.model.tail != nil {
		t.model.tail.cancel()
		t.model.tail = nil
	}
}

func (t *topView) cancel(id string) {
	t.spawn(func() {
		ctx, cancel := context.WithTimeoutCause(t.ctx, 30*time.Second, errors.New("no answer within 30 s"))
		defer cancel()
		if _, err := t.cl.Cancel(ctx, id, "cancelled in top"); err != nil {
			send(t.ctx, t.said, fmt.Sprintf("%s was not cancelled: %v", id, err))
		}
	})
}

// suspend gives the terminal back for as long as the shell has stopped the program.
func (t *topView) suspend(signals <-chan os.Signal) error {
	if err := t.screen.close(); err != nil {
		return err
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTSTP); err != nil {
		return fmt.Errorf("stop for a while: %w", err)
	}
	// The program goes on for a moment before it stops. Where no shell could ever let it go on (its
	// group is orphaned), the kernel does not stop it at all.
	moment := time.NewTimer(200 * time.Millisecond)
	defer moment.Stop()
	for waiting := true; waiting; {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGCONT:
				waiting = false
			case syscall.SIGWINCH:
			default:
				return leftBy(s)
			}
		case <-moment.C:
			waiting = false
		}
	}
	return t.screen.open()
}

// leftBy is the end that a signal brings, with the code that a shell gives it.
func leftBy(s os.Signal) error {
	code := exitFailure
	if number, ok := s.(syscall.Signal); ok {
		code = 128 + int(number)
	}
	return &exitError{code: code}
}
