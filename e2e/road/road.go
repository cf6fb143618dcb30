// Package road is the network between clients and a server, with weather: delay, slices, resets and
// black holes each way, changed while connections are under way. A black hole keeps what it swallows and
// delivers it when it clears, as a network does whose packets are sent again. It knows nothing of what
// travels, and is used by tests and the soak alone.
package road

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Weather is what happens to everything that travels. The zero Weather is a good day.
type Weather struct {
	// Latency, more or less Jitter at random, is what each piece takes, in either direction. Order is kept.
	Latency, Jitter time.Duration
	// Slice is how many bytes arrive at a time; 0: as many as were sent.
	Slice int
	// HoldUp and HoldDown keep what travels to the server, and to clients, for as long as they are set.
	HoldUp, HoldDown bool
	// ResetWithin resets each connection at a random moment within this time; 0: never.
	ResetWithin time.Duration
	// Closed resets whoever wants to connect.
	Closed bool
}

// Road leads from its address to one server's.
type Road struct {
	upstream string
	listener net.Listener

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	random  *rand.Rand
	weather Weather
	changed chan struct{} // closed when the weather changes
	conns   map[*connection]struct{}
}

// connection is one client's, with the one to the server that goes with it.
type connection struct {
	client, server net.Conn
	reset          sync.Once
	broken         chan struct{} // closed by the reset
}

// Open makes a road of its own on loopback. seed decides what is random.
func Open(upstream string, seed uint64) (*Road, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a road: %w", err)
	}
	r := &Road{
		upstream: upstream, listener: l, random: rand.New(rand.NewPCG(seed, 0)),
		changed: make(chan struct{}), conns: map[*connection]struct{}{},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.work.Go(r.accept)
	return r, nil
}

// Addr is the address clients use instead of the server's.
func (r *Road) Addr() string { return r.listener.Addr().String() }

// Set changes the weather for connections there are and those that come.
func (r *Road) Set(w Weather) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.weather = w
	close(r.changed)
	r.changed = make(chan struct{})
	if w.ResetWithin > 0 {
		for c := range r.conns {
			r.doomLocked(c)
		}
	}
}

// Drop resets every connection at once and says how many there were.
func (r *Road) Drop() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.cut()
	}
	return len(r.conns)
}

// Connections says how many there are.
func (r *Road) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// Close resets everything and ends the road. It is safe to call twice.
func (r *Road) Close() error {
	r.cancel()
	err := r.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	r.Drop()
	r.work.Wait()
	return err
}

func (r *Road) now() (Weather, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.weather, r.changed
}

func (r *Road) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			if r.ctx.Err() != nil || !pause(r.ctx, nil, 10*time.Millisecond) {
				return
			}
			continue // out of descriptors for a moment
		}
		r.work.Go(func() { r.carry(client) })
	}
}

// carry connects a client through and returns when the connection is over.
func (r *Road) carry(client net.Conn) {
	weather, _ := r.now()
	c := &connection{client: client, broken: make(chan struct{})}
	if weather.Closed || r.ctx.Err() != nil {
		c.cut()
		return
	}
	server, err := (&net.Dialer{}).DialContext(r.ctx, "tcp", r.upstream)
	if err != nil {
		c.cut()
		return
	}
	c.server = server
	r.mu.Lock()
	r.conns[c] = struct{}{}
	r.doomLocked(c)
	r.mu.Unlock()
	if r.ctx.Err() != nil {
		c.cut()
	}
	var ways sync.WaitGroup
	ways.Go(func() { r.way(c, client, server, true) })
	ways.Go(func() { r.way(c, server, client, false) })
	ways.Wait()
	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
	_ = client.Close()
	_ = server.Close()
}

// doomLocked resets a connection soon, when the weather is such.
func (r *Road) doomLocked(c *connection) {
	if r.weather.ResetWithin <= 0 {
		return
	}
	after := time.Duration(r.random.Int64N(int64(r.weather.ResetWithin)) + 1)
	r.work.Go(func() {
		if pause(r.ctx, c.broken, after) {
			c.cut()
		}
	})
}

// cut resets both ends.
func (c *connection) cut() {
	c.reset.Do(func() {
		close(c.broken)
		for _, conn := range []net.Conn{c.client, c.server} {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
				_ = tcp.Close()
			}
		}
	})
}

// piece is what was read at once.
type piece struct {
	bytes []byte
	due   time.Time
}

// way carries one direction. It reads ahead a little, so that latency costs no throughput.
func (r *Road) way(c *connection, from, to net.Conn, up bool) {
	const ahead = 32
	pieces := make(chan piece, ahead)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(pieces)
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 {
				p := piece{bytes: append([]byte(nil), buf[:n]...), due: time.Now().Add(r.latency())}
				select {
				case pieces <- p:
				case <-c.broken:
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					c.cut()
				}
				return
			}
		}
	})
	defer reading.Wait()
	for p := range pieces {
		if !r.deliver(c, to, p, up) {
			c.cut()
			return
		}
	}
	// The other end has no more to say: it hears so, when all has arrived.
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// deliver writes a piece when it is due and the way is free.
func (r *Road) deliver(c *connection, to net.Conn, p piece, up bool) bool {
	if wait := time.Until(p.due); wait > 0 && !pause(r.ctx, c.broken, wait) {
		return false
	}
	for len(p.bytes) > 0 {
		weather, changed := r.now()
		if up && weather.HoldUp || !up && weather.HoldDown {
			select {
			case <-changed:
				continue
			case <-c.broken:
				return false
			}
		}
		n := len(p.bytes)
		if weather.Slice > 0 {
			n = min(n, weather.Slice)
		}
		if _, err := to.Write(p.bytes[:n]); err != nil {
			return false
		}
		p.bytes = p.bytes[n:]
	}
	return true
}

func (r *Road) latency() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.weather.Latency
	if r.weather.Jitter > 0 {
		d += time.Duration(r.random.Int64N(2*int64(r.weather.Jitter))) - r.weather.Jitter
	}
	return max(d, 0)
}

// pause waits, and reports false when it was broken off.
func pause(ctx context.Context, broken <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-broken:
		return false
	case <-ctx.Done():
		return false
	}
}
