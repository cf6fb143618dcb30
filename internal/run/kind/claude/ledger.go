package claude

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// ledger is what a run costs. While the CLI runs it is counted from the usage of each API message; the
// CLI's own totals take its place when they come. Those of a resumed session may hold what earlier
// executions of it were charged for already: that is kept on disk for each session and taken off.
type ledger struct {
	dir     string // of the files of sessions; empty: nothing is kept
	session string
	before  *totals // of the session before this process, nil when unknown
	resumed bool

	model    string // of the last message
	notional bool
	seen     map[string]bool // ids of API messages
	counted  map[string]protocol.Tokens

	past    totals // of conversations of this process that were reset
	last    *totals
	carried totals // the part of last that is before's
}

// totals are what a process has reported.
type totals struct {
	USD    float64                       `json:"usd"`
	Models map[string]protocol.ModelCost `json:"models"`
}

func newLedger(dir, resume string) *ledger {
	l := &ledger{dir: dir, resumed: resume != "", seen: map[string]bool{}, counted: map[string]protocol.Tokens{}}
	if resume != "" {
		l.before = l.load(resume)
	}
	return l
}

// started takes what the first message of a process says.
func (l *ledger) started(m *message) {
	l.session = m.SessionID
	l.notional = m.APIKeySource == "none"
	if m.Model != "" {
		l.model = normalModel(m.Model)
	}
}

// count adds the usage of an API message, which comes with each of its lines: it counts once. It is
// false when there is nothing new.
func (l *ledger) count(m *apiMessage) bool {
	if m.Usage == nil || m.ID == "" || l.seen[m.ID] || m.Model == "<synthetic>" {
		return false
	}
	l.seen[m.ID] = true
	model := normalModel(m.Model)
	if model != "" {
		l.model = model
	}
	u := m.Usage
	l.counted[l.model] = l.counted[l.model].Plus(protocol.Tokens{Input: u.Input, Output: u.Output, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite, CacheWrite1h: u.Creation.Hour})
	return true
}

// settle takes the totals of a result.
func (l *ledger) settle(r *result) {
	if r.TotalCostUSD == nil && len(r.ModelUsage) == 0 {
		return
	}
	t := &totals{Models: map[string]protocol.ModelCost{}}
	for name, u := range r.ModelUsage {
		model := normalModel(name)
		c := t.Models[model]
		c.USD += u.CostUSD
		c.Tokens = c.Tokens.Plus(protocol.Tokens{Input: u.Input, Output: u.Output, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite})
		t.Models[model] = c
		t.USD += u.CostUSD
	}
	if r.TotalCostUSD != nil {
		t.USD = *r.TotalCostUSD
	}
	if l.last == nil && l.before != nil && l.carries(t) {
		l.carried = *l.before
	}
	l.last = t
	l.save()
}

// carries tells whether the first totals of a resumed process hold those of the session before. They
// can only if nothing in them is less; then the tokens that were counted say which of the two it is.
func (l *ledger) carries(t *totals) bool {
	if t.USD < l.before.USD {
		return false
	}
	var held, fresh, counted int64
	for model, before := range l.before.Models {
		now := t.Models[model].Tokens
		if now.Input < before.Tokens.Input || now.Output < before.Tokens.Output || now.CacheRead < before.Tokens.CacheRead || now.CacheWrite < before.Tokens.CacheWrite {
			return false
		}
		held += reading(before.Tokens)
	}
	for _, now := range t.Models {
		fresh += reading(now.Tokens)
	}
	for _, c := range l.counted {
		counted += reading(c)
	}
	if counted == 0 || held == 0 {
		return true
	}
	return distance(fresh-held, counted) < distance(fresh, counted)
}

// reading counts the tokens that a request sends, which each message reports exactly.
func reading(t protocol.Tokens) int64 { return t.Input + t.CacheRead + t.CacheWrite }

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
	l.last, l.before, l.carried = nil, nil, totals{}
	l.counted = map[string]protocol.Tokens{}
}

// now gives what the run has cost so far, and whether that is an estimate.
func (l *ledger) now() (t totals, estimated bool) {
	if l.last != nil {
		return l.past.plus(l.last.minus(l.carried)), false
	}
	t = totals{Models: map[string]protocol.ModelCost{}}
	for model, tokens := range l.counted {
		usd := estimate(model, tokens)
		t.Models[model] = protocol.ModelCost{USD: usd, Tokens: tokens}
		t.USD += usd
	}
	return l.past.plus(t), true
}

func (l *ledger) total() float64 {
	t, _ := l.now()
	return t.USD
}

func (t totals) plus(o totals) totals {
	sum := totals{USD: t.USD + o.USD, Models: maps.Clone(t.Models)}
	if sum.Models == nil {
		sum.Models = map[string]protocol.ModelCost{}
	}
	for model, c := range o.Models {
		was := sum.Models[model]
		sum.Models[model] = protocol.ModelCost{USD: was.USD + c.USD, Tokens: was.Tokens.Plus(c.Tokens)}
	}
	return sum
}

func (t totals) minus(o totals) totals {
	rest := totals{USD: max(0, t.USD-o.USD), Models: map[string]protocol.ModelCost{}}
	for model, c := range t.Models {
		was := o.Models[model]
		c.USD = max(0, c.USD-was.USD)
		c.Tokens = protocol.Tokens{Input: max(0, c.Tokens.Input-was.Tokens.Input), Output: max(0, c.Tokens.Output-was.Tokens.Output),
			CacheRead: max(0, c.Tokens.CacheRead-was.Tokens.CacheRead), CacheWrite: max(0, c.Tokens.CacheWrite-was.Tokens.CacheWrite)}
		if c != (protocol.ModelCost{}) {
			rest.Models[model] = c
		}
	}
	return rest
}

// path is the file of a session. Its id is the CLI's: what could name another file is not kept.
func (l *ledger) path(session string) string {
	if l.dir == "" || session == "" || len(session) > 100 || strings.Trim(session, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return ""
	}
	return filepath.Join(l.dir, session+".json")
}

func (l *ledger) load(session string) *totals {
	path := l.path(session)
	if path == "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var t totals
	if json.Unmarshal(b, &t) != nil {
		return nil
	}
	return &t
}

// save keeps the session's totals as the CLI reported them, for the execution that goes on with it. It
// is whole or not at all; without it the next execution charges more, never less.
func (l *ledger) save() {
	path := l.path(l.session)
	if path == "" || os.MkdirAll(l.dir, 0o700) != nil {
		return
	}
	b, err := json.Marshal(l.last)
	if err != nil {
		return
	}
	f, err := os.CreateTemp(l.dir, ".totals-*")
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil && cerr == nil && os.Rename(f.Name(), path) == nil {
		return
	}
	_ = os.Remove(f.Name())
}

// tellCost adds a cost event.
func (a *agent) tellCost(estimated bool) {
	t, guess := a.cost.now()
	estimated = estimated && guess
	usd := protocol.FromUSD(t.USD).USD()
	var all protocol.Tokens
	for model, c := range t.Models {
		all = all.Plus(c.Tokens)
		c.USD = protocol.FromUSD(c.USD).USD()
		t.Models[model] = c
	}
	e := &execution.Event{Type: execution.TypeCost, USD: &usd, Tokens: &all, Model: a.cost.model, Models: t.Models, Estimated: &estimated}
	if a.cost.notional {
		e.Notional = &a.cost.notional
	}
	_ = a.session.Emit(e)
}

// estimate is what tokens cost at the published prices; 0 where the model's price is not known.
func estimate(string, protocol.Tokens) float64 { return 0 }
