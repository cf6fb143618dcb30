package supervisor_test

import (
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/protocol"
)

var modelSeed = flag.Uint64("seed", 0, "of TestModel; 0: a new one each time")

// expected is what the model knows of one execution.
type expected struct {
	id, agent, key string
	cancelledBy    string // who asked first for its end, before it had one
	askedLate      string // who asked for the end of one whose runner was dead, before that was seen
	end            execution.Status
	neverRan       bool // it was cancelled while it waited
}

// TestModel does anything in any order, servers and machines that go down included, and checks what
// must hold whatever happens.
func TestModel(t *testing.T) {
	t.Parallel()
	seeds, steps := 4, 250
	if testing.Short() {
		seeds = 1
	}
	for range seeds {
		seed := rand.Uint64()
		if *modelSeed != 0 {
			seed = *modelSeed
		}
		t.Run("seed", func(t *testing.T) {
			t.Parallel()
			m := &model{t: t, w: newWorld(t), random: rand.New(rand.NewPCG(seed, 4)), all: make(map[string]*expected)}
			m.w.options.MaxRunning = 6
			m.w.start()
			for range steps {
				m.step()
				m.checkLimits()
			}
			m.finish()
			fmt.Fprintf(t.Output(), "steps %d / executions %d / restarts %d / reboots %d / seed %d\n", steps, len(m.order), m.restarts, m.reboots, seed)
		})
	}
}

type model struct {
	t      testing.TB
	w      *world
	random *rand.Rand
	all    map[string]*expected
	order  []string

	restarts, reboots int
}

func (m *model) pick(ids []string) *expected {
	if len(ids) == 0 {
		return nil
	}
	return m.all[ids[m.random.IntN(len(ids))]]
}

// open lists executions of which no end is expected yet.
func (m *model) open() []string {
	return slices.DeleteFunc(slices.Clone(m.order), func(id string) bool { return m.all[id].end != "" })
}

// running gives the runner of an execution, nil when it has none that lives.
func (m *model) running(id string) *fakeRunner {
	m.w.machine.mu.Lock()
	r := m.w.machine.runners[id]
	m.w.machine.mu.Unlock()
	if r == nil || !m.w.machine.Alive(r.pid) {
		return nil
	}
	return r
}

func (m *model) step() {
	switch n := m.random.IntN(100); {
	case n < 35:
		m.execute()
	case n < 45:
		m.cancel()
	case n < 90:
		if e := m.pick(m.open()); e != nil {
			if r := m.running(e.id); r != nil {
				m.act(e, r)
			}
		}
	case n < 98:
		m.restart(false)
	default:
		m.restart(true)
	}
}

func (m *model) execute() {
	request := supervisor.Request{AgentType: []string{"free", "one", "two"}[m.random.IntN(3)], Trigger: me}
	var known *expected
	if m.random.IntN(3) == 0 {
		request.IdempotencyKey = fmt.Sprint(m.random.IntN(20))
		for _, e := range m.all {
			if e.key == request.IdempotencyKey {
				known = e
			}
		}
	}
	rec, existing, err := m.w.server.Execute(m.t.Context(), request)
	if known != nil {
		if known.agent != request.AgentType {
			if fault.CodeOf(err) != protocol.Conflict {
				m.t.Fatalf("key %s for %s instead of %s: %v", known.key, request.AgentType, known.agent, err)
			}
			return
		}
		if err != nil || !existing || rec.ExecutionID != known.id {
			m.t.Fatalf("key %s gives %s, %v, %v, stood for %s", known.key, rec.ExecutionID, existing, err, known.id)
		}
		return
	}
	if err != nil || existing {
		m.t.Fatal(existing, err)
	}
	m.all[rec.ExecutionID] = &expected{id: rec.ExecutionID, agent: request.AgentType, key: request.IdempotencyKey}
	m.order = append(m.order, rec.ExecutionID)
}

