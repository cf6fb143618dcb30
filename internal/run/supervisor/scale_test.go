package supervisor_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

// BenchmarkExecute is how long it takes until an execution is stored, durably, and waits.
func BenchmarkExecute(b *testing.B) {
	for name, callers := range map[string]int{"one caller": 1, "32 callers": 32} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			w.options.MaxQueued = -1
			s := w.start()
			work := make(chan struct{})
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range work {
						if _, _, err := s.Execute(b.Context(), supervisor.Request{AgentType: "one", Trigger: me}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			all.Wait()
		})
	}
}

// BenchmarkQueue_10000 has ten thousand executions wait, the server restarted, all listed, watched
// and cancelled.
func BenchmarkQueue_10000(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		w := newWorld(b)
		s := w.start()
		ids := make([]string, n)
		step := func(name string, do func()) {
			began := time.Now()
			do()
			b.ReportMetric(float64(time.Since(began).Milliseconds()), name+"-ms")
		}
		each := func(do func(i int)) {
			var all sync.WaitGroup
			for worker := range 16 {
				all.Go(func() {
					for i := worker; i < n; i += 16 {
						do(i)
					}
				})
			}
			all.Wait()
		}
		step("execute", func() { each(func(i int) { ids[i] = s.execute(b, "one") }) })
		step("restart", func() { s = w.start() })
		if counts := s.Counts(); counts != (protocol.Executions{Queued: n - 1, Running: 1}) {
			b.Fatalf("counts are %+v", counts)
		}
		var memory runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapAlloc)/n, "heap-B/queued")
		step("get", func() {
			each(func(i int) {
				if s.get(b, ids[i]).Terminal {
					b.Error("it has ended")
				}
			})
		})
		step("list1000", func() {
			if page, err := s.List(b.Context(), index.Filter{Limit: 1000, Status: []execution.Status{execution.Queued}, Count: true}); err != nil || page.Total != n-1 {
				b.Fatal(page.Total, err)
			}
		})
		step("cancel", func() {
			each(func(i int) {
				if _, err := s.Cancel(b.Context(), ids[i], "ann", ""); err != nil {
					b.Error(err)
				}
			})
		})
		w.stop()
	}
}
