package codex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/pricing"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/sessionfile"
	"github.com/claudeops/claudeops/internal/run/stall"
	"github.com/claudeops/claudeops/internal/run/transcript"
	"github.com/claudeops/claudeops/protocol"
)

const maxLine = 128 << 20

type agent struct {
	session driver.Session
	say     *transcript.Writer
	options Options
	broken  error
	grace   time.Duration
	files   sessionfile.Dir
	prices  *pricing.Table

	thread string
	before *usage          // of the thread before this execution, nil when unknown
	told   map[string]bool // items whose beginning was told
	answer string          // the last message
	failed string          // why the last turn failed
	turns  int             // that were completed
	usage  *usage          // as reported: of the whole thread
	stderr []string

	silence *stall.Watch
}

func newAgent(o Options, broken error, inv driver.Invocation, s driver.Session) *agent {
	// The server has checked the file; one that became unreadable since leaves the program's prices.
	prices, _ := pricing.Open(inv.Prices)
	a := &agent{session: s, say: transcript.NewWriter(s), options: o, broken: broken, grace: inv.Settings.ExitGrace,
		files: sessionfile.In(inv.StateDir, "codex"), prices: prices, told: map[string]bool{}}
	if a.grace <= 0 {
		a.grace = driver.DefaultExitGrace
	}
	if before := (usage{}); o.Resume != "" && a.files.Load(o.Resume, &before) {
		a.before = &before
	}
	return a
}

func (a *agent) Reads() driver.Reads {
	return driver.Reads{Stdout: "{", Stderr: driver.EveryByte, MaxLine: maxLine}
}

func (a *agent) Started() {
	if a.broken != nil {
		a.session.End(driver.Outcome{Failed: true, Reason: execution.ReasonSpawnFailed, Error: a.broken.Error()}, 0)
		return
	}
	a.say.Say(execution.Info, a.options.Prompt, transcript.Data{Kind: transcript.User})
	_ = a.session.Send([]byte(a.options.Prompt)) // that it is not read is told by the end
	a.session.CloseInput()
	a.silence = stall.Start(a.session, a.say, "Codex", 0, func() bool { return len(a.told) > 0 || a.turns > 0 })
}

func (a *agent) Input(driver.Input) error {
	return fault.New(protocol.Conflict, "Codex takes no input while it works: continue its thread when it has ended")
}

func (a *agent) Stop() time.Duration { return 0 }

func (a *agent) Line(stream execution.Stream, line []byte) bool {
	if stream == execution.Stderr {
		if text := strings.TrimSpace(string(bytes.ToValidUTF8(line, []byte("�")))); text != "" {
			a.stderr = append(a.stderr[max(0, len(a.stderr)-4):], transcript.Clip(text, 500))
		}
		return false
	}
	var m message
	if !readJSON(line, &m) || m.Type == "" {
		return false
	}
	a.silence.Spoke()
	a.say.Begin(line)
	if h, ok := handlers[m.Type]; ok {
		h.read(a, &m)
	}
	a.say.End(m.name())
	return true
}

// readJSON reads into v what it can: a field of an unexpected type is left out, the others are read.
func readJSON(raw []byte, v any) bool {
	err := json.Unmarshal(raw, v)
	var wrong *json.UnmarshalTypeError
	return err == nil || errors.As(err, &wrong) && wrong.Field != ""
}

// Cost is what the run has cost, 0 where that is not known.
func (a *agent) Cost() float64 {
	usd, _ := a.price()
	return usd.USD()
}

// own is the usage of this execution: that of the thread less what it had before.
func (a *agent) own() protocol.Tokens {
	if a.usage == nil {
		return protocol.Tokens{}
	}
	u := *a.usage
	if b := a.before; b != nil && u.Input >= b.Input && u.Output >= b.Output {
		u.Input, u.Cached, u.Output = u.Input-b.Input, max(0, u.Cached-b.Cached), u.Output-b.Output
	}
	return protocol.Tokens{Input: max(0, u.Input-u.Cached), Output: u.Output, CacheRead: u.Cached}
}

func (a *agent) price() (protocol.MicroUSD, bool) {
	if a.options.Model == "" || a.usage == nil {
		return 0, false
	}
	return a.prices.Cost(a.options.Model, a.own())
}

func (a *agent) tellCost() {
	micros, known := a.price()
	usd, estimated, tokens := micros.USD(), known, a.own()
	e := &execution.Event{Type: execution.TypeCost, USD: &usd, Tokens: &tokens, Model: a.options.Model, Estimated: &estimated, Reported: &known}
	if known {
		e.Models = map[string]protocol.ModelCost{pricing.Normalize(a.options.Model): {USD: usd, Tokens: tokens}}
	}
	_ = a.session.Emit(e) // an event of this type is never refused
}

func (a *agent) Exited(x driver.Exit) driver.Outcome {
	out := a.outcome()
	if out.Failed {
		return out
	}
	switch {
	case x.Signal != "":
		return driver.Outcome{Failed: true, Reason: execution.ReasonSignal, Error: "ended by " + x.Signal, Result: out.Result}
	case x.Code != 0:
		return driver.Outcome{Failed: true, Reason: execution.ReasonExitCode, Error: fmt.Sprintf("ended with exit code %d", x.Code), Result: out.Result}
	}
	return out
}

// outcome judges by what the events said.
func (a *agent) outcome() driver.Outcome {
	var result json.RawMessage
	if a.answer != "" {
		if b, err := json.Marshal(a.answer); err == nil {
			result = b
		}
	}
	switch {
	case a.failed != "" && strings.Contains(strings.ToLower(a.failed), "usage limit"):
		return driver.Outcome{Failed: true, Reason: execution.ReasonUsageLimit, Error: a.failed, Result: result}
	case a.failed != "":
		return driver.Outcome{Failed: true, Reason: execution.ReasonAgentError, Error: a.failed, Result: result}
	case a.turns == 0:
		text := "Codex ended without completing a turn"
		if len(a.stderr) > 0 {
			text += "; its last words on stderr: " + strings.Join(a.stderr, " / ")
		}
		return driver.Outcome{Failed: true, Reason: execution.ReasonAgentError, Error: text, Result: result}
	}
	return driver.Outcome{Result: result}
}
