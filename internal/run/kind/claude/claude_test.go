package claude

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/run/approval"
	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/drivertest"
	"github.com/claudeops/claudeops/internal/run/sessionfile"
	"github.com/claudeops/claudeops/internal/run/transcript"
	"github.com/claudeops/claudeops/protocol"
)

// game is a session to play.
type game struct {
	session  string
	fields   map[string]any
	env      []string
	settings driver.Settings
	state    string
}

// play starts a session of the stand-in.
func (g game) play(t *testing.T) *drivertest.Played {
	t.Helper()
	value := map[string]any{"prompt": "Play the session " + g.session + ", please.", "executable": drivertest.StandIn(t, "claude-standin")}
	for name, v := range g.fields {
		value[name] = v
	}
	k := Kind()
	if k.Check != nil {
		if problems := k.Check(value); len(problems) > 0 {
			t.Fatal(problems)
		}
	}
	start, err := k.Start(value, kind.Context{})
	if err != nil {
		t.Fatal(err)
	}
	if g.state == "" {
		g.state = t.TempDir()
	}
	return drivertest.Play(t, Driver{}, driver.Invocation{ExecutionID: "01hzy3v8k9q2w4e6r8t0y2u4i6", Agent: "a", Argv: start.Argv, Options: start.Options,
		Env:     append([]string{"PATH=" + os.Getenv("PATH"), "STANDIN_SESSION=" + g.session, "STANDIN_SPEED=20", "CLAUDECODE=1"}, g.env...),
		Workdir: t.TempDir(), Settings: g.settings, StateDir: g.state})
}

// said gives the transcript: the data of each event of the agent stream, with its message.
type said struct {
	transcript.Data
	Message string
	Level   execution.Level
	Raw     json.RawMessage `json:"raw"`
}

func saidBy(t *testing.T, p *drivertest.Played) []said {
	t.Helper()
	var list []said
	for _, e := range p.Events() {
		if e.Type != execution.TypeLog || e.Stream != execution.Agent {
			continue
		}
		s := said{Message: *e.Message, Level: e.Level}
		if err := json.Unmarshal(e.Data, &s); err != nil {
			t.Fatalf("%s: %v", e.Data, err)
		}
		list = append(list, s)
	}
	return list
}

func find(list []said, fits func(said) bool) *said {
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return &list[i]
	}
	return nil
}

func costs(p *drivertest.Played) (list []execution.Event) {
	for _, e := range p.Events() {
		if e.Type == execution.TypeCost {
			list = append(list, e)
		}
	}
	return list
}

