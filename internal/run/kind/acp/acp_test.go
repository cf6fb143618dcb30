package acp

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/drivertest"
	"github.com/claudeops/claudeops/internal/run/transcript"
	"github.com/claudeops/claudeops/internal/testagent/standin"
	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) {
	if standin.Named() {
		os.Exit(standin.Main())
	}
	os.Exit(m.Run())
}

func play(t *testing.T, session string, fields map[string]any) *drivertest.Played {
	t.Helper()
	value := map[string]any{"prompt": "Play.", "command": []any{drivertest.StandIn(t, "acp-standin"), "acp"}, "approvals": "ask"}
	for name, v := range fields {
		value[name] = v
	}
	start, err := Kind().Start(value, kind.Context{})
	if err != nil {
		t.Fatal(err)
	}
	return drivertest.Play(t, Driver{}, driver.Invocation{ExecutionID: "01hzy3v8k9q2w4e6r8t0y2u4i6", Argv: start.Argv, Options: start.Options, StateDir: t.TempDir(),
		Env: []string{"STANDIN_SESSION=" + session, "STANDIN_SPEED=50"}, Workdir: t.TempDir()})
}

func TestPlay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		session string
		fields  map[string]any
		reason  execution.Reason
		words   string
		result  string
	}{
		{"hello", nil, "", "", `"Hello."`},
		{"review", nil, "", "", `"Two files."`},
		{"review", map[string]any{"mode": "code", "resume": "sess_9"}, "", "", `"Two files."`},
		{"unknown-types", nil, "", "", `"refused with -32601"`},
		{"ask", map[string]any{"approvals": "deny"}, "", "", `"selected no"`},
		{"refusal", nil, execution.ReasonAgentError, "refused to go on", `"I won't."`},
		{"cut", nil, execution.ReasonAgentError, "cut off", `"As far as"`},
		{"exit", nil, execution.ReasonAgentError, "standin 1.2 ended with exit code 7 before its turn was over; its last words on stderr: panic: out of ideas", ""},
		{"old", nil, execution.ReasonAgentError, "speaks version 7", ""},
		{"sign-in", nil, execution.ReasonAgentError, "sign in with the agent's own program first", ""},
	} {
		t.Run(c.session, func(t *testing.T) {
			t.Parallel()
			p := play(t, c.session, c.fields)
			out := p.Outcome()
			if out.Failed != (c.reason != "") || out.Reason != c.reason || !strings.Contains(out.Error, c.words) || string(out.Result) != c.result {
				t.Errorf("%+v (result %s)\n%s", out, out.Result, p.Text())
			}
		})
	}
}

func TestPlay_transcript(t *testing.T) {
	t.Parallel()
	p := play(t, "review", nil)
	p.Outcome()
	var got []string
	for _, e := range p.Events() {
		var d transcript.Data
		if e.Type == execution.TypeLog && json.Unmarshal(e.Data, &d) == nil && d.Kind != transcript.Raw {
			got = append(got, d.Kind+" "+*e.Message)
		}
	}
	want := []string{"session standin 1.2", "user Play.", "thinking First the layout.", "todo [>] Look\n[ ] Tell", "text I look at the files.", "tool Shell: ls -1",
		"tool_result README.md\nmain.go", "tool Edit: Edit main.go", "tool_result changed /srv/main.go", "todo [x] Look\n[x] Tell", "text Two files.", "result done"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if p.Cost() != 0.0423 {
		t.Errorf("cost %v", p.Cost())
	}
}

func TestPlay_cost_that_is_not_reported(t *testing.T) {
	t.Parallel()
	p := play(t, "hello", nil)
	p.Outcome()
	e := p.Await("cost", func(e *execution.Event) bool { return e.Type == execution.TypeCost })
	if *e.Reported {
		t.Error("a cost is told that the agent did not report")
	}
}

func TestPlay_permission(t *testing.T) {
	t.Parallel()
	for decision, want := range map[string]string{"allow": `"selected once"`, "deny": `"selected no"`} {
		t.Run(decision, func(t *testing.T) {
			t.Parallel()
			p := play(t, "ask", nil)
			e := p.AwaitApproval("acp-101")
			if e.Tool != "Shell" || e.Title != "make release" || string(e.Input) != `{"command":"make release"}` {
				t.Errorf("%+v", e)
			}
			if err := p.Input(driver.Input{RequestID: "acp-101", Decision: decision, Scope: "run"}); err != nil {
				t.Fatal(err)
			}
			if out := p.Outcome(); string(out.Result) != want {
				t.Errorf("%s\n%s", out.Result, p.Text())
			}
		})
	}
	t.Run("stopped meanwhile", func(t *testing.T) {
		t.Parallel()
		p := play(t, "ask", nil)
		p.AwaitApproval("acp-101")
		if grace := p.Stop(); grace != stopGrace {
			t.Errorf("grace %v", grace)
		}
		if out := p.Outcome(); !strings.Contains(out.Error, "cancelled") {
			t.Errorf("%+v\n%s", out, p.Text())
		}
		p.Await("denial", func(e *execution.Event) bool { return e.Type == execution.TypeDenied && e.Via == protocol.ViaAgent })
	})
}

func TestPlay_form(t *testing.T) {
	t.Parallel()
	p := play(t, "form", nil)
	e := p.AwaitApproval("acp-101")
	if e.Kind != protocol.ApprovalQuestion || e.Title != "Which branch?" || len(e.Options) != 2 {
		t.Errorf("%+v", e)
	}
	if err := p.Input(driver.Input{RequestID: "acp-101", Decision: "allow", Text: "next"}); err != nil {
		t.Fatal(err)
	}
	if out := p.Outcome(); string(out.Result) != `"accept map[branch:next]"` {
		t.Errorf("%s\n%s", out.Result, p.Text())
	}
}

func TestPlay_stop_cancels_the_turn(t *testing.T) {
	t.Parallel()
	p := play(t, "hang", nil)
	p.Await("the prompt", func(e *execution.Event) bool { return strings.Contains(string(e.Data), `"kind":"user"`) })
	p.Stop()
	if out := p.Outcome(); !out.Failed || !strings.Contains(out.Error, "cancelled") || string(out.Result) != `"Thinking."` {
		t.Errorf("%+v (%s)\n%s", out, out.Result, p.Text())
	}
}
