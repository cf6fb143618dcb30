package runner

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/control"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/protocol"
)

// maxRequest bounds a line that a server sends.
const maxRequest = 16 << 20

// growthPause is how long a server is left alone after a growth notice; what comes meanwhile is one
// notice. The first after a quiet time goes out at once.
const growthPause = time.Millisecond

// controlServer serves the control socket.
type controlServer struct {
	id       string
	listener *net.UnixListener
	path     string
	audience *audience
	cancel   func(by, reason string)
	end      func(execution.Reason, string)
	input    func(driver.Input) error

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	shut  bool
	wg    sync.WaitGroup
}

// listenControl makes the socket in dir, in place of one that a dead runner may have left.
func listenControl(id, dir string, a *audience) (*controlServer, error) {
	path := filepath.Join(dir, control.SocketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	short, release, err := control.ShortPath(dir)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	defer release()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(short, control.SocketFile), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // by then the short path may mean something else
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", path, err), l.Close())
	}
	return &controlServer{id: id, listener: l, path: path, audience: a, conns: make(map[net.Conn]struct{})}, nil
}

// serve accepts servers until stop.
func (c *controlServer) serve(cancel func(by, reason string), end func(execution.Reason, string), input func(driver.Input) error) {
	c.cancel, c.end, c.input = cancel, end, input
	c.wg.Go(func() {
		for {
			conn, err := c.listener.AcceptUnix()
			switch {
			case err == nil && !fromAgent(conn):
				c.welcome(conn)
			case err == nil:
				_ = conn.Close()
			case errors.Is(err, net.ErrClosed):
				return
			default: // out of descriptors, most likely: there will be some again
				time.Sleep(50 * time.Millisecond)
			}
		}
	})
}

// fromAgent reports whether a process of the agent's is at the other end: it runs as the same user,
// so the socket's mode does not stop it, but it is not to answer its own questions.
func fromAgent(conn *net.UnixConn) bool {
	pid, err := peerPID(conn)
	if err != nil {
		return true
	}
	if pid == 0 {
		return false // it is outside our pid namespace, so no descendant
	}
	below, err := process.Descends(pid, os.Getpid())
	return below || err != nil
}

func (c *controlServer) welcome(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut {
		_ = conn.Close()
		return
	}
	c.conns[conn] = struct{}{}
	h := c.audience.enter()
	answers := make(chan control.Answer, maxUnanswered)
	gone := make(chan struct{})
	inputs := make(chan control.Request, maxUnanswered)
	c.wg.Go(func() {
		defer close(gone)
		defer close(inputs)
		c.hear(conn, h, inputs, answers)
	})
	c.wg.Go(func() {
		for r := range inputs {
			c.pass(r, h, answers)
		}
	})
	c.wg.Go(func() {
		c.tell(conn, h, answers, gone)
		c.audience.leave(h)
		_ = conn.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.conns, conn)
	})
}

// maxUnanswered is how many requests of one server may wait for their answer.
const maxUnanswered = 64

// hear reads what a server asks for, until it hangs up. Input may have to wait, as for room on the
// disk, so it goes to inputs: what comes after it, a cancel above all, does not wait for it.
func (c *controlServer) hear(conn net.Conn, h *hearer, inputs chan<- control.Request, answers chan<- control.Answer) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxRequest)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var r control.Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return // not a server of ours
		}
		if r.Watch != nil {
			c.audience.setWatch(h, *r.Watch)
		}
		if r.Cancel != nil {
			c.cancel(r.Cancel.By, r.Cancel.Reason)
		}
		if r.End != nil {
			c.end(r.End.Reason, r.End.Error)
		}
		if r.Ping {
			c.answer(control.Answer{ID: r.ID}, h, answers)
			continue
		}
		if r.Input == nil && r.ID == 0 {
			continue
		}
		select {
		case inputs <- r:
		default: // it goes on asking though nothing is answered
			return
		}
	}
}

// pass gives input to the driver, and the answer to the server.
func (c *controlServer) pass(r control.Request, h *hearer, answers chan<- control.Answer) {
	a := control.Answer{ID: r.ID}
	if r.Input != nil {
		if err := c.input(*r.Input); err != nil {
			a.Error, a.Code = err.Error(), protocol.Conflict
			if code := fault.CodeOf(err); code != protocol.Internal {
				a.Error, a.Code = fault.Message(err), code
			}
		}
	}
	c.answer(a, h, answers)
}

// answer has a server told, where it asked to be.
func (c *controlServer) answer(a control.Answer, h *hearer, answers chan<- control.Answer) {
	if a.ID == 0 {
		return
	}
	select {
	case answers <- a:
		h.poke()
	default: // it does not read what it is told
	}
}

// tell writes what a server is to hear, until it hangs up or there is no more.
func (c *controlServer) tell(conn net.Conn, h *hearer, answers <-chan control.Answer, gone <-chan struct{}) {
	out := encodeNotice(nil, &control.Notice{Hello: &control.Hello{
		ExecutionID: c.id, PID: os.Getpid(), Protocol: control.Protocol, Life: c.audience.lastEvent(),
	}})
	var told uint64 // last event
	var grown journal.Position
	trouble := ""
	for {
		events, now, ended := c.audience.after(told)
		for _, e := range events {
			out = appendEvent(out, e)
			told = e.seq
		}
		if now != trouble {
			trouble = now
			out = encodeNotice(out, &control.Notice{Stalled: &now})
		}
		for more := true; more; {
			select {
			case a := <-answers:
				out = encodeNotice(out, &control.Notice{Answer: &a})
			default:
				more = false
			}
		}
		growth := false
		if head := *c.audience.head.Load(); h.watch.Load() && head != grown {
			grown, growth = head, true
			out = appendGrew(out, head)
		}
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				return
			}
			out = out[:0]
			if cap(out) > 64<<10 {
				out = nil
			}
		}
		if ended {
			return
		}
		if growth {
			timer := time.NewTimer(growthPause)
			select {
			case <-timer.C:
			case <-gone:
				timer.Stop()
				return
			}
		}
		select {
		case <-h.wake:
		case <-gone:
			return
		}
	}
}

func encodeNotice(dst []byte, n *control.Notice) []byte {
	b, err := json.Marshal(n)
	if err != nil {
		return dst
	}
	return append(append(dst, b...), '\n')
}

func appendEvent(dst []byte, e lifeEvent) []byte {
	dst = append(dst, `{"at":`...)
	dst = appendPosition(dst, e.at)
	dst = append(dst, `,"event":`...)
	dst = append(dst, e.line[:len(e.line)-1]...)
	return append(dst, '}', '\n')
}

func appendGrew(dst []byte, p journal.Position) []byte {
	dst = append(dst, `{"grew":`...)
	dst = appendPosition(dst, p)
	return append(dst, '}', '\n')
}

func appendPosition(dst []byte, p journal.Position) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, p.Seq, 10)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, p.Offset, 10)
	return append(dst, '}')
}

// lastWords is how long connected servers have to take in the last event.
const lastWords = 2 * time.Second

// stop says what is left to say, and hangs up. It is safe to call twice.
func (c *controlServer) stop() {
	c.audience.end()
	c.mu.Lock()
	c.shut = true
	for conn := range c.conns {
		_ = conn.SetDeadline(time.Now().Add(lastWords))
	}
	c.mu.Unlock()
	_ = c.listener.Close()
	c.wg.Wait()
	_ = os.Remove(c.path)
}
