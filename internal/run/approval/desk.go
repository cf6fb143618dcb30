package approval

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/protocol"
)

// Mode is what a definition says of approvals.
type Mode string

// The modes. The zero Mode denies.
const (
	ModeDeny        Mode = "deny"
	ModeAsk         Mode = "ask"
	ModeAllowListed Mode = "allow-listed" // what a rule allows, and nothing else; nobody is asked
)

// Request is what an agent asks for.
type Request struct {
	ID      string
	Kind    protocol.ApprovalKind // empty: a tool
	Tool    string
	Title   string
	Input   json.RawMessage
	Options []protocol.ApprovalOption // of a question
}

// Decision is the answer to a request.
type Decision struct {
	Allow  bool
	Text   string // of a question: the choice
	Reason string // why it is denied, for the agent

	Withdrawn bool // nobody has answered, and nobody will
}

// Desk holds what waits for an answer in one run. It is used as an Agent is: one call at a time.
type Desk struct {
	session  driver.Session
	mode     Mode
	settings driver.Settings

	pending    map[string]*pending
	answered   map[string]string // by whom
	remembered map[string]bool   // tool and input, allowed or not for the rest of the run
	expired    bool              // a request was denied because nobody answered
}

type pending struct {
	Request
	answer func(Decision)
	cancel func()
}

// NewDesk makes the desk of one run.
func NewDesk(s driver.Session, mode Mode, settings driver.Settings) *Desk {
	if settings.ApprovalTimeout <= 0 {
		settings.ApprovalTimeout = driver.DefaultApprovalTimeout
	}
	return &Desk{session: s, mode: mode, settings: settings, pending: map[string]*pending{}, answered: map[string]string{}, remembered: map[string]bool{}}
}

// Waiting counts the requests that wait.
func (d *Desk) Waiting() int { return len(d.pending) }

// Expired reports whether a request was denied because nobody answered.
func (d *Desk) Expired() bool { return d.expired }

// Ask decides on a request at once where a rule or an earlier answer does, or else has people asked.
// answer is called once, now or later, unless the request is withdrawn or the run ends.
func (d *Desk) Ask(r Request, answer func(Decision)) {
	if r.Kind == "" {
		r.Kind = protocol.ApprovalTool
	}
	if _, again := d.pending[r.ID]; again || r.ID == "" {
		answer(Decision{Reason: "a request with this id waits already"})
		return
	}
	if r.Kind == protocol.ApprovalTool {
		if allow, ok := d.remembered[memory(r)]; ok {
			d.settle(r, Decision{Allow: allow, Reason: "as answered before in this run"}, "", protocol.ViaRule, protocol.ScopeRun, "as answered before in this run")
			answer(Decision{Allow: allow, Reason: "denied before in this run"})
			return
		}
		if verdict := Decide(d.settings.ApprovalRules, r.Tool, r.Input); verdict.Rule != nil && verdict.Then != Ask {
			why := "rule " + Describe(*verdict.Rule)
			dec := Decision{Allow: verdict.Then == Allow, Reason: "a rule of this agent's definition denies it: " + Describe(*verdict.Rule)}
			d.settle(r, dec, "", protocol.ViaRule, protocol.ScopeOnce, why)
			answer(dec)
			return
		}
	}
	if d.mode != ModeAsk {
		dec := Decision{Reason: "this agent's definition lets nobody be asked, and no rule allows it"}
		d.settle(r, dec, "", protocol.ViaRule, protocol.ScopeOnce, "approvals: "+string(d.mode))
		answer(dec)
		return
	}
	expires := execution.At(time.Now().Add(d.settings.ApprovalTimeout))
	p := &pending{Request: r, answer: answer}
	if err := d.session.Emit(&execution.Event{Type: execution.TypeApproval, RequestID: r.ID, Kind: r.Kind, Title: r.Title, Tool: r.Tool,
		Input: r.Input, Options: r.Options, ExpiresAt: &expires}); err != nil {
		answer(Decision{Reason: "the question could not be asked: " + err.Error()})
		return
	}
	d.pending[r.ID] = p
	p.cancel = d.session.After(d.settings.ApprovalTimeout, func() {
		if d.pending[r.ID] != p {
			return
		}
		d.expired = true
		why := fmt.Sprintf("nobody answered within %s", d.settings.ApprovalTimeout)
		d.close(p, Decision{Reason: why}, "", protocol.ViaExpiry, protocol.ScopeOnce, why)
	})
}

