package kinds_test

import (
	"encoding/json"
	"testing"

	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/kinds"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/drivertest"
)

// kits has for every kind a value that it takes, and what the suite of drivers needs to know.
var kits = map[string]struct {
	value any
	kit   drivertest.Kit
}{
	"command": {[]any{"df", "-h"}, program},
	"shell":   {"df -h", program},
	"builtin": {"system-health", program},
	"claude": {map[string]any{"prompt": "Say hello."}, drivertest.Kit{Lines: []string{
		`{"type":"system","subtype":"init","session_id":"s","model":"claude-sonnet-5","tools":["Read"]}`,
		`{"message":{"id":"m1","model":"claude-sonnet-5","content":[{"type":"text","text":"Hello"},{"type":"tool_use","id":"t1","name":"TodoWrite","input":{"todos":[{"content":"a","status":"in_progress"}]}}],"usage":{"input_tokens":3}},"type":"assistant"}`,
		`{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"image","source":{"data":"AAAA"}}],"is_error":true}]}}`,
		`{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"}}}`,
		`{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1794600000,"rateLimitType":"five_hour"}}`,
		`{"type":"something new","x":1}`,
		`{"type":"result","subtype":"success","is_error":false,"result":"done","total_cost_usd":0.1,"modelUsage":{"claude-sonnet-5":{"inputTokens":1,"costUSD":0.1}}}`,
		`{"type":"assistant","message":17}`,
	}}},
	"acp": {map[string]any{"command": []any{"opencode", "acp"}, "prompt": "Say hello."}, drivertest.Kit{Lines: []string{
		`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentInfo":{"name":"x"}}}`,
		`{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}`,
		`{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"a"}}}}`,
		`{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"tool_call","toolCallId":"c","kind":"execute","status":"completed","rawOutput":[1]}}}`,
		`{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"plan","entries":[{"content":"x","status":"completed"}]}}}`,
		`{"jsonrpc":"2.0","id":7,"method":"session/request_permission","params":{"options":17}}`,
		`{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}`,
	}}},
	"codex": {map[string]any{"prompt": "Say hello."}, drivertest.Kit{Lines: []string{
		`{"type":"thread.started","thread_id":"t"}`,
		`{"type":"item.started","item":{"id":"i","type":"command_execution","command":"ls"}}`,
		`{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"ls","exit_code":2,"aggregated_output":"x"}}`,
		`{"type":"item.completed","item":{"id":"j","type":"todo_list","items":[{"text":"x","completed":true}]}}`,
		`{"type":"turn.completed","usage":{"input_tokens":5,"cached_input_tokens":9}}`,
		`{"type":"turn.failed","error":"no"}`,
	}}},
}

var program = drivertest.Kit{
	Lines:     []string{"::progress 40::Indexing", "::progress 41::Indexing", "::group::A", "::endgroup::", "::debug::d", "::warning::w", "::error::e", `::error::{"command":"error"}`},
	KeepsText: true,
}

func TestKinds(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range kinds.All() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			c, ok := kits[k.Name]
			if !ok {
				t.Fatalf("the kind %s has no kit: add one, so that its driver is tested", k.Name)
			}
			var schema struct {
				Description string `json:"description"`
			}
			if err := json.Unmarshal([]byte(k.Schema), &schema); err != nil || schema.Description == "" {
				t.Errorf("schema: %v, description %q", err, schema.Description)
			}
			if k.Title == "" || len(k.Runs(c.value)) == 0 {
				t.Error("a person would not see what it runs")
			}
			start, err := k.Start(c.value, kind.Context{Executable: "/usr/bin/claudeops"})
			if err != nil {
				t.Fatal(err)
			}
			c.kit.Driver = k.Driver
			c.kit.Invocation = driver.Invocation{ExecutionID: "01hzy3v8k9q2w4e6r8t0y2u4i6", Agent: "a", Argv: start.Argv, Options: start.Options,
				Env: []string{"PATH=/bin", "CLAUDEOPS_EXECUTION_ID=x"}, Workdir: "/"}
			drivertest.Suite(t, c.kit)
		})
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			if seen[name] {
				t.Errorf("%s is the name of two kinds", name)
			}
			seen[name] = true
		}
	}
}
