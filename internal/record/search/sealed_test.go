package search_test

import (
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/search"
)

// A sealed journal is searched as a plain one is. Of one whose log lines were taken out, what is left is
// searched, and what is not there is told as lost.
func TestExecution_sealed_and_trimmed(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	for range 6 {
		d := newDiary(t)
		b := d.begin()
		b.random(r, 2000+r.IntN(3000))
		b.event(execution.Event{Type: execution.TypeCompleted})
		id := b.close()
		whole := d.events(id)
		if _, err := d.store.Seal(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s := search.New(d.store)
		for range 30 {
			q := randomQuery(r, whole)
			if result := check(t, s, id, q, naive(whole, q)); result.Lost != 0 {
				t.Errorf("sealed, %d are lost", result.Lost)
			}
			if t.Failed() {
				return
			}
		}
		if _, err := d.store.Trim(t.Context(), id, uint64(1+r.IntN(len(whole)))); err != nil {
			t.Fatal(err)
		}
		events, gaps, _ := readAll(t, d.store, id)
		if len(gaps) == 0 {
			t.Fatal("nothing was taken out")
		}
		for range 30 {
			q := randomQuery(r, whole)
			result := check(t, s, id, q, naive(events, q))
			if t.Failed() {
				return
			}
			if len(q.Levels)+len(q.Streams) > 0 {
				continue // blocks that never had what is asked for are not looked at
			}
			var lost uint64
			for _, gap := range gaps {
				for seq := gap.From; seq <= gap.To; seq++ {
					if asked(q, seq) {
						lost++
					}
				}
			}
			if result.Lost != lost {
				t.Errorf("%+v: %d are lost, want %d", q, result.Lost, lost)
				return
			}
		}
	}
}
