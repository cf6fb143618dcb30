package websocket

import (
	"cmp"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

// Options say what a server agrees to.
type Options struct {
	Subprotocol string // the one subprotocol that is taken when a client offers it
	Deflate     bool   // agree to permessage-deflate when a client offers it
	MaxMessage  int64  // bytes of one message from the client, before and after inflating
	Timeout     time.Duration

	MaxFragments int         // frames of one message; 0: DefaultMaxFragments
	Binary       bool        // take binary messages too, for Conn.OnBinary; otherwise they end the connection with 1003
	Header       http.Header // goes with the answer
}

// Upgrade answers the handshake and takes the connection over. When it fails it has answered the
// request with what was wrong.
func Upgrade(w http.ResponseWriter, r *http.Request, o Options) (*Conn, error) {
	if no := CheckHandshake(r); no != nil {
		for name, values := range no.Header {
			w.Header()[name] = values
		}
		http.Error(w, no.Message, no.Status)
		return nil, no
	}
	header := o.Header.Clone()
	deflate := false
	offers, _ := parseExtensions(r.Header.Values("Sec-WebSocket-Extensions"))
	for _, offer := range offers {
		if answer, ok := acceptDeflate(offer); o.Deflate && ok {
			if header == nil {
				header = http.Header{}
			}
			header.Set("Sec-WebSocket-Extensions", answer)
			deflate = true
			break
		}
	}
	upgrader := ws.HTTPUpgrader{
		Timeout:  o.Timeout,
		Header:   header,
		Protocol: func(offered string) bool { return offered == o.Subprotocol },
	}
	// The library reads only the first line of a header, and knows only its plainest form.
	r = r.Clone(r.Context())
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Connection", "Upgrade")
	r.Header.Del("Sec-WebSocket-Extensions")
	nc, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if nc != nil {
			// The refusal is written, on a connection that is nobody's but ours since the hijack.
			_ = nc.Close()
		}
		return nil, err
	}
	c := &Conn{nc: nc, deflate: deflate, parser: parser{
		limit: o.MaxMessage, most: cmp.Or(o.MaxFragments, DefaultMaxFragments), deflated: deflate, takes: o.Binary,
	}}
	c.written.L = &c.mu
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw = raw
			c.bindRaw()
		}
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		// Frames are gathered by the feed; Nagle would only hold them back.
		_ = tcp.SetNoDelay(true)
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		c.early = append([]byte(nil), early...)
	}
	return c, nil
}
