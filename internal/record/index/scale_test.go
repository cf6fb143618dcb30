package index_test

import (
	"fmt"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
)

// BenchmarkList answers the lists people ask for over 100,000 executions.
func BenchmarkList(b *testing.B) {
	x := newIndex(b)
	const total = 100_000
	var batch []execution.Record
	for n := range total {
		status := execution.Completed
		switch {
		case n%50 == 0:
			status = execution.Failed
		case n == 7:
			status = execution.Running
		}
		rec := record(n, []string{"a", "b", "c"}[n%3], status)
		rec.ProgressMessage = fmt.Sprintf("step %d of the work that this execution did, with some words", n)
		batch = append(batch, rec)
		if len(batch) == 1000 {
			put(b, x, batch...)
			batch = batch[:0]
		}
	}
	for name, filter := range map[string]index.Filter{
		"newest":          {},
		"running":         {Status: []execution.Status{execution.Running, execution.Cancelling, execution.Queued}},
		"ended":           {Status: []execution.Status{execution.Completed, execution.Failed, execution.Cancelled}},
		"agent":           {AgentType: "b"},
		"text found":      {Query: "step 99"},
		"text not found":  {Query: "no such text"},
		"until long ago":  {Until: base},
		"counted":         {Count: true},
		"failed, counted": {Status: []execution.Status{execution.Failed}, AgentType: "a", Count: true},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := x.List(b.Context(), filter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("costs", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Costs(b.Context(), index.CostFilter{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("put one", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			put(b, x, record(n%total, "a", execution.Running))
		}
	})
}