func TestPlay_ends(t *testing.T) {
	t.Parallel()
	short := driver.Settings{ExitGrace: 300 * time.Millisecond}
	for _, c := range []struct {
		game
		failed bool
		reason execution.Reason
		words  string // in the error
		result string
	}{
		{game{session: "review"}, false, "", "", "## Findings"},
		{game{session: "hello"}, false, "", "", "Hello."},
		{game{session: "tools"}, false, "", "", "done"},
		{game{session: "subagents"}, false, "", "", "found both"},
		{game{session: "long-lines"}, false, "", "", "read two megabytes"},
		{game{session: "denied"}, false, "", "", "I could not"},
		{game{session: "compaction"}, false, "", "", "part 12"},
		{game{session: "retries"}, false, "", "", "done"},
		{game{session: "unknown-types"}, false, "", "", "the type came last"},
		{game{session: "structured"}, false, "", "", "as an object"},
		{game{session: "structured", fields: map[string]any{"resultSchema": map[string]any{"type": "object"}}}, false, "", "", `"findings"`},
		{game{session: "hang-after", settings: short}, false, "", "", "done"},
		{game{session: "daemon"}, false, "", "", `"1"`},
		{game{session: "usage-limit-wait"}, false, "", "", "done"},
		{game{session: "api-error"}, true, execution.ReasonAgentError, "529 Overloaded (api_error, API status 529)", ""},
		{game{session: "context-exhausted"}, true, execution.ReasonAgentError, "Prompt is too long (prompt_too_long)", ""},
		{game{session: "no-result"}, true, execution.ReasonAgentError, "gave no result: it ended with exit code 0; its last words on stderr: warning: something is odd / fatal: the connection was lost", ""},
		{game{session: "startup-failure"}, true, execution.ReasonAgentError, "Invalid API key", ""},
		{game{session: "cut"}, true, execution.ReasonAgentError, "gave no result", ""},
		{game{session: "max-turns"}, true, execution.ReasonAgentError, "Reached maximum number of turns (1) (error_max_turns, max_turns)", ""},
		{game{session: "exit-code"}, true, execution.ReasonExitCode, "exit code 3 after a result", "well"},
		{game{session: "usage-limit"}, true, execution.ReasonUsageLimit, "usage limit (5 hours) is reached; it resets at", ""},
		{game{session: "hang-before", fields: map[string]any{"stallTimeout": "400ms"}}, true, execution.ReasonStalled, "said nothing for 400ms", ""},
	} {
		name := c.session
		if c.fields["resultSchema"] != nil {
			name += " by schema"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := c.play(t)
			out := p.Outcome()
			if out.Failed != c.failed || out.Reason != c.reason || !strings.Contains(out.Error, c.words) || !strings.Contains(string(out.Result), c.result) {
				t.Errorf("%+v (result %s), want failed %v, %s, %q, %q\n%s", out, out.Result, c.failed, c.reason, c.words, c.result, p.Text())
			}
			if c.reason == execution.ReasonUsageLimit && out.ResetsAt.IsZero() {
				t.Error("until when is not told")
			}
		})
	}
}

func TestPlay_transcript(t *testing.T) {
	t.Parallel()
	p := game{session: "review"}.play(t)
	p.Outcome()
	list := saidBy(t, p)
	call := find(list, func(s said) bool { return s.Kind == transcript.Tool && s.Name == "Bash" })
	if call == nil || call.Message != "Bash: ls -1" || call.ID != "toolu_ls" || !strings.Contains(string(call.Input), `"ls -1"`) {
		t.Fatalf("the call of ls: %+v", call)
	}
	result := find(list, func(s said) bool { return s.Kind == transcript.ToolResult && s.ID == call.ID })
	if result == nil || result.Name != "Bash" || !strings.HasPrefix(result.Message, "README.md\ngo.mod") || result.IsError == nil || *result.IsError {
		t.Errorf("its result: %+v", result)
	}
	failed := find(list, func(s said) bool { return s.Kind == transcript.ToolResult && s.ID == "toolu_test" })
	if failed == nil || !*failed.IsError || failed.Level != execution.Warn {
		t.Errorf("the failed result: %+v", failed)
	}
	nested := find(list, func(s said) bool { return s.Kind == transcript.Tool && s.Name == "Grep" })
	if nested == nil || nested.Parent != "toolu_task" {
		t.Errorf("the subagent's call: %+v", nested)
	}
	todo := find(list, func(s said) bool { return s.Kind == transcript.Todo })
	if todo == nil || len(todo.Items) != 3 || !strings.HasPrefix(todo.Message, "[>] Looking at the layout\n[ ] Run the tests") {
		t.Errorf("the list of things to do: %+v", todo)
	}
	for _, kind := range []string{transcript.User, transcript.Session, transcript.Thinking, transcript.Text, transcript.Subagent, transcript.Result} {
		if find(list, func(s said) bool { return s.Kind == kind }) == nil {
			t.Errorf("nothing of kind %s", kind)
		}
	}
	progress := 0.0
	sessions := 0
	for _, e := range p.Events() {
		switch e.Type {
		case execution.TypeProgress:
			progress = *e.Progress
		case execution.TypeSession:
			sessions++
			if e.SessionID == "" || e.Agent != "claude 2.1.296" {
				t.Errorf("session %+v", e)
			}
		}
	}
	if progress != 100 || sessions != 1 {
		t.Errorf("progress %v, %d sessions", progress, sessions)
	}
}

