package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// trimmedGaps are the runs that are gone from an execution of n events.
func trimmedGaps(line func(uint64) []byte, after, upTo uint64) []journal.Gap {
	var gaps []journal.Gap
	for seq := after + 1; seq <= upTo; seq++ {
		if journal.TypeOf(line(seq)) != execution.TypeLog {
			continue
		}
		if last := len(gaps) - 1; last >= 0 && gaps[last].To+1 == seq {
			gaps[last].To = seq
		} else {
			gaps = append(gaps, journal.Gap{From: seq, To: seq, Reason: journal.GapRetention})
		}
	}
	return gaps
}

// checkTrimmed reads a trimmed execution from everywhere.
func checkTrimmed(t *testing.T, store journal.Store, id string, n, upTo uint64, line func(uint64) []byte) {
	t.Helper()
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head, err := r.Head()
	offsets := make([]int64, n+1) // as they were in the whole journal
	for seq := uint64(1); seq <= n; seq++ {
		offsets[seq] = offsets[seq-1] + int64(len(line(seq)))
	}
	position := func(seq uint64) journal.Position { return journal.Position{Seq: seq, Offset: offsets[seq]} }
	if err != nil || head != position(n) {
		t.Fatalf("head %+v, %v; want %+v", head, err, position(n))
	}
	for _, size := range []int{300, 64 << 10, 2 << 20} {
		a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, size), line)
		if want := trimmedGaps(line, 0, upTo); err != nil || a.End != head || !slices.Equal(a.Gaps, want) || a.Events+a.Lost() != n {
			t.Fatalf("with a buffer of %d: %d events to %+v, %v\n%v, want\n%v", size, a.Events, a.End, err, a.Gaps, want)
		}
	}
	step := 1 + n/150
	for seq := uint64(0); seq <= n; seq += step {
		at, gap, err := r.Locate(seq)
		if err != nil {
			t.Fatal(err)
		}
		gone := trimmedGaps(line, seq, upTo)
		inside := seq > 0 && seq <= upTo && len(gone) > 0 && gone[0].From == seq+1 && journal.TypeOf(line(seq)) == execution.TypeLog
		switch {
		case inside && (gap == nil || *gap != gone[0] || at.Seq != gap.To):
			t.Fatalf("Locate(%d) = %+v, %+v; want the gap %+v", seq, at, gap, gone[0])
		case !inside && (gap != nil || at != position(seq)), at != position(at.Seq):
			t.Fatalf("Locate(%d) = %+v, %+v; want %+v", seq, at, gap, position(seq))
		}
		if seq%(20*step) == 0 {
			a, err := journaltest.Audit(r, id, at, make([]byte, 40_000), line)
			if err != nil || !slices.Equal(a.Gaps, trimmedGaps(line, at.Seq, upTo)) || a.End != head {
				t.Fatalf("from %+v: %+v, %v", at, a, err)
			}
		}
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	for _, n := range []uint64{1, 700, 1024, 1025, 3100} {
		for _, upTo := range []uint64{2, 501, 1024, 1500, n - 1, n, 1 << 40} {
			t.Run(fmt.Sprintf("%d_of_%d", upTo, n), func(t *testing.T) {
				t.Parallel()
				store := newQuick(t)
				id := newEnded(t, store, n)
				line := endedLine(id, n)
				if upTo%2 == 0 {
					mustSeal(t, store, id) // the others are sealed by it
				}
				before, err := store.Usage(id)
				if err != nil {
					t.Fatal(err)
				}
				freed, err := store.Trim(t.Context(), id, upTo)
				if err != nil {
					t.Fatal(err)
				}
				u, err := store.Usage(id)
				if err != nil || u.TrimmedTo != min(upTo, n) || !u.Sealed || u.Plain != before.Plain || freed != max(0, before.Stored-u.Stored) {
					t.Errorf("freed %d: %+v, then %+v, %v", freed, before, u, err)
				}
				checkTrimmed(t, store, id, n, min(upTo, n), line)
				if freed, err := store.Trim(t.Context(), id, upTo/2); err != nil || freed != 0 {
					t.Errorf("less once more: freed %d, %v", freed, err)
				}
				checkTrimmed(t, store, id, n, min(upTo, n), line)
				report, err := store.Verify(t.Context(), id)
				lost := uint64(0)
				for _, g := range trimmedGaps(line, 0, min(upTo, n)) {
					lost += g.To - g.From + 1
				}
				if err != nil || report.Trimmed != lost || report.Damaged != nil || report.Events != n || report.Mended != "" {
					t.Errorf("%+v, %v; want %d trimmed", report, err, lost)
				}
			})
		}
	}
}

