package index_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// Up to where journals are sealed is remembered.
func TestIndex_SealedThrough(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	if at, id, err := x.SealedThrough(t.Context()); err != nil || !at.IsZero() || id != "" {
		t.Errorf("in a new file: %v %q, %v", at, id, err)
	}
	for _, id := range []string{"", id(7)} {
		if err := x.SetSealedThrough(t.Context(), base, id); err != nil {
			t.Fatal(err)
		}
		if at, got, err := x.SealedThrough(t.Context()); err != nil || !at.Equal(base) || got != id {
			t.Errorf("%v %q, %v; want %v %q", at, got, err, base, id)
		}
	}
}

func TestIndex_EndedAfter(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	var want []string // in the order in which they ended
	for n := range 40 {
		rec := record(n, "disk", execution.Completed)
		end := base.Add(time.Duration(n/3) * time.Second) // three in one millisecond
		rec.EndedAt, rec.Pinned = &end, n%4 == 1
		put(t, x, rec, record(100+n, "disk", execution.Running))
		want = append(want, rec.ExecutionID)
	}
	for _, limit := range []int{1, 2, 7, 100} {
		var got []string
		at, after := time.Time{}, ""
		for {
			page, err := x.EndedAfter(t.Context(), at, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				got, at, after = append(got, e.ID), e.At, e.ID
			}
			if len(page) < limit {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d at a time: %q, want %q", limit, got, want)
		}
	}
}

// What the index says of an execution does not depend on its log lines, nor on how its journal is kept.
func TestRebuild_AfterTrimming(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var ids []string
	for n := range 40 {
		lines := randomEvents(t, random, id(n), n)
		w, err := store.Create(id(n))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if _, err := w.Append(line, 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if execution.IsTerminalType(journal.TypeOf(lines[len(lines)-1])) {
			ids = append(ids, id(n))
		}
	}
	rebuilt := func() []string {
		path := filepath.Join(t.TempDir(), "index.sqlite")
		if err := index.Rebuild(t.Context(), store, path); err != nil {
			t.Fatal(err)
		}
		return dump(t, path)
	}
	plain := rebuilt()
	for _, id := range ids {
		if _, err := store.Seal(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if sealed := rebuilt(); !slices.Equal(sealed, plain) {
		t.Errorf("sealed, it holds\n%q, plain\n%q", sealed, plain)
	}
	for _, id := range ids {
		if _, err := store.Trim(t.Context(), id, 1<<40); err != nil {
			t.Fatal(err)
		}
	}
	if trimmed := rebuilt(); !slices.Equal(trimmed, plain) {
		t.Errorf("trimmed, it holds\n%q, plain\n%q", trimmed, plain)
	}
}
