package websocket

import (
	"cmp"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
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
	deflate := false
	upgrader := ws.HTTPUpgrader{
		Timeout:  o.Timeout,
		Header:   o.Header,
		Protocol: func(offered string) bool { return offered == o.Subprotocol },
		Negotiate: func(offer httphead.Option) (httphead.Option, error) {
			accepted, ok := acceptDeflate(offer)
			if !o.Deflate || deflate || !ok {
				return httphead.Option{}, nil
			}
			deflate = true
			return accepted, nil
		},
	}
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

// acceptDeflate answers an offer of permessage-deflate, always without context takeover. An offer
// that asks for a smaller window than deflate's own is left: we would have to compress twice.
func acceptDeflate(offer httphead.Option) (httphead.Option, bool) {
	if !strings.EqualFold(string(offer.Name), wsflate.ExtensionName) {
		return httphead.Option{}, false
	}
	var p wsflate.Parameters
	if err := p.Parse(offer); err != nil || p.ServerMaxWindowBits.Defined() && p.ServerMaxWindowBits != 15 {
		return httphead.Option{}, false
	}
	answer := wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	answer.ServerMaxWindowBits = p.ServerMaxWindowBits
	return answer.Option(), true
}