// What is taken out in steps is the same as what is taken out at once, down to the bytes.
func TestTrim_InSteps(t *testing.T) {
	t.Parallel()
	const n = 4000
	store := newQuick(t)
	id := newEnded(t, store, n)
	line := endedLine(id, n)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	upTo := uint64(0)
	for upTo < n {
		upTo = min(n, upTo+1+random.Uint64N(2000))
		if _, err := store.Trim(t.Context(), id, upTo); err != nil {
			t.Fatal(err)
		}
		checkTrimmed(t, store, id, n, upTo, line)
	}
	steps, err := os.ReadFile(fileOf(t, store, id, journal.SealedName))
	if err != nil {
		t.Fatal(err)
	}
	if left := len(steps); left > 4000 {
		t.Errorf("%d bytes are left of %d events without logs", left, n/100)
	}
}

// Events longer than a frame are left whole, and those of the block that is only trimmed in part.
func TestTrim_LongEvents(t *testing.T) {
	t.Parallel()
	const n = 40
	store := newQuick(t)
	id := journaltest.NewID()
	text := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	line := func(seq uint64) []byte {
		kind := "execution:log"
		switch {
		case seq == n:
			kind = "execution:failed"
		case seq%5 == 0:
			kind = "execution:progress"
		}
		return fmt.Appendf(nil, `{"type":"%s","executionId":"%s","seq":%d,"message":"%s"}`+"\n", kind, id, seq, text[:1+(seq*699_999)%(3<<20)])
	}
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= n; seq++ {
		if _, err := w.Append(line(seq), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mustSeal(t, store, id)
	for _, upTo := range []uint64{0, 12, 30, n} {
		if _, err := store.Trim(t.Context(), id, upTo); err != nil {
			t.Fatal(err)
		}
		r, err := store.Open(id)
		if err != nil {
			t.Fatal(err)
		}
		a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 1), line)
		if err := errors.Join(err, r.Close()); err != nil || !slices.Equal(a.Gaps, trimmedGaps(line, 0, upTo)) || a.End.Seq != n {
			t.Errorf("trimmed to %d: %+v, %v", upTo, a, err)
		}
	}
}

// Positions from before a trimming lead to the same events after it.
func TestTrim_KeepsPositions(t *testing.T) {
	t.Parallel()
	const n = 4000
	store := newQuick(t)
	id := newEnded(t, store, n)
	line := endedLine(id, n)
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	positions := map[uint64]journal.Position{}
	for seq := uint64(0); seq <= n; seq += 123 {
		if positions[seq], _, err = r.Locate(seq); err != nil {
			t.Fatal(err)
		}
	}
	head, err := r.Head()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Trim(t.Context(), id, 2500); err != nil {
		t.Fatal(err)
	}
	if a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 40_000), line); err != nil || a.Events != n {
		t.Errorf("a reader opened before: %+v, %v", a, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err = store.Open(id); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if now, err := r.Head(); err != nil || now != head {
		t.Errorf("the head is %+v, %v, and was %+v", now, err, head)
	}
	for seq, at := range positions {
		a, err := journaltest.Audit(r, id, at, make([]byte, 40_000), line)
		if err != nil || !slices.Equal(a.Gaps, trimmedGaps(line, seq, 2500)) || a.End != head {
			t.Errorf("from %+v: %+v, %v", at, a, err)
		}
	}
}
