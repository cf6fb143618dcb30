package websocket

import (
	"errors"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

// readSize is what one read takes at most. Clients' messages are small.
const readSize = 16 << 10

var readBuffers = sync.Pool{New: func() any { b := make([]byte, readSize); return &b }}

func (c *Conn) bindRaw() {
	c.write.call = func(fd uintptr) bool {
		c.write.n, c.write.err = ignoringEINTR(func() (int, error) { return syscall.Write(int(fd), c.write.buf) })
		return !c.write.wait || c.write.err != syscall.EAGAIN
	}
	c.read.call = func(fd uintptr) bool {
		// The buffer is taken only when there is something to put in it.
		b := readBuffers.Get().(*[]byte)
		n, err := ignoringEINTR(func() (int, error) { return syscall.Read(int(fd), *b) })
		if err == syscall.EAGAIN {
			readBuffers.Put(b)
			return false
		}
		c.read.n, c.read.err = n, err
		if n <= 0 {
			readBuffers.Put(b)
			return true
		}
		c.read.buf = *b
		return true
	}
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR {
			return n, err
		}
	}
}

// writeNow writes what the socket takes without waiting. A full socket is no error.
func (c *Conn) writeNow(b []byte) (int, error) {
	c.write.buf, c.write.wait = b, false
	err := c.raw.Write(c.write.call)
	c.write.buf = nil
	switch {
	case err != nil:
		return 0, err
	case c.write.err == syscall.EAGAIN:
		return 0, nil
	case c.write.err != nil:
		return 0, c.write.err
	}
	return c.write.n, nil
}

// writeAll writes a frame to the end, waiting for the client as long as it lives.
func (c *Conn) writeAll(b []byte) error {
	for len(b) > 0 {
		n, err := c.writeSome(b)
		if err != nil {
			return err
		}
		b = b[n:]
		c.mu.Lock()
		c.lastMoved = time.Now()
		c.mu.Unlock()
	}
	return nil
}

func (c *Conn) writeSome(b []byte) (int, error) {
	if c.raw == nil {
		return c.nc.Write(b)
	}
	c.write.buf, c.write.wait = b, true
	err := c.raw.Write(c.write.call)
	c.write.buf = nil
	if err == nil {
		err = c.write.err
	}
	if err != nil {
		return 0, err
	}
	return c.write.n, nil
}

func (c *Conn) readLoop() (err error) {
	defer c.rescue(func() { err = &CloseError{Code: 1011, Reason: internalError} })
	if len(c.early) > 0 {
		early := c.early
		c.early = nil
		if err := c.parser.feed(early, inbound{c}); err != nil {
			return err
		}
	}
	for {
		b, err := c.readSome()
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.lastHeard = time.Now()
		c.mu.Unlock()
		err = c.parser.feed(b, inbound{c})
		b = b[:cap(b)]
		readBuffers.Put(&b)
		if err != nil {
			return err
		}
	}
}

// readSome waits for bytes. Until some come it holds no buffer.
func (c *Conn) readSome() ([]byte, error) {
	if c.raw == nil {
		b := readBuffers.Get().(*[]byte)
		n, err := c.nc.Read(*b)
		if n > 0 {
			return (*b)[:n], nil
		}
		readBuffers.Put(b)
		return nil, err
	}
	c.read.buf = nil
	if err := c.raw.Read(c.read.call); err != nil {
		return nil, err
	}
	switch {
	case c.read.err != nil:
		return nil, c.read.err
	case c.read.n == 0:
		return nil, io.EOF
	}
	b := c.read.buf[:c.read.n]
	c.read.buf = nil
	return b, nil
}

// inbound is what the parser calls.
type inbound struct{ c *Conn }

func (in inbound) message(payload []byte) error { return in.deliver(in.c.OnMessage, payload) }
func (in inbound) binary(payload []byte) error  { return in.deliver(in.c.OnBinary, payload) }

func (in inbound) deliver(on func([]byte) error, payload []byte) error {
	in.c.mu.Lock()
	over := in.c.closing != nil
	in.c.mu.Unlock()
	if over {
		return nil // the goodbye is said; what comes after it is not acted on
	}
	return on(payload)
}

func (in inbound) ping(payload []byte) error {
	if err := in.c.Answer(control(ws.OpPong, payload)); err != nil && !errors.Is(err, ErrClosed) {
		return err
	}
	return nil
}

func (in inbound) pong([]byte) {}
