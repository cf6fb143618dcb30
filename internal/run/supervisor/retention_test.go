package supervisor_test

import (
	"context"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/retention"
)

// kept is the server's executions as retention sees them.
type kept struct{ s *server }

func (k kept) Ended(ctx context.Context) iter.Seq2[retention.Ended, error] {
	return func(yield func(retention.Ended, error) bool) {
		for e, err := range k.s.Ended(ctx) {
			if !yield(retention.Ended{ID: e.ID, Agent: e.Agent, At: e.At, LogsRemoved: e.LogsRemoved}, err) {
				return
			}
		}
	}
}

func (k kept) Sizes(id string) (all, logs int64, err error) {
	usage, err := k.s.store.Usage(id)
	return usage.Stored, usage.Stored, err
}

func (k kept) Remove(ctx context.Context, id string) error { return k.s.Supervisor.Remove(ctx, id) }

func (k kept) RemoveLogs(ctx context.Context, id string) (int64, error) {
	return k.s.Supervisor.RemoveLogs(ctx, id)
}

// Executions in every state, pinned and not, and rules at random: what waits, runs or is pinned is never
// touched; what was shown is what goes; what is left is within the rules, and whole.
func TestRetention_over_executions_at_random(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 3))
			w := newWorld(t)
			s := w.start()
			untouchable := map[string]execution.Status{}
			for range 12 {
				var id string
				switch random.IntN(4) {
				case 0: // the first runs, the others wait
					id = s.execute(t, "one")
					untouchable[id] = ""
				case 1:
					id = w.ended(s, "free")
					untouchable[id] = ""
					if _, err := s.Pin(t.Context(), id, "me", true); err != nil {
						t.Fatal(err)
					}
				default:
					w.ended(s, []string{"free", "two"}[random.IntN(2)])
				}
			}
			for id := range untouchable {
				untouchable[id] = s.get(t, id).Status
			}
			policy := retention.Policy{
				Server: retention.Rules{ExecutionsCount: retention.At(1 + random.Int64N(4)), LogsSize: retention.At(random.Int64N(20_000))},
				Agents: map[string]retention.Rules{"two": {LogsAge: retention.At(time.Minute), ExecutionsCount: retention.At(int64(retention.Unlimited))}},
			}
			if random.IntN(2) == 0 {
				policy.Server.ExecutionsCount.Limit = retention.Unlimited
			}
			later := time.Now().Add(time.Duration(random.IntN(2)) * time.Hour)
			k, err := retention.New(retention.Options{Executions: kept{s}, Policy: func() retention.Policy { return policy }, Now: func() time.Time { return later }})
			if err != nil {
				t.Fatal(err)
			}
			shown, err := k.Preview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			report, err := k.Run(t.Context(), retention.Actor{})
			if err != nil || len(report.Failed)+len(report.Spared) > 0 {
				t.Fatalf("seed %d: %+v, %v", seed, report, err)
			}
			same := func(a, b retention.Removal) bool { return a.ID == b.ID && a.Rule == b.Rule }
			if !slices.EqualFunc(shown, report.Removed, same) {
				t.Errorf("seed %d: it showed %+v, and did %+v", seed, shown, report.Removed)
			}
			for _, r := range report.Removed {
				if _, ok := untouchable[r.ID]; ok {
					t.Errorf("seed %d: %+v took from what may not be touched", seed, r)
				}
			}
			for id, status := range untouchable {
				if rec := s.get(t, id); rec.Status != status || rec.LogsRemovedAt != nil {
					t.Errorf("seed %d: %s is %s now, and was %s", seed, id, rec.Status, status)
				}
			}
			if more, err := k.Preview(t.Context()); err != nil || len(more) > 0 {
				t.Errorf("seed %d: after the run there is more: %+v, %v", seed, more, err)
			}
			page, err := s.List(t.Context(), index.Filter{Pinned: new(false), AgentType: "free", Status: []execution.Status{execution.Completed}})
			if err != nil {
				t.Fatal(err)
			}
			if most := policy.Server.ExecutionsCount.Limit; most >= 0 && int64(len(page.Executions)) > most {
				t.Errorf("seed %d: %d executions are left, %d may be", seed, len(page.Executions), most)
			}
			for _, rec := range page.Executions {
				if _, gaps := w.withoutLogs(s, rec.ExecutionID); (rec.LogsRemovedAt != nil) != (len(gaps) > 0) {
					t.Errorf("seed %d: the log of %s was removed at %v, and has the gaps %v", seed, rec.ExecutionID, rec.LogsRemovedAt, gaps)
				}
			}
			if err := k.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
