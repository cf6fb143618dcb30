package budget_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/run/budget"
	"github.com/claudeops/claudeops/protocol"
)

func record(agent, queued string, usd float64, notional bool) protocol.Record {
	at, err := time.Parse(time.RFC3339, queued)
	if err != nil {
		panic(err)
	}
	return protocol.Record{AgentType: agent, QueuedAt: at, Cost: usd, CostNotional: notional}
}

func TestLimits_Check(t *testing.T) {
	t.Parallel()
	spent := func(day, month protocol.MicroUSD) budget.Period {
		return budget.Period{Day: budget.Spent{Charged: day, Notional: 1_000_000}, Month: budget.Spent{Charged: month, Notional: 1_000_000}}
	}
	five, fifty := new(protocol.MicroUSD(5_000_000)), new(protocol.MicroUSD(50_000_000))
	for name, c := range map[string]struct {
		limits budget.Limits
		spent  budget.Period
		want   budget.Met
	}{
		"none":              {budget.Limits{}, spent(9e15, 9e15), budget.Met{State: budget.OK}},
		"below":             {budget.Limits{PerDay: five, PerMonth: fifty}, spent(3_999_999, 3_999_999), budget.Met{State: budget.OK}},
		"at 80 %":           {budget.Limits{PerDay: five}, spent(4_000_000, 0), budget.Met{State: budget.Warning, Span: "day", Limit: 5_000_000, Spent: 4_000_000}},
		"all of it":         {budget.Limits{PerDay: five}, spent(5_000_000, 0), budget.Met{State: budget.Exceeded, Span: "day", Limit: 5_000_000, Spent: 5_000_000}},
		"the worse counts":  {budget.Limits{PerDay: five, PerMonth: fifty}, spent(4_500_000, 60_000_000), budget.Met{State: budget.Exceeded, Span: "month", Limit: 50_000_000, Spent: 60_000_000}},
		"notional is asked": {budget.Limits{PerDay: five, Notional: true}, spent(4_000_000, 0), budget.Met{State: budget.Exceeded, Span: "day", Limit: 5_000_000, Spent: 5_000_000}},
		"nothing allowed":   {budget.Limits{PerDay: new(protocol.MicroUSD)}, spent(0, 0), budget.Met{State: budget.Exceeded, Span: "day"}},
	} {
		if got := c.limits.Check(c.spent); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestLedger: days and months are those of the zone, and end by themselves.
func TestLedger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 3, 31, 21, 0, 0, 0, time.UTC) // 23:00 in Berlin
	l, err := budget.Open(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Set(budget.Settings{Limits: budget.Limits{PerDay: new(protocol.MicroUSD(1_500_000))}, Timezone: "Europe/Berlin"}); err != nil {
		t.Fatal(err)
	}
	l.Load(map[string]budget.Spent{"a": {Charged: 1}}, map[string]budget.Spent{"a": {Charged: 10}, "b": {Charged: 5}})
	ended := record("a", "2026-03-30T22:30:00Z", 0.5, false) // 31 March in Berlin
	l.Ended(&ended)
	old := record("a", "2026-03-30T21:30:00Z", 0.25, false)
	l.Ended(&old)
	free := record("a", "2026-03-31T12:00:00Z", 9, true)
	l.Ended(&free)
	running := []protocol.Record{record("b", "2026-03-31T20:00:00Z", 0.125, false)}
	sums := l.Sums(running)
	if got, want := sums.All, (budget.Period{Day: budget.Spent{Charged: 625_001, Notional: 9_000_000}, Month: budget.Spent{Charged: 875_015, Notional: 9_000_000}}); got != want {
		t.Errorf("all have cost %+v, want %+v", got, want)
	}
	if got, want := sums.ByAgent["b"], (budget.Period{Day: budget.Spent{Charged: 125_000}, Month: budget.Spent{Charged: 125_005}}); got != want {
		t.Errorf("b has cost %+v, want %+v", got, want)
	}
	now = now.Add(time.Hour) // it is April in Berlin, and what still runs was queued in March
	if sums := l.Sums(running); sums.All != (budget.Period{}) {
		t.Errorf("in April %+v", sums)
	}
	again, err := budget.Open(dir, func() time.Time { return now })
	if err != nil || again.Settings().Timezone != "Europe/Berlin" || *again.Settings().PerDay != 1_500_000 || again.Settings().PerMonth != nil {
		t.Errorf("opened again: %+v, %v", again.Settings(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, budget.FileName), []byte(`{"perDay": "much"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := budget.Open(dir, time.Now); err == nil || !strings.Contains(err.Error(), budget.FileName) {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestForecast(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]protocol.MicroUSD{
		"2026-04-01T01:00:00Z": 30_000_000, "2026-04-02T00:00:00Z": 30_000_000, "2026-04-16T00:00:00Z": 2_000_000, "2026-04-30T23:59:59Z": 1_000_000,
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := budget.Forecast(1_000_000, now); got < want || got > want+20 {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
	now := time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC)
	if day, month := budget.Next("day", now), budget.Next("month", now); day != month || day.Year() != 2027 {
		t.Errorf("the day ends %v, the month %v", day, month)
	}
}
