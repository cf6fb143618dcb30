package websocket

import (
	"errors"
	"net"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

// ErrClosed is given by writes on a connection that has ended.
var ErrClosed = errors.New("websocket: connection is closed")

// maxUrgent is how many bytes of answers may wait for a client that does not read. More than that
// and its own requests are no longer read: it waits for itself.
const maxUrgent = 256 << 10

// Conn is one client's connection.
//
// Writing has two states. At rest whoever has a frame writes it straight into the socket, without
// waiting. When the socket is full, what did not fit stays as rest, and one goroutine (pump) writes
// on as the client reads: first rest, then urgent, then what Pull gives, until nothing is left.
// While it runs, Send refuses, so nothing overtakes within an execution.
type Conn struct {
	nc      net.Conn
	raw     syscall.RawConn // nil where the socket can't be used directly (TLS)
	deflate bool
	parser  parser
	early   []byte // what came together with the handshake

	// Pull gives the next frame for a client that lags, or nil when there is none: Wake asks again.
	// It is called by one goroutine at a time and may block; the frame is used until the next call.
	Pull func() []byte

	// OnMessage is called with each text message, on the connection's own goroutine; its payload is
	// reused afterwards. An error ends the connection: a *CloseError with its code.
	OnMessage func(payload []byte) error

	// OnBinary is OnMessage for binary messages, where Options.Binary lets them in.
	OnBinary func(payload []byte) error

	// OnPanic is told of a panic in one of the above, with the stack it happened on, before the
	// connection is closed with 1011. Nil: the panic goes on and ends the process.
	OnPanic func(value any, stack []byte)

	mu      sync.Mutex // guards what follows
	written sync.Cond  // urgent became shorter, the pump ended, or the connection did
	rest    []byte
	urgent  [][]byte
	waiting int // bytes in urgent
	pulling bool
	pumping bool
	closed  bool
	closing *CloseError

	write ioState // guarded by mu or by being the pump
	read  ioState // the reader's

	lastHeard time.Time // any bytes from the client
	lastMoved time.Time // any bytes accepted by the socket
}

// ioState lets one closure serve every system call of its direction: a connection at rest must not
// cost an allocation a frame.
type ioState struct {
	call func(fd uintptr) bool
	buf  []byte
	n    int
	err  error
	wait bool // park until the socket is ready instead of returning
}

// Deflate reports whether compressed frames were agreed on.
func (c *Conn) Deflate() bool { return c.deflate }

// RemoteAddr is the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Send writes a prebuilt frame if the client can take it now. Not sent means it lags: nothing of the
// frame was or will be sent, and its owner should offer it through Pull. A frame that fits only in
// part counts as sent; the rest goes first as soon as there is room, and kept says that the frame's
// bytes must stay as they are until then.
func (c *Conn) Send(frame []byte) (sent, kept bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.closing != nil || c.pumping {
		return false, false
	}
	if c.raw == nil {
		c.rest = frame
		c.startPumpLocked()
		return true, true
	}
	n, err := c.writeNow(frame)
	switch {
	case err != nil:
		c.failLocked()
		return false, false
	case n == len(frame):
		return true, false
	case n == 0:
		return false, false
	}
	c.rest = frame[n:]
	c.startPumpLocked()
	return true, true
}

// Urgent sends a frame ahead of everything that waits behind a slow client. It never blocks.
func (c *Conn) Urgent(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.closing != nil {
		return ErrClosed
	}
	return c.urgentLocked(frame)
}

func (c *Conn) urgentLocked(frame []byte) error {
	if !c.pumping && c.raw != nil {
		n, err := c.writeNow(frame)
		if err != nil {
			c.failLocked()
			return ErrClosed
		}
		if n == len(frame) {
			return nil
		}
		c.rest = frame[n:]
		c.startPumpLocked()
		return nil
	}
	c.urgent = append(c.urgent, frame)
	c.waiting += len(frame)
	if !c.pumping {
		c.startPumpLocked()
	}
	return nil
}

// Answer is Urgent for the connection's own reader: while too many answers wait for a client that
// doesn't read, it waits too, and so reads no further requests.
func (c *Conn) Answer(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.waiting > maxUrgent && !c.closed {
		c.written.Wait()
	}
	if c.closed || c.closing != nil {
		return ErrClosed
	}
	return c.urgentLocked(frame)
}

// Backlog reports whether the client lags behind what was written to it.
func (c *Conn) Backlog() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pumping
}

// Crowded reports whether so much waits ahead of log bytes that more of it would be a queue.
func (c *Conn) Crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting > maxUrgent/4
}

// Wake says that Pull has something.
func (c *Conn) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.closing != nil {
		return
	}
	c.pulling = true
	if !c.pumping {
		c.startPumpLocked()
	}
}

// startPumpLocked starts the pump of an open connection that has none. Serve waits for pumping to
// become false with c.closed set, after which no pump can start.
func (c *Conn) startPumpLocked() {
	c.pumping = true
	go c.pump()
}

