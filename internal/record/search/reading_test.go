package search_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/search"
)

func TestExecution_passes_over_damage_and_says_so(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	for range 8 {
		d := newDiary(t)
		b := d.begin()
		b.random(r, 2000+r.IntN(3000))
		id := b.close()
		whole := d.events(id)
		text, err := os.ReadFile(d.file(id))
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(3) {
			at := r.IntN(len(text))
			n := min(1+r.IntN(3000), len(text)-at)
			for i := range n {
				text[at+i] ^= byte(1 + r.IntN(255))
			}
		}
		if err := os.WriteFile(d.file(id), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if r.IntN(3) == 0 { // without an index every line is judged on its own
			if err := os.Remove(strings.TrimSuffix(d.file(id), ".ndjson") + ".idx"); err != nil {
				t.Fatal(err)
			}
		}
		events, gaps, head := readAll(t, d.store, id)
		s := search.New(d.store)
		for range 30 {
			q := randomQuery(r, whole)
			want := naive(events, q)
			result := check(t, s, id, q, want)
			if t.Failed() {
				return
			}
			if len(q.Levels)+len(q.Streams) > 0 {
				continue // blocks that can't have what is asked for are not looked at
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
				t.Fatalf("%+v: %d events are said to be lost, expected %d of %d: %v", q, result.Lost, lost, head.Seq, gaps)
			}
		}
	}
}

// readAll reads a journal as far as it can be read.
func readAll(t *testing.T, store journal.Store, id string) (events []execution.Event, gaps []journal.Gap, head journal.Position) {
	t.Helper()
	reader, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if head, err = reader.Head(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<20)
	for at := (journal.Position{}); at.Seq < head.Seq; {
		n, next, gap, err := reader.Read(at, head, buf)
		if err != nil {
			t.Fatal(err)
		}
		if gap != nil {
			gaps = append(gaps, *gap)
		}
		events = append(events, decode(t, buf[:n])...)
		at = next
	}
	return events, gaps, head
}

func TestExecution_of_one_that_grows(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	b.info("line 1")
	s := search.New(d.store)
	var written atomic.Uint64
	written.Store(1)
	searched, done := make(chan struct{}), make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		defer close(done)
		r := rand.New(rand.NewPCG(1, 1))
		for head := uint64(1); head < 5*journal.BlockEvents; head = b.w.Head().Seq {
			var lines []string
			for i := range 1 + r.IntN(150) {
				lines = append(lines, fmt.Sprintf("line %d", head+1+uint64(i)))
			}
			b.info(lines...)
			written.Store(b.w.Head().Seq)
			if r.IntN(10) == 0 {
				if err := b.w.Sync(); err != nil {
					t.Error(err)
				}
			}
			if r.IntN(2) == 0 {
				<-searched // so that neither gets far ahead
			}
		}
	})
	defer work.Wait()
	for i, growing := 0, true; growing; i++ {
		select {
		case searched <- struct{}{}:
		case <-done:
			growing = false // once more, of the whole
		}
		q := search.Query{Text: "LINE ", Backwards: i%2 == 1, Limit: 10_000}
		atLeast := written.Load()
		var seqs []uint64
		result, err := s.Execution(t.Context(), b.id, q, func(r search.Result) error {
			for _, m := range r.Matches {
				if m.Message != fmt.Sprintf("line %d", m.Seq) {
					t.Errorf("event %d is %q", m.Seq, m.Message)
				}
				seqs = append(seqs, m.Seq)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if result.Total < int64(atLeast) || !result.Complete || result.Lost != 0 {
			t.Errorf("%+v, expected %d at least", result, atLeast)
		}
		if q.Backwards {
			slices.Reverse(seqs)
		}
		for i := 1; i < len(seqs); i++ {
			if seqs[i] != seqs[i-1]+1 {
				t.Errorf("event %d comes after %d", seqs[i], seqs[i-1])
			}
		}
	}
	b.close()
}

// watched counts what is open and read.
type watched struct {
	search.Journals
	open, most, opens atomic.Int64
	read              atomic.Int64 // bytes
	refuse            func(id string) error
}

func (w *watched) Open(id string) (journal.Reader, error) {
	if w.refuse != nil {
		if err := w.refuse(id); err != nil {
			return nil, err
		}
	}
	reader, err := w.Journals.Open(id)
	if err != nil {
		return nil, err
	}
	w.opens.Add(1)
	n := w.open.Add(1)
	for most := w.most.Load(); n > most && !w.most.CompareAndSwap(most, n); most = w.most.Load() {
	}
	return &watchedReader{Reader: reader, w: w}, nil
}

type watchedReader struct {
	journal.Reader
	w *watched
}

func (r *watchedReader) Blocks(from, to journal.Position) ([]journal.Block, error) {
	return r.Reader.(interface {
		Blocks(from, to journal.Position) ([]journal.Block, error)
	}).Blocks(from, to)
}

func (r *watchedReader) Read(at, end journal.Position, buf []byte) (int, journal.Position, *journal.Gap, error) {
	n, next, gap, err := r.Reader.Read(at, end, buf)
	r.w.read.Add(int64(n))
	return n, next, gap, err
}

func (r *watchedReader) Close() error {
	r.w.open.Add(-1)
	return r.Reader.Close()
}

func TestExecution_reads_no_block_that_can_not_have_what_is_asked_for(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	for i := range 10 * journal.BlockEvents {
		level, stream := execution.Info, execution.Stdout
		if i == 4*journal.BlockEvents+7 {
			level = execution.Error
		}
		if i == 6*journal.BlockEvents+7 {
			stream = execution.Stderr
		}
		b.log(level, stream, fmt.Sprintf("line %d", i))
	}
	b.info("the last")
	id := b.close()
	events := d.events(id)
	w := &watched{Journals: d.store}
	s := search.New(w)
	info, err := os.Stat(d.file(id))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		q      search.Query
		blocks float64 // beside some events before each, which say whether a line goes on into it
	}{
		{search.Query{Text: "line"}, 10},
		{search.Query{Text: "line", Levels: []execution.Level{execution.Error}}, 1},
		{search.Query{Text: "line", Streams: []execution.Stream{execution.Stderr}}, 1},
		{search.Query{Text: "line", Levels: []execution.Level{execution.Error}, Streams: []execution.Stream{execution.Stderr}}, 0},
		{search.Query{Text: "line", Levels: []execution.Level{execution.Error, execution.Debug}, Backwards: true}, 1},
		{search.Query{Text: "line", Levels: []execution.Level{execution.Warn}}, 0},
	} {
		w.read.Store(0)
		check(t, s, id, test.q, naive(events, test.q))
		if got := float64(w.read.Load()) / float64(info.Size()) * 10; got < test.blocks-0.1 || got > 1.05*test.blocks+0.1 {
			t.Errorf("%+v: read %.2f blocks, expected %.0f", test.q, got, test.blocks)
		}
	}
	if w.open.Load() != 0 {
		t.Errorf("%d readers are open", w.open.Load())
	}
}

// A journal whose reader knows nothing of blocks is searched all the same.
func TestExecution_without_blocks(t *testing.T) {
	t.Parallel()
	r := newRand(t)
	d := newDiary(t)
	b := d.begin()
	b.random(r, 3000)
	id := b.close()
	events := d.events(id)
	s := search.New(blockless{d.store})
	for range 100 {
		q := randomQuery(r, events)
		check(t, s, id, q, naive(events, q))
	}
}

type blockless struct{ search.Journals }

func (b blockless) Open(id string) (journal.Reader, error) {
	reader, err := b.Journals.Open(id)
	return struct{ journal.Reader }{reader}, err
}
