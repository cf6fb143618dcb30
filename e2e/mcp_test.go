package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// bearer sends a token with every request.
type bearer struct{ token string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

// operate connects the SDK's own client to a server's /mcp.
func operate(t *testing.T, w *world) *sdk.ClientSession {
	t.Helper()
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(context.Background(),
		&sdk.StreamableClientTransport{Endpoint: w.url() + "/mcp", HTTPClient: &http.Client{Transport: bearer{w.token()}}, DisableStandaloneSSE: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// call calls a tool and decodes what it answers. failed is the text of an answer that is an error.
func call(t *testing.T, s *sdk.ClientSession, tool string, arguments, out any) (failed string) {
	t.Helper()
	result, err := s.CallTool(context.Background(), &sdk.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return err.Error()
	}
	text := result.Content[0].(*sdk.TextContent).Text
	if result.IsError {
		return text
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		t.Fatalf("%s answered %q: %v", tool, text, err)
	}
	return ""
}

type args = map[string]any

type mcpRun struct {
	ExecutionID string `json:"executionId"`
	Status      string `json:"status"`
	Trigger     struct{ Kind string }
	Config      json.RawMessage
}

func TestMCP_operates_the_server(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("count", "command: [sh, -c, 'for i in 1 2 3; do echo line $i; done; echo $1', sh, '{{big}}']\nparameters: {type: object, properties: {big: {type: integer}}}\n")
	w.define("wait", "command: [sleep, '1000']\n")
	w.serve()
	s := operate(t, w)

	tools, err := s.ListTools(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, tool := range tools.Tools {
		names[tool.Name] = true
	}
	for _, want := range []string{"list_agents", "start_run", "get_run", "tail_logs", "search_logs", "wait_run", "stop_run", "get_costs", "list_pending", "answer_pending"} {
		if !names[want] {
			t.Errorf("the tool %s is missing", want)
		}
	}

	var agents struct{ Agents []struct{ Name string } }
	if failed := call(t, s, "list_agents", args{}, &agents); failed != "" || len(agents.Agents) < 2 {
		t.Fatalf("the agents are %+v, %s", agents, failed)
	}

	var run mcpRun
	if failed := call(t, s, "start_run", args{"agent": "count", "parameters": args{"big": json.Number("9007199254740993")}}, &run); failed != "" {
		t.Fatal(failed)
	}
	if run.Trigger.Kind != "mcp" || !strings.Contains(string(run.Config), "9007199254740993") {
		t.Errorf("it began as %+v", run)
	}
	var waited struct {
		Ended bool
		Run   mcpRun
	}
	if failed := call(t, s, "wait_run", args{"executionId": run.ExecutionID}, &waited); failed != "" || !waited.Ended || waited.Run.Status != "completed" {
		t.Fatalf("it ended as %+v, %s", waited, failed)
	}
	var log struct {
		Lines []struct{ Message string }
		Next  uint64
		More  bool
		Ended string
	}
	if failed := call(t, s, "tail_logs", args{"executionId": run.ExecutionID, "since": 0, "limit": 3}, &log); failed != "" || !log.More || log.Next != 3 {
		t.Fatalf("the first lines are %+v, %s", log, failed)
	}
	if failed := call(t, s, "tail_logs", args{"executionId": run.ExecutionID}, &log); failed != "" || log.Ended != "execution:completed" || log.Lines[0].Message != "line 1" {
		t.Fatalf("the last lines are %+v, %s", log, failed)
	}
	var found struct {
		Lines []struct{ ExecutionID, Message string }
		Total int
	}
	if failed := call(t, s, "search_logs", args{"query": "^line [23]$", "regex": true}, &found); failed != "" || found.Total != 2 || found.Lines[0].ExecutionID != run.ExecutionID {
		t.Fatalf("found %+v, %s", found, failed)
	}
	if failed := call(t, s, "search_logs", args{"query": "line", "executionId": run.ExecutionID, "limit": 1}, &found); failed != "" || found.Total != 3 || len(found.Lines) != 1 {
		t.Fatalf("found %+v, %s", found, failed)
	}

	if failed := call(t, s, "start_run", args{"agent": "wait"}, &run); failed != "" {
		t.Fatal(failed)
	}
	if failed := call(t, s, "wait_run", args{"executionId": run.ExecutionID, "timeoutMs": 1}, &waited); failed != "" || waited.Ended {
		t.Fatalf("a run that goes on: %+v, %s", waited, failed)
	}
	if failed := call(t, s, "stop_run", args{"executionId": run.ExecutionID, "reason": "enough"}, &run); failed != "" {
		t.Fatal(failed)
	}
	if failed := call(t, s, "wait_run", args{"executionId": run.ExecutionID}, &waited); failed != "" || waited.Run.Status != "cancelled" {
		t.Fatalf("stopped, it is %+v, %s", waited, failed)
	}
	var pending struct{ Approvals []any }
	if failed := call(t, s, "list_pending", args{}, &pending); failed != "" || pending.Approvals == nil || len(pending.Approvals) > 0 {
		t.Fatalf("these wait: %+v, %s", pending, failed)
	}
	var page struct{ Executions []mcpRun }
	if failed := call(t, s, "list_runs", args{"status": "cancelled"}, &page); failed != "" || len(page.Executions) != 1 {
		t.Fatalf("the runs are %+v, %s", page, failed)
	}
}

func TestMCP_says_what_is_wrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("one", "command: ['true']\n")
	w.serve()
	s := operate(t, w)
	const unknown = "01jd3kq7f00000000000000000"
	for name, c := range map[string]struct {
		tool      string
		arguments args
		want      string
	}{
		"unknown_agent":     {"start_run", args{"agent": "nope"}, "nope"},
		"unknown_parameter": {"start_run", args{"agent": "one", "parameters": args{"x": 1}}, "x"},
		"unknown_run":       {"get_run", args{"executionId": unknown}, "not_found"},
		"no_id":             {"get_run", args{"executionId": ""}, "executionId is empty"},
		"path_as_id":        {"get_run", args{"executionId": "../agents"}, "bad_request"},
		"bad_expression":    {"search_logs", args{"query": "(", "regex": true}, "bad_request"},
		"limit":             {"tail_logs", args{"executionId": unknown, "limit": 5000}, "1 to 1000"},
		"wait_too_long":     {"wait_run", args{"executionId": unknown, "timeoutMs": 9999999}, "timeoutMs"},
		"nothing_asked":     {"answer_pending", args{"executionId": unknown, "requestId": "x", "decision": "allow"}, "not_found"},
		"cursor_ahead":      {"tail_logs", args{"executionId": unknown, "since": 7}, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if failed := call(t, s, c.tool, c.arguments, new(any)); !strings.Contains(failed, c.want) {
				t.Errorf("it says %q, want %q in it", failed, c.want)
			}
		})
	}
}

func TestMCP_needs_a_credential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	r, err := http.Post(w.url()+"/mcp", "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s", r.Status)
	}
}
