package search_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/protocol"
)

var seedFlag = flag.Uint64("seed", 0, "seed of what is random; 0 takes one from the clock")

func newRand(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (again with: go test ./internal/record/search -run '%s' -seed %d)", seed, t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func TestExecution_finds_what_looking_at_everything_finds(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	d := newDiary(t)
	s := search.New(d.store)
	for _, size := range []int{1, 2, 40, 400, journal.BlockEvents, journal.BlockEvents + 1, 3*journal.BlockEvents + 500} {
		b := d.begin()
		b.event(execution.Event{Type: execution.TypeQueued, AgentType: "needle"})
		b.random(r, size-1)
		id := b.close()
		events := d.events(id)
		if len(events) != size {
			t.Fatalf("%d events instead of %d", len(events), size)
		}
		for range 100 {
			q := randomQuery(r, events)
			check(t, s, id, q, naive(events, q))
			if t.Failed() {
				return
			}
		}
	}
}

func TestExecution_expressions(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	d := newDiary(t)
	b := d.begin()
	b.random(r, 1500)
	id := b.close()
	events := d.events(id)
	s := search.New(d.store)
	for _, text := range expressions {
		for _, sensitive := range []bool{false, true} {
			q := search.Query{Text: text, Regex: true, CaseSensitive: sensitive, Limit: 10_000}
			check(t, s, id, q, naive(events, q))
		}
	}
}

func TestExecution_plain_text_of_every_kind(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	d := newDiary(t)
	b := d.begin()
	b.random(r, 1500)
	id := b.close()
	events := d.events(id)
	s := search.New(d.store)
	for _, text := range scraps {
		for _, sensitive := range []bool{false, true} {
			q := search.Query{Text: text, CaseSensitive: sensitive, Limit: 10_000}
			check(t, s, id, q, naive(events, q))
		}
	}
}

