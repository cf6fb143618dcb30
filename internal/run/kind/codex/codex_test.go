package codex

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/drivertest"
	"github.com/claudeops/claudeops/internal/run/transcript"
	"github.com/claudeops/claudeops/internal/testagent/standin"
)

func TestMain(m *testing.M) {
	if standin.Named() {
		os.Exit(standin.Main())
	}
	os.Exit(m.Run())
}

func play(t *testing.T, session, state string, fields map[string]any) *drivertest.Played {
	t.Helper()
	value := map[string]any{"prompt": "Play the session " + session + ", please.", "executable": drivertest.StandIn(t, "codex-standin")}
	for name, v := range fields {
		value[name] = v
	}
	start, err := Kind().Start(value, kind.Context{})
	if err != nil {
		t.Fatal(err)
	}
	settings := driver.Settings{}
	if session == "hang-after" { // others end by themselves, however slow the machine
		settings.ExitGrace = 200 * time.Millisecond
	}
	return drivertest.Play(t, Driver{}, driver.Invocation{ExecutionID: "01hzy3v8k9q2w4e6r8t0y2u4i6", Argv: start.Argv, Options: start.Options, StateDir: state,
		Env: []string{"STANDIN_SESSION=" + session, "STANDIN_SPEED=50"}, Workdir: t.TempDir(), Settings: settings})
}

func TestPlay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		session string
		reason  execution.Reason
		words   string
		result  string
	}{
		{"hello", "", "", `"Done."`},
		{"tools", "", "", `"Done."`},
		{"unknown-types", "", "", `"Done."`},
		{"hang-after", "", "", `"Done."`},
		{"failed", execution.ReasonAgentError, "the model is not available", ""},
		{"interrupted", execution.ReasonAgentError, "without completing a turn", ""},
		{"usage-limit", execution.ReasonUsageLimit, "usage limit", ""},
	} {
		t.Run(c.session, func(t *testing.T) {
			t.Parallel()
			p := play(t, c.session, "", nil)
			out := p.Outcome()
			if out.Failed != (c.reason != "") || out.Reason != c.reason || !strings.Contains(out.Error, c.words) || string(out.Result) != c.result {
				t.Errorf("%+v (result %s)\n%s", out, out.Result, p.Text())
			}
			if got, want := string(logtext.AppendAllRaw(nil, p.Journal())), string(p.Stdout()); got != want {
				t.Errorf("the bytes are not those that it wrote:\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestPlay_transcript(t *testing.T) {
	t.Parallel()
	p := play(t, "tools", "", nil)
	p.Outcome()
	var kinds []string
	for _, e := range p.Events() {
		var d transcript.Data
		if e.Type == execution.TypeLog && json.Unmarshal(e.Data, &d) == nil && d.Kind != "" {
			kinds = append(kinds, d.Kind)
			if d.ID == "item_2" && d.Kind == transcript.ToolResult && (!*d.IsError || *e.Message != "FAIL\nexit code 1") {
				t.Errorf("the failed command: %q", *e.Message)
			}
			if d.ID == "item_4" && d.Kind == transcript.Tool && d.Name != "github/list_issues" {
				t.Errorf("the MCP tool: %+v", d)
			}
		}
	}
	want := []string{"user", "session", "raw", "thinking", "todo", "tool", "tool_result", "tool", "tool_result", "tool", "tool_result", "notice", "todo", "text", "result"}
	if !slices.Equal(kinds, want) {
		t.Errorf("%v\nwant %v", kinds, want)
	}
}

// The usage is that of the thread: a turn that goes on with it is told the difference.
func TestPlay_tokens(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	for _, c := range []struct {
		fields   map[string]any
		reported bool
	}{
		{nil, false},
		{map[string]any{"resume": "0199a213-81c0-7800-8aa1-bbab2a035a53"}, false},
		{map[string]any{"model": "claude-sonnet-5"}, true},
	} {
		p := play(t, "hello", state, c.fields)
		p.Outcome()
		e := p.Await("cost", func(e *execution.Event) bool { return e.Type == execution.TypeCost })
		if e.Tokens.Input != 1656 || e.Tokens.CacheRead != 9000 || e.Tokens.Output != 120 || *e.Reported != c.reported || (*e.USD > 0) != c.reported || *e.Estimated != c.reported {
			t.Errorf("%v: %+v, usd %v, reported %v, estimated %v", c.fields, e.Tokens, *e.USD, *e.Reported, *e.Estimated)
		}
	}
}

func TestArgv(t *testing.T) {
	t.Parallel()
	start, err := Kind().Start(map[string]any{"prompt": "x", "model": "m", "sandbox": "read-only", "resume": "t-1", "extraArgs": []any{"--color", "never"}}, kind.Context{})
	if err != nil {
		t.Fatal(err)
	}
	command, err := Driver{}.Command(driver.Invocation{Argv: start.Argv, Options: start.Options, Workdir: "/srv"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"codex", "exec", "--json", "--skip-git-repo-check", "--sandbox", "read-only", "--model", "m", "--color", "never", "-C", "/srv", "resume", "t-1", "-"}
	if !slices.Equal(command.Argv, want) || !command.Stdin {
		t.Errorf("%q, want %q", command.Argv, want)
	}
}
