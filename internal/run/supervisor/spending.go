package supervisor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/budget"
	"github.com/claudeops/claudeops/protocol"
)

// AgentBudget is what one agent may cost, and has cost.
type AgentBudget struct {
	Agent  string
	Budget agent.Budget
	Spent  budget.Period
	State  budget.State
}

// Budgets is what may be spent, and what has been.
type Budgets struct {
	Settings budget.Settings
	Now      time.Time // in the time zone of the settings
	Spent    budget.Period
	Forecast protocol.MicroUSD // of the month, by what the settings count
	State    budget.State
	Agents   []AgentBudget // those whose definition has a budget, by name
}

// Budgets gives what may be spent, and what has been.
func (s *Supervisor) Budgets() Budgets {
	settings, sums := s.ledger.Settings(), s.spent()
	month := sums.All.Month.Charged
	if settings.Notional {
		month += sums.All.Month.Notional
	}
	b := Budgets{
		Settings: settings, Now: sums.Now, Spent: sums.All,
		Forecast: budget.Forecast(month, sums.Now), State: settings.Check(sums.All).State, Agents: []AgentBudget{},
	}
	for _, d := range s.options.Catalogue.List() {
		if d.Budget.None() {
			continue
		}
		spent := sums.ByAgent[d.Name]
		b.Agents = append(b.Agents, AgentBudget{d.Name, d.Budget, spent, agentLimits(d.Budget).Check(spent).State})
	}
	return b
}

// SetBudgets changes what all agents together may cost. What runs is ended at once where it has cost
// more than that.
func (s *Supervisor) SetBudgets(ctx context.Context, settings budget.Settings) (Budgets, error) {
	before := s.ledger.Settings()
	if err := s.ledger.Set(settings); err != nil {
		return Budgets{}, fault.Wrap(protocol.Unavailable, err, "the budgets could not be stored, and are as they were")
	}
	if before.Timezone != settings.Timezone { // its days are others
		if err := s.loadSpent(ctx); err != nil {
			return Budgets{}, err
		}
	}
	s.enforceBudgets()
	return s.Budgets(), nil
}

// loadSpent reads from the index what ended executions have cost in this day and month.
func (s *Supervisor) loadSpent(ctx context.Context) error {
	if err := s.loadSpentAlone(ctx); err != nil {
		return fmt.Errorf("add up what was spent: %w", s.indexer.check(err))
	}
	return nil
}

// loadSpentAlone keeps what is live from being retired meanwhile: its cost would count twice, or not
// at all.
func (s *Supervisor) loadSpentAlone(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, day, month := s.ledger.Moment()
	since := func(at time.Time) (map[string]budget.Spent, error) {
		costs, err := s.options.Index.Costs(ctx, index.CostFilter{By: index.ByAgent, Since: at, Ended: true})
		if err != nil {
			return nil, err
		}
		spent := make(map[string]budget.Spent, len(costs))
		for _, c := range costs {
			spent[c.Key] = budget.Spent{Charged: c.USD, Notional: c.Notional}
		}
		return spent, nil
	}
	today, err := since(day)
	if err != nil {
		return err
	}
	thisMonth, err := since(month)
	if err != nil {
		return err
	}
	s.ledger.Load(today, thisMonth)
	return nil
}

// spent adds up what was spent in this day and month.
func (s *Supervisor) spent() budget.Sums {
	s.mu.RLock()
	defer s.mu.RUnlock()
	running := make([]execution.Record, 0, len(s.live))
	for _, l := range s.live {
		if rec := l.snapshot(); rec.Cost != 0 && !l.counted {
			running = append(running, rec)
		}
	}
	return s.ledger.Sums(running)
}

func agentLimits(b agent.Budget) budget.Limits {
	return budget.Limits{PerDay: b.PerDay, PerMonth: b.PerMonth, Notional: b.Notional}
}

