package client_test

import (
	"net"
	"sync"
	"testing"
)

// way is what lies between client and server: it can go silent, both ways, without a word to either.
type way struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	open  chan struct{} // closed while it lets through
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
}

func newWay(t testing.TB, to string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{listener: l, to: to, open: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(w.open)
	w.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.carry(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.unblock()
		w.mu.Lock()
		for conn := range w.conns {
			conn.Close()
		}
		w.mu.Unlock()
		w.wg.Wait()
	})
	return w
}

func (w *way) address() string { return w.listener.Addr().String() }

func (w *way) block() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = make(chan struct{})
}

func (w *way) unblock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
	default:
		close(w.open)
	}
}

func (w *way) carry(conn net.Conn) {
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		conn.Close()
		return
	}
	w.mu.Lock()
	w.conns[conn], w.conns[server] = struct{}{}, struct{}{}
	w.mu.Unlock()
	var wg sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{conn: server, server: conn} {
		wg.Go(func() {
			defer from.Close()
			defer to.Close()
			b := make([]byte, 32<<10)
			for {
				n, err := from.Read(b)
				w.mu.Lock()
				open := w.open
				w.mu.Unlock()
				<-open
				if _, writeErr := to.Write(b[:n]); err != nil || writeErr != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}
