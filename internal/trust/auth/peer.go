package auth

import (
	"context"
	"net"
	"net/http"
)

// Peer is where a request comes from, as far as it can be trusted. The gateway finds it out, once,
// and puts it into the request's context.
type Peer struct {
	Address string // IP address without a port
	Secure  bool   // the client spoke TLS, to us or to a proxy that we trust
}

type peerKey struct{}

// WithPeer gives a context in which PeerOf finds p.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

// PeerOf is the peer in the context, or the zero Peer.
func PeerOf(ctx context.Context) Peer {
	p, _ := ctx.Value(peerKey{}).(Peer)
	return p
}

// peerOf is the peer of a request, also of one that did not pass the gateway.
func peerOf(r *http.Request) Peer {
	if p, ok := r.Context().Value(peerKey{}).(Peer); ok {
		return p
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return Peer{Address: host, Secure: r.TLS != nil}
}
