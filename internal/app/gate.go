package app

import (
	"net/http"
	"strings"
	"sync"
)

// gate holds requests back while the server starts, so that nobody is told of executions that have
// not been adopted yet, and nobody who comes back after a restart is turned away. Those who ask for
// its health are let through.
type gate struct {
	next     http.Handler
	basePath string
	opened   chan struct{}
	once     sync.Once
}

func newGate(next http.Handler, basePath string) *gate {
	return &gate{next: next, basePath: basePath, opened: make(chan struct{})}
}

// open lets everybody through from now on. It is safe to call twice.
func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimPrefix(r.URL.Path, g.basePath) {
	case "/healthz", "/readyz":
	default:
		select {
		case <-g.opened:
		case <-r.Context().Done():
			return
		}
	}
	g.next.ServeHTTP(w, r)
}
