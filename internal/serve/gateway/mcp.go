package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/trust/auth"
)

// registerMCP serves the Model Context Protocol. Its tools are calls of the REST API in the name of
// whoever calls them, so it has no permission of its own beside that of holding a credential.
func (g *Gateway) registerMCP() {
	if g.opts.MCP == nil {
		return
	}
	handler := g.opts.MCP(g.within)
	// Without sessions there is nothing to GET or DELETE.
	g.route("POST /mcp", withoutDeadlines(handler.ServeHTTP)) // a call may wait for a run's end
	g.documentRoute(http.MethodPost, "/mcp", "mcp", "mcp", "Model Context Protocol",
		"Streamable HTTP without sessions, answered as JSON. Each tool is one of the requests here, with its permission.",
		nil, map[string]*huma.Response{"200": {
			Description: "What answers the JSON-RPC message.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}},
		}})
}

type viaKey struct{}

// viaOf is the door through which a REST request came: "rest", or the protocol that was turned into it.
func viaOf(ctx context.Context) string {
	if via, ok := ctx.Value(viaKey{}).(string); ok {
		return via
	}
	return "rest"
}

// within answers a REST request that another protocol's request was turned into: with its credential,
// behind the same rules. The guard has looked at the outer request.
func (g *Gateway) within(outer *http.Request, w http.ResponseWriter, inner *http.Request) {
	ctx := auth.WithPeer(inner.Context(), auth.PeerOf(outer.Context()))
	inner = inner.WithContext(context.WithValue(ctx, viaKey{}, "mcp"))
	inner.Host, inner.RemoteAddr = outer.Host, outer.RemoteAddr
	for _, name := range []string{"Authorization", "Cookie", "Origin", "Sec-Fetch-Site"} {
		if values := outer.Header.Values(name); len(values) > 0 {
			inner.Header[name] = values
		}
	}
	if g.pattern(inner, inner.Method) == "" {
		g.noRoute(w, inner)
		return
	}
	g.mux.ServeHTTP(w, inner)
}