func TestExecution_ranges_are_UTF16(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	b.info("ab😀ab e\u0301ab", "\tab\x01\"ab\\", "日本ab", "\xffab\xf0\x9fab")
	s, id := search.New(d.store), b.close()
	var got []string
	if _, err := s.Execution(t.Context(), id, search.Query{Text: "AB"}, func(r search.Result) error {
		for _, m := range r.Matches {
			got = append(got, fmt.Sprint(m.Seq, m.Ranges))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// Bytes that are no text each count as the one U+FFFD that stands for them.
	want := []string{"1 [[0 2] [4 6] [9 11]]", "2 [[1 3] [5 7]]", "3 [[2 4]]", "4 [[1 3] [5 7]]"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
}

func TestExecution_finds_text_that_spans_escapes(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	b.info(`say "hello" to C:\new\table`, "a\tb", "col1\tcol2", `a\tb`, "<b>&amp;</b>")
	text := "<b>&amp;</b> \u2028 end"
	b.event(execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Agent, Message: &text})
	id := b.close()
	events := d.events(id)
	s := search.New(d.store)
	for text, want := range map[string]int{
		`y "hello" t`: 1, `"`: 1, `C:\new\t`: 1, `\n`: 1, "a\tb": 1, `a\tb`: 1, "1\tc": 1, "<b>": 2, "b>&amp;</b": 2, "\u2028": 1, " \u2028 e": 1, `\"hello`: 0, "\\": 2,
	} {
		q := search.Query{Text: text}
		all := naive(events, q)
		if len(all) != want {
			t.Fatalf("%q: the reference finds %d", text, len(all))
		}
		check(t, s, id, q, all)
	}
}

func TestExecution_looks_at_messages_alone(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	b.event(execution.Event{Type: execution.TypeQueued, AgentType: "needle"})
	percent, text := 1.0, "needle"
	b.event(execution.Event{Type: execution.TypeProgress, Progress: &percent, Message: &text})
	plain := "nothing"
	b.event(execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Stdout, Message: &plain, Raw: []byte("needle"), Data: []byte(`{"needle":"needle"}`)})
	b.info("a needle")
	id := b.close()
	s := search.New(d.store)
	for _, text := range []string{"needle", "NEEDLE", "n"} {
		if result, err := s.Execution(t.Context(), id, search.Query{Text: text}, func(search.Result) error { return nil }); err != nil || result.Total != 1 && text != "n" {
			t.Errorf("%q: %+v %v", text, result, err)
		}
	}
	for _, text := range []string{"execution:log", "stdout", "2025", "seq", b.id, "level", `":"`} {
		if result, err := s.Execution(t.Context(), id, search.Query{Text: text}, func(search.Result) error { return nil }); err != nil || result.Total != 0 {
			t.Errorf("%q: %+v %v", text, result, err)
		}
	}
}

func TestExecution_from(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	const n = 2*journal.BlockEvents + 100
	for i := range n {
		b.info(fmt.Sprintf("line %d", i+1))
	}
	id := b.close()
	s := search.New(d.store)
	for _, from := range []uint64{0, 1, 2, 1023, 1024, 1025, 2047, 2048, 2049, n - 1, n, n + 1, n + 2, 1 << 62} {
		var first, last uint64 = min(from+1, n+1), n // forwards
		seqs := func(backwards bool) (got []uint64) {
			q := search.Query{Text: "line", From: from, Backwards: backwards, Limit: 10_000}
			result, err := s.Execution(t.Context(), id, q, func(r search.Result) error {
				for _, m := range r.Matches {
					got = append(got, m.Seq)
				}
				return nil
			})
			if err != nil || result.Total != int64(len(got)) {
				t.Fatalf("from %d: %+v %v", from, result, err)
			}
			return got
		}
		want := []uint64{}
		for seq := first; seq <= last; seq++ {
			want = append(want, seq)
		}
		if got := seqs(false); !slices.Equal(got, want) && len(want)+len(got) > 0 {
			t.Errorf("after %d: %d matches, expected %d", from, len(got), len(want))
		}
		before := uint64(n)
		if from > 0 {
			before = min(from-1, n)
		}
		want = want[:0]
		for seq := before; seq > 0; seq-- {
			want = append(want, seq)
		}
		if got := seqs(true); !slices.Equal(got, want) && len(want)+len(got) > 0 {
			t.Errorf("before %d: %d matches, expected %d", from, len(got), len(want))
		}
	}
}

// Walking from match to match by From meets every match once, in either direction.
func TestExecution_goes_on_from_a_match(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	d := newDiary(t)
	b := d.begin()
	b.random(r, 2500)
	id := b.close()
	events := d.events(id)
	s := search.New(d.store)
	for _, backwards := range []bool{false, true} {
		q := search.Query{Text: "needle", Backwards: backwards, Limit: 37}
		all := naive(events, q)
		var got []protocol.Match
		for {
			before := len(got)
			if _, err := s.Execution(t.Context(), id, q, func(r search.Result) error { got = append(got, r.Matches...); return nil }); err != nil {
				t.Fatal(err)
			}
			if len(got) == before {
				break
			}
			q.From = got[len(got)-1].Seq
		}
		if len(got) != len(all) {
			t.Fatalf("%d matches, expected %d", len(got), len(all))
		}
		for i := range got {
			if got[i].Seq != all[i].Seq {
				t.Fatalf("match %d is event %d, expected %d", i, got[i].Seq, all[i].Seq)
			}
		}
	}
}

func TestExecution_long_lines(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	long := strings.Repeat("\x01\"\\<😀", 9000)
	for i := range 8 {
		b.info(fmt.Sprintf("start %d ", i) + long + " needle")
	}
	huge := strings.Repeat("x", 9<<20) + "needle" // longer than what is read at once
	b.event(execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Stdout, Message: &huge})
	b.info("needle")
	id := b.close()
	events := d.events(id)
	s := search.New(d.store)
	for _, q := range []search.Query{{Text: "NEEDLE"}, {Text: `needle$`, Regex: true}, {Text: `<😀`, Limit: 3}, {Text: "needle", Backwards: true, Limit: 2}} {
		check(t, s, id, q, naive(events, q))
	}
}

// More is found in one block than is held at once.
func TestExecution_of_lines_full_of_matches(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	d := newDiary(t)
	b := d.begin()
	b.random(r, 700)
	for range 300 {
		b.info(strings.Repeat("ab ", r.IntN(1500)))
		b.random(r, 1)
	}
	b.random(r, 500)
	id := b.close()
	sound := d.events(id)
	s := search.New(d.store)
	queries := []search.Query{{Text: "A", Limit: 10_000}, {Text: "ab", Limit: 3}, {Text: "a", Limit: 50, From: 900}, {Text: `[^b]`, Regex: true, Limit: 10_000, Levels: []execution.Level{execution.Info}}}
	for _, q := range queries {
		for _, backwards := range []bool{false, true} {
			q.Backwards = backwards
			check(t, s, id, q, naive(sound, q))
		}
	}
	// The same where some of it is damaged.
	text, err := os.ReadFile(d.file(id))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // pages that were lost read as zeros
		at := r.IntN(len(text) - 300)
		clear(text[at : at+300])
	}
	if err := os.WriteFile(d.file(id), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(strings.TrimSuffix(d.file(id), ".ndjson") + ".idx"); err != nil {
		t.Fatal(err)
	}
	left, _, head := readAll(t, d.store, id)
	for _, backwards := range []bool{false, true} {
		q := search.Query{Text: "a", Limit: 10_000, Backwards: backwards}
		result := check(t, s, id, q, naive(left, q))
		if want := head.Seq - uint64(len(left)); result.Lost != want {
			t.Errorf("%d events are said to be lost, expected %d", result.Lost, want)
		}
	}
}

func TestExecution_limit(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	for i := range 5000 {
		b.info(fmt.Sprintf("line %d", i))
	}
	id := b.close()
	events := d.events(id)
	s := search.New(d.store)
	for _, limit := range []int{0, 1, 99, 1024, 1025, 4999, 5000, 5001} {
		for _, backwards := range []bool{false, true} {
			q := search.Query{Text: "line", Limit: limit, Backwards: backwards}
			check(t, s, id, q, naive(events, q))
		}
	}
}

func TestExecution_refuses(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	b.info("line")
	id := b.close()
	s := search.New(d.store)
	never := func(search.Result) error { t.Error("found was called"); return nil }
	for _, test := range []struct {
		id    string
		q     search.Query
		code  protocol.Code
		names string
	}{
		{id, search.Query{}, protocol.BadRequest, "empty"},
		{id, search.Query{Text: "a\xff"}, protocol.BadRequest, "UTF-8"},
		{id, search.Query{Text: strings.Repeat("x", search.MaxText+1)}, protocol.BadRequest, "4097 bytes"},
		{id, search.Query{Text: "a(b", Regex: true}, protocol.BadRequest, "missing closing )"},
		{id, search.Query{Text: `(?=a)`, Regex: true}, protocol.BadRequest, "(?="},
		{id, search.Query{Text: "a{2000}", Regex: true}, protocol.BadRequest, "repeat"},
		{id, search.Query{Text: "a", Levels: []execution.Level{"loud"}}, protocol.BadRequest, "loud"},
		{id, search.Query{Text: "a", Streams: []execution.Stream{"stdin"}}, protocol.BadRequest, "stdin"},
		{journaltest.NewID(), search.Query{Text: "a"}, protocol.NotFound, "there is no execution"},
	} {
		result, err := s.Execution(t.Context(), test.id, test.q, never)
		if err == nil || fault.CodeOf(err) != test.code || !strings.Contains(fault.Message(err), test.names) || result.Complete {
			t.Errorf("%+v: %+v %v", test.q, result, err)
		}
	}
	if _, err := s.Across(t.Context(), list(id), search.Query{Text: "a", From: 7}, never); fault.CodeOf(err) != protocol.BadRequest {
		t.Errorf("from across executions: %v", err)
	}
}

func TestExecution_ends_early(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	for range 20 {
		lines := make([]string, journal.BlockEvents)
		for i := range lines {
			lines[i] = "line"
		}
		b.info(lines...)
	}
	id := b.close()
	w := &watched{Journals: d.store}
	s := search.New(w)

	boom := errors.New("boom")
	calls := 0
	if result, err := s.Execution(t.Context(), id, search.Query{Text: "line", Limit: 10_000}, func(search.Result) error { calls++; return boom }); !errors.Is(err, boom) || calls != 1 || result.Complete {
		t.Errorf("an error of found: %v after %d calls, %+v", err, calls, result)
	}
	gone := errors.New("the client is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	result, err := s.Execution(ctx, id, search.Query{Text: "line", Limit: 10_000}, func(search.Result) error { cancel(gone); return nil })
	if !errors.Is(err, gone) || result.Complete {
		t.Errorf("a context that ends: %v, %+v", err, result)
	}
	if _, err := s.Execution(ctx, id, search.Query{Text: "line"}, func(search.Result) error { t.Error("found was called"); return nil }); !errors.Is(err, gone) {
		t.Errorf("a context that has ended: %v", err)
	}
	if w.open.Load() != 0 {
		t.Errorf("%d readers are open", w.open.Load())
	}
	// Nothing is held back from those who come after.
	if result, err := s.Execution(t.Context(), id, search.Query{Text: "line"}, func(search.Result) error { return nil }); err != nil || result.Total != 20*journal.BlockEvents {
		t.Errorf("%+v %v", result, err)
	}
}

func TestSearcher_many_at_once(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	d := newDiary(t)
	b := d.begin()
	b.random(r, 3000)
	id := b.close()
	events := d.events(id)
	s := search.New(d.store)
	var work sync.WaitGroup
	for range 20 {
		q := randomQuery(r, events)
		want := naive(events, q)
		work.Go(func() {
			for range 5 {
				check(t, s, id, q, want)
			}
		})
	}
	work.Wait()
}
