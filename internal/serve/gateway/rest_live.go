package gateway

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/serve/metrics"
	"github.com/claudeops/claudeops/internal/serve/websocket"
	"github.com/claudeops/claudeops/protocol"
)

// documentRoute describes a route that huma does not serve.
func (g *Gateway) documentRoute(method, path, id, tag, summary, description string, params []*huma.Param, responses map[string]*huma.Response) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{tag}, Summary: summary,
		Description: description, Parameters: params, Responses: responses,
	}
	g.describe(&op)
	g.api.OpenAPI().AddOperation(&op)
}

func queryParam(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
}

// describeLive documents the live transports; docs/protocol.md says what goes over them.
func (g *Gateway) describeLive() {
	lines := func(media, description string) map[string]*huma.Response {
		return map[string]*huma.Response{"200": {
			Description: description,
			Content:     map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}
	}
	watched := []*huma.Param{
		{Name: "execution", In: "query", Description: "An execution to follow; repeatable.", Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}},
		{Name: "since", In: "query", Description: "The seq to begin behind; the n-th belongs to the n-th execution.", Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeInteger}}},
	}
	g.documentRoute(http.MethodGet, "/api/ws", "websocket", "live", "WebSocket",
		"The messages of the AsyncAPI document. The credential comes with the upgrade (header, cookie, one-time `ticket`) or as the first message.",
		[]*huma.Param{queryParam("ticket", "From POST /api/tickets.")}, map[string]*huma.Response{"101": {Description: "Switching to WebSocket."}})
	g.documentRoute(http.MethodGet, "/api/events", "server-sent-events", "live", "Server-sent events",
		"The same messages, each data: a frame, its id the cursor. Honours Last-Event-ID.", watched, lines("text/event-stream", "Frames."))
	g.documentRoute(http.MethodGet, "/api/poll", "long-poll", "live", "Long poll",
		"The same messages; answered at once when there is something.", append(watched, queryParam("wait", "How long to wait for something, like 25s.")), lines("application/x-ndjson", "Messages, one a line."))
	g.documentRoute(http.MethodPost, "/api/messages", "messages", "live", "Client messages",
		"What a WebSocket client sends, for the two transports that only read: one message a line, as JSON or NDJSON.",
		[]*huma.Param{queryParam("connection", "The connectionId of the stream that subscriptions are for.")}, lines("application/x-ndjson", "What answers them, one message a line."))
}

// upgradesOnly answers what is no opening handshake while the connection is still HTTP's, so that the
// client can go on using it.
func (g *Gateway) upgradesOnly(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if no := websocket.CheckHandshake(r); no != nil {
			for name, values := range no.Header {
				w.Header()[name] = values
			}
			g.refused(newProblem(no.Status, protocol.BadRequest, no.Message)).write(w)
			return
		}
		handler(w, r)
	}
}

// openLive starts what the live transports share.
func (g *Gateway) openLive() {
	g.live = newLive(liveOptions{
		Executions: g.opts.Supervisor, Journals: g.opts.Store, Auth: g.opts.Auth, System: g.opts.System, Search: g.opts.Search,
		Limits: g.opts.Limits, Heartbeat: g.opts.Heartbeat, Log: g.log, Audit: g.auditLive,
		Metrics: func() *metrics.Set { return g.metrics },
	})
}

func (g *Gateway) closeLive() { g.live.close() }
