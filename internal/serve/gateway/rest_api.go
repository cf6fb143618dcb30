package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/trust/exactjson"
	"github.com/claudeops/claudeops/protocol"
)

//go:generate go test . -run ^TestOpenAPI_document_is_fresh$ -update-openapi

// maxBody bounds the body of a REST request: an execution's parameters are most of it.
const maxBody = 1 << 20

// newAPI makes the part of the gateway that reads, validates and documents REST requests. What it
// registers reaches the mux through route like everything else.
func (g *Gateway) newAPI() huma.API {
	format := huma.Format{Marshal: marshalJSON, Unmarshal: exactjson.Unmarshal}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "ClaudeOps", Version: "1",
				License: &huma.License{Name: "Apache License 2.0", Identifier: "Apache-2.0"},
				Description: "Run agents, watch every line live, stop them, account for them. Errors are problem documents (RFC 9457) with a `code`. " +
					"Times are RFC 3339. Readers must ignore fields they don't know.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":   {Type: "http", Scheme: "bearer", Description: "The owner's token, which `claudeops token` prints, an API key or a JWT."},
					"session": {Type: "apiKey", In: "cookie", Name: "claudeops-PORT", Description: "The cookie that signing in sets. For a request that changes something it counts only together with Origin."},
				},
			},
			Servers: []*huma.Server{{URL: "/", Description: "This server"}},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{g.fromHuma},
	}
	// Adding a field is free, in both directions: who does not know one ignores it.
	config.AllowAdditionalPropertiesByDefault = true
	return huma.NewAPI(config, humago.NewAdapter(routedMux{g}, ""))
}

// routedMux puts what huma registers onto the gateway's routes.
type routedMux struct{ g *Gateway }

func (m routedMux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	m.g.route(pattern, handler)
}

func (m routedMux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.g.mux.ServeHTTP(w, r) }

func marshalJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// schemaName names schemas after the types, in the contract's words.
func schemaName(t reflect.Type, hint string) string {
	switch t {
	case reflect.TypeFor[execution.Record]():
		return "Execution"
	case reflect.TypeFor[agent.Problem]():
		return "DefinitionProblem"
	case reflect.TypeFor[AgentView]():
		return "Agent"
	case reflect.TypeFor[signedIn]():
		return "Session"
	default:
		return huma.DefaultSchemaNamer(t, hint)
	}
}

// operation registers one REST operation. Its permission comes from the table, for the door and for
// the document alike.
func operation[I, O any](g *Gateway, op huma.Operation, handle func(ctx context.Context, in *I) (*O, error)) {
	g.describe(&op)
	huma.Register(g.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, g.problem(ctx, err)
		}
		return out, nil
	})
}

// describe completes what the document says of an operation.
func (g *Gateway) describe(op *huma.Operation) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	op.BodyReadTimeout = requestTimeout
	rule := protocol.RoutePermission[op.Method+" "+op.Path]
	var needs string
	switch {
	case len(rule) == 0: // route refuses it
	case rule[0] == protocol.PermPublic:
		needs = "Needs no credential."
	case rule[0] == protocol.PermNone:
		needs = "Needs a credential, whatever its permissions."
	default:
		needs = "Needs the permission `" + strings.Join(rule, "` or `") + "`."
	}
	op.Security = []map[string][]string{{}} // none
	if len(rule) > 0 && rule[0] != protocol.PermPublic {
		op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	}
	op.Description = strings.TrimSpace(op.Description + " " + needs)
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	problem := &huma.Response{
		Description: "A problem document says what was wrong.",
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: g.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")},
		},
	}
	op.Responses["4XX"], op.Responses["default"] = problem, problem
}

// document is the OpenAPI document. The framework adds a schema of its own for errors, which no
// answer of ours has.
func (g *Gateway) document() []byte {
	schemas := g.api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	schemas["Problem"].Properties["code"].Enum = anyOf(protocol.Codes)
	schemas["Execution"].Properties["status"].Enum = anyOf(execution.Statuses)
	schemas["Execution"].Properties["executionId"].Pattern = "^[0-9a-z]{26}$"
	paths := g.api.OpenAPI().Paths
	created := paths["/api/executions"].Post.Responses
	created["200"] = &huma.Response{Description: "The idempotency key had begun this one before.", Content: created["201"].Content, Headers: created["201"].Headers}
	// These are read by hand, so that what is wrong with them is told in our words.
	sharper := sharperParams()
	for _, op := range []*huma.Operation{paths["/api/executions"].Get, paths["/api/costs"].Get, paths["/api/executions/{id}/events"].Get} {
		for _, param := range op.Parameters {
			if schema := sharper[op.OperationID+" "+param.Name]; schema != nil {
				param.Schema = schema
			}
		}
	}
	compact, err := json.Marshal(g.api.OpenAPI())
	if err != nil {
		g.missing = append(g.missing, err)
		return nil
	}
	var readable bytes.Buffer
	if err := json.Indent(&readable, compact, "", "  "); err != nil {
		g.missing = append(g.missing, err)
	}
	readable.WriteByte('\n')
	return readable.Bytes()
}

// sharperParams are the schemas of parameters that huma takes for plain text, by operation and name.
func sharperParams() map[string]*huma.Schema {
	instant := &huma.Schema{Type: huma.TypeString, Description: "A time (RFC 3339), or how long ago by the server's clock, like 1h."}
	count := &huma.Schema{Type: huma.TypeInteger, Minimum: new(0.0), Maximum: new(float64(protocol.MaxSeq))}
	return map[string]*huma.Schema{
		"list-executions since": instant, "list-executions until": instant,
		"list-executions limit":  {Type: huma.TypeInteger, Minimum: new(1.0), Maximum: new(float64(index.MaxLimit)), Default: index.DefaultLimit},
		"list-executions status": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Enum: anyOf(execution.Statuses)}},
		"costs by":               {Type: huma.TypeString, Enum: anyOf(costsBy), Default: string(index.ByDay)},
		"execution-events since": count, "execution-events tail": count, "execution-events limit": count,
	}
}

func anyOf[T any](values []T) []any {
	var all []any
	for _, value := range values {
		all = append(all, value)
	}
	return all
}

// timeParam is an optional instant in a query: a time, or how long ago by the server's clock, so that a
// caller whose clock is wrong gets the last hour too.
func timeParam(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, badField(field, "must be a time like 2026-01-31T14:00:00Z, or how long ago like 1h, not %.60q", text)
	}
	return t, nil
}
