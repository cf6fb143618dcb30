package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/testagent/lines"
	"github.com/claudeops/claudeops/protocol"
)

// totals are what the oracle has counted.
type totals struct {
	executions int
	// acked are the lines that the kernel had taken of agents whose runner lived: all of them are owed.
	// With a runner that is killed goes what it had not read, or not written, yet: its executions are
	// owed what had been stored.
	acked, stored, delivered uint64
	withRunner               uint64 // lines that went with their runner, unread
	readers                  int
	events                   uint64 // that readers were given, of agents whose lines are not counted too
	gaps, duplicates         int
	strays                   int
	ends                     map[string]int
	problems                 []string
}

func (t *totals) add(other totals) {
	t.executions += other.executions
	t.acked += other.acked
	t.stored += other.stored
	t.delivered += other.delivered
	t.withRunner += other.withRunner
	t.readers += other.readers
	t.events += other.events
	t.gaps += other.gaps
	t.duplicates += other.duplicates
	t.strays += other.strays
	if t.ends == nil {
		t.ends = map[string]int{}
	}
	for end, n := range other.ends {
		t.ends[end] += n
	}
	t.problems = append(t.problems, other.problems...)
}

func (t *totals) wrong(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

func (t *totals) String() string {
	return fmt.Sprintf("acked %d / stored %d / delivered %d / gaps %d / duplicates %d / stray processes %d", t.acked, t.stored, t.delivered, t.gaps, t.duplicates, t.strays)
}

// whole reports whether nothing at all is wrong.
func (t *totals) whole() bool {
	return len(t.problems) == 0 && t.acked == t.stored && t.stored == t.delivered && t.gaps == 0 && t.duplicates == 0 && t.strays == 0
}

// stored is what a journal holds.
type stored struct {
	all   digest
	lines uint64 // whole ones of the agent's own
	torn  bool   // the agent's text ends in the middle of a line
	last  execution.Event
}

// readJournal reads an execution from the disk, past the server, and checks it for itself.
func readJournal(store journal.Store, id string, p *plan) (s stored, err error) {
	r, err := store.Open(id)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s.all = newDigest()
	var text []byte
	buf := make([]byte, 256<<10)
	for at := (journal.Position{}); ; {
		n, next, gap, err := r.Read(at, journal.Position{}, buf)
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			buf = make([]byte, short.Need)
			continue
		case err != nil:
			return s, err
		case gap != nil:
			return s, fmt.Errorf("events %d to %d are %s", gap.From, gap.To, gap.Reason)
		case n == 0:
			s.torn = len(text) > 0
			return s, nil
		}
		for line := range strings.Lines(string(buf[:n])) {
			if s.last.Terminal() {
				return s, fmt.Errorf("event %d follows the last one", s.all.events+1)
			}
			event := []byte(strings.TrimSuffix(line, "\n"))
			s.last = execution.Event{}
			if err := json.Unmarshal(event, &s.last); err != nil {
				return s, fmt.Errorf("event %d: %w: %.200q", s.all.events+1, err, event)
			}
			s.all.add(event)
			if s.last.Seq != s.all.events || s.last.ExecutionID != id {
				return s, fmt.Errorf("event %d of %s stands where %d of %s is due", s.last.Seq, s.last.ExecutionID, s.all.events, id)
			}
			if !p.lines {
				continue
			}
			text = logtext.Append(text, event)
			for {
				whole, rest, ok := cut(text)
				if !ok {
					break
				}
				got, err := lines.Parse(whole, p.seed)
				if err != nil {
					return s, fmt.Errorf("after line %d: %w", s.lines, err)
				}
				if got.N != s.lines+1 {
					return s, fmt.Errorf("line %d stands where %d is due", got.N, s.lines+1)
				}
				s.lines++
				text = rest
			}
		}
		at = next
	}
}

func cut(text []byte) (line, rest []byte, ok bool) {
	i := slices.Index(text, '\n')
	if i < 0 {
		return nil, text, false
	}
	return text[:i], text[i+1:], true
}

// readTally says how many lines an agent began to write, and how many the kernel took.
func readTally(file string) (begun, taken uint64, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil // it never ran
	}
	if err != nil {
		return 0, 0, err
	}
	b = append(b, make([]byte, 16)...)
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), nil
}

// check asks the oracle about everything of a round.
func (s *site) check(ctx context.Context, runs []*run) (totals, error) {
	t := totals{ends: map[string]int{}}
	store, err := journal.OpenDir(s.data())
	if err != nil {
		return t, err
	}
	defer store.Close()
	for _, r := range runs {
		s.checkRun(ctx, store, r, &t)
	}
	s.checkPast(ctx, runs, &t)
	s.mu.Lock()
	t.problems = append(t.problems, s.found...)
	s.found = nil
	s.mu.Unlock()
	if err := s.checkRest(ctx, &t); err != nil {
		return t, err
	}
	return t, nil
}

