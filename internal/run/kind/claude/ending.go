package claude

import (
	"fmt"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/transcript"
)

// backgroundCeiling is how long the CLI itself waits for its background tasks.
const backgroundCeiling = 10 * time.Minute

// ending is where the session stands between its turns and its end.
type ending struct {
	turn      bool   // a turn is under way
	exit      func() // cancels what waits for the CLI's end
	exitSince time.Time
}

// waits reports that somebody else than the CLI is to act: a tool, a person, what ends it.
func (a *agent) waits() bool {
	return len(a.tools) > 0 || a.desk.Waiting() > 0 || a.stopped || a.ending.exit != nil ||
		!a.ending.turn && a.options.Interactive && !a.inputEnded
}

// readResult takes the end of a turn.
func (a *agent) readResult(m *message) {
	r := m.result
	a.results++
	if a.result != nil && r.ResultIndex != nil && a.result.ResultIndex != nil && *r.ResultIndex > *a.result.ResultIndex+1 {
		a.say.Say(execution.Warn, transcript.Count(*r.ResultIndex-*a.result.ResultIndex-1, "result")+" of the session did not arrive",
			transcript.Data{Kind: transcript.Notice, Status: "result_lost"})
	}
	a.result, a.subtype = &r, m.Subtype
	a.ending.turn = false
	for id := range a.tools {
		delete(a.tools, id) // what is still open was given up with the turn
	}
	a.cost.settle(&r)
	level, text := execution.Info, "done"
	if out := r.outcome(a); out.Failed {
		level, text = execution.Error, out.Error
	} else if r.NumTurns > 0 {
		text = "done in " + transcript.Count(r.NumTurns, "turn")
	}
	failed := level == execution.Error
	a.say.Say(level, text, transcript.Data{Kind: transcript.Result, IsError: &failed, Status: firstOf(r.TerminalReason, m.Subtype)})
	a.warnOfResult(&r)
	a.tellCost()
	a.settleInput()
}

// warnOfResult tells what a result that looks well hides.
func (a *agent) warnOfResult(r *result) {
	denied := map[string]int{}
	for _, d := range r.PermissionDenials {
		denied[d.ToolName]++
	}
	if len(r.PermissionDenials) > 0 {
		text := transcript.Count(len(r.PermissionDenials), "use") + " of tools denied:"
		for name, n := range denied {
			text += fmt.Sprintf(" %s (%d)", name, n)
		}
		a.say.Say(execution.Warn, text, transcript.Data{Kind: transcript.Notice, Status: "permission_denied"})
	}
	var size int64
	for _, u := range r.ModelUsage {
		size = max(size, u.ContextWindow)
	}
	if r.IsError {
		return
	}
	switch {
	case r.StopReason == "max_tokens" || r.StopReason == "model_context_window_exceeded":
		a.say.Say(execution.Warn, "the last answer was cut off: the work may be unfinished", transcript.Data{Kind: transcript.Notice, Status: "cut_off"})
	case size > 0 && a.context*100 >= size*nearContext:
		a.say.Say(execution.Warn, fmt.Sprintf("it ended with %d %% of its context used: the work may be unfinished", a.context*100/size),
			transcript.Data{Kind: transcript.Notice, Status: "near_context_limit"})
	}
}

// nearContext is from how many percent of the context on a normal end may be half the work.
const nearContext = 90

// settleInput ends the input when the last turn is over, nothing goes on in the background and nobody
// asks any more; then the CLI exits by itself, or is ended after the grace.
func (a *agent) settleInput() {
	if a.result == nil || a.ending.turn {
		return
	}
	if a.options.Interactive && !a.inputEnded {
		return
	}
	if len(a.background) == 0 && a.desk.Waiting() == 0 && a.result.QueuedTurns == 0 {
		a.endInput()
	}
	if a.ending.exit == nil {
		a.ending.exitSince = time.Now()
		a.ending.exit = a.session.After(a.grace.ExitGrace, a.exitOverdue)
	}
}

// stopExit goes on after a result: another turn has begun.
func (a *agent) stopExit() {
	if a.ending.exit != nil {
		a.ending.exit()
		a.ending.exit = nil
	}
}

// exitOverdue ends a CLI that does not exit after its result. The run keeps what it has achieved.
func (a *agent) exitOverdue() {
	a.ending.exit = nil
	waited := time.Since(a.ending.exitSince)
	if len(a.background) > 0 && waited < backgroundCeiling+a.grace.ExitGrace {
		since := a.ending.exitSince
		a.ending.exit = a.session.After(min(a.grace.ExitGrace, time.Minute), a.exitOverdue)
		a.ending.exitSince = since
		return
	}
	if !a.inputEnded {
		a.endInput() // whatever it was that waited
	}
	a.desk.WithdrawAll()
	a.say.Say(execution.Warn, fmt.Sprintf("Claude Code did not exit within %s of its result and is ended; the result stands", waited.Round(time.Second)),
		transcript.Data{Kind: transcript.Notice, Status: "exit_overdue"})
	a.session.End(a.result.outcome(a), 0)
}
