package websocket_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/serve/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const maxMessage = 64 << 10

// newEcho serves an endpoint that answers every message with itself.
func newEcho(t *testing.T) *httptest.Server {
	t.Helper()
	var sessions group
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Upgrade(w, r, websocket.Options{
			Subprotocol: "claudeops.v1", Deflate: true, MaxMessage: maxMessage, Timeout: 5 * time.Second,
		})
		if err != nil {
			return
		}
		c.Pull = func() []byte { return nil }
		c.OnMessage = func(payload []byte) error { return c.Answer(websocket.Text(payload)) }
		sessions.Go(func() { c.Serve() })
	}))
	t.Cleanup(func() {
		server.Close()
		sessions.wait()
	})
	return server
}

// group is a WaitGroup that a late handler may still add to while it is waited for: closing a test
// server does not wait for handlers whose connection was taken over.
type group struct {
	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

func (g *group) Go(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.work.Go(f)
	}
}

func (g *group) wait() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.work.Wait()
}

// rawClient speaks bytes.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	head http.Header
}

func dialRaw(t *testing.T, server *httptest.Server, extra ...string) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", strings.Join(extra, ""))
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 101 {
		t.Fatalf("handshake: %s", resp.Status)
	}
	if got := resp.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("accept key %q", got)
	}
	return &rawClient{t: t, conn: conn, r: r, head: resp.Header}
}

