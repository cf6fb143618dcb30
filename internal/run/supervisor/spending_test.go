package supervisor_test

import (
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/budget"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

// limit gives an agent a budget.
func (w *world) limit(name string, b agent.Budget) {
	w.t.Helper()
	d, ok := w.catalogue.Get(name)
	if !ok {
		w.t.Fatalf("no agent %s", name)
	}
	limited := *d
	limited.Budget = b
	w.catalogue.mu.Lock()
	w.catalogue.agents[name] = &limited
	w.catalogue.mu.Unlock()
}

func usd(amount float64) *protocol.MicroUSD { return new(protocol.FromUSD(amount)) }

// TestBudgets: what runs is ended within the cost event that uses a budget up, what is new is refused,
// and what others run goes on.
func TestBudgets(t *testing.T) {
	t.Parallel()

	t.Run("of_an_agent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.limit("free", agent.Budget{PerDay: usd(1)})
		s := w.start()
		first, second, other := s.execute(t, "free"), s.execute(t, "free"), s.execute(t, "two")
		w.machine.runner(other).cost(5) // another agent's money
		a, b := w.machine.runner(first), w.machine.runner(second)
		a.cost(0.5)
		s.until(t, first, "its cost is known", func(rec execution.Record) bool { return rec.Cost == 0.5 })
		b.cost(0.5)
		for _, r := range []*fakeRunner{a, b} {
			if end := r.asked(); end.reason != execution.ReasonBudgetExceeded || !strings.Contains(end.text, "$1.00") || !strings.Contains(end.text, "budget.perDay") {
				t.Errorf("asked to end with %+v", end)
			}
		}
		a.endOver(0.5)
		b.endOver(0.5)
		if rec := s.untilStatus(t, first, execution.Failed); rec.Reason != string(execution.ReasonBudgetExceeded) {
			t.Errorf("%+v", rec)
		}
		w.untilRetired(first)
		w.untilRetired(second)
		_, _, err := s.Execute(t.Context(), supervisor.Request{AgentType: "free", Trigger: me})
		if fault.CodeOf(err) != protocol.BudgetExceeded || !strings.Contains(fault.Message(err), "$1.00") {
			t.Errorf("a new one is answered with %v", err)
		}
		if rec := s.get(t, other); rec.Status != execution.Running {
			t.Errorf("the other agent's is %s", rec.Status)
		}
		budgets := s.Budgets()
		if len(budgets.Agents) != 1 || budgets.Agents[0].State != budget.Exceeded || budgets.Agents[0].Spent.Day.Charged != 1_000_000 || budgets.Spent.Month.Charged != 6_000_000 || budgets.State != budget.OK {
			t.Errorf("%+v", budgets)
		}
		w.machine.runner(other).complete()
	})

	t.Run("of_all_set_while_they_run", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := w.start()
		id, free := s.execute(t, "free"), s.execute(t, "two")
		r := w.machine.runner(id)
		r.cost(2)
		s.until(t, id, "its cost is known", func(rec execution.Record) bool { return rec.Cost == 2 })
		set, err := s.SetBudgets(t.Context(), budget.Settings{Limits: budget.Limits{PerMonth: usd(2)}, Timezone: "Asia/Kathmandu"})
		if err != nil || set.State != budget.Exceeded || set.Spent.Month.Charged != 2_000_000 || set.Forecast < 2_000_000 {
			t.Errorf("%+v, %v", set, err)
		}
		if end := r.asked(); !strings.Contains(end.text, "perMonth with claudeops budgets") {
			t.Errorf("asked to end with %+v", end)
		}
		r.endOver(2)
		s.untilStatus(t, id, execution.Failed)
		w.untilRetired(id)
		if rec := s.get(t, free); rec.Status.Terminal() {
			t.Errorf("what costs nothing was ended: %+v", rec)
		}
		w.machine.runner(free).complete()
		s.untilStatus(t, free, execution.Completed)
		// The next server knows what was set and spent, to the cent.
		before := s.Budgets()
		w.untilRetired(free)
		w.stop()
		s = w.start()
		after := s.Budgets()
		if after.Settings.Timezone != "Asia/Kathmandu" || *after.Settings.PerMonth != 2_000_000 || after.Spent.Month.Charged < before.Spent.Month.Charged {
			t.Errorf("before %+v, after %+v", before, after)
		}
	})

	t.Run("never_for_what_a_subscription_pays", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.limit("free", agent.Budget{PerDay: usd(1)})
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		yes, amount := true, 50.0
		r.event(&execution.Event{Type: execution.TypeCost, USD: &amount, Tokens: &execution.Tokens{}, Model: "m", Estimated: &yes, Notional: &yes})
		s.until(t, id, "its cost is known", func(rec execution.Record) bool { return rec.Cost == 50 && rec.CostNotional })
		r.progress(50, "goes on")
		s.until(t, id, "it goes on", func(rec execution.Record) bool { return rec.Progress != nil })
		if b := s.Budgets(); b.Agents[0].State != budget.OK || b.Agents[0].Spent.Day.Notional != 50_000_000 {
			t.Errorf("%+v", b)
		}
		// Once it is asked for, it counts.
		w.limit("free", agent.Budget{PerDay: usd(1), Notional: true})
		amount = 51
		r.event(&execution.Event{Type: execution.TypeCost, USD: &amount, Tokens: &execution.Tokens{}, Model: "m", Estimated: &yes, Notional: &yes})
		r.asked()
		r.endOver(51)
		s.untilStatus(t, id, execution.Failed)
	})

	t.Run("over_a_restart", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.limit("free", agent.Budget{PerDay: usd(1)})
		s := w.start()
		id := s.execute(t, "free")
		r := w.machine.runner(id)
		r.cost(0.9)
		s.until(t, id, "its cost is known", func(rec execution.Record) bool { return rec.Cost == 0.9 })
		w.stop()
		r.cost(1.1) // nobody hears it
		s = w.start()
		if end := r.asked(); end.reason != execution.ReasonBudgetExceeded {
			t.Errorf("asked to end with %+v", end)
		}
		r.endOver(1.1)
		s.untilStatus(t, id, execution.Failed)
	})
}