// settle tells of an answer that nobody was asked for.
func (d *Desk) settle(r Request, dec Decision, by string, via protocol.ApprovalVia, scope protocol.ApprovalScope, why string) {
	d.answered[r.ID] = string(via)
	d.emit(r, dec, by, via, scope, why)
}

func (d *Desk) emit(r Request, dec Decision, by string, via protocol.ApprovalVia, scope protocol.ApprovalScope, why string) {
	kind := execution.TypeDenied
	if dec.Allow {
		kind = execution.TypeApproved
	}
	if by == "" {
		by = string(via)
	}
	// What an event of these types can hold is fixed; that it can't be added would be a fault of ours.
	_ = d.session.Emit(&execution.Event{Type: kind, RequestID: r.ID, Tool: r.Tool, Title: r.Title, By: by, Via: via, Scope: scope, Reason: why})
}

func (d *Desk) close(p *pending, dec Decision, by string, via protocol.ApprovalVia, scope protocol.ApprovalScope, why string) {
	delete(d.pending, p.ID)
	d.answered[p.ID] = by
	if by == "" {
		d.answered[p.ID] = string(via)
	}
	p.cancel()
	d.emit(p.Request, dec, by, via, scope, why)
	p.answer(dec)
}

// Input takes a person's answer. The first one counts.
func (d *Desk) Input(in driver.Input) error {
	p, waits := d.pending[in.RequestID]
	if !waits {
		if by, ok := d.answered[in.RequestID]; ok {
			return fault.New(protocol.Conflict, "request %.80q has been answered already, by %s", in.RequestID, by)
		}
		return fault.New(protocol.NotFound, "nothing waits under request %.80q%s", in.RequestID, d.hint())
	}
	scope := protocol.ApprovalScope(in.Scope)
	switch scope {
	case "":
		scope = protocol.ScopeOnce
	case protocol.ScopeOnce, protocol.ScopeRun:
	default:
		return fault.New(protocol.BadRequest, "scope %.40q is not known; it is once or run", in.Scope)
	}
	dec := Decision{Allow: in.Decision == Allow}
	switch in.Decision {
	case Allow:
		dec.Text = in.Text
		if p.Kind == protocol.ApprovalQuestion && in.Text == "" {
			return fault.New(protocol.BadRequest, "the question needs an answer: give the choice in text")
		}
	case Deny:
		dec.Reason = in.Text
	default:
		return fault.New(protocol.BadRequest, "decision %.40q is not known; it is allow or deny", in.Decision)
	}
	if scope == protocol.ScopeRun && p.Kind == protocol.ApprovalTool {
		d.remembered[memory(p.Request)] = dec.Allow
	}
	via := protocol.ApprovalVia(in.Via)
	if via == "" {
		via = protocol.ViaAPI
	}
	d.close(p, dec, in.By, via, scope, in.Text)
	return nil
}

func (d *Desk) hint() string {
	if len(d.pending) == 0 {
		return "; nothing waits for an answer in this execution"
	}
	ids := make([]string, 0, len(d.pending))
	for id := range d.pending {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return "; there is " + strings.Join(ids, ", ")
}

// Withdraw closes a request that the agent does not ask any more. It is not answered.
func (d *Desk) Withdraw(id string) {
	p, waits := d.pending[id]
	if !waits {
		return
	}
	p.answer = func(Decision) {}
	d.close(p, Decision{}, "", protocol.ViaAgent, protocol.ScopeOnce, "the agent does not ask any more")
}

// WithdrawAll closes every request, as at the end of the agent. Who asks is told that it is denied.
func (d *Desk) WithdrawAll() {
	ids := make([]string, 0, len(d.pending))
	for id := range d.pending {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		d.close(d.pending[id], Decision{Withdrawn: true, Reason: "the agent ends"}, "", protocol.ViaAgent, protocol.ScopeOnce, "the agent ends")
	}
}

// memory is what "the same tool with the same input" compares.
func memory(r Request) string {
	var value any
	if json.Unmarshal(r.Input, &value) == nil {
		if canonical, err := json.Marshal(value); err == nil {
			return r.Tool + "\x00" + string(canonical)
		}
	}
	return r.Tool + "\x00" + string(r.Input)
}
