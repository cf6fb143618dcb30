package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// definitions is a catalogue of a few files' text.
type definitions []*agent.Definition

func newDefinitions(t testing.TB, sources ...string) *definitions {
	t.Helper()
	list := definitions{}
	for _, source := range sources {
		d, problems := agent.Parse("test.yaml", []byte(source))
		if d == nil {
			t.Fatal(problems)
		}
		list = append(list, d)
	}
	return &list
}

func (l *definitions) List() []*agent.Definition { return *l }
func (l *definitions) Subscribe(func()) func()   { return func() {} }
func (l *definitions) Get(name string) (*agent.Definition, bool) {
	for _, d := range *l {
		if d.Name == name {
			return d, true
		}
	}
	return nil, false
}

// crash is how a test ends a scheduler in the middle of something.
var errCrash = errors.New("killed")

// world is what outlives a scheduler: executions, their idempotency keys, and the clock.
type world struct {
	now     time.Time
	length  time.Duration        // of a run
	byKey   map[string]string    // execution by key
	ends    map[string]time.Time // by execution
	begun   []Request
	cancels []string
	refuse  error
	fail    func(after bool) bool // whether to crash before or after the execution is stored
}

func newWorld(at string) *world {
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return &world{now: now, byKey: map[string]string{}, ends: map[string]time.Time{}}
}

func (w *world) Start(_ context.Context, r Request) (protocol.Record, error) {
	if w.fail != nil && w.fail(false) {
		panic(errCrash)
	}
	if id, known := w.byKey[r.Key]; known && r.Key != "" {
		return protocol.Record{ExecutionID: id}, nil
	}
	if w.refuse != nil {
		return protocol.Record{}, w.refuse
	}
	id := fmt.Sprintf("e%d", len(w.begun)+1)
	w.begun = append(w.begun, r)
	w.byKey[r.Key], w.ends[id] = id, w.now.Add(w.length)
	if w.fail != nil && w.fail(true) {
		panic(errCrash)
	}
	return protocol.Record{ExecutionID: id}, nil
}

func (w *world) Running(_ context.Context, id string) (bool, error) {
	return w.now.Before(w.ends[id]), nil
}

func (w *world) Cancel(_ context.Context, id, _ string) error {
	w.cancels = append(w.cancels, id)
	w.ends[id] = w.now
	return nil
}

