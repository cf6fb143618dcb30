// Package stall watches over the silence of a coding agent's program: it warns when half of the time
// allowed has passed, and ends the agent after all of it. Silence counts only while nobody else is to
// act and no process of the agent's uses the processor.
package stall

import (
	"fmt"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/transcript"
)

// DefaultLimit is how long an agent may be silent where its definition does not say.
const DefaultLimit = 30 * time.Minute

// Watch is used as an Agent is: one call at a time.
type Watch struct {
	session driver.Session
	say     *transcript.Writer
	name    string
	busy    func() bool
	limit   time.Duration
	tick    time.Duration
	silent  time.Duration // counted in ticks, so that a machine that slept is no silence
	warned  bool
}

// Start begins to watch. name is what people read of the program. busy reports that somebody else is to
// act: a tool, a person.
func Start(s driver.Session, say *transcript.Writer, name string, limit time.Duration, busy func() bool) *Watch {
	if limit <= 0 {
		limit = DefaultLimit
	}
	w := &Watch{session: s, say: say, name: name, busy: busy, limit: limit, tick: max(limit/16, 10*time.Millisecond)}
	s.After(w.tick, w.look)
	return w
}

// Spoke tells that the program has said something. A nil Watch has not begun.
func (w *Watch) Spoke() {
	if w != nil {
		w.silent, w.warned = 0, false
	}
}

// Excuse lets the program be silent for that much longer, as when it has said that it waits.
func (w *Watch) Excuse(d time.Duration) {
	if w != nil && d > 0 {
		w.silent = -d
	}
}

func (w *Watch) look() {
	w.session.After(w.tick, w.look)
	w.silent += w.tick
	if w.busy() || w.session.Active() {
		w.silent = min(w.silent, 0)
		return
	}
	switch {
	case w.silent >= w.limit:
		text := fmt.Sprintf("%s said nothing for %s, with no tool in flight and no process at work", w.name, w.limit)
		w.session.End(driver.Outcome{Failed: true, Reason: execution.ReasonStalled, Error: text}, 0)
	case w.silent >= w.limit/2 && !w.warned:
		w.warned = true
		w.say.Say(execution.Warn, fmt.Sprintf("%s has said nothing for %s; it is ended as stalled after %s", w.name, w.limit/2, w.limit),
			transcript.Data{Kind: transcript.Notice, Status: "silent"})
	}
}
