package agents_test

import (
	"encoding/json"
	"testing"

	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/kind/claude"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/drivertest"
)

// The examples with Claude are played by the stand-in, which does what the CLI does and no work.
func TestExamples_with_Claude(t *testing.T) {
	t.Parallel()
	c, err := agent.OpenCatalogue(agent.Options{Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	for name, example := range map[string]struct{ session, parameter, asks string }{
		"played-session":    {"review", "", "req_edit"},
		"review-repository": {"structured", "path", ""},
		"dependency-audit":  {"ask", "path", "req_1"},
		"log-triage":        {"tools", "file", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, ok := c.Get(name)
			if !ok {
				t.Fatal(c.Problems())
			}
			config := map[string]string{}
			if example.parameter != "" {
				config[example.parameter] = t.TempDir()
			}
			text, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			inv, err := d.Resolve(text)
			if err != nil {
				t.Fatal(err)
			}
			inv.Argv[0] = drivertest.StandIn(t, "claude-standin")
			p := drivertest.Play(t, claude.Driver{}, driver.Invocation{ExecutionID: "01hzy3v8k9q2w4e6r8t0y2u4i6", Agent: name, Argv: inv.Argv, Options: inv.Options,
				Env: append(inv.Env, "STANDIN_SESSION="+example.session, "STANDIN_SPEED=50"), Workdir: t.TempDir(), Settings: d.Settings, StateDir: t.TempDir()})
			if example.asks != "" {
				p.AwaitApproval(example.asks)
				if err := p.Input(driver.Input{RequestID: example.asks, Decision: "allow", By: "owner"}); err != nil {
					t.Fatal(err)
				}
			}
			if out := p.Outcome(); out.Failed || len(out.Result) == 0 {
				t.Errorf("%+v\n%s", out, p.Text())
			}
		})
	}
}
