package claude

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
)

// Driver runs Claude Code.
type Driver struct{}

// install is what to do where the CLI is missing.
const install = "install Claude Code with `npm install -g @anthropic-ai/claude-code`, or give its path as claude.executable"

// Install says what to do when the CLI is not there.
func (Driver) Install() string { return install }

// Command gives the command line with the environment that a headless session needs.
func (Driver) Command(inv driver.Invocation) (driver.Command, error) {
	o, err := readOptions(inv.Options)
	if err != nil {
		return driver.Command{}, err
	}
	if len(inv.Argv) == 0 {
		return driver.Command{}, errors.New("the command is empty")
	}
	return driver.Command{Argv: inv.Argv, Env: environment(inv.Env), Stdin: o.streams()}, nil
}

// environment drops what would make the CLI take itself for a part of another session, and keeps it
// from starting a daemon outside this execution, which would restart what was stopped.
func environment(env []string) []string {
	own := []struct{ name, value string }{
		{"CLAUDE_CODE_ENTRYPOINT", "claudeops"},
		{"CLAUDE_CODE_DISABLE_AGENT_VIEW", "1"},
		{"CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"},
		{"CLAUDE_CODE_STARTUP_FAILURE_RESULTS", "1"},
	}
	given := map[string]bool{}
	kept := make([]string, 0, len(env)+len(own))
	for _, variable := range env {
		name, _, _ := strings.Cut(variable, "=")
		if name == "CLAUDECODE" {
			continue
		}
		given[name] = true
		kept = append(kept, variable)
	}
	for _, v := range own {
		if !given[v.name] { // a definition's env may say otherwise
			kept = append(kept, v.name+"="+v.value)
		}
	}
	return kept
}

// Open begins a run.
func (Driver) Open(inv driver.Invocation, s driver.Session) driver.Agent {
	o, err := readOptions(inv.Options)
	return newAgent(o, err, inv, s)
}

// Exited judges by is_error, terminal_reason, the presence of a result and the exit code, in that order.
func (a *agent) Exited(x driver.Exit) driver.Outcome {
	a.desk.WithdrawAll()
	if a.result == nil {
		return a.noResult(x)
	}
	out := a.result.outcome(a)
	if out.Failed {
		return out
	}
	switch {
	case x.Signal != "":
		out.Failed, out.Reason, out.Error = true, execution.ReasonSignal, "ended by "+x.Signal+" after a result"
	case x.Code != 0:
		out.Failed, out.Reason, out.Error = true, execution.ReasonExitCode, fmt.Sprintf("ended with exit code %d after a result", x.Code)
	}
	return out
}

// noResult is what became of a run that gave no result: it failed, whatever its exit code.
func (a *agent) noResult(x driver.Exit) driver.Outcome {
	if limit := a.limit.reached(); limit != nil {
		return a.usageLimit(*limit)
	}
	how := fmt.Sprintf("ended with exit code %d", x.Code)
	if x.Signal != "" {
		how = "ended by " + x.Signal
	}
	text := "Claude Code gave no result: it " + how
	if last := a.lastWords(); last != "" {
		text += "; its last words on stderr: " + last
	}
	return driver.Outcome{Failed: true, Reason: execution.ReasonAgentError, Error: text}
}

func (a *agent) usageLimit(l window) driver.Outcome {
	text := "the account's usage limit (" + l.name() + ") is reached"
	if !l.resetsAt.IsZero() {
		text += "; it resets at " + clock(l.resetsAt)
	}
	return driver.Outcome{Failed: true, Reason: execution.ReasonUsageLimit, Error: text, ResetsAt: l.resetsAt}
}

// clock writes a time as people read it.
func clock(t time.Time) string {
	t = t.Local()
	if now := time.Now(); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("15:04 on 2 January")
	}
	return t.Format("15:04")
}

// The stop of a session: it is interrupted, its input ends, and it has this long before signals follow.
const stopGrace = 5 * time.Second

// Stop interrupts the turn and ends the input.
func (a *agent) Stop() time.Duration {
	a.stopped = true
	if !a.options.streams() {
		return 0
	}
	a.control("interrupt", nil)
	a.session.CloseInput()
	return stopGrace
}