// resolve notes the end of an execution that was cancelled between the queue and its start: it may
// come at any time.
func (m *model) resolve(e *expected) {
	if e.end != "" || e.cancelledBy == "" || m.w.machine.ranTimes(e.id) > 0 {
		return
	}
	if rec := m.w.server.get(m.t, e.id); rec.Status == execution.Cancelled && rec.StartedAt == nil {
		e.end, e.neverRan = execution.Cancelled, true
	}
}

func (m *model) cancel() {
	e := m.pick(m.order)
	if e == nil {
		return
	}
	m.resolve(e)
	by := fmt.Sprint("user ", m.random.IntN(100))
	rec, err := m.w.server.Cancel(m.t.Context(), e.id, by, "model")
	if err != nil {
		m.t.Fatal(err)
	}
	switch {
	case e.end == execution.Failed && rec.Status != execution.Failed && e.askedLate == "":
		e.askedLate = by
	case e.end != "":
	case rec.Status == execution.Cancelled && rec.StartedAt == nil && rec.CancelledBy == by:
		e.end, e.neverRan, e.cancelledBy = execution.Cancelled, true, by
	case rec.Status == execution.Cancelling:
		if e.cancelledBy == "" {
			e.cancelledBy = by
		}
	case rec.Status == execution.Cancelled && e.cancelledBy != "":
		m.resolve(e)
	default:
		m.t.Fatalf("cancelling gives %+v", rec)
	}
}

// act has a running agent do something.
func (m *model) act(e *expected, r *fakeRunner) {
	switch m.random.IntN(7) {
	case 0, 1:
		r.log(1 + m.random.IntN(5))
	case 2:
		r.progress(float64(m.random.IntN(101)), "on the way")
	case 3:
		r.cost(float64(m.random.IntN(10)))
	case 4, 5:
		if e.cancelledBy != "" {
			r.wasCancelled()
			r.endCancelled()
			e.end = execution.Cancelled
		} else {
			r.complete()
			e.end = execution.Completed
		}
	case 6:
		r.kill()
		m.lost(e)
	}
}

// lost is what becomes of an execution whose runner was killed.
func (m *model) lost(e *expected) {
	e.end = execution.Failed
	if e.cancelledBy != "" {
		e.end = execution.Cancelled
	}
}

// restart ends the server's life, lets things happen without one, and begins another.
func (m *model) restart(reboot bool) {
	m.w.stop()
	m.restarts++
	for range m.random.IntN(6) {
		if e := m.pick(m.open()); e != nil {
			if r := m.running(e.id); r != nil {
				if e.cancelledBy != "" && m.random.IntN(2) == 0 {
					continue // whether the request has arrived is not known
				}
				m.actAlone(e, r)
			}
		}
	}
	if reboot {
		m.reboots++
		for _, id := range m.open() {
			if m.w.machine.ranTimes(id) > 0 {
				m.lost(m.all[id])
			}
		}
		m.w.reboot()
	}
	if m.random.IntN(4) == 0 {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(filepath.Join(m.w.dir, "index.sqlite"+suffix))
		}
	}
	m.w.start()
}

// actAlone is act while no server runs.
func (m *model) actAlone(e *expected, r *fakeRunner) {
	switch m.random.IntN(4) {
	case 0:
		r.log(3)
	case 1:
		r.progress(5, "alone")
	case 2:
		r.kill()
		m.lost(e)
	case 3:
		if e.cancelledBy == "" {
			r.complete()
			e.end = execution.Completed
		}
	}
}

func (m *model) checkLimits() {
	m.t.Helper()
	perAgent := map[string]int{}
	alive := 0
	for _, id := range m.open() {
		if m.running(id) != nil {
			perAgent[m.all[id].agent]++
			alive++
		}
	}
	if perAgent["one"] > 1 || perAgent["two"] > 2 || alive > 6 {
		m.t.Fatalf("%v run, %d in all", perAgent, alive)
	}
}

