package search_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/protocol"
)

func list(ids ...string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func TestAcross_finds_what_looking_at_everything_finds(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	d := newDiary(t)
	var ids []string
	events := map[string][]execution.Event{}
	var any []execution.Event
	for range 60 {
		b := d.begin()
		b.random(r, r.IntN(60)+r.IntN(2)*r.IntN(2000))
		id := b.close()
		ids = append(ids, id)
		events[id] = d.events(id)
		any = append(any, events[id]...)
	}
	w := &watched{Journals: d.store}
	s := search.New(w)
	for range 40 {
		q := randomQuery(r, any)
		q.From = 0
		r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		var want []protocol.Match
		counts := map[string]int64{}
		for _, id := range ids {
			for _, m := range naive(events[id], q) {
				m.ExecutionID = id
				want = append(want, m)
				counts[id]++
			}
		}
		var got []protocol.Match
		told := map[string]int64{}
		var total int64
		result, err := s.Across(t.Context(), list(ids...), q, func(r search.Result) error {
			if r.Err != nil || r.Complete || r.Total < total {
				t.Errorf("found was called with %+v after a total of %d", r, total)
			}
			told[r.ExecutionID] += r.Total - total
			total = r.Total
			got = append(got, r.Matches...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if result.Total != int64(len(want)) || total != result.Total || !result.Complete || result.ExecutionID != "" {
			t.Errorf("%+v: %+v, %d were told, %d expected", q, result, total, len(want))
		}
		limit := q.Limit
		if limit == 0 {
			limit = search.DefaultLimit
		}
		want = want[:min(limit, len(want))]
		if !slices.EqualFunc(got, want, func(a, b protocol.Match) bool { return shown(a) == shown(b) }) {
			t.Fatalf("%+v: %d matches, expected %d", q, len(got), len(want))
		}
		for _, id := range ids {
			if told[id] != counts[id] {
				t.Fatalf("%+v: %d are told of %s, which has %d", q, told[id], id, counts[id])
			}
		}
	}
	if w.open.Load() != 0 {
		t.Errorf("%d readers are open", w.open.Load())
	}
}

func TestAcross_holds_few_journals_and_asks_for_no_more_than_it_needs(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	var ids []string
	for i := range 200 {
		b := d.begin()
		b.info(fmt.Sprintf("execution %d", i))
		ids = append(ids, b.close())
	}
	w := &watched{Journals: d.store}
	s := search.New(w)
	var asked atomic.Int64
	endless := func(yield func(string, error) bool) {
		for i := 0; ; i++ {
			asked.Add(1)
			if !yield(ids[i%len(ids)], nil) {
				return
			}
		}
	}
	enough := errors.New("enough")
	var seen []string
	_, err := s.Across(t.Context(), endless, search.Query{Text: "execution", Limit: 1000}, func(r search.Result) error {
		seen = append(seen, r.ExecutionID)
		if len(seen) == 500 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	for i, id := range seen {
		if id != ids[i%len(ids)] {
			t.Fatalf("execution %d is %s", i, id)
		}
	}
	if w.most.Load() > 64 || asked.Load() > 564 {
		t.Errorf("%d journals were open at once; %d ids were asked for", w.most.Load(), asked.Load())
	}
	if w.open.Load() != 0 {
		t.Errorf("%d readers are open", w.open.Load())
	}

	// Without a match nobody hears anything, but it ends when its context does.
	ctx, cancel := context.WithCancel(t.Context())
	before := asked.Load()
	_, err = s.Across(ctx, func(yield func(string, error) bool) {
		for id := range endless {
			if asked.Load() == before+1000 {
				cancel()
			}
			if !yield(id, nil) {
				return
			}
		}
	}, search.Query{Text: "nothing"}, func(search.Result) error { t.Error("found was called"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if w.open.Load() != 0 {
		t.Errorf("%d readers are open", w.open.Load())
	}
}

func TestAcross_goes_on_behind_what_can_not_be_searched(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	var ids []string
	for i := range 5 {
		b := d.begin()
		b.info(fmt.Sprintf("line of %d", i))
		ids = append(ids, b.close())
	}
	broken := errors.New("input/output error")
	w := &watched{Journals: d.store, refuse: func(id string) error {
		if id == ids[1] {
			return broken
		}
		return nil
	}}
	s := search.New(w)
	// One that retention has taken meanwhile is not missed.
	order := []string{ids[0], ids[1], journaltest.NewID(), ids[2]}
	var heard []string
	result, err := s.Across(t.Context(), list(order...), search.Query{Text: "line"}, func(r search.Result) error {
		switch {
		case errors.Is(r.Err, broken):
			heard = append(heard, "failed "+r.ExecutionID)
		case r.Err != nil:
			t.Error(r.Err)
		default:
			heard = append(heard, "found "+r.ExecutionID)
		}
		return nil
	})
	if err != nil || result.Total != 2 || result.Complete {
		t.Errorf("%+v %v", result, err)
	}
	if want := []string{"found " + ids[0], "failed " + ids[1], "found " + ids[2]}; !slices.Equal(heard, want) {
		t.Errorf("%v, expected %v", heard, want)
	}

	result, err = s.Across(t.Context(), list(ids[0], journaltest.NewID(), ids[2]), search.Query{Text: "line"}, func(search.Result) error { return nil })
	if err != nil || result.Total != 2 || !result.Complete {
		t.Errorf("with one that is gone: %+v %v", result, err)
	}

	noList := errors.New("the list ends here")
	result, err = s.Across(t.Context(), func(yield func(string, error) bool) {
		if yield(ids[0], nil) {
			yield("", noList)
		}
	}, search.Query{Text: "line"}, func(search.Result) error { return nil })
	if !errors.Is(err, noList) || result.Complete {
		t.Errorf("%+v %v", result, err)
	}
	if w.open.Load() != 0 {
		t.Errorf("%d readers are open", w.open.Load())
	}
	if result, err := s.Across(t.Context(), list(), search.Query{Text: "line"}, func(search.Result) error { return nil }); err != nil || !result.Complete || result.Total != 0 {
		t.Errorf("nothing to search: %+v %v", result, err)
	}
}

// Small journals of which the index knows that they have no such level are not read at all.
func TestAcross_by_level_reads_only_journals_that_have_it(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	var ids []string
	for i := range 50 {
		b := d.begin()
		b.info("line", "line", "line")
		if i == 30 {
			b.log(execution.Error, execution.Stderr, "line")
		}
		ids = append(ids, b.close())
	}
	w := &watched{Journals: d.store}
	result, err := search.New(w).Across(t.Context(), list(ids...), search.Query{Text: "line", Levels: []execution.Level{execution.Error}}, func(search.Result) error { return nil })
	if err != nil || result.Total != 1 {
		t.Errorf("%+v %v", result, err)
	}
	one, err := d.store.Open(ids[30])
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	head, err := one.Head()
	if err != nil {
		t.Fatal(err)
	}
	if w.read.Load() != head.Offset {
		t.Errorf("%d bytes were read, expected %d", w.read.Load(), head.Offset)
	}
	var _ journal.Reader = one
}
