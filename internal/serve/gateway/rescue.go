package gateway

import (
	"net/http"
	"runtime/debug"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/serve/metrics"
	"github.com/claudeops/claudeops/protocol"
)

// A panic while one client is served ends what was done for that client, and nothing else: it is
// logged with its stack, counted, and the client is told by a close code or an aborted answer.

// panicked records a panic that was recovered from.
func (l *live) panicked(serving string, value any, stack []byte, about ...any) {
	l.log.Error("panic while a client was served", append(about, "serving", serving, "panic", value, "stack", string(stack))...)
	if l.metrics != nil {
		l.metrics().Panicked(serving)
	}
}

// panicked records a panic on one of the connection's own goroutines. The connection closes itself.
func (s *session) panicked(value any, stack []byte) {
	s.live.panicked(metrics.ServingWebSocket, value, stack, "connection", s.id)
}

// rescue is deferred wherever another goroutine than the connection's own does something for it.
func (s *session) rescue() {
	if value := recover(); value != nil {
		s.panicked(value, debug.Stack())
		s.conn.Close(protocol.CloseServerError, "internal error")
	}
}

// rescue is deferred where another goroutine than the request's does something for a stream.
func (s *stream) rescue() {
	if value := recover(); value != nil {
		s.live.panicked(metrics.ServingHTTP, value, debug.Stack(), "user", s.principal.ID)
		s.end(fault.New(protocol.Internal, "internal error"))
	}
}

// rescueHelper is deferred by a goroutine that helps to answer a request. The request goes on.
func (g *Gateway) rescueHelper(r *http.Request) {
	if value := recover(); value != nil {
		g.live.panicked(metrics.ServingHTTP, value, debug.Stack(), "method", r.Method, "path", r.URL.Path)
	}
}

// rescueRequest is deferred by the handler of every request. net/http aborts the answer.
func (g *Gateway) rescueRequest(r *http.Request) {
	value := recover()
	if value == nil {
		return
	}
	if value != http.ErrAbortHandler {
		g.live.panicked(metrics.ServingHTTP, value, debug.Stack(), "method", r.Method, "path", r.URL.Path)
	}
	panic(http.ErrAbortHandler)
}
