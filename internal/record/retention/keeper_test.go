package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory keeps executions, as long as it is not told to fail.
type memory struct {
	mu     sync.Mutex
	record record
	pinned map[string]bool  // since the plan
	fails  map[string]error // their removal
	during func(id string)  // a removal
}

func (m *memory) Ended(context.Context) iter.Seq2[Ended, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	copied := record{}
	for id, e := range m.record {
		one := *e
		copied[id] = &one
	}
	return copied.ended()
}

func (m *memory) Sizes(id string) (all, logs int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.record[id] == nil {
		return 0, 0, nil
	}
	return m.record.sizes(id)
}

func (m *memory) take(id string) (*kept, error) {
	if m.during != nil {
		m.during(id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.record[id] == nil:
		return nil, fault.New(protocol.NotFound, "there is no %s", id)
	case m.pinned[id]:
		return nil, fault.New(protocol.Conflict, "%s is pinned", id)
	}
	return m.record[id], m.fails[id]
}

func (m *memory) Remove(_ context.Context, id string) error {
	_, err := m.take(id)
	if err == nil {
		m.mu.Lock()
		delete(m.record, id)
		m.mu.Unlock()
	}
	return err
}

func (m *memory) RemoveLogs(_ context.Context, id string) (int64, error) {
	e, err := m.take(id)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e.LogsRemoved = true
	return e.logs, nil
}

func (m *memory) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id, e := range m.record {
		if e.LogsRemoved {
			id += "-"
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

type audited struct {
	mu  sync.Mutex
	all []string
}

func (a *audited) add(by Actor, r Removal, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, fmt.Sprintf("%s %s %s %v", by.ID, r.ID, r.Rule, err))
}

func newKeeper(t *testing.T, m *memory, policy Policy, change func(*Options)) *Keeper {
	t.Helper()
	options := Options{Executions: m, Policy: func() Policy { return policy }, Now: func() time.Time { return now }}
	if change != nil {
		change(&options)
	}
	k, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(k.Stop(context.Background()), k.Stop(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return k
}

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }

func TestKeeper_Run(t *testing.T) {
	t.Parallel()
	me := Actor{ID: "me"}

	t.Run("does_what_it_showed", func(t *testing.T) {
		t.Parallel()
		m := &memory{record: record{}.put("old", "a", hours(30), 5).put("mid", "a", hours(20), 5).put("new", "a", hours(1), 5)}
		log := &audited{}
		k := newKeeper(t, m, Policy{Server: Rules{ExecutionsAge: At(hours(25)), LogsAge: At(hours(10))}}, func(o *Options) { o.Audit = log.add })
		shown, err := k.Preview(t.Context())
		if err != nil || !slices.Equal(m.ids(), []string{"mid", "new", "old"}) {
			t.Fatalf("showing leaves %v, %v", m.ids(), err)
		}
		report, err := k.Run(t.Context(), me)
		if err != nil || !slices.Equal(report.Removed, shown) || len(report.Failed)+len(report.Spared) != 0 {
			t.Errorf("shown was %+v, done %+v, %v", shown, report, err)
		}
		if got, want := m.ids(), []string{"mid-", "new"}; !slices.Equal(got, want) {
			t.Errorf("left are %v, want %v", got, want)
		}
		if want := []string{"me old executions.age <nil>", "me mid logs.age <nil>"}; !slices.Equal(log.all, want) {
			t.Errorf("audited are %q, want %q", log.all, want)
		}
		stats := k.Stats()
		if stats.Removed[ExecutionsAge] != 1 || stats.Freed[ExecutionsAge] != 15 || stats.Freed[LogsAge] != 5 || stats.Runs != 1 || !stats.LastRun.Equal(now) {
			t.Errorf("%+v", stats)
		}
		if report, err := k.Run(t.Context(), me); err != nil || len(report.Removed) != 0 {
			t.Errorf("again it removes %+v, %v", report, err)
		}
	})

	t.Run("goes_on_after_one_that_fails", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("broken")
		m := &memory{
			record: record{}.put("a", "x", hours(30), 5).put("b", "x", hours(29), 5).put("c", "x", hours(28), 5).put("d", "x", hours(27), 5),
			fails:  map[string]error{"b": broken}, pinned: map[string]bool{"c": true},
		}
		log := &audited{}
		k := newKeeper(t, m, Policy{Server: Rules{ExecutionsAge: At(hours(1))}}, func(o *Options) { o.Audit = log.add })
		report, err := k.Run(t.Context(), me)
		if err != nil || len(report.Removed) != 2 || len(report.Failed) != 1 || !errors.Is(report.Failed[0].Err, broken) || len(report.Spared) != 1 || report.Spared[0].ID != "c" {
			t.Errorf("%+v, %v", report, err)
		}
		if got := m.ids(); !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("left are %v", got)
		}
		if want := []string{"me a executions.age <nil>", "me b executions.age broken", "me d executions.age <nil>"}; !slices.Equal(log.all, want) {
			t.Errorf("audited are %q", log.all)
		}
		if stats := k.Stats(); stats.Failures != 1 || stats.Removed[ExecutionsAge] != 2 {
			t.Errorf("%+v", stats)
		}
	})

	t.Run("ends_between_two_when_whoever_asked_leaves", func(t *testing.T) {
		t.Parallel()
		ctx, leave := context.WithCancel(t.Context())
		m := &memory{record: record{}.put("a", "x", hours(30), 5).put("b", "x", hours(29), 5), during: func(string) { leave() }}
		k := newKeeper(t, m, Policy{Server: Rules{ExecutionsAge: At(hours(1))}}, nil)
		report, err := k.Run(ctx, me)
		if !errors.Is(err, context.Canceled) || len(report.Removed) != 1 || !slices.Equal(m.ids(), []string{"b"}) {
			t.Errorf("%+v, %v, left %v", report, err, m.ids())
		}
		if stats := k.Stats(); stats.Broken != 1 || stats.Runs != 0 {
			t.Errorf("%+v", stats)
		}
	})

	t.Run("is_refused_after_stop", func(t *testing.T) {
		t.Parallel()
		k := newKeeper(t, &memory{record: record{}}, Policy{}, nil)
		if err := k.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Run(t.Context(), me); fault.CodeOf(err) != protocol.Unavailable {
			t.Errorf("%v", err)
		}
		k.Start() // changes nothing
	})
}

// Whoever asks waits for who was before: nothing is removed twice.
func TestKeeper_one_at_a_time(t *testing.T) {
	t.Parallel()
	m := &memory{record: record{}}
	for i := range 50 {
		m.record.put(fmt.Sprint(i), "x", hours(30), 1)
	}
	inside := make(chan struct{}, 1)
	m.during = func(string) {
		select {
		case inside <- struct{}{}:
			<-inside
		default:
			t.Error("two are removed at a time")
		}
	}
	k := newKeeper(t, m, Policy{Server: Rules{ExecutionsAge: At(hours(1))}}, nil)
	var work sync.WaitGroup
	var mu sync.Mutex
	removed := 0
	for range 8 {
		work.Go(func() {
			report, err := k.Run(t.Context(), Actor{})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			removed += len(report.Removed)
		})
	}
	work.Wait()
	if removed != 50 {
		t.Errorf("%d were removed of 50", removed)
	}
}

func TestKeeper_loop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{record: record{}}
		began := time.Now()
		m.record["x"] = &kept{Ended: Ended{ID: "x", Agent: "a", At: began}}
		k := newKeeper(t, m, Policy{Server: Rules{ExecutionsAge: At(hours(1))}}, func(o *Options) { o.Now, o.Interval = time.Now, 10*time.Minute })
		k.Start()
		k.Start()
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		runs := k.Stats().Runs
		if len(m.ids()) != 1 || runs < 5 || runs > 7 {
			t.Errorf("after %v there are %v, after %d runs", time.Since(began), m.ids(), runs)
		}
		time.Sleep(13 * time.Minute) // an interval, a tenth more at most, and the minute that was left
		synctest.Wait()
		if len(m.ids()) != 0 {
			t.Errorf("after %v there are %v", time.Since(began), m.ids())
		}
		runs = k.Stats().Runs
		k.Soon()
		k.Soon()
		synctest.Wait()
		if got := k.Stats().Runs; got != runs+1 && got != runs+2 {
			t.Errorf("asked to look, it went from %d runs to %d", runs, got)
		}
		if err := k.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestNew_refuses(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Executions: &memory{}}, {Executions: &memory{}, Policy: func() Policy { return Policy{} }, Interval: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