// Whatever a session holds, its cost is the declared total, every estimate before stays below it, and
// the bytes that the CLI wrote can be had back.
func TestPlay_cost_is_the_declared_total(t *testing.T) {
	t.Parallel()
	for _, session := range []string{"review", "tools", "subagents", "compaction", "near-context", "denied", "retries"} {
		t.Run(session, func(t *testing.T) {
			t.Parallel()
			p := game{session: session}.play(t)
			p.Outcome()
			var declared float64
			for _, s := range saidBy(t, p) {
				var m struct {
					Total *float64 `json:"total_cost_usd"`
				}
				if s.Raw != nil && json.Unmarshal(s.Raw, &m) == nil && m.Total != nil {
					declared = *m.Total
				}
			}
			all := costs(p)
			last := all[len(all)-1]
			if math.Abs(*last.USD-declared) > 0.5e-6 || math.Abs(p.Cost()-declared) > 0.5e-6 || *last.Estimated {
				t.Errorf("cost %v (%v), declared %v, estimated %v", *last.USD, p.Cost(), declared, *last.Estimated)
			}
			if last.Models["claude-sonnet-5"].USD == 0 || last.Model != "claude-sonnet-5" {
				t.Errorf("models %+v", last.Models)
			}
			for _, e := range all[:len(all)-1] {
				// Only the output is guessed: a placeholder stands for it.
				if *e.Estimated && session != "near-context" && (*e.USD > declared || *e.USD < 0) {
					t.Errorf("an estimate of %v, declared %v", *e.USD, declared)
				}
			}
			if session == "near-context" && find(saidBy(t, p), func(s said) bool { return s.Status == "near_context_limit" }) == nil {
				t.Error("that it ended near the limit of its context is not told")
			}
		})
	}
}

func TestPlay_resumed_session_is_charged_the_difference(t *testing.T) {
	t.Parallel()
	for _, carries := range []bool{true, false} {
		t.Run(fmt.Sprint(carries), func(t *testing.T) {
			t.Parallel()
			state := t.TempDir()
			before := newLedger(sessionfile.In(state, "claude"), "", "")
			before.session = "s-1"
			usd, session := carried, "s-1"
			before.settle(&result{TotalCostUSD: &usd, ModelUsage: map[string]modelUsage{"claude-sonnet-5": {CacheRead: 500_000, CostUSD: usd}}})
			env := []string{"STANDIN_CARRIES=1"}
			if !carries {
				env = []string{"STANDIN_CARRIES=0"}
			}
			p := game{session: "hello", fields: map[string]any{"resume": session}, state: state, env: env}.play(t)
			p.Outcome()
			fresh := game{session: "hello"}.play(t)
			fresh.Outcome()
			if p.Cost() == 0 || math.Abs(p.Cost()-fresh.Cost()) > 1e-6 {
				t.Errorf("a turn of a resumed session costs %v, of a new one %v", p.Cost(), fresh.Cost())
			}
			again := newLedger(sessionfile.In(state, "claude"), session, "")
			if want := fresh.Cost(); carries && math.Abs(again.before.USD.USD()-want-carried) > 1e-6 {
				t.Errorf("kept %v for the next, want %v", again.before.USD, want+carried)
			}
		})
	}
}

const carried = 0.25

func TestPlay_subscription_is_notional(t *testing.T) {
	t.Parallel()
	p := game{session: "subscription"}.play(t)
	p.Outcome()
	for _, e := range costs(p) {
		if e.Notional == nil || !*e.Notional {
			t.Errorf("%+v", e)
		}
	}
}