// finish lets everything come to its end and compares.
func (m *model) finish() {
	s := m.w.server
	deadline := time.Now().Add(patience)
	for len(m.open()) > 0 {
		if time.Now().After(deadline) {
			m.t.Fatalf("%d executions do not get to their end, one is %+v", len(m.open()), s.get(m.t, m.open()[0]))
		}
		for _, id := range m.open() {
			e := m.all[id]
			m.resolve(e)
			r := m.running(id)
			if r == nil {
				continue
			}
			if e.cancelledBy != "" {
				r.wasCancelled()
				r.endCancelled()
				e.end = execution.Cancelled
			} else {
				r.complete()
				e.end = execution.Completed
			}
		}
		time.Sleep(time.Millisecond)
	}
	for _, id := range m.order {
		e := m.all[id]
		rec := s.until(m.t, id, "it has ended", func(rec execution.Record) bool { return rec.Terminal })
		m.w.checkOneEnd(id)
		ran := m.w.machine.ranTimes(id)
		if e.askedLate != "" && rec.Status == execution.Cancelled && rec.CancelledBy == e.askedLate {
			e.end, e.cancelledBy = execution.Cancelled, e.askedLate // it was told of before the death was seen
		}
		if rec.Status != e.end || ran > 1 || e.neverRan && ran != 0 || (e.end == execution.Cancelled && rec.CancelledBy != e.cancelledBy) {
			m.t.Errorf("%s of %s ended as %s by %q after running %d times, expected %+v", short(id), e.agent, rec.Status, rec.CancelledBy, ran, *e)
		}
		events := m.w.journalEvents(id)
		if last := events[len(events)-1]; rec.Head != last.Seq || "execution:"+string(rec.Status) != last.Type {
			m.t.Errorf("%s: record %+v, last event %+v", short(id), rec, last)
		}
		m.w.untilRetired(id)
	}
	m.checkOrder()
	if counts := s.Counts(); counts != (protocol.Executions{}) {
		m.t.Errorf("counts are %+v", counts)
	}
	page, err := s.List(m.t.Context(), index.Filter{Limit: 1000, Count: true})
	if err != nil || int(page.Total) != len(m.order) {
		m.t.Errorf("listed are %d, %v, want %d", page.Total, err, len(m.order))
	}
	for i, rec := range page.Executions {
		if want := m.order[len(m.order)-1-i]; rec.ExecutionID != want || rec.Status != m.all[want].end {
			m.t.Errorf("place %d: %s %s, want %s %s", i, short(rec.ExecutionID), rec.Status, short(want), m.all[want].end)
		}
	}
	m.checkIndex()
}

// checkIndex checks that the index as it was filled event by event is what the journals make of it.
func (m *model) checkIndex() {
	m.w.stop()
	store, err := journal.OpenDir(m.w.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	defer store.Close()
	made := filepath.Join(m.t.TempDir(), "made.sqlite")
	if err := index.Rebuild(m.t.Context(), store, made); err != nil {
		m.t.Fatal(err)
	}
	got, want := rows(m.t, filepath.Join(m.w.dir, "index.sqlite")), rows(m.t, made)
	if len(want) < len(m.order) || !slices.Equal(got, want) {
		m.t.Errorf("the index has\n%s\nthe journals make\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func rows(t testing.TB, path string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT id, agent, status, queued_at, cost, input, search, record FROM executions
		UNION ALL SELECT execution_id, user, key, 0, 0, 0, request, '' FROM claims ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var columns [8]any
		var values []any
		for i := range columns {
			values = append(values, &columns[i])
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(columns))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// checkOrder checks that an agent with one place at a time has used it in the order of the queue.
func (m *model) checkOrder() {
	m.w.machine.mu.Lock()
	defer m.w.machine.mu.Unlock()
	last := ""
	for _, id := range m.w.machine.began {
		if m.all[id].agent != "one" {
			continue
		}
		if id < last {
			m.t.Errorf("%s ran after %s", short(id), short(last))
		}
		last = id
	}
}
