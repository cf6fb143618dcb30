package index_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/protocol"
)

// TestRebuild fills one index as events happen, and makes another from the journals: they are the same.
func TestRebuild(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 3))
	store := newStore(t)
	dir := t.TempDir()
	livePath, madePath := filepath.Join(dir, "live.sqlite"), filepath.Join(dir, "made.sqlite")
	live, err := index.Open(livePath)
	if err != nil {
		t.Fatal(err)
	}
	const executions = 300
	events := 0
	for n := range executions {
		lines := randomEvents(t, random, id(n), n)
		events += len(lines)
		w, err := store.Create(id(n))
		if err != nil {
			t.Fatal(err)
		}
		var claim *rundir.Claim
		if random.IntN(3) == 0 {
			claim = &rundir.Claim{User: []string{"ann", "bob"}[random.IntN(2)], Key: fmt.Sprint("key ", n), Request: fmt.Sprint(random.Uint64()), ExecutionID: id(n)}
			if err := rundir.WriteClaim(fileDir(t, store, id(n)), *claim); err != nil {
				t.Fatal(err)
			}
		}
		for _, line := range lines {
			if _, err := w.Append(line, 1); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		// As the supervisor does it: applied one by one, stored now and then.
		r, err := store.Open(id(n))
		if err != nil {
			t.Fatal(err)
		}
		var rec execution.Record
		_, err = index.Lifecycle(t.Context(), r, journal.Position{}, func(line []byte, e *execution.Event, at journal.Position) error {
			rec.Apply(e)
			if e.Seq == 1 {
				return live.Add(t.Context(), rec, claim)
			}
			if random.IntN(3) == 0 || e.Terminal() {
				rec.QueuePosition = random.IntN(5)
				return live.Put(t.Context(), []execution.Record{rec})
			}
			return nil
		})
		if err == nil {
			err = live.Put(t.Context(), []execution.Record{rec})
		}
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
	}
	empty, err := store.Create(id(executions))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(empty.Close(), live.Close()); err != nil {
		t.Fatal(err)
	}
	if err := index.Rebuild(t.Context(), store, madePath); err != nil {
		t.Fatal(err)
	}
	want, got := dump(t, livePath), dump(t, madePath)
	if !slices.Equal(got, want) {
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Fatalf("seed %d: line %d of %d/%d differs\nlive %s\nmade %s", seed, i, len(want), len(got), want[i], got[min(i, len(got)-1)])
			}
		}
		t.Fatalf("seed %d: %d lines, want %d", seed, len(got), len(want))
	}
	fmt.Fprintf(t.Output(), "executions %d / events %d / rows compared %d / differences 0 / seed %d\n", executions, events, len(want), seed)

	x := open(t, madePath)
	if _, complete, err := x.Complete(t.Context()); !complete || err != nil {
		t.Errorf("complete: %v, %v", complete, err)
	}
}

// TestRebuild_over_a_log replaces an index whose last process was killed: what it had not moved from
// its log into the database must not get into the new one.
func TestRebuild_over_a_log(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	life(t, store, id(1), randomEvents(t, rand.New(rand.NewPCG(1, 1)), id(1), 1)...)
	path := filepath.Join(t.TempDir(), "index.sqlite")
	x := open(t, path)
	for n := range 50 {
		put(t, x, record(100+n, "a", execution.Queued))
	}
	killed := filepath.Join(t.TempDir(), "index.sqlite") // the files as a kill leaves them
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %d bytes, %v", suffix, len(text), err)
		}
		write(t, killed+suffix, string(text))
	}
	if err := index.Rebuild(t.Context(), store, killed); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, open(t, killed), index.Filter{}); !slices.Equal(got, []string{id(1)}) {
		t.Errorf("listed %v", got)
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	store := newStore(t)
	for n := range 5 {
		life(t, store, id(n), randomEvents(t, random, id(n), n)...)
	}
	x := newIndex(t)
	stale := record(0, "a", execution.Running)
	gone := record(9, "a", execution.Completed)
	put(t, x, stale, gone)
	for range 2 {
		if err := x.Fill(t.Context(), store); err != nil {
			t.Fatal(err)
		}
		want := []string{id(4), id(3), id(2), id(1), id(0)}
		if got := ids(t, x, index.Filter{}); !slices.Equal(got, want) {
			t.Errorf("listed %v, want %v", got, want)
		}
		if rec, err := x.Get(t.Context(), id(0)); err != nil || rec.AgentType == "a" {
			t.Errorf("the stale one is %+v, %v", rec, err)
		}
	}

	t.Run("one_that_can_not_be_read_does_not_stop_the_others", func(t *testing.T) {
		t.Parallel()
		var log strings.Builder
		x := open(t, filepath.Join(t.TempDir(), "index.sqlite"), index.WithLog(slog.New(slog.NewTextHandler(&log, nil))))
		if err := x.Fill(t.Context(), &unreadable{store, id(2)}); err != nil {
			t.Fatal(err)
		}
		if got := ids(t, x, index.Filter{}); !slices.Equal(got, []string{id(4), id(3), id(1), id(0)}) {
			t.Errorf("listed %v", got)
		}
		if !strings.Contains(log.String(), id(2)) {
			t.Errorf("log says %q", log.String())
		}
	})
}

type unreadable struct {
	journal.Store
	id string
}

func (u *unreadable) Open(id string) (journal.Reader, error) {
	if id == u.id {
		return nil, errors.New("read: input/output error")
	}
	return u.Store.Open(id)
}

func TestRenew(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	store := newStore(t)
	for n := range 50 {
		life(t, store, id(n), randomEvents(t, random, id(n), n)...)
	}
	path := filepath.Join(t.TempDir(), "index.sqlite")
	x := open(t, path)
	if err := x.Fill(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if err := x.Check(t.Context()); err != nil {
		t.Fatalf("a sound index: %v", err)
	}
	before := ids(t, x, index.Filter{})
	change(t, path, `PRAGMA wal_checkpoint(TRUNCATE)`)
	overwrite(t, path, 4096, 100_000)
	_, err := x.List(t.Context(), index.Filter{Limit: 1000})
	if err == nil {
		err = x.Check(t.Context())
	}
	if !errors.Is(err, index.ErrDamaged) || fault.CodeOf(err) != protocol.Unavailable {
		t.Fatalf("a damaged index: %v", err)
	}
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// What is answered while it is made anew is either refused or whole.
				page, err := x.List(t.Context(), index.Filter{Limit: 1000})
				if err != nil && fault.CodeOf(err) != protocol.Unavailable {
					t.Error(err)
				}
				if err == nil && len(page.Executions) != len(before) {
					t.Errorf("lists %d", len(page.Executions))
				}
			}
		})
	}
	err = x.Renew(t.Context(), store)
	close(stop)
	all.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, x, index.Filter{}); !slices.Equal(got, before) {
		t.Errorf("lists %d, want %d", len(got), len(before))
	}
	put(t, x, record(100, "a", execution.Queued))
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := x.Renew(t.Context(), store); err == nil {
		t.Error("a closed index is renewed")
	}
}