func TestPlay_approvals(t *testing.T) {
	t.Parallel()
	ask := map[string]any{"approvals": "ask"}
	t.Run("allowed", func(t *testing.T) {
		t.Parallel()
		p := game{session: "ask", fields: ask}.play(t)
		e := p.AwaitApproval("req_1")
		if e.Tool != "Bash" || string(e.Input) != `{"command":"make release"}` || e.Title != "Bash: make release" || e.ExpiresAt == nil {
			t.Errorf("%+v", e)
		}
		if err := p.Input(driver.Input{RequestID: "req_9", Decision: "allow"}); fault.CodeOf(err) != protocol.NotFound {
			t.Errorf("an unknown request: %v", err)
		}
		if err := p.Input(driver.Input{RequestID: "req_1", Decision: "perhaps"}); fault.CodeOf(err) != protocol.BadRequest {
			t.Errorf("an unknown decision: %v", err)
		}
		if err := p.Input(driver.Input{RequestID: "req_1", Decision: "allow", By: "ann", Via: "page"}); err != nil {
			t.Fatal(err)
		}
		if err := p.Input(driver.Input{RequestID: "req_1", Decision: "deny", By: "bob"}); fault.CodeOf(err) != protocol.Conflict || !strings.Contains(err.Error(), "ann") {
			t.Errorf("a second answer: %v", err)
		}
		if out := p.Outcome(); string(out.Result) != `"released"` {
			t.Errorf("%+v\n%s", out, p.Text())
		}
		p.Await("approved", func(e *execution.Event) bool {
			return e.Type == execution.TypeApproved && e.By == "ann" && e.Via == protocol.ViaPage && e.Scope == protocol.ScopeOnce
		})
	})
	t.Run("denied with a reason", func(t *testing.T) {
		t.Parallel()
		p := game{session: "ask", fields: ask}.play(t)
		p.AwaitApproval("req_1")
		if err := p.Input(driver.Input{RequestID: "req_1", Decision: "deny", Text: "not on a Friday", By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if out := p.Outcome(); string(out.Result) != `"not released"` || find(saidBy(t, p), func(s said) bool { return strings.Contains(s.Message, "denied: not on a Friday") }) == nil {
			t.Errorf("%+v\n%s", out, p.Text())
		}
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		p := game{session: "ask", fields: ask, settings: driver.Settings{ApprovalTimeout: 50 * time.Millisecond}}.play(t)
		if out := p.Outcome(); out.Failed || string(out.Result) != `"not released"` {
			t.Errorf("the run goes on with the denial: %+v\n%s", out, p.Text())
		}
		p.Await("denial", func(e *execution.Event) bool { return e.Type == execution.TypeDenied && e.Via == protocol.ViaExpiry })
	})
	t.Run("scope and rules", func(t *testing.T) {
		t.Parallel()
		p := game{session: "ask-twice", fields: ask, settings: driver.Settings{ApprovalRules: []approval.Rule{
			{Tool: "Bash", Match: "git status*", Then: "allow"}, {Tool: "Bash", Match: "rm *", Then: "deny"}}}}.play(t)
		p.AwaitApproval("req_1")
		if err := p.Input(driver.Input{RequestID: "req_1", Decision: "allow", Scope: "run"}); err != nil {
			t.Fatal(err)
		}
		want := `"make release: true, make release: true, git status: true, rm -rf /: false"`
		if out := p.Outcome(); string(out.Result) != want {
			t.Errorf("%s\n%s", out.Result, p.Text())
		}
		asked := 0
		for _, e := range p.Events() {
			if e.Type == execution.TypeApproval {
				asked++
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
	t.Run("allow-listed asks nobody", func(t *testing.T) {
		t.Parallel()
		p := game{session: "ask-twice", fields: map[string]any{"approvals": "allow-listed"}, settings: driver.Settings{ApprovalRules: []approval.Rule{{Tool: "Bash", Match: "git *", Then: "allow"}}}}.play(t)
		want := `"make release: false, make release: false, git status: true, rm -rf /: false"`
		if out := p.Outcome(); string(out.Result) != want {
			t.Errorf("%s\n%s", out.Result, p.Text())
		}
	})
	t.Run("withdrawn", func(t *testing.T) {
		t.Parallel()
		p := game{session: "ask-cancel", fields: ask}.play(t)
		if out := p.Outcome(); string(out.Result) != `"req_2 error"` {
			t.Errorf("%s\n%s", out.Result, p.Text())
		}
		p.Await("denial", func(e *execution.Event) bool { return e.Type == execution.TypeDenied && e.Via == protocol.ViaAgent })
		if err := p.Input(driver.Input{RequestID: "req_1", Decision: "allow"}); fault.CodeOf(err) != protocol.Conflict {
			t.Errorf("an answer after: %v", err)
		}
	})
	t.Run("question", func(t *testing.T) {
		t.Parallel()
		p := game{session: "question", fields: ask}.play(t)
		e := p.AwaitApproval("req_q")
		if e.Kind != protocol.ApprovalQuestion || e.Title != "Which branch?" || len(e.Options) != 2 || e.Options[0].Label != "main" {
			t.Errorf("%+v", e)
		}
		if err := p.Input(driver.Input{RequestID: "req_q", Decision: "allow"}); fault.CodeOf(err) != protocol.BadRequest {
			t.Errorf("no choice: %v", err)
		}
		if err := p.Input(driver.Input{RequestID: "req_q", Decision: "allow", Text: "next"}); err != nil {
			t.Fatal(err)
		}
		if out := p.Outcome(); string(out.Result) != `"allow: map[Which branch?:next]"` {
			t.Errorf("%s\n%s", out.Result, p.Text())
		}
	})
	t.Run("while a task goes on", func(t *testing.T) {
		t.Parallel()
		p := game{session: "background", fields: ask}.play(t)
		p.AwaitApproval("req_bg")
		if err := p.Input(driver.Input{RequestID: "req_bg", Decision: "allow"}); err != nil {
			t.Fatal(err)
		}
		if out := p.Outcome(); string(out.Result) != `"all done"` {
			t.Errorf("%s\n%s", out.Result, p.Text())
		}
	})
}

func TestPlay_messages_follow(t *testing.T) {
	t.Parallel()
	p := game{session: "chat", fields: map[string]any{"interactive": true}}.play(t)
	answer := func(text string) {
		p.Await(text, func(e *execution.Event) bool {
			return e.Type == execution.TypeLog && strings.Contains(string(e.Data), `"kind":"result"`) && strings.Contains(string(e.Data), text)
		})
	}
	answer("You said: Play")
	if err := p.Input(driver.Input{Text: "And now?", By: "ann"}); err != nil {
		t.Fatal(err)
	}
	answer("You said: And now?")
	if err := p.Input(driver.Input{EOF: true}); err != nil {
		t.Fatal(err)
	}
	if out := p.Outcome(); out.Failed || string(out.Result) != `"You said: And now?"` {
		t.Errorf("%+v\n%s", out, p.Text())
	}
	if err := p.Input(driver.Input{Text: "Too late"}); fault.CodeOf(err) != protocol.Conflict {
		t.Errorf("after the end: %v", err)
	}
}

func TestPlay_stop_interrupts(t *testing.T) {
	t.Parallel()
	p := game{session: "hang-before", fields: map[string]any{"approvals": "ask"}}.play(t)
	p.Await("a message", func(e *execution.Event) bool { return strings.Contains(string(e.Data), "And then nothing") })
	if grace := p.Stop(); grace != stopGrace {
		t.Errorf("grace %v", grace)
	}
	if out := p.Outcome(); !out.Failed || !strings.Contains(out.Error, "aborted") {
		t.Errorf("%+v", out)
	}
}

func TestPlay_work_is_no_stall(t *testing.T) {
	t.Parallel()
	p := game{session: "hang-before", fields: map[string]any{"stallTimeout": "200ms"}}.play(t)
	p.SetActive(true)
	p.Await("a message", func(e *execution.Event) bool { return strings.Contains(string(e.Data), "And then nothing") })
	p.SetActive(false)
	p.Await("a warning", func(e *execution.Event) bool { return strings.Contains(string(e.Data), `"status":"silent"`) })
	if out := p.Outcome(); out.Reason != execution.ReasonStalled {
		t.Errorf("%+v", out)
	}
}

func TestPlay_long_lines_are_whole(t *testing.T) {
	t.Parallel()
	p := game{session: "long-lines"}.play(t)
	p.Outcome()
	result := find(saidBy(t, p), func(s said) bool { return s.Kind == transcript.ToolResult })
	if result == nil || !result.Truncated || len(result.Message) > 64<<10 || len(result.Raw) < 2<<20 || len(result.Content) < 2<<20 {
		t.Fatalf("message %d bytes, raw %d, truncated %v", len(result.Message), len(result.Raw), result.Truncated)
	}
}

// What the CLI wrote to stdout can be had back byte for byte.
func TestPlay_raw_text_is_what_the_CLI_wrote(t *testing.T) {
	t.Parallel()
	for _, session := range []string{"review", "unknown-types", "long-lines", "cut"} {
		t.Run(session, func(t *testing.T) {
			t.Parallel()
			g := game{session: session}
			p := g.play(t)
			p.Outcome()
			got := string(logtext.AppendAllRaw(nil, p.Journal()))
			want := string(p.Stdout())
			if got != want && got != want+"\n" { // a line that was cut has no end
				t.Errorf("%d bytes, want %d: they differ at %d", len(got), len(want), differ(got, want))
			}
		})
	}
}

func differ(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := environment([]string{"PATH=/bin", "CLAUDECODE=1", "CLAUDE_CODE_ENTRYPOINT=mine"})
	for variable, want := range map[string]bool{"PATH=/bin": true, "CLAUDECODE=1": false, "CLAUDE_CODE_ENTRYPOINT=mine": true, "CLAUDE_CODE_ENTRYPOINT=claudeops": false, "CLAUDE_CODE_DISABLE_AGENT_VIEW=1": true} {
		if slices.Contains(got, variable) != want {
			t.Errorf("%s: %v", variable, !want)
		}
	}
}

func TestArgv(t *testing.T) {
	t.Parallel()
	value := map[string]any{"prompt": "$(rm -rf /) \"x\"", "model": "m", "maxTurns": "20", "effort": "high", "tools": map[string]any{"allow": []any{"Read", "Bash(git diff:*)"}, "deny": []any{"Bash"}},
		"permissionMode": "plan", "systemPrompt": "be brief", "mcpConfig": map[string]any{"mcpServers": map[string]any{}}, "directories": []any{"/srv/a", "/srv/b"}, "resume": "s-1", "extraArgs": []any{"--settings", "x"}}
	start, err := Kind().Start(value, kind.Context{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"claude", "-p", "$(rm -rf /) \"x\"", "--output-format", "stream-json", "--verbose", "--model", "m", "--max-turns", "20", "--effort", "high",
		"--allowedTools", "Read,Bash(git diff:*)", "--disallowedTools", "Bash", "--permission-mode", "plan", "--append-system-prompt", "be brief",
		"--mcp-config", `{"mcpServers":{}}`, "--add-dir", "/srv/a", "--add-dir", "/srv/b", "--resume=s-1", "--settings", "x"}
	if !slices.Equal(start.Argv, want) {
		t.Errorf("%q\nwant %q", start.Argv, want)
	}
	for name, v := range map[string]map[string]any{
		"asks":    {"prompt": "x", "approvals": "ask"},
		"a dash":  {"prompt": "--help"},
		"is long": {"prompt": strings.Repeat("x", longestArgument+1)},
	} {
		start, err := Kind().Start(v, kind.Context{})
		if err != nil || slices.Contains(start.Argv, "-p") || !slices.Contains(start.Argv, "--input-format") || slices.Contains(start.Argv, v["prompt"].(string)) {
			t.Errorf("%s: %.200q, %v", name, start.Argv, err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for path, value := range map[string]map[string]any{
		"prompt":        {"prompt": " "},
		"directories.0": {"prompt": "x", "directories": []any{"relative"}},
		"extraArgs.1":   {"prompt": "x", "extraArgs": []any{"--x", "--model=y"}},
		"stallTimeout":  {"prompt": "x", "stallTimeout": "soon"},
	} {
		problems := check(value)
		if len(problems) != 1 || problems[0].Path != path {
			t.Errorf("%s: %v", path, problems)
		}
	}
}