func (s *site) checkRun(ctx context.Context, store journal.Store, r *run, t *totals) {
	t.executions++
	what := fmt.Sprintf("%s (%s)", r.id, r.plan.agent)
	if r.err != nil {
		t.wrong("%s: %v", what, r.err)
		if r.id == "" {
			return
		}
	}
	kept, err := readJournal(store, r.id, r.plan)
	if err != nil {
		t.wrong("%s: its journal: %v", what, err)
		return
	}
	r.kept, r.ended = kept.all, kept.last.Timestamp.Time
	// The end it came to.
	end := endOf(&kept.last)
	t.ends[end]++
	allowed := slices.Clone(r.plan.ends)
	lost := s.wasLost(r.id)
	if lost {
		allowed = append(allowed, string(execution.ReasonRunnerLost))
	}
	if r.befell.agentKilled.Load() {
		allowed = append(allowed, string(execution.ReasonSignal))
	}
	if !slices.Contains(allowed, end) {
		t.wrong("%s: it ended as %q where %q was due: %+v", what, end, allowed, kept.last)
	}
	if end == cancelled && (kept.last.By != "owner" || kept.last.Reason != reason) {
		t.wrong("%s: it was cancelled by %q because of %q", what, kept.last.By, kept.last.Reason)
	}
	// What the server says of it.
	record, err := s.record(ctx, r.id)
	switch {
	case err != nil:
		t.wrong("%s: its record: %v", what, err)
	case !record.Terminal || record.Head != kept.all.events || string(record.Status) != strings.TrimPrefix(kept.last.Type, "execution:") || record.Reason != kept.last.Reason:
		t.wrong("%s: the record says %s, %q, head %d; the journal ends with %s, %q, at %d", what, record.Status, record.Reason, record.Head, kept.last.Type, kept.last.Reason, kept.all.events)
	}
	// What was acknowledged.
	if r.plan.lines {
		begun, taken, err := readTally(r.tally)
		if err != nil {
			t.wrong("%s: %v", what, err)
		}
		owed := taken
		switch {
		case lost:
			// It may have been written to the pipe and not have been read.
			if kept.lines > begun {
				t.wrong("%s: %d lines are stored where %d were begun to be written", what, kept.lines, begun)
			}
			t.withRunner += max(taken, kept.lines) - kept.lines
			owed = kept.lines
		case r.befell.agentKilled.Load():
			// It may have been killed between a write and its note.
			if kept.lines < taken || kept.lines > begun {
				t.wrong("%s: %d lines are stored where between %d and %d were written", what, kept.lines, taken, begun)
			}
			owed = kept.lines
		case kept.lines != taken || kept.torn:
			t.wrong("%s: %d lines are stored (torn: %v) where the kernel took %d", what, kept.lines, kept.torn, taken)
		}
		t.acked += owed
	}
	t.stored += kept.lines
	// What was delivered: to every reader all, byte for byte.
	delivered := kept.lines
	for _, reading := range r.readings {
		t.readers++
		t.events += reading.got.events
		t.gaps += reading.gaps
		t.duplicates += reading.duplicates
		switch {
		case reading.err != nil:
			t.wrong("%s: %v", what, reading.err)
			delivered = 0
		case !reading.got.equal(kept.all):
			t.wrong("%s: %v got %d events of %d bytes (%08x), stored are %d of %d bytes (%08x)", what, reading.manner,
				reading.got.events, reading.got.bytes, reading.got.sum.Sum32(), kept.all.events, kept.all.bytes, kept.all.sum.Sum32())
			delivered = 0
		}
	}
	t.delivered += delivered
	if r.tally != "" {
		_ = os.Remove(r.tally)
	}
}

// endOf names the end an execution came to, as plans do.
func endOf(e *execution.Event) string {
	switch e.Type {
	case execution.TypeCompleted:
		return completed
	case execution.TypeCancelled:
		return cancelled
	case execution.TypeFailed:
		return e.Reason
	}
	return "no end"
}

// record asks the server, until it says that the execution has ended: the event may be there first.
func (s *site) record(ctx context.Context, id string) (record protocol.Record, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		record, err = s.control.Get(ctx, id)
		if err == nil && record.Terminal || ctx.Err() != nil {
			return record, err
		}
		later(ctx, 20*time.Millisecond)
	}
}

// checkRest looks at what is left when everything of a round has ended: nothing may be, in the server's
// words, among the processes, and of what the server holds for clients.
func (s *site) checkRest(ctx context.Context, t *totals) error {
	open := client.Filter{Status: []protocol.Status{execution.Queued, execution.Running, execution.Cancelling}}
	page, err := s.control.List(ctx, open)
	if err != nil {
		return fmt.Errorf("list what runs: %w", err)
	}
	for _, record := range page.Executions {
		t.wrong("%s (%s): the list has it as %s", record.ExecutionID, record.AgentType, record.Status)
	}
	all, err := os.ReadDir(s.data() + "/executions")
	if err != nil {
		return err
	}
	for _, entry := range all {
		if name := entry.Name(); !strings.HasPrefix(name, ".") && s.find(name) == nil {
			t.wrong("%s: nobody has asked for this execution", name)
		}
	}
	left := func() (texts []string) {
		for id, pids := range marked() {
			if s.ours(id) {
				texts = append(texts, fmt.Sprintf("processes %v of %s", pids, id))
			}
		}
		for _, r := range s.runners() {
			texts = append(texts, fmt.Sprintf("runner %d of %s", r.PID, r.execution))
		}
		return texts
	}
	// Runners go when they have written the end, of which readers hear first.
	if await(ctx, 15*time.Second, "", func() (bool, error) { return len(left()) == 0, nil }) != nil {
		stray := left()
		t.strays += len(stray)
		for _, text := range stray {
			t.wrong("left behind: %s", text)
		}
	}
	silent := s.silentNow()
	var values map[string]float64
	err = await(ctx, 30*time.Second, "", func() (bool, error) {
		var err error
		values, err = s.metrics(ctx)
		if err != nil {
			return false, err
		}
		return values["claudeops_feeds"] <= float64(silent) && connections(values) <= float64(silent+1), nil
	})
	if values == nil {
		return fmt.Errorf("ask for metrics: %w", err)
	}
	if err != nil {
		t.wrong("the server holds %v feeds and %v connections for %d clients who said nothing more and one of ours", values["claudeops_feeds"], connections(values), silent)
	}
	return nil
}

func connections(values map[string]float64) float64 {
	sum := 0.0
	for name, v := range values {
		if strings.HasPrefix(name, "claudeops_connections{") {
			sum += v
		}
	}
	return sum
}
