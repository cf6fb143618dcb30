package index_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/protocol"
)

// costing makes the record of an ended execution that has cost something.
func costing(t testing.TB, n int, agent, at string, usd float64, change func(*execution.Record)) execution.Record {
	t.Helper()
	rec := record(n, agent, execution.Completed)
	rec.QueuedAt = want0(t, at)
	reported := true
	rec.Cost, rec.CostReported, rec.Tokens, rec.Model = usd, &reported, &execution.Tokens{Input: 10, Output: 1, CacheRead: 2, CacheWrite: 3, CacheWrite1h: 1}, "m1"
	rec.Trigger = execution.Trigger{Kind: "cli", User: "ann"}
	if change != nil {
		change(&rec)
	}
	return rec
}

func costsOf(t testing.TB, x *index.Index, filter index.CostFilter) []index.Cost {
	t.Helper()
	costs, err := x.Costs(t.Context(), filter)
	if err != nil {
		t.Fatal(err)
	}
	return costs
}

func TestCosts(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	one := execution.Tokens{Input: 10, Output: 1, CacheRead: 2, CacheWrite: 3, CacheWrite1h: 1}
	put(t, x,
		costing(t, 1, "a", "2026-03-01T00:00:00Z", 0.1, nil),
		costing(t, 2, "a", "2026-03-01T23:30:00Z", 0.2, func(r *execution.Record) { r.CostEstimated = true }),
		costing(t, 3, "b", "2026-03-01T10:00:00Z", 4, func(r *execution.Record) { r.CostNotional, r.Trigger.User = true, "bob" }),
		costing(t, 4, "a", "2026-03-02T00:00:00Z", 2.5, func(r *execution.Record) {
			r.Trigger.Kind = "schedule"
			r.Models = map[string]protocol.ModelCost{"m1": {USD: 2, Tokens: execution.Tokens{Input: 7}}, "m2": {USD: 0.4, Tokens: execution.Tokens{Input: 3}}}
		}),
		costing(t, 5, "b", "2026-03-02T01:00:00Z", 0, func(r *execution.Record) {
			reported := false
			r.CostReported, r.Tokens, r.Model = &reported, nil, ""
		}),
	)
	two := one.Plus(one)
	for name, c := range map[string]struct {
		filter index.CostFilter
		want   []index.Cost
	}{
		"by day": {index.CostFilter{}, []index.Cost{
			{Key: "2026-03-02", Runs: 2, Unreported: 1, USD: 2_500_000, Tokens: one},
			{Key: "2026-03-01", Runs: 3, USD: 300_000, Notional: 4_000_000, Estimated: 200_000, Tokens: two.Plus(one)},
		}},
		"by day, elsewhere": {index.CostFilter{Zone: zone(t, "Asia/Kathmandu"), AgentType: "a"}, []index.Cost{
			{Key: "2026-03-02", Runs: 2, USD: 2_700_000, Estimated: 200_000, Tokens: two},
			{Key: "2026-03-01", Runs: 1, USD: 100_000, Tokens: one},
		}},
		"by agent": {index.CostFilter{By: index.ByAgent}, []index.Cost{
			{Key: "a", Runs: 3, USD: 2_800_000, Estimated: 200_000, Tokens: two.Plus(one)},
			{Key: "b", Runs: 2, Unreported: 1, Notional: 4_000_000, Tokens: one},
		}},
		"by model": {index.CostFilter{By: index.ByModel, AgentType: "a"}, []index.Cost{
			// What no model is said to have belongs to the record's own.
			{Key: "m1", Runs: 3, USD: 2_400_000, Estimated: 200_000, Tokens: two.Plus(execution.Tokens{Input: 7})},
			{Key: "m2", Runs: 1, USD: 400_000, Tokens: execution.Tokens{Input: 3}},
		}},
		"by trigger": {index.CostFilter{By: index.ByTrigger, AgentType: "a"}, []index.Cost{
			{Key: "cli", Runs: 2, USD: 300_000, Estimated: 200_000, Tokens: two}, {Key: "schedule", Runs: 1, USD: 2_500_000, Tokens: one},
		}},
		"by user": {index.CostFilter{By: index.ByUser, Until: want0(t, "2026-03-02T00:00:00Z")}, []index.Cost{
			{Key: "ann", Runs: 2, USD: 300_000, Estimated: 200_000, Tokens: two}, {Key: "bob", Runs: 1, Notional: 4_000_000, Tokens: one},
		}},
		"nothing": {index.CostFilter{AgentType: "none"}, []index.Cost{}},
	} {
		if diff := cmp.Diff(c.want, costsOf(t, x, c.filter)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if costs, err := x.Costs(t.Context(), index.CostFilter{By: "colour"}); err == nil {
		t.Errorf("a sum by what there is not: %v", costs)
	}
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("%v; install tzdata", err)
	}
	return z
}

// TestCosts_same: however costs are summed the total is the same to a millionth, also after each
// record was stored again and again, as it grew.
func TestCosts_same(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	random := rand.New(rand.NewPCG(1, 2))
	var want protocol.MicroUSD
	for n := 1; n <= 200; n++ {
		micros := protocol.MicroUSD(random.Int64N(2_000_000))
		want += micros
		rec := costing(t, n, fmt.Sprint("agent", n%7), time.Date(2026, 3, 1, n%300, n%60, 0, 0, time.UTC).Format(time.RFC3339), micros.USD(), func(r *execution.Record) {
			r.Trigger.User = fmt.Sprint("user", n%3)
			if n%2 == 0 {
				r.Models = map[string]protocol.ModelCost{"m1": {USD: (micros / 3).USD()}, "m2": {USD: (micros / 7).USD()}}
			}
		})
		for part := range 3 { // an estimate grows
			grown := rec
			grown.Cost, grown.CostEstimated = (micros * protocol.MicroUSD(part) / 2).USD(), part < 2
			put(t, x, grown)
		}
		put(t, x, rec)
	}
	for _, by := range []index.CostBy{index.ByDay, index.ByAgent, index.ByModel, index.ByTrigger, index.ByUser} {
		var sum protocol.MicroUSD
		for _, c := range costsOf(t, x, index.CostFilter{By: by, Zone: zone(t, "Pacific/Chatham")}) {
			sum += c.USD
		}
		if sum != want {
			t.Errorf("by %s the total is %s, want %s", by, sum, want)
		}
	}
}

// TestChildren: those of one execution, oldest first, until they are removed.
func TestChildren(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	parent := record(1, "a", execution.Completed)
	child := func(n int, why protocol.Why) execution.Record {
		rec := record(n, "a", execution.Completed)
		rec.Parent = &protocol.Relative{ExecutionID: parent.ExecutionID, Why: why}
		return rec
	}
	put(t, x, parent, child(3, protocol.WhyContinue), child(2, protocol.WhyRetry), record(4, "a", execution.Running))
	children, err := x.Children(t.Context(), parent.ExecutionID)
	if want := "[{" + record(2, "a", "").ExecutionID + " retry} {" + record(3, "a", "").ExecutionID + " continue}]"; err != nil || fmt.Sprint(children) != want {
		t.Errorf("%v, %v, want %s", children, err, want)
	}
	if err := x.Remove(t.Context(), []string{record(2, "a", "").ExecutionID}); err != nil {
		t.Fatal(err)
	}
	if children, err := x.Children(t.Context(), parent.ExecutionID); err != nil || len(children) != 1 {
		t.Errorf("after one was removed: %v, %v", children, err)
	}
	if none, err := x.Children(t.Context(), ""); err != nil || len(none) != 0 {
		t.Errorf("without a parent: %v, %v", none, err)
	}
}
