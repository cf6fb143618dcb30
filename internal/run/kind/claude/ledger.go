package claude

import (
	"maps"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/pricing"
	"github.com/claudeops/claudeops/internal/run/sessionfile"
	"github.com/claudeops/claudeops/protocol"
)

// ledger is what a run costs. While the CLI runs it is counted from the usage of each API message; the
// CLI's own totals take its place when they come. Those of a resumed session may hold what earlier
// executions of it were charged for already: that is kept on disk for each session and taken off.
type ledger struct {
	files   sessionfile.Dir // the totals of sessions as the CLI reported them
	session string
	before  *totals // of the session before this process, nil when unknown
	resumed bool

	model    string // of the last message
	notional bool
	seen     map[string]bool // ids of API messages
	prices   *pricing.Table
	counted  totals // by the usage of API messages

	past    totals // of conversations of this process that were reset
	last    *totals
	carried totals // the part of last that is before's
	guessed bool   // carried is an estimate
}

// totals are what a process has reported.
type totals struct {
	USD    protocol.MicroUSD    `json:"microUsd"`
	Models map[string]modelCost `json:"models"`
}

type modelCost struct {
	USD    protocol.MicroUSD `json:"microUsd"`
	Tokens protocol.Tokens   `json:"tokens"`
}

func newLedger(files sessionfile.Dir, resume, prices string) *ledger {
	// The server has checked the file; one that became unreadable since leaves the program's prices.
	table, _ := pricing.Open(prices)
	l := &ledger{files: files, resumed: resume != "", seen: map[string]bool{}, prices: table}
	if resume != "" {
		before := &totals{}
		if files.Load(resume, before) {
			l.before = before
		}
	}
	return l
}

// started takes what the first message of a process says.
func (l *ledger) started(m *message) {
	l.session = m.SessionID
	l.notional = m.APIKeySource == "none"
	if m.Model != "" {
		l.model = pricing.Normalize(m.Model)
	}
}

// count adds the usage of an API message, which comes with each of its lines: it counts once. It is
// false when there is nothing new.
func (l *ledger) count(m *apiMessage) bool {
	if m.Usage == nil || m.ID == "" || l.seen[m.ID] || m.Model == "<synthetic>" {
		return false
	}
	l.seen[m.ID] = true
	if m.Model != "" {
		l.model = pricing.Normalize(m.Model)
	}
	u := m.Usage
	tokens := protocol.Tokens{Input: u.Input, Output: u.Output, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite, CacheWrite1h: min(u.Creation.Hour, u.CacheWrite)}
	usd, _ := l.prices.Cost(l.model, tokens) // of a model without a price only the tokens are known
	usd += protocol.MicroUSD(u.Server.Searches) * l.prices.WebSearch
	l.counted = l.counted.plus(totals{USD: usd, Models: map[string]modelCost{l.model: {usd, tokens}}})
	return true
}

// settle takes the totals of a result.
func (l *ledger) settle(r *result) {
	if r.TotalCostUSD == nil && len(r.ModelUsage) == 0 {
		return
	}
	t := &totals{Models: map[string]modelCost{}}
	for name, u := range r.ModelUsage {
		model := pricing.Normalize(name)
		c, usd := t.Models[model], protocol.FromUSD(max(0, u.CostUSD))
		c.USD += usd
		c.Tokens = c.Tokens.Plus(protocol.Tokens{Input: u.Input, Output: u.Output, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite})
		t.Models[model] = c
		t.USD += usd
	}
	if r.TotalCostUSD != nil {
		t.USD = protocol.FromUSD(max(0, *r.TotalCostUSD))
	}
	if l.last == nil && l.resumed {
		switch {
		case l.before != nil:
			if l.carries(t) {
				l.carried = *l.before
			}
		case 2*reading(t) > 3*reading(&l.counted) && reading(&l.counted) > 0:
			// A session that was used elsewhere: what it held before this process is what was not counted.
			l.carried, l.guessed = t.minus(l.counted), true
		}
	}
	l.last = t
	l.files.Save(l.session, t) // for the execution that goes on with the session
}

