package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	peer "github.com/coder/websocket"

	"github.com/claudeops/claudeops/internal/serve/websocket"
)

// newServer serves connections that start is given before they run.
func newServer(t *testing.T, deflate bool, start func(c *websocket.Conn)) *httptest.Server {
	t.Helper()
	var sessions group
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Upgrade(w, r, websocket.Options{Deflate: deflate, MaxMessage: maxMessage})
		if err != nil {
			return
		}
		c.Pull = func() []byte { return nil }
		c.OnMessage = func([]byte) error { return nil }
		sessions.Go(func() {
			start(c)
			c.Serve()
		})
	}))
	t.Cleanup(func() {
		server.Close()
		sessions.wait()
	})
	return server
}

// TestPeer talks to a client library of another make, compressed and not.
func TestPeer(t *testing.T) {
	t.Parallel()
	for _, mode := range []peer.CompressionMode{peer.CompressionDisabled, peer.CompressionNoContextTakeover, peer.CompressionContextTakeover} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			t.Parallel()
			server := newEcho(t)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			c, _, err := peer.Dial(ctx, server.URL, &peer.DialOptions{CompressionMode: mode, CompressionThreshold: 1, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			c.SetReadLimit(-1)
			for n := 0; n < 60_000; n = n*3 + 1 {
				want := strings.Repeat("ab é ", n/6)
				if err := c.Write(ctx, peer.MessageText, []byte(want)); err != nil {
					t.Fatal(err)
				}
				_, got, err := c.Read(ctx)
				if err != nil || string(got) != want {
					t.Fatalf("%d bytes came back as %d: %v", len(want), len(got), err)
				}
			}
			if err := c.Close(peer.StatusNormalClosure, "done"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestConn_Deflate sends frames both ways of compressing to a strict peer.
func TestConn_Deflate(t *testing.T) {
	t.Parallel()
	line := []byte(strings.Repeat("the same words again and again\n", 200))
	for _, level := range []int{websocket.LevelShared, websocket.LevelCatchUp} {
		server := newServer(t, true, func(c *websocket.Conn) {
			buf := websocket.Deflate(make([]byte, websocket.Headroom), line, level)
			if len(buf) > len(line)/10 {
				t.Errorf("level %d: %d bytes became %d", level, len(line), len(buf))
			}
			c.Send(websocket.SealDeflated(buf))
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		c, _, err := peer.Dial(ctx, server.URL, &peer.DialOptions{CompressionMode: peer.CompressionNoContextTakeover, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, line) {
			t.Errorf("got %d bytes: %v", len(got), err)
		}
		_ = c.Close(peer.StatusNormalClosure, "")
	}
}

// TestConn_Send/lags: a client that does not read takes frames until its socket is full, then is
// told to lag; when it reads on, everything comes in order: rest, answers, then what Pull gives.
func TestConn_Send(t *testing.T) {
	t.Parallel()
	type result struct {
		sent  int
		conn  *websocket.Conn
		pulls *atomic.Int64
	}
	results := make(chan result, 1)
	payload := strings.Repeat("x", 64<<10)
	server := newServer(t, false, func(c *websocket.Conn) {
		r := result{conn: c, pulls: new(atomic.Int64)}
		c.Pull = func() []byte {
			if r.pulls.Add(1) > 3 {
				return nil
			}
			return websocket.Text([]byte("pulled"))
		}
		for {
			sent, _ := c.Send(websocket.Text(fmt.Appendf(nil, "%06d%s", r.sent, payload)))
			if !sent {
				break
			}
			r.sent++
		}
		if !c.Backlog() {
			t.Error("a frame was refused by a connection without backlog")
		}
		c.Wake()
		if err := c.Urgent(websocket.Text([]byte("urgent"))); err != nil {
			t.Error(err)
		}
		results <- r
	})
	client := dialRaw(t, server)
	_ = client.conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	r := <-results
	for i := range r.sent {
		_, p, err := client.read()
		if err != nil || !strings.HasPrefix(string(p), fmt.Sprintf("%06d", i)) || len(p) != len(payload)+6 {
			t.Fatalf("frame %d of %d: %v", i, r.sent, err)
		}
	}
	for _, want := range []string{"urgent", "pulled", "pulled", "pulled"} {
		if _, p, err := client.read(); err != nil || string(p) != want {
			t.Fatalf("got %.20q, want %q: %v", p, want, err)
		}
	}
}

// TestConn_Close: whoever stalls is still let go, and whoever reads is told the code.
func TestConn_Close(t *testing.T) {
	t.Parallel()
	ended := make(chan *websocket.CloseError, 1)
	var sessions group
	defer sessions.wait()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Upgrade(w, r, websocket.Options{MaxMessage: maxMessage})
		if err != nil {
			return
		}
		c.Pull = func() []byte { return nil }
		c.OnMessage = func([]byte) error { return nil }
		sessions.Go(func() { ended <- c.Serve() })
		c.Close(4408, "no answer")
		if err := c.Urgent(nil); err == nil {
			t.Error("a closed connection took a frame")
		}
		if sent, _ := c.Send([]byte{0x81, 0}); sent {
			t.Error("a closed connection sent a frame")
		}
	}))
	defer server.Close()
	client := dialRaw(t, server)
	if _, _, code := client.outcome(); code != 4408 {
		t.Errorf("close code %d", code)
	}
	if why := <-ended; why.Code != 4408 {
		t.Errorf("Serve said %v", why)
	}
}

// TestConn_Answer: a client that asks and never reads makes itself wait; memory stays flat.
func TestConn_Answer(t *testing.T) {
	t.Parallel()
	server := newEcho(t)
	client := dialRaw(t, server)
	_ = client.conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	message := frame(fin|text, bytes.Repeat([]byte("q"), 60_000))
	written := 0
	for written < 256<<20 {
		n, err := client.conn.Write(message)
		written += n
		if err != nil {
			break // the server reads no further
		}
	}
	if written >= 256<<20 {
		t.Fatalf("the server took %d bytes of requests whose answers nobody reads", written)
	}
	_ = client.conn.SetDeadline(time.Now().Add(20 * time.Second))
	for i := 0; i < written/len(message); i++ {
		if _, p, err := client.read(); err != nil || len(p) != 60_000 {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
}