// pump writes until nothing is left. It never ends between the look that finds nothing and the note
// that it ended: both happen under one hold of mu.
func (c *Conn) pump() {
	defer c.rescue(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		// What the panic interrupted is not known, so the rest of a frame may be missing: a close frame
		// would be read as part of it.
		c.failLocked()
		c.pumping = false
		c.written.Broadcast()
	})
	for {
		frame, pull, more := c.nextLagging()
		if !more {
			return
		}
		if pull {
			if frame = c.pull(); frame == nil {
				continue
			}
		}
		if err := c.writeAll(frame); err != nil {
			c.Kill()
		}
	}
}

// nextLagging gives the next frame the pump has to write, or says that Pull is to be asked for one.
// more is false when the pump is over.
func (c *Conn) nextLagging() (frame []byte, pull, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case len(c.rest) > 0:
		frame, c.rest = c.rest, nil
		return frame, false, true
	case len(c.urgent) > 0:
		frame = c.urgent[0]
		c.urgent = c.urgent[1:]
		c.waiting -= len(frame)
		if len(c.urgent) == 0 {
			c.urgent = nil
		}
		c.written.Broadcast()
		return frame, false, true
	case c.closing == nil && c.pulling:
		c.pulling = false
		return nil, true, true
	}
	c.pumping = false
	c.written.Broadcast()
	return nil, false, false
}

// pull asks Pull for a frame. A panic in it closes the connection between two frames.
func (c *Conn) pull() (frame []byte) {
	defer c.rescue(func() {
		frame = nil
		c.Close(1011, internalError)
	})
	frame = c.Pull()
	if frame != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pulling = true
	}
	return frame
}

// internalError is the reason that goes with 1011.
const internalError = "internal error"

// rescue is deferred: it tells OnPanic of a panic and then calls after, so that a fault in the
// handling of one connection ends that connection alone.
func (c *Conn) rescue(after func()) {
	if c.OnPanic == nil {
		return
	}
	if value := recover(); value != nil {
		c.OnPanic(value, debug.Stack())
		after()
	}
}

// Serve reads until the connection ends and says why. OnMessage runs inside it. When it returns the
// connection is closed and nothing of it runs any more.
func (c *Conn) Serve() *CloseError {
	c.mu.Lock()
	c.lastHeard = time.Now()
	c.lastMoved = c.lastHeard
	c.mu.Unlock()
	err := c.readLoop()
	var why *CloseError
	if !errors.As(err, &why) {
		why = c.lost()
	} else {
		c.Close(why.Code, why.Reason)
	}
	c.waitForPump()
	if why.Code != 1006 {
		c.linger()
	}
	c.Kill()
	c.waitForPump() // one that began after the first wait
	return why
}

// lost says why nothing more comes from the client. Where we said goodbye it is our code, and the
// close frame may still be on its way. Otherwise the client is gone or has closed its half without a
// word: that is a lost connection too (RFC 6455, 7.1.5), however well it would still take our bytes.
func (c *Conn) lost() *CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing != nil {
		return c.closing
	}
	c.failLocked()
	return &CloseError{Code: 1006, Reason: "connection lost"}
}

// waitForPump returns when no pump runs. closeWait bounds how long a slow client may hold up the one
// that writes the close frame.
func (c *Conn) waitForPump() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pumping {
		c.written.Wait()
	}
}

// Close says goodbye with a code and ends the connection. It does not wait: Serve returns when the
// client has answered, or hung up, or closeWait is over.
func (c *Conn) Close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.closing != nil {
		return
	}
	// A client that lags is not made to read all of it first.
	c.pulling = false
	_ = c.urgentLocked(closeFrame(code, reason))
	c.closing = &CloseError{Code: code, Reason: reason}
	if c.closed {
		return
	}
	_ = c.nc.SetDeadline(time.Now().Add(closeWait))
}

// closeWait is how long a client has to answer a close frame.
const closeWait = 2 * time.Second

// linger reads on for a moment after the goodbye. Closing a socket that has unread bytes resets it,
// and the client would lose the close frame that tells it why.
func (c *Conn) linger() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	b := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(b)
	for total := 0; total < maxLinger; {
		n, err := c.nc.Read(*b)
		if err != nil {
			return
		}
		total += n
	}
}

// maxLinger is how many bytes a client may still send after the goodbye.
const maxLinger = 1 << 20

// Kill ends the connection at once.
func (c *Conn) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked()
}

func (c *Conn) failLocked() {
	if c.closed {
		return
	}
	c.closed = true
	c.rest, c.urgent, c.waiting = nil, nil, 0
	c.written.Broadcast()
	_ = c.nc.Close()
}

// Ping sends a heartbeat.
func (c *Conn) Ping() { _ = c.Urgent(control(ws.OpPing, nil)) }

// Heard is when the client last gave a sign of life: bytes of its own, or room for ours.
func (c *Conn) Heard() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastMoved.After(c.lastHeard) && c.pumping {
		return c.lastMoved
	}
	return c.lastHeard
}

// NetConn is the connection underneath, for options of the socket. Reading and writing it breaks the
// frames.
func (c *Conn) NetConn() net.Conn { return c.nc }