func (w *world) open(t testing.TB, dir string, list *definitions) *Scheduler {
	t.Helper()
	s, err := Open(Options{DataDir: dir, Catalogue: list, Runs: w, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	s.file.sync = func() error { return nil } // the tests pull no plug
	return s
}

// step does one step, and reports whether the scheduler was killed in it.
func step(s *Scheduler) (killed bool) {
	defer func() {
		if r := recover(); r != nil {
			if r != errCrash {
				panic(r)
			}
			killed = true
		}
	}()
	s.Step(context.Background())
	return false
}

func daily(overlap, missed string) string {
	return fmt.Sprintf("name: a\ncommand: [x]\nschedule: [{cron: '0 12 * * *', timezone: UTC, overlap: %s, missed: %s}]\n", overlap, missed)
}

// outcomes tells what became of each due time, shortly.
func outcomes(t testing.TB, s *Scheduler) string {
	t.Helper()
	list, err := s.Occurrences(time.Unix(0, 0), s.options.Now().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "%s %s", o.Due.Format("02"), o.Outcome)
		if o.Until != nil {
			fmt.Fprintf(&b, "-%s×%d", o.Until.Format("02"), o.Count)
		}
		if o.ExecutionID != "" {
			b.WriteString(" " + o.ExecutionID)
		}
		b.WriteString("; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func TestStep(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		overlap, missed string
		length          time.Duration
		jumps           []time.Duration // from 2026-01-01 11:00
		want            string
		runs            int
	}{
		"on time":              {"skip", "latest", 0, []time.Duration{time.Hour, day, day}, "01 started e1; 02 started e2; 03 started e3", 3},
		"nothing before":       {"skip", "all", 0, []time.Duration{30 * time.Minute}, "", 0},
		"missed, the latest":   {"skip", "latest", 0, []time.Duration{time.Hour, 3*day + time.Hour}, "01 started e1; 02 skipped-03×2; 04 started e2", 2},
		"missed and on time":   {"skip", "latest", 0, []time.Duration{time.Hour, 3 * day}, "01 started e1; 02 skipped-03×2; 04 started e2", 2},
		"missed, none":         {"skip", "skip", 0, []time.Duration{time.Hour, 2*day + time.Hour, 23 * time.Hour}, "01 started e1; 02 skipped-03×2; 04 started e2", 2},
		"missed, all":          {"skip", "all", 0, []time.Duration{time.Hour, 2*day + time.Hour}, "01 started e1; 02 started e2; 03 started e3", 3},
		"missed, all in turn":  {"skip", "all", time.Minute, []time.Duration{time.Hour, 2*day + time.Hour, 2 * time.Minute}, "01 started e1; 02 started e2; 03 started e3", 3},
		"overlap, skipped":     {"skip", "latest", 30 * time.Hour, []time.Duration{time.Hour, day, day}, "01 started e1; 02 skipped; 03 started e2", 2},
		"overlap, queued":      {"queue", "latest", 30 * time.Hour, []time.Duration{time.Hour, day, 7 * time.Hour, 17 * time.Hour}, "01 started e1; 02 started e2; 03 waiting", 2},
		"overlap, replaced":    {"replace", "latest", 30 * time.Hour, []time.Duration{time.Hour, day, time.Minute}, "01 started e1; 02 started e2", 2},
		"the clock goes back":  {"skip", "latest", 0, []time.Duration{time.Hour, -time.Hour, time.Hour, day}, "01 started e1; 02 started e2", 2},
		"forward, then back":   {"skip", "latest", 0, []time.Duration{time.Hour, 2 * day, -2 * day, day, day, day}, "01 started e1; 02 skipped; 03 started e2; 04 started e3", 3},
		"a nap of the machine": {"skip", "skip", 0, []time.Duration{time.Hour + time.Minute}, "01 started e1", 1},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			w := newWorld("2026-01-01T11:00:00Z")
			w.length = tt.length
			dir, list := t.TempDir(), newDefinitions(t, daily(tt.overlap, tt.missed))
			s := w.open(t, dir, list)
			step(s)
			for _, jump := range tt.jumps {
				w.now = w.now.Add(jump)
				step(s)
				// A restart changes nothing.
				if err := s.Stop(); err != nil {
					t.Fatal(err)
				}
				s = w.open(t, dir, list)
				step(s)
			}
			if got := outcomes(t, s); got != tt.want || len(w.begun) != tt.runs {
				t.Errorf("got %s with %d runs, want %s with %d", got, len(w.begun), tt.want, tt.runs)
			}
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestScheduler_pause(t *testing.T) {
	t.Parallel()
	w := newWorld("2026-01-01T11:00:00Z")
	dir, list := t.TempDir(), newDefinitions(t, daily("skip", "all"))
	s := w.open(t, dir, list)
	step(s)
	key := Key{"a", 0}
	if err := s.Pause(key, "ann"); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(48 * time.Hour)
	step(s)
	*list = *newDefinitions(t, daily("queue", "all")) // read anew
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = w.open(t, dir, list)
	step(s)
	if v := s.List()[0]; !v.Paused || v.PausedBy != "ann" || len(v.Next) < 5 || v.Text != "12:00 every day" || len(w.begun) != 0 {
		t.Errorf("paused: %+v, %d runs", v, len(w.begun))
	}
	if err := s.Resume(key, "ann"); err != nil {
		t.Fatal(err)
	}
	step(s)
	w.now = w.now.Add(2 * time.Hour)
	step(s)
	if got := outcomes(t, s); got != "03 started e1" {
		t.Errorf("after a pause: %s", got)
	}
	rec, err := s.Run(t.Context(), key, "ann")
	if err != nil || rec.ExecutionID != "e2" || !w.begun[1].Manual || w.begun[1].User != "ann" {
		t.Errorf("out of turn: %+v, %v", rec, err)
	}
	for _, wrong := range []Key{{"a", 1}, {"a", -1}, {"b", 0}} {
		if err := s.Pause(wrong, "ann"); fault.CodeOf(err) != protocol.NotFound {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestScheduler_refusals(t *testing.T) {
	t.Parallel()
	w := newWorld("2026-01-01T11:00:00Z")
	list := newDefinitions(t, daily("skip", "latest"))
	s := w.open(t, t.TempDir(), list)
	step(s)
	// What passes is tried again; the due time stays.
	w.now, w.refuse = w.now.Add(time.Hour), fault.New(protocol.LimitReached, "too many wait")
	step(s)
	if v := s.List()[0]; v.Error != "too many wait" || outcomes(t, s) != "" {
		t.Errorf("%+v, %s", v, outcomes(t, s))
	}
	w.now, w.refuse = w.now.Add(time.Minute), nil
	step(s)
	// What does not is a skip with its reason.
	w.now, w.refuse = w.now.Add(24*time.Hour), fault.New(protocol.BadRequest, "path is required")
	step(s)
	if got := outcomes(t, s); got != "01 started e1; 02 skipped" {
		t.Error(got)
	}
	if last := s.List()[0].Last; last == nil || last.Reason != "it was refused: path is required" {
		t.Errorf("%+v", last)
	}
	// A schedule that goes and comes back begins anew, and so does another expression.
	kept := *list
	*list = nil
	w.now, w.refuse = w.now.Add(time.Hour), nil
	step(s)
	w.now = w.now.Add(72 * time.Hour)
	*list = kept
	step(s)
	w.now = w.now.Add(24 * time.Hour)
	step(s)
	if got := outcomes(t, s); got != "01 started e1; 02 skipped; 06 started e2" {
		t.Error(got)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestScheduler_runs lets the loop itself do it, in a time of its own.
func TestScheduler_runs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := newDefinitions(t, "name: a\ncommand: [x]\nschedule: [{cron: every 10m, jitter: 3m}]\n")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("2026-01-01T00:00:00Z")
		s, err := Open(Options{DataDir: dir, Catalogue: list, Runs: clocked{w}})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		time.Sleep(time.Hour + 5*time.Minute)
		synctest.Wait()
		if len(w.begun) != 6 {
			t.Errorf("%d runs in an hour", len(w.begun))
		}
		if err := errors.Join(s.Stop(), s.Stop()); err != nil {
			t.Fatal(err)
		}
	})
}

// clocked is a world that goes by the real clock.
type clocked struct{ *world }

func (c clocked) Running(context.Context, string) (bool, error) { return false, nil }

// TestScheduler_year simulates a year in five zones, with crashes at every step of a start, torn
// writes, days without a server and clock jumps, and asks of every due time: one run or one skip.
func TestScheduler_year(t *testing.T) {
	t.Parallel()
	for i, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"} {
		t.Run(strings.ReplaceAll(zone, "/", "_"), func(t *testing.T) {
			t.Parallel()
			for j, policy := range []string{"overlap: skip, missed: latest", "overlap: queue, missed: all", "overlap: replace, missed: skip"} {
				year(t, zone, policy, rand.New(rand.NewPCG(uint64(i), uint64(j))))
			}
		})
	}
}

func year(t *testing.T, zone, policy string, random *rand.Rand) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2027, 1, 1, 0, 30, 0, 0, loc)
	w := newWorld(begin.Format(time.RFC3339))
	end := begin.AddDate(1, 0, 0)
	dir := t.TempDir()
	list := newDefinitions(t, fmt.Sprintf("name: a\ncommand: [x]\nschedule:\n  - {cron: '30 2 * * *', timezone: %s, %s}\n  - {cron: '0 0,1,3 * * 0', timezone: %s, jitter: 20m, %s}\n", zone, policy, zone, policy))
	w.fail = func(bool) bool { return random.IntN(12) == 0 }
	s := w.open(t, dir, list)
	kills := 0
	restart := func() {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if random.IntN(2) == 0 { // the write of another entry was cut
			f, err := os.OpenFile(filepath.Join(dir, File), os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString(`{"type":"due","agent":"a","n":0,"due":"20`)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		s = w.open(t, dir, list)
	}
	step(s)
	furthest := w.now
	for furthest.Before(end) {
		switch random.IntN(40) {
		case 0:
			w.now = w.now.Add(time.Duration(random.IntN(96)) * time.Hour) // away, or the clock is set
		case 1:
			w.now = w.now.Add(-time.Duration(random.IntN(36)) * time.Hour)
		case 2:
			restart()
		case 3, 4, 5, 6, 7, 8:
			w.now = w.now.Add(time.Duration(1+random.IntN(300)) * time.Minute)
		default: // as the loop does: to the moment at which something is due
			key := Key{"a", random.IntN(2)}
			schedule := &(*list)[0].Schedules[key.N]
			due := schedule.Cron.Next(w.now, loc)
			w.now = due.Add(delay(key, schedule, due) + time.Duration(random.IntN(90))*time.Second)
		}
		w.length = time.Duration(random.IntN(20)) * time.Hour
		if w.now.After(furthest) {
			furthest = w.now
		}
		if step(s) {
			kills++
			restart()
		}
	}
	// Everything that waits comes to its end.
	w.fail, w.length = nil, 0
	for range 2000 {
		w.now = w.now.Add(10 * time.Hour)
		if step(s); s.List()[0].Waiting+s.List()[1].Waiting == 0 && w.now.After(furthest) {
			break
		}
	}
	got, err := s.Occurrences(begin, end)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, o := range got {
		times := []time.Time{o.Due}
		if o.Until != nil {
			for at := o.Due; at.Before(*o.Until); {
				at = (*list)[0].Schedules[o.N].Cron.Next(at, loc)
				times = append(times, at)
			}
			if len(times) != o.Count {
				t.Errorf("%s: %d skips told as %d", zone, len(times), o.Count)
			}
		}
		for _, at := range times {
			told[fmt.Sprintf("%d %s %s", o.N, at.UTC().Format(time.RFC3339), o.Outcome)]++
		}
		if o.Outcome == Skipped && o.Reason == "" {
			t.Errorf("a skip without a reason: %+v", o)
		}
	}
	missed, doubled := 0, 0
	dues := 0
	for n, due := range map[int]func(time.Time) bool{
		0: func(face time.Time) bool { return face.Hour() == 2 && face.Minute() == 30 },
		1: func(face time.Time) bool {
			return face.Weekday() == time.Sunday && face.Minute() == 0 && slices.Contains([]int{0, 1, 3}, face.Hour())
		},
	} {
		for _, at := range oracle(begin, end, due) {
			dues++
			utc := at.UTC().Format(time.RFC3339)
			started, skipped := told[fmt.Sprintf("%d %s %s", n, utc, Started)], told[fmt.Sprintf("%d %s %s", n, utc, Skipped)]
			_, ran := w.byKey[fmt.Sprintf("schedule a/%d %s", n, utc)]
			switch {
			case started+skipped == 0:
				missed++
				t.Errorf("%s %s: nothing became of %d at %v", zone, policy, n, at)
			case started+skipped > 1 || ran != (started == 1):
				doubled++
				t.Errorf("%s %s: %d at %v was started %d times, skipped %d times, ran: %v", zone, policy, n, at, started, skipped, ran)
			}
		}
	}
	if len(w.byKey) != len(w.begun) || dues < 500 || kills < 10 {
		t.Errorf("%s %s: %d runs of %d keys, %d due times, %d kills", zone, policy, len(w.begun), len(w.byKey), dues, kills)
	}
	t.Logf("%s, %s: %d due times, %d runs, %d kills, missed %d, doubled %d", zone, policy, dues, len(w.begun), kills, missed, doubled)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// oracle finds due times by looking at the clock's face every minute.
func oracle(begin, end time.Time, due func(face time.Time) bool) []time.Time {
	var list []time.Time
	add := func(at time.Time) {
		if len(list) == 0 || !list[len(list)-1].Equal(at) {
			list = append(list, at)
		}
	}
	shown := map[string]bool{}
	_, before := begin.Zone()
	for at := begin.Add(time.Minute); at.Before(end); at = at.Add(time.Minute) {
		_, offset := at.Zone()
		for left := offset - before; left > 0; left -= 60 {
			if due(at.UTC().Add(time.Duration(offset-left) * time.Second)) {
				add(at)
			}
		}
		before = offset
		if !due(at) {
			continue
		}
		if face := at.Format("2006-01-02 15:04"); !shown[face] {
			shown[face] = true
			add(at)
		}
	}
	return list
}
