package websocket_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/claudeops/claudeops/internal/serve/websocket"
)

// TestConn_stress opens clients by the thousand that do not read, then close their half, send a close
// frame, reset or hang up, while three goroutines for each go on writing to it. Serve must return for
// every one, with nothing of the connection running any more.
func TestConn_stress(t *testing.T) {
	t.Parallel()
	const clients, atOnce, writes = 2000, 16, 50
	chunk := websocket.Text(bytes.Repeat([]byte("x"), 32<<10))
	var sessions group
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Upgrade(w, r, websocket.Options{MaxMessage: maxMessage})
		if err != nil {
			return
		}
		if tcp, ok := c.NetConn().(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(16 << 10) // so that it lags at once
		}
		c.Pull = func() []byte { return chunk }
		c.OnMessage = func([]byte) error { return nil }
		over := make(chan struct{})
		var writers sync.WaitGroup
		for _, write := range []func(){c.Wake, func() { c.Send(chunk) }, func() { _ = c.Urgent([]byte{0x89, 0}) }} {
			writers.Go(func() {
				for range writes {
					write()
					runtime.Gosched()
				}
				<-over
				write() // after the end too
			})
		}
		sessions.Go(func() {
			c.Serve()
			served.Add(1)
			close(over)
			writers.Wait()
			if c.Backlog() {
				t.Error("a pump runs after Serve has returned")
			}
		})
	}))
	turns := make(chan int, clients)
	for i := range clients {
		turns <- i
	}
	close(turns)
	var dialers sync.WaitGroup
	for range atOnce {
		dialers.Go(func() {
			for i := range turns {
				client := dialRaw(t, server)
				tcp := client.conn.(*net.TCPConn)
				for range rand.IntN(4) {
					_, _, _ = client.read()
				}
				switch i % 4 {
				case 0:
					_ = tcp.CloseWrite()
					_, _ = tcp.Read(make([]byte, 1))
				case 1:
					_, _ = tcp.Write(frame(fin|0x8, []byte{3, 232}))
				case 2:
					_ = tcp.SetLinger(0)
				}
				_ = tcp.Close()
			}
		})
	}
	dialers.Wait()
	server.Close()
	sessions.wait()
	if n := served.Load(); n != clients {
		t.Errorf("%d of %d connections were served to their end", n, clients)
	}
}

// TestConn_halfClosed: a client that closes its half without a close frame is gone, though it would
// take our bytes: the writer must not wait for it.
func TestConn_halfClosed(t *testing.T) {
	t.Parallel()
	ended := make(chan *websocket.CloseError, 1)
	full := make(chan struct{})
	var sessions group
	defer sessions.wait()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Upgrade(w, r, websocket.Options{MaxMessage: maxMessage})
		if err != nil {
			return
		}
		c.Pull = func() []byte { return nil }
		c.OnMessage = func([]byte) error { return nil }
		chunk := websocket.Text(bytes.Repeat([]byte("x"), 64<<10))
		for sent := true; sent; {
			sent, _ = c.Send(chunk)
		}
		close(full)
		sessions.Go(func() { ended <- c.Serve() })
	}))
	defer server.Close()
	client := dialRaw(t, server)
	<-full
	if err := client.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if why := <-ended; why.Code != 1006 {
		t.Errorf("Serve said %v", why)
	}
}

// TestConn_panic: a panic while one client is served is told, closes that connection with 1011, and
// leaves the others alone.
func TestConn_panic(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(c *websocket.Conn){
		"in a message": func(c *websocket.Conn) {
			c.OnMessage = func([]byte) error { panic("a fault of ours") }
		},
		"in the writer": func(c *websocket.Conn) {
			c.Pull = func() []byte { panic("a fault of ours") }
			c.OnMessage = func([]byte) error { c.Wake(); return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := make(chan string, 2)
			server := newServer(t, false, func(c *websocket.Conn) {
				start(c)
				c.OnPanic = func(value any, stack []byte) { told <- value.(string) + "\n" + string(stack) }
			})
			client := dialRaw(t, server)
			if _, err := client.conn.Write(frame(fin|text, []byte("go"))); err != nil {
				t.Fatal(err)
			}
			if _, _, code := client.outcome(); code != 1011 {
				t.Errorf("close code %d", code)
			}
			text := <-told
			if !strings.HasPrefix(text, "a fault of ours") || !strings.Contains(text, "stress_test.go") {
				t.Errorf("told %.300s", text)
			}
		})
	}
}