// carries tells whether the first totals of a resumed process hold those of the session before. They
// can only if nothing in them is less; then the tokens that were counted say which of the two it is.
func (l *ledger) carries(t *totals) bool {
	if t.USD < l.before.USD {
		return false
	}
	for model, before := range l.before.Models {
		now := t.Models[model].Tokens
		if now.Input < before.Tokens.Input || now.Output < before.Tokens.Output || now.CacheRead < before.Tokens.CacheRead || now.CacheWrite < before.Tokens.CacheWrite {
			return false
		}
	}
	held, fresh, counted := reading(l.before), reading(t), reading(&l.counted)
	if counted == 0 || held == 0 {
		return true
	}
	return distance(fresh-held, counted) < distance(fresh, counted)
}

// reading counts the tokens that requests send, which each message reports exactly.
func reading(t *totals) (n int64) {
	for _, c := range t.Models {
		n += c.Tokens.Input + c.Tokens.CacheRead + c.Tokens.CacheWrite
	}
	return n
}

func distance(a, b int64) int64 {
	if a < b {
		return b - a
	}
	return a - b
}

// reset begins the totals again, as the CLI does when the conversation is reset.
func (l *ledger) reset() {
	if l.last != nil {
		l.past = l.past.plus(l.last.minus(l.carried))
	}
	l.last, l.before, l.resumed, l.carried, l.counted = nil, nil, false, totals{}, totals{}
}

// now gives what the run has cost so far, and whether that is an estimate.
func (l *ledger) now() (t totals, estimated bool) {
	if l.last != nil {
		return l.past.plus(l.last.minus(l.carried)), l.guessed
	}
	return l.past.plus(l.counted), true
}

func (l *ledger) total() float64 {
	t, _ := l.now()
	return t.USD.USD()
}

func (t totals) plus(o totals) totals {
	sum := totals{USD: t.USD + o.USD, Models: maps.Clone(t.Models)}
	if sum.Models == nil {
		sum.Models = map[string]modelCost{}
	}
	for model, c := range o.Models {
		was := sum.Models[model]
		sum.Models[model] = modelCost{USD: was.USD + c.USD, Tokens: was.Tokens.Plus(c.Tokens)}
	}
	return sum
}

func (t totals) minus(o totals) totals {
	rest := totals{USD: max(0, t.USD-o.USD), Models: map[string]modelCost{}}
	for model, c := range t.Models {
		was := o.Models[model]
		c.USD = max(0, c.USD-was.USD)
		c.Tokens = protocol.Tokens{Input: max(0, c.Tokens.Input-was.Tokens.Input), Output: max(0, c.Tokens.Output-was.Tokens.Output),
			CacheRead: max(0, c.Tokens.CacheRead-was.Tokens.CacheRead), CacheWrite: max(0, c.Tokens.CacheWrite-was.Tokens.CacheWrite)}
		if c != (modelCost{}) {
			rest.Models[model] = c
		}
	}
	return rest
}

// tellCost adds a cost event.
func (a *agent) tellCost() {
	t, estimated := a.cost.now()
	usd := t.USD.USD()
	var all protocol.Tokens
	models := make(map[string]protocol.ModelCost, len(t.Models))
	for model, c := range t.Models {
		all = all.Plus(c.Tokens)
		models[model] = protocol.ModelCost{USD: c.USD.USD(), Tokens: c.Tokens}
	}
	e := &execution.Event{Type: execution.TypeCost, USD: &usd, Tokens: &all, Model: a.cost.model, Models: models, Estimated: &estimated}
	if a.cost.notional {
		e.Notional = &a.cost.notional
	}
	// An event of this type is never refused.
	_ = a.session.Emit(e)
}
