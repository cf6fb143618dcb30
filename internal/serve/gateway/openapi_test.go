package gateway

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

var updateOpenAPI = flag.Bool("update-openapi", false, "write docs/openapi.json anew")

const openAPIFile = "../../../docs/openapi.json"

func TestOpenAPI_document_is_fresh(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	got := d.do(t, "GET", "/openapi.json", "", nil)
	if got.status != 200 || got.header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	if *updateOpenAPI {
		if err := os.WriteFile(openAPIFile, []byte(got.body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(openAPIFile)
	if err != nil || string(kept) != got.body {
		t.Errorf("docs/openapi.json is not what the server gives (%v): run `go generate ./internal/serve/gateway`", err)
	}
}

type openAPI struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Summary     string
		Description string
		Security    []map[string][]string
		Responses   map[string]struct {
			Content map[string]json.RawMessage
		}
	}
	Components struct{ Schemas map[string]json.RawMessage }
}

func TestOpenAPI_describes_every_route(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	text := d.do(t, "GET", "/openapi.json", "", nil).body
	var doc openAPI
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("it is OpenAPI %s", doc.OpenAPI)
	}
	ids := map[string]string{}
	for pattern, rule := range protocol.RoutePermission {
		method, path, _ := strings.Cut(pattern, " ")
		if path == "/" || path == "/openapi.json" || strings.HasPrefix(path, "/docs") || path == "/debug/pprof/" {
			continue // pages, the document itself, and what `go tool pprof` reads: no REST
		}
		op, ok := doc.Paths[path][strings.ToLower(method)]
		if !ok {
			t.Errorf("%s is not described", pattern)
			continue
		}
		if other := ids[op.OperationID]; other != "" || op.OperationID == "" || op.Summary == "" {
			t.Errorf("%s has the id %q (also %s) and the summary %q", pattern, op.OperationID, other, op.Summary)
		}
		ids[op.OperationID] = pattern
		if (rule[0] == protocol.PermPublic) != (len(op.Security) == 1 && len(op.Security[0]) == 0) {
			t.Errorf("%s: the security is %v", pattern, op.Security)
		}
		for _, perm := range rule {
			if perm != protocol.PermPublic && perm != protocol.PermNone && !strings.Contains(op.Description, "`"+perm+"`") {
				t.Errorf("%s does not say that it needs %s: %s", pattern, perm, op.Description)
			}
		}
		if len(op.Responses["default"].Content["application/problem+json"]) == 0 {
			t.Errorf("%s does not describe its problems", pattern)
		}
	}
	for _, foreign := range []string{"ErrorModel", "ErrorDetail"} {
		if strings.Contains(text, foreign) {
			t.Errorf("it speaks of %s, which no answer is", foreign)
		}
	}
}

// What the server answers is what the document says it answers.
func TestOpenAPI_answers_are_as_described(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	d.supervisor.say(id, execution.Event{Type: execution.TypeStarted, AgentType: "echo", Command: []string{"echo"}, Workdir: "/", PID: 1, Host: "h"},
		logLine(execution.Stdout, "x"), completed)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(d.do(t, "GET", "/openapi.json", "", nil).body))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	unknown, running := strings.Repeat("0", 26), d.supervisor.begin("echo")
	for _, test := range []struct {
		pattern, path, body, response, media string
		status                               int
	}{
		{"GET /healthz", "/healthz", "", "200", "application/json", 200},
		{"GET /readyz", "/readyz", "", "200", "application/json", 200},
		{"GET /api/session", "/api/session", "", "200", "application/json", 200},
		{"POST /login", "/login", `{"token":"` + d.token + `"}`, "200", "application/json", 200},
		{"POST /api/tickets", "/api/tickets", "", "201", "application/json", 201},
		{"GET /api/agents", "/api/agents", "", "200", "application/json", 200},
		{"GET /api/agents/{name}", "/api/agents/system-health", "", "200", "application/json", 200},
		{"GET /api/agents/{name}", "/api/agents/nope", "", "default", "application/problem+json", 404},
		{"POST /api/executions", "/api/executions", `{"agentType":"echo"}`, "201", "application/json", 201},
		{"POST /api/executions", "/api/executions", `{}`, "default", "application/problem+json", 422},
		{"GET /api/executions", "/api/executions?count=true", "", "200", "application/json", 200},
		{"GET /api/executions/{id}", "/api/executions/" + id, "", "200", "application/json", 200},
		{"GET /api/executions/{id}", "/api/executions/" + unknown, "", "default", "application/problem+json", 404},
		{"POST /api/executions/{id}/cancel", "/api/executions/" + id + "/cancel", "", "202", "application/json", 202},
		{"POST /api/executions/{id}/input", "/api/executions/" + running + "/input", `{"text":"a","eof":true}`, "200", "application/json", 200},
		{"POST /api/executions/{id}/input", "/api/executions/" + unknown + "/input", `{"text":"a"}`, "default", "application/problem+json", 404},
		{"POST /api/executions/{id}/continue", "/api/executions/" + id + "/continue", `{"prompt":"p"}`, "201", "application/json", 201},
		{"POST /api/executions/{id}/continue", "/api/executions/" + unknown + "/continue", `{"prompt":"p"}`, "default", "application/problem+json", 404},
		{"GET /api/approvals", "/api/approvals", "", "200", "application/json", 200},
		{"PUT /api/executions/{id}/pin", "/api/executions/" + id + "/pin", "", "200", "application/json", 200},
		{"DELETE /api/executions/{id}/pin", "/api/executions/" + id + "/pin", "", "200", "application/json", 200},
		{"PUT /api/executions/{id}/pin", "/api/executions/" + unknown + "/pin", "", "default", "application/problem+json", 404},
		{"GET /api/executions/{id}/events", "/api/executions/" + id + "/events?since=99", "", "default", "application/problem+json", 400},
		{"GET /api/system", "/api/system", "", "200", "application/json", 200},
		{"GET /api/retention", "/api/retention", "", "200", "application/json", 200},
		{"GET /api/retention", "/api/retention?limit=few", "", "default", "application/problem+json", 400},
		{"POST /api/retention", "/api/retention", "", "200", "application/json", 200},
		{"GET /api/costs", "/api/costs", "", "200", "application/json", 200},
		{"POST /api/executions/cancel", "/api/executions/cancel", `{"agentType": "echo"}`, "202", "application/json", 202},
		{"POST /api/executions/cancel", "/api/executions/cancel", `{}`, "default", "application/problem+json", 400},
		{"GET /api/budgets", "/api/budgets", "", "200", "application/json", 200},
		{"PUT /api/budgets", "/api/budgets", `{"perDay": 5}`, "200", "application/json", 200},
	} {
		method, route, _ := strings.Cut(test.pattern, " ")
		schema, err := compiler.Compile("openapi.json#/paths/" + escape.Replace(route) + "/" + strings.ToLower(method) + "/responses/" + test.response + "/content/" + escape.Replace(test.media) + "/schema")
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		got := d.do(t, method, test.path, test.body, d.as(d.token, nil))
		if got.status != test.status {
			t.Errorf("%s: %d %s", test.pattern, got.status, got.body)
			continue
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Errorf("%s: %v\n%s", test.pattern, err, got.body)
		}
	}
}
