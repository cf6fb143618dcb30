package index_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("is_private_whatever_the_path", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "50% ?odd#name & ü", "index.sqlite")
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		x := open(t, path)
		put(t, x, record(1, "a", execution.Queued))
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", suffix, info, err)
			}
		}
	})

	t.Run("keeps_what_was_put", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "index.sqlite")
		x, err := index.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, x, record(1, "a", execution.Queued))
		if err := x.SetComplete(t.Context(), "boot"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := x.Get(t.Context(), id(1)); err == nil {
			t.Error("a closed index answers")
		}
		x = open(t, path)
		if rec, err := x.Get(t.Context(), id(1)); err != nil || rec.Status != execution.Queued {
			t.Errorf("%+v, %v", rec, err)
		}
		if boot, complete, err := x.Complete(t.Context()); boot != "boot" || !complete || err != nil {
			t.Errorf("complete: %q, %v, %v", boot, complete, err)
		}
	})

	for name, spoil := range map[string]func(t *testing.T, path string){
		"random_bytes": func(t *testing.T, path string) { write(t, path, strings.Repeat("junk", 3000)) },
		"text":         func(t *testing.T, path string) { write(t, path, "hello") },
		"torn":         func(t *testing.T, path string) { truncate(t, path, 5000) },
		"newer":        func(t *testing.T, path string) { change(t, path, `PRAGMA user_version = 99`) },
		"older":        func(t *testing.T, path string) { change(t, path, `PRAGMA user_version = 0`) },
		"no_table":     func(t *testing.T, path string) { change(t, path, `DROP TABLE claims`) },
		"no_column":    func(t *testing.T, path string) { change(t, path, `ALTER TABLE executions RENAME COLUMN cost TO price`) },
		"another_one":  func(t *testing.T, path string) { os.Remove(path); change(t, path, `CREATE TABLE songs (title)`) },
		"first_page":   func(t *testing.T, path string) { overwrite(t, path, 100, 4000) },
	} {
		t.Run("what_can_not_be_used_is_set_aside/"+name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "index.sqlite")
			x, err := index.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 100 {
				put(t, x, record(n, "a", execution.Queued))
			}
			if err := errors.Join(x.SetComplete(t.Context(), "boot"), x.Close()); err != nil {
				t.Fatal(err)
			}
			spoil(t, path)
			var log strings.Builder
			x = open(t, path, index.WithLog(slog.New(slog.NewTextHandler(&log, nil))))
			if _, complete, err := x.Complete(t.Context()); complete || err != nil {
				t.Errorf("complete: %v, %v", complete, err)
			}
			put(t, x, record(1, "a", execution.Queued))
			if page, err := x.List(t.Context(), index.Filter{}); err != nil || len(page.Executions) != 1 {
				t.Errorf("lists %d, %v", len(page.Executions), err)
			}
			if !strings.Contains(log.String(), "set aside") || !strings.Contains(log.String(), path) {
				t.Errorf("log says %q", log.String())
			}
			if _, err := os.Stat(path + ".aside"); err != nil {
				t.Error(err)
			}
		})
	}

	t.Run("what_it_may_not_touch_is_an_error", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if x, err := index.Open(filepath.Join(dir, "no", "index.sqlite")); err == nil {
			x.Close()
			t.Error("opened in a directory that is not there")
		}
		if x, err := index.Open(dir); err == nil {
			x.Close()
			t.Error("opened a directory")
		}
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string, from, size int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt([]byte(strings.Repeat("\xa5", size)), int64(from))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = db.Exec(statement)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPut(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	rec := record(1, "a", execution.Queued)
	rec.QueuePosition = 5
	put(t, x, rec)
	put(t, x)
	got, err := x.Get(t.Context(), id(1))
	if err != nil || got.QueuePosition != 0 {
		t.Errorf("%+v, %v: a place in line is not for keeping", got, err)
	}
	rec.Status, rec.Cost, rec.ProgressMessage = execution.Running, 2, "new"
	put(t, x, rec)
	if got := ids(t, x, index.Filter{Status: []execution.Status{execution.Running}, Query: "new"}); !slices.Equal(got, []string{id(1)}) {
		t.Errorf("listed %v", got)
	}
	if open, err := x.Open(t.Context()); err != nil || !slices.Equal(open, []string{id(1)}) {
		t.Errorf("open are %v, %v", open, err)
	}
	if _, err := x.Get(t.Context(), id(2)); fault.CodeOf(err) != protocol.NotFound {
		t.Errorf("unknown: %v", err)
	}
	if last, err := x.LastID(t.Context()); err != nil || last != id(1) {
		t.Errorf("last is %q, %v", last, err)
	}
	if err := x.Remove(t.Context(), []string{id(1), id(7)}); err != nil {
		t.Error(err)
	}
	if last, err := x.LastID(t.Context()); err != nil || last != "" {
		t.Errorf("last is %q, %v", last, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Put(ctx, []execution.Record{rec}); !errors.Is(err, context.Canceled) || errors.Is(err, index.ErrDamaged) {
		t.Errorf("a caller who has gone gets %v", err)
	}
	put(t, x, rec)
}

func TestClaims(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	claim := rundir.Claim{User: "me", Key: "k", Request: "h1", ExecutionID: id(1)}
	if _, known, err := x.Claimed(t.Context(), "me", "k"); known || err != nil {
		t.Fatal(known, err)
	}
	if err := x.Add(t.Context(), record(1, "a", execution.Queued), &claim); err != nil {
		t.Fatal(err)
	}
	if got, known, err := x.Claimed(t.Context(), "me", "k"); got != claim || !known || err != nil {
		t.Errorf("%+v, %v, %v", got, known, err)
	}
	if _, known, _ := x.Claimed(t.Context(), "you", "k"); known {
		t.Error("another user's key is taken")
	}
	other := rundir.Claim{User: "me", Key: "k", Request: "h2", ExecutionID: id(2)}
	if err := x.Add(t.Context(), record(2, "a", execution.Queued), &other); fault.CodeOf(err) != protocol.Conflict {
		t.Errorf("a taken key: %v", err)
	}
	if _, err := x.Get(t.Context(), id(2)); fault.CodeOf(err) != protocol.NotFound {
		t.Errorf("half of it was stored: %v", err)
	}
	if err := x.Remove(t.Context(), []string{id(1)}); err != nil {
		t.Fatal(err)
	}
	if err := x.Add(t.Context(), record(2, "a", execution.Queued), &other); err != nil {
		t.Errorf("the key of what was removed is not free: %v", err)
	}
}

func fileDir(t testing.TB, store journal.Store, id string) string {
	t.Helper()
	dir, err := store.Dir(id)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// life stores an execution's journal.
func life(t testing.TB, store journal.Store, id string, lines ...[]byte) {
	t.Helper()
	w, err := store.Create(id)
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
}

func TestIndex_side_by_side(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 60 {
				rec := record(worker*1000+n, "a", execution.Running)
				put(t, x, rec)
				if got, err := x.Get(t.Context(), rec.ExecutionID); err != nil || got.Status != execution.Running {
					t.Errorf("%+v, %v", got, err)
				}
				if _, err := x.List(t.Context(), index.Filter{Limit: 10, Query: "a"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	page, err := x.List(t.Context(), index.Filter{Count: true})
	if err != nil || page.Total != 480 {
		t.Errorf("counted %d, %v", page.Total, err)
	}
}

// TestLifecycle reads around what is damaged.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	long := strings.Repeat("x", 1<<20)
	life(t, store, id(1),
		fmt.Appendf(nil, `{"type":"execution:queued","executionId":"%s","seq":1,"timestamp":"2026-03-01T00:00:00.000Z","agentType":"a"}`+"\n", id(1)),
		fmt.Appendf(nil, `{"type":"execution:log","executionId":"%s","seq":2,"message":"%s"}`+"\n", id(1), long),
		fmt.Appendf(nil, `{"seq":3,"executionId":"%s","type":"execution:log","message":"another order"}`+"\n", id(1)),
		fmt.Appendf(nil, `{"type":"execution:later","executionId":"%s","seq":4,"timestamp":"2026-03-01T00:00:00.000Z","unknown":{}}`+"\n", id(1)),
		fmt.Appendf(nil, `{"type":"execution:progress","executionId":"%s","seq":5,"timestamp":7,"progress":8}`+"\n", id(1)),
		fmt.Appendf(nil, `{"type":"execution:progress","executionId":"%s","seq":6,"timestamp":"2026-03-01T00:00:00.000Z","progress":7}`+"\n", id(1)),
	)
	r, err := store.Open(id(1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var seen []string
	end, err := index.Lifecycle(t.Context(), r, journal.Position{}, func(line []byte, e *execution.Event, at journal.Position) error {
		seen = append(seen, fmt.Sprint(e.Type, at.Seq))
		check, gap, err := r.Locate(at.Seq)
		if err != nil || gap != nil || check != at {
			t.Errorf("told position %v, is %v, %v", at, check, err)
		}
		return nil
	})
	if err != nil || end.Seq != 6 || !slices.Equal(seen, []string{"execution:queued1", "execution:later4", "execution:progress6"}) {
		t.Errorf("saw %v up to %v, %v", seen, end, err)
	}
	wanted := errors.New("enough")
	if _, err := index.Lifecycle(t.Context(), r, journal.Position{}, func([]byte, *execution.Event, journal.Position) error { return wanted }); !errors.Is(err, wanted) {
		t.Errorf("stopped with %v", err)
	}
	if rec, err := index.Fold(t.Context(), r); err != nil || rec.Head != 6 || *rec.Progress != 7 {
		t.Errorf("%+v, %v", rec, err)
	}
}