// refusal is why an agent may spend nothing more now, for people; empty when it may.
func refusal(whose, how string, met budget.Met, now time.Time) string {
	if met.State != budget.Exceeded {
		return ""
	}
	span := map[string]string{"day": "today", "month": "this month"}[met.Span]
	return fmt.Sprintf("%s cost $%s %s, and the budget is $%s; wait until %s, or raise %s",
		whose, met.Spent, span, met.Limit, budget.Next(met.Span, now).Format(time.RFC3339), how)
}

// overBudget is why an agent may spend nothing more now, for people; empty when it may. The limit is
// the one that is met.
func overBudget(name string, own, all budget.Limits, sums budget.Sums) (why string, met budget.Met) {
	met = own.Check(sums.ByAgent[name])
	span := map[string]string{"day": "perDay", "month": "perMonth"}
	if why = refusal("runs of "+name+" have", "budget."+span[met.Span]+" in its definition", met, sums.Now); why != "" {
		return why, met
	}
	met = all.Check(sums.All)
	return refusal("all agents together have", span[met.Span]+" with claudeops budgets", met, sums.Now), met
}

// affordable refuses a new execution of an agent that may spend nothing more now.
func (s *Supervisor) affordable(d *agent.Definition) error {
	if d.Free() && d.Budget.None() {
		return nil
	}
	sums := s.spent()
	why, met := overBudget(d.Name, agentLimits(d.Budget), s.ledger.Settings().Limits, sums)
	if why == "" {
		return nil
	}
	return fault.New(protocol.BudgetExceeded, "nothing is started: %s", why).With(struct {
		Span     string    `json:"span"` // day or month
		LimitUSD float64   `json:"limitUsd"`
		SpentUSD float64   `json:"spentUsd"`
		ResetsAt time.Time `json:"resetsAt"`
	}{met.Span, met.Limit.USD(), met.Spent.USD(), budget.Next(met.Span, sums.Now)})
}

// enforceBudgets ends what runs and costs, where a budget is used up. It warns, once for each span of
// time, where it is nearly.
func (s *Supervisor) enforceBudgets() {
	settings := s.ledger.Settings()
	if settings.None() && !slices.ContainsFunc(s.options.Catalogue.List(), func(d *agent.Definition) bool { return !agentLimits(d.Budget).None() }) {
		return
	}
	sums := s.spent()
	s.warnOf("", settings.Check(sums.All), sums.Now)
	s.mu.RLock()
	running := make([]*live, 0, len(s.live))
	for _, l := range s.live {
		running = append(running, l)
	}
	s.mu.RUnlock()
	for _, l := range running {
		rec := l.snapshot()
		if rec.Terminal || rec.Cost == 0 {
			continue
		}
		var own budget.Limits
		if d, ok := s.options.Catalogue.Get(l.agent); ok {
			own = agentLimits(d.Budget)
		}
		s.warnOf(l.agent, own.Check(sums.ByAgent[l.agent]), sums.Now)
		if why, _ := overBudget(l.agent, own.For(rec.CostNotional), settings.For(rec.CostNotional), sums); why != "" {
			s.endOverBudget(l, why)
		}
	}
}

// endOverBudget has a runner end its execution. Where it can't be reached now, it is asked again as
// soon as it is.
func (s *Supervisor) endOverBudget(l *live, why string) {
	l.mu.Lock()
	link := l.link
	l.mu.Unlock()
	if link == nil {
		return
	}
	if err := link.End(execution.ReasonBudgetExceeded, why); err != nil {
		s.log.Warn("the runner was not reached to end what is over its budget", "executionId", l.id, "error", err)
	}
}

// warnOf tells the operator that a budget is nearly used up, or is. name is the agent's, empty for all.
func (s *Supervisor) warnOf(name string, met budget.Met, now time.Time) {
	if met.State == budget.OK {
		return
	}
	key := fmt.Sprintf("%s %s %s %s", name, met.Span, budget.Next(met.Span, now), met.State)
	if _, told := s.warned.LoadOrStore(key, true); !told {
		s.log.Warn("a budget is "+map[budget.State]string{budget.Warning: "nearly used up", budget.Exceeded: "used up"}[met.State],
			"agent", name, "span", met.Span, "spent", met.Spent, "limit", met.Limit)
	}
}
