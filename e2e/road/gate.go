package road

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// Gate is a proxy that understands HTTP, as stands in front of some networks: it can refuse WebSocket,
// and server-sent events, at any moment, and then cuts what is open of them.
type Gate struct {
	listener net.Listener
	server   *http.Server
	proxy    *httputil.ReverseProxy
	work     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	refused map[Kind]bool
	open    map[Kind]map[int]context.CancelFunc
	next    int
}

// Kind is a kind of traffic.
type Kind int

const (
	Requests Kind = iota // everything else, long polls among it
	WebSockets
	EventStreams
)

// OpenGate makes a gate in front of the server at an address.
func OpenGate(upstream string) (*Gate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a gate: %w", err)
	}
	g := &Gate{listener: l, refused: map[Kind]bool{}, open: map[Kind]map[int]context.CancelFunc{}}
	quiet := log.New(io.Discard, "", 0)
	g.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: upstream})
		},
		FlushInterval: -1, // at once
		ErrorLog:      quiet,
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	}
	g.server = &http.Server{Handler: g, ErrorLog: quiet}
	g.work.Go(func() { _ = g.server.Serve(l) })
	return g, nil
}

// Addr is the address clients use instead of the server's.
func (g *Gate) Addr() string { return g.listener.Addr().String() }

// Refuse refuses these kinds from now on and no others, and cuts what is open of them.
func (g *Gate) Refuse(kinds ...Kind) {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.refused)
	for _, k := range kinds {
		g.refused[k] = true
		for _, cut := range g.open[k] {
			cut()
		}
	}
}

// Open says how many of a kind there are now.
func (g *Gate) Open(k Kind) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.open[k])
}

// Close cuts everything and ends the gate. It is safe to call twice.
func (g *Gate) Close() error {
	g.Refuse(Requests, WebSockets, EventStreams)
	err := g.server.Close()
	g.work.Wait()
	return err
}

func kindOf(r *http.Request) Kind {
	switch {
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		return WebSockets
	case strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream"):
		return EventStreams
	default:
		return Requests
	}
}

// ServeHTTP passes a request on, or refuses it as such proxies do.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := kindOf(r)
	ctx, cut := context.WithCancel(r.Context())
	defer cut()
	g.mu.Lock()
	if g.refused[kind] {
		g.mu.Unlock()
		http.Error(w, "not through here", http.StatusForbidden)
		return
	}
	g.next++
	id := g.next
	if g.open[kind] == nil {
		g.open[kind] = map[int]context.CancelFunc{}
	}
	g.open[kind][id] = cut
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.open[kind], id)
		g.mu.Unlock()
	}()
	g.proxy.ServeHTTP(w, r.WithContext(ctx))
}