// frame builds a masked client frame; first is FIN, reserved bits and opcode.
func frame(first byte, payload []byte) []byte {
	var b []byte
	switch n := len(payload); {
	case n < 126:
		b = []byte{first, 0x80 | byte(n)}
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(n))
	default:
		b = binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

// read gives the next frame of the server.
func (c *rawClient) read() (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	if head[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("server frame is masked")
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var wide [2]byte
		_, err = io.ReadFull(c.r, wide[:])
		n = uint64(binary.BigEndian.Uint16(wide[:]))
	case 127:
		var wide [8]byte
		_, err = io.ReadFull(c.r, wide[:])
		n = binary.BigEndian.Uint64(wide[:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.r, payload)
	return head[0], payload, err
}

// outcome reads to the end: texts and pongs that came, and the close code.
func (c *rawClient) outcome() (texts []string, pongs []string, code int) {
	for {
		first, payload, err := c.read()
		if err != nil {
			return texts, pongs, 0
		}
		switch first & 0x0f {
		case 1:
			texts = append(texts, string(payload))
		case 10:
			pongs = append(pongs, string(payload))
		case 8:
			if len(payload) < 2 {
				return texts, pongs, 1005
			}
			return texts, pongs, int(binary.BigEndian.Uint16(payload))
		}
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func deflated(payload string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	_, _ = w.Write([]byte(payload))
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

const (
	fin, rsv1 = 0x80, 0x40
	text      = 0x1
	binaryOp  = 0x2
	cont      = 0x0
	closeOp   = 0x8
	ping      = 0x9
	pong      = 0xa
)

var goodbye = frame(fin|closeOp, []byte{0x03, 0xe8})

func repeat(n int, b []byte) []byte { return bytes.Repeat(b, n) }

// TestConformance plays raw frames at the server, each case in one piece, byte by byte, and in the
// middle of the handshake's packet.
func TestConformance(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("α-", 20_000)
	cases := []struct {
		name    string
		in      []byte
		texts   []string
		pongs   []string
		code    int
		deflate bool
	}{
		{name: "text", in: join(frame(fin|text, []byte("hello")), goodbye), texts: []string{"hello"}, code: 1000},
		{name: "empty text", in: join(frame(fin|text, nil), goodbye), texts: []string{""}, code: 1000},
		{name: "length 125", in: join(frame(fin|text, repeat(125, []byte("x"))), goodbye), texts: []string{strings.Repeat("x", 125)}, code: 1000},
		{name: "length 126", in: join(frame(fin|text, repeat(126, []byte("x"))), goodbye), texts: []string{strings.Repeat("x", 126)}, code: 1000},
		{name: "length 65535", in: join(frame(fin|text, repeat(65535, []byte("x"))), goodbye), texts: []string{strings.Repeat("x", 65535)}, code: 1000},
		{name: "length 65536", in: join(frame(fin|text, repeat(65536, []byte("x"))), goodbye), texts: []string{strings.Repeat("x", 65536)}, code: 1000},
		{name: "several messages", in: join(frame(fin|text, []byte("a")), frame(fin|text, []byte("b")), goodbye), texts: []string{"a", "b"}, code: 1000},
		{name: "fragments", in: join(frame(text, []byte("he")), frame(cont, nil), frame(cont, []byte("ll")), frame(fin|cont, []byte("o")), goodbye), texts: []string{"hello"}, code: 1000},
		{name: "ping inside fragments", in: join(frame(text, []byte("he")), frame(fin|ping, []byte("p")), frame(fin|cont, []byte("llo")), goodbye), texts: []string{"hello"}, pongs: []string{"p"}, code: 1000},
		{name: "ping", in: join(frame(fin|ping, repeat(125, []byte{0xfe})), goodbye), pongs: []string{strings.Repeat("\xfe", 125)}, code: 1000},
		{name: "unasked pong", in: join(frame(fin|pong, []byte("x")), frame(fin|text, []byte("a")), goodbye), texts: []string{"a"}, code: 1000},
		{name: "rune across fragments", in: join(frame(text, []byte("\xf0\x9f")), frame(cont, []byte("\x98")), frame(fin|cont, []byte("\x80")), goodbye), texts: []string{"😀"}, code: 1000},
		{name: "long text", in: join(frame(fin|text, []byte(long)), goodbye), texts: []string{long}, code: 1000},

		{name: "unmasked", in: []byte{fin | text, 1, 'a'}, code: 1002},
		{name: "rsv1 without agreement", in: frame(fin|rsv1|text, []byte("a")), code: 1002},
		{name: "rsv2", in: frame(fin|0x20|text, []byte("a")), code: 1002},
		{name: "rsv3", in: frame(fin|0x10|text, []byte("a")), code: 1002},
		{name: "reserved opcode 3", in: frame(fin|3, []byte("a")), code: 1002},
		{name: "reserved opcode 7", in: frame(fin|7, nil), code: 1002},
		{name: "reserved control 11", in: frame(fin|11, nil), code: 1002},
		{name: "reserved control 15", in: frame(fin|15, []byte("a")), code: 1002},
		{name: "binary", in: frame(fin|binaryOp, []byte("a")), code: 1003},
		{name: "fragmented ping", in: frame(ping, []byte("a")), code: 1002},
		{name: "long ping", in: frame(fin|ping, repeat(126, []byte("x"))), code: 1002},
		{name: "compressed ping", in: frame(fin|rsv1|ping, nil), code: 1002, deflate: true},
		{name: "continuation of nothing", in: frame(fin|cont, []byte("a")), code: 1002},
		{name: "message in message", in: join(frame(text, []byte("a")), frame(fin|text, []byte("b"))), code: 1002},
		{name: "continuation after the end", in: join(frame(fin|text, []byte("a")), frame(fin|cont, []byte("b"))), texts: []string{"a"}, code: 1002},
		{name: "not UTF-8", in: frame(fin|text, []byte("a\xffb")), code: 1007},
		{name: "not UTF-8 in the first fragment", in: frame(text, []byte("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80")), code: 1007},
		{name: "rune cut at the end", in: frame(fin|text, []byte("a\xe2\x82")), code: 1007},
		{name: "surrogate", in: frame(fin|text, []byte("\xed\xa0\x80")), code: 1007},
		{name: "over the limit", in: frame(fin|text, repeat(maxMessage+1, []byte("x"))), code: 1009},
		{name: "over the limit in fragments", in: join(frame(text, repeat(maxMessage, []byte("x"))), frame(fin|cont, []byte("x"))), code: 1009},
		{name: "announces 2^63-1", in: []byte{fin | text, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, code: 1009},
		{name: "announces 2^63", in: []byte{fin | text, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, code: 1002},
		{name: "announces 2^64-1", in: []byte{fin | text, 0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, code: 1002},
		{name: "wide length for a short one", in: []byte{fin | text, 0x80 | 126, 0, 5, 1, 2, 3, 4}, code: 1002},
		{name: "widest length for a short one", in: []byte{fin | text, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4}, code: 1002},
		{name: "fragments without end", in: join(frame(text, nil), repeat(5000, frame(cont, nil))), code: 1009},

		{name: "close", in: goodbye, code: 1000},
		{name: "close without code", in: frame(fin|closeOp, nil), code: 1000},
		{name: "close with one byte", in: frame(fin|closeOp, []byte{3}), code: 1002},
		{name: "close with a reason", in: frame(fin|closeOp, append([]byte{0x03, 0xe8}, "bye"...)), code: 1000},
		{name: "close 3000", in: frame(fin|closeOp, []byte{0x0b, 0xb8}), code: 3000},
		{name: "close 4999", in: frame(fin|closeOp, []byte{0x13, 0x87}), code: 4999},
		{name: "close 0", in: frame(fin|closeOp, []byte{0, 0}), code: 1002},
		{name: "close 999", in: frame(fin|closeOp, []byte{0x03, 0xe7}), code: 1002},
		{name: "close 1004", in: frame(fin|closeOp, []byte{0x03, 0xec}), code: 1002},
		{name: "close 1005", in: frame(fin|closeOp, []byte{0x03, 0xed}), code: 1002},
		{name: "close 1006", in: frame(fin|closeOp, []byte{0x03, 0xee}), code: 1002},
		{name: "close 1015", in: frame(fin|closeOp, []byte{0x03, 0xf7}), code: 1002},
		{name: "close 2999", in: frame(fin|closeOp, []byte{0x0b, 0xb7}), code: 1002},
		{name: "close 5000", in: frame(fin|closeOp, []byte{0x13, 0x88}), code: 1002},
		{name: "close reason not UTF-8", in: frame(fin|closeOp, []byte{0x03, 0xe8, 0xff}), code: 1007},
		{name: "nothing after close", in: join(goodbye, frame(fin|text, []byte("a"))), code: 1000},

		{name: "compressed", deflate: true, in: join(frame(fin|rsv1|text, deflated("hello hello hello")), goodbye), texts: []string{"hello hello hello"}, code: 1000},
		{name: "uncompressed though agreed", deflate: true, in: join(frame(fin|text, []byte("plain")), goodbye), texts: []string{"plain"}, code: 1000},
		{name: "compressed in fragments", deflate: true, in: join(frame(rsv1|text, deflated("hello hello")[:3]), frame(fin|cont, deflated("hello hello")[3:]), goodbye), texts: []string{"hello hello"}, code: 1000},
		{name: "compressed continuation bit", deflate: true, in: join(frame(rsv1|text, deflated("a")[:1]), frame(fin|rsv1|cont, deflated("a")[1:])), code: 1002},
		{name: "compressed twice, no context", deflate: true, in: join(frame(fin|rsv1|text, deflated("same")), frame(fin|rsv1|text, deflated("same")), goodbye), texts: []string{"same", "same"}, code: 1000},
		{name: "bomb", deflate: true, in: frame(fin|rsv1|text, deflated(strings.Repeat("x", 32<<20))), code: 1009},
		{name: "compressed garbage", deflate: true, in: frame(fin|rsv1|text, []byte{0xff, 0xff, 0xff, 0xff}), code: 1007},
		{name: "compressed not UTF-8", deflate: true, in: frame(fin|rsv1|text, deflated("a\xff")), code: 1007},
	}
	server := newEcho(t)
	for _, c := range cases {
		for _, way := range []string{"whole", "bytes"} {
			if way == "bytes" && len(c.in) > 70_000 {
				continue // a packet a byte; the shorter ones show the same
			}
			t.Run(c.name+"/"+way, func(t *testing.T) {
				t.Parallel()
				var offer []string
				if c.deflate {
					offer = append(offer, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
				}
				client := dialRaw(t, server, offer...)
				if got := client.head.Get("Sec-WebSocket-Extensions") != ""; got != c.deflate {
					t.Fatalf("deflate agreed: %v", got)
				}
				go func() {
					step := len(c.in)
					if way == "bytes" {
						step = max(1, len(c.in)/3000)
					}
					for b := c.in; len(b) > 0; b = b[min(step, len(b)):] {
						if _, err := client.conn.Write(b[:min(step, len(b))]); err != nil {
							return // refused before all of it was read
						}
					}
				}()
				texts, pongs, code := client.outcome()
				if code != c.code {
					t.Errorf("close code %d, want %d", code, c.code)
				}
				if !equal(texts, c.texts) {
					t.Errorf("texts %.60q, want %.60q", texts, c.texts)
				}
				if !equal(pongs, c.pongs) {
					t.Errorf("pongs %.60q, want %.60q", pongs, c.pongs)
				}
			})
		}
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	server := newEcho(t)
	t.Run("takes our subprotocol among others", func(t *testing.T) {
		t.Parallel()
		c := dialRaw(t, server, "Sec-WebSocket-Protocol: other, claudeops.v1\r\n")
		if got := c.head.Get("Sec-WebSocket-Protocol"); got != "claudeops.v1" {
			t.Errorf("subprotocol %q", got)
		}
	})
	t.Run("takes no other subprotocol", func(t *testing.T) {
		t.Parallel()
		c := dialRaw(t, server, "Sec-WebSocket-Protocol: other\r\n")
		if got := c.head.Get("Sec-WebSocket-Protocol"); got != "" {
			t.Errorf("subprotocol %q", got)
		}
	})
	t.Run("declines a smaller window", func(t *testing.T) {
		t.Parallel()
		c := dialRaw(t, server, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n")
		if got := c.head.Get("Sec-WebSocket-Extensions"); got != "" {
			t.Errorf("extensions %q", got)
		}
	})
	t.Run("takes the second offer", func(t *testing.T) {
		t.Parallel()
		c := dialRaw(t, server, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9, permessage-deflate\r\n")
		got := c.head.Get("Sec-WebSocket-Extensions")
		if !strings.Contains(got, "server_no_context_takeover") || !strings.Contains(got, "client_no_context_takeover") {
			t.Errorf("extensions %q", got)
		}
	})
	for _, bad := range []string{
		"permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08", "permessage-deflate; server_max_window_bits",
		"permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=", "permessage-deflate; unknown",
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover", "permessage-deflate; server_no_context_takeover=1",
		"permessage-deflate; client_max_window_bits; client_max_window_bits=10",
	} {
		t.Run("declines "+bad, func(t *testing.T) {
			t.Parallel()
			if strings.HasSuffix(bad, "=") {
				if status := handshake(t, server, "Sec-WebSocket-Extensions: "+bad); status != http.StatusBadRequest {
					t.Errorf("status %d", status)
				}
				return
			}
			c := dialRaw(t, server, "Sec-WebSocket-Extensions: "+bad+"\r\n")
			if got := c.head.Get("Sec-WebSocket-Extensions"); got != "" {
				t.Errorf("extensions %q", got)
			}
		})
	}
	for name, header := range map[string]string{
		"offers on two lines": "Sec-WebSocket-Extensions: x-other\r\nSec-WebSocket-Extensions: , permessage-deflate ; server_max_window_bits=\"15\"",
		"mixed case":          "Sec-WebSocket-Extensions: PerMessage-Deflate;client_max_window_bits",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialRaw(t, server, header+"\r\n")
			if got := c.head.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate") {
				t.Errorf("extensions %q", got)
			}
		})
	}
	plain := []string{"Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	for name, c := range map[string]struct {
		request []string
		status  int
	}{
		"Connection on two lines":     {append(slices.Clone(plain), "Connection: keep-alive"), 101},
		"Connection, the other first": {append([]string{"Connection: keep-alive"}, plain...), 101},
		"Upgrade names others too":    {append([]string{"Upgrade: h2c"}, plain...), 101},
		"Upgrade is a list":           {append([]string{"Upgrade: h2c, websocket"}, append(plain[:1:1], plain[2:]...)...), 101},
		"Content-Length: 0":           {append(slices.Clone(plain), "Content-Length: 0"), 101},
		"a body":                      {append(slices.Clone(plain), "Content-Length: 3"), 400},
		"a chunked body":              {append(slices.Clone(plain), "Transfer-Encoding: chunked"), 400},
		"two keys":                    {append(slices.Clone(plain), "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400},
		"two versions":                {append(slices.Clone(plain), "Sec-WebSocket-Version: 8"), 426},
		"a short key":                 {append(slices.Clone(plain[:4]), "Sec-WebSocket-Key: c2hvcnQ="), 400},
		"no key":                      {plain[:4], 400},
		"an older version":            {append(append(slices.Clone(plain[:3]), "Sec-WebSocket-Version: 8"), plain[4]), 426},
		"malformed offer":             {append(slices.Clone(plain), "Sec-WebSocket-Extensions: permessage-deflate; =x"), 400},
		"offer with an open quote":    {append(slices.Clone(plain), `Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="15`), 400},
		"two offers without a comma":  {append(slices.Clone(plain), "Sec-WebSocket-Extensions: permessage-deflate x-other"), 400},
		"malformed subprotocol":       {append(slices.Clone(plain), "Sec-WebSocket-Protocol: a b"), 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status := handshakeOf(t, server, "GET", c.request); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
		})
	}
	t.Run("POST", func(t *testing.T) {
		t.Parallel()
		if status := handshakeOf(t, server, "POST", append(slices.Clone(plain), "Content-Length: 0")); status != http.StatusMethodNotAllowed {
			t.Errorf("status %d", status)
		}
	})
}

// handshake sends a plain opening handshake with one more header and gives the answer's status.
func handshake(t *testing.T, server *httptest.Server, more string) int {
	t.Helper()
	return handshakeOf(t, server, "GET", []string{"Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", more})
}

func handshakeOf(t *testing.T, server *httptest.Server, method string, headers []string) int {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, method+" / HTTP/1.1\r\n"+strings.Join(headers, "\r\n")+"\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
