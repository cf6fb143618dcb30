package claude

import (
	"fmt"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/transcript"
)

// defaultStall is how long the CLI may be silent, do nothing, and go on.
const defaultStall = 30 * time.Minute

// backgroundCeiling is how long the CLI itself waits for its background tasks.
const backgroundCeiling = 10 * time.Minute

// watch is what is known of the CLI's silence.
type watch struct {
	limit  time.Duration
	tick   time.Duration
	silent time.Duration // counted in ticks, so that a machine that slept is no silence
	warned bool
	turn   bool // a turn is under way

	exit      func() // cancels what waits for the CLI's end
	exitSince time.Time
}

func (w *watch) spoke() {
	w.silent, w.warned = 0, false
}

// excuse lets the CLI be silent for that much longer, as when it has said that it waits.
func (w *watch) excuse(d time.Duration) {
	if d > 0 {
		w.silent = -d
	}
}

// startWatch looks at the silence from time to time.
func (a *agent) startWatch() {
	a.watch.limit = time.Duration(a.options.StallTimeout)
	if a.watch.limit <= 0 {
		a.watch.limit = defaultStall
	}
	a.watch.tick = max(a.watch.limit/16, 10*time.Millisecond)
	a.session.After(a.watch.tick, a.lookAtSilence)
}

func (a *agent) lookAtSilence() {
	defer a.session.After(a.watch.tick, a.lookAtSilence)
	w := &a.watch
	w.silent += w.tick
	switch {
	case len(a.tools) > 0, a.desk.Waiting() > 0, a.stopped, !w.turn && a.options.Interactive && !a.inputEnded, w.exit != nil:
		// Somebody else is to act: a tool, a person, what ends it.
		w.silent = min(w.silent, 0)
		return
	case a.session.Active():
		w.silent = min(w.silent, 0)
		return
	}
	switch {
	case w.silent >= w.limit:
		text := fmt.Sprintf("Claude Code said nothing for %s, with no tool in flight and no process at work", w.limit)
		a.session.End(driver.Outcome{Failed: true, Reason: execution.ReasonStalled, Error: text}, 0)
	case w.silent >= w.limit/2 && !w.warned:
		w.warned = true
		a.say.Say(execution.Warn, fmt.Sprintf("Claude Code has said nothing for %s; it is ended as stalled after %s", w.limit/2, w.limit),
			transcript.Data{Kind: transcript.Notice, Status: "silent"})
	}
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
	a.watch.turn = false
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
	if a.result == nil || a.watch.turn {
		return
	}
	if a.options.Interactive && !a.inputEnded {
		return
	}
	if len(a.background) == 0 && a.desk.Waiting() == 0 && a.result.QueuedTurns == 0 {
		a.endInput()
	}
	if a.watch.exit == nil {
		a.watch.exitSince = time.Now()
		a.watch.exit = a.session.After(a.grace.ExitGrace, a.exitOverdue)
	}
}

// stopExit goes on after a result: another turn has begun.
func (a *agent) stopExit() {
	if a.watch.exit != nil {
		a.watch.exit()
		a.watch.exit = nil
	}
}

// exitOverdue ends a CLI that does not exit after its result. The run keeps what it has achieved.
func (a *agent) exitOverdue() {
	a.watch.exit = nil
	waited := time.Since(a.watch.exitSince)
	if len(a.background) > 0 && waited < backgroundCeiling+a.grace.ExitGrace {
		since := a.watch.exitSince
		a.watch.exit = a.session.After(min(a.grace.ExitGrace, time.Minute), a.exitOverdue)
		a.watch.exitSince = since
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
