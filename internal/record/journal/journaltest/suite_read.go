package journaltest

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
)

var readTests = map[string]func(*testing.T, journal.Store){
	"buffers_of_every_size": func(t *testing.T, store journal.Store) {
		const n = 3000
		id := filled(t, store, n)
		for _, size := range []int{1, 300, 4096, 64 << 10, 1 << 20, 16 << 20} {
			a, err := Audit(open(t, store, id), id, journal.Position{}, make([]byte, size), nil)
			if err != nil || a.Events != n || a.Gaps != nil {
				t.Errorf("with a buffer of %d: %+v, %v", size, a, err)
			}
		}
	},
	"fills_the_buffer": func(t *testing.T, store journal.Store) {
		const n = 3*journal.BlockEvents + 500
		id := filled(t, store, n)
		r := open(t, store, id)
		all := Lines(id, 1, n)
		for _, size := range []int{10_000, 100_000, 200_000, len(all), len(all) + 1} {
			buf := make([]byte, size)
			got, next, gap, err := r.Read(journal.Position{}, journal.Position{}, buf)
			if err != nil || gap != nil || !bytes.Equal(buf[:got], all[:got]) {
				t.Fatalf("with a buffer of %d: %d, %+v, %+v, %v", size, got, next, gap, err)
			}
			if len(all)-got > 0 {
				following := bytes.IndexByte(all[got:], '\n') + 1
				if got+following <= size {
					t.Errorf("with a buffer of %d: %d bytes, though the next event of %d fits too", size, got, following)
				}
			}
		}
	},
	"never_past_the_end_given": func(t *testing.T, store journal.Store) {
		const n = 2*journal.BlockEvents + 300
		id := filled(t, store, n)
		buf := make([]byte, 1<<20)
		for _, opened := range []journal.Reader{open(t, store, id), open(t, store, id)} {
			for _, from := range blockEnds {
				for _, to := range blockEnds {
					if to == 0 || to > n || from > n {
						continue
					}
					got, next, gap, err := opened.Read(after(id, from), after(id, to), buf)
					want := Lines(id, from+1, to)
					if err != nil || gap != nil || next != after(id, max(from, to)) || !bytes.Equal(buf[:got], want) {
						t.Errorf("from %d to %d: %d bytes to %+v, %+v, %v; want %d", from, to, got, next, gap, err, len(want))
					}
				}
			}
		}
	},
	"says_how_long_the_next_event_is": func(t *testing.T, store journal.Store) {
		const n = journal.BlockEvents + 50
		id := filled(t, store, n)
		r := open(t, store, id)
		for _, seq := range []uint64{1, 2, 100, journal.BlockEvents, journal.BlockEvents + 1, n} {
			want := Line(id, seq)
			for _, size := range []int{0, 1, len(want) - 1} {
				got, next, gap, err := r.Read(after(id, seq-1), journal.Position{}, make([]byte, size))
				short := (*journal.ErrShortBuffer)(nil)
				if !errors.As(err, &short) || short.Need != len(want) || got != 0 || gap != nil || next != after(id, seq-1) {
					t.Errorf("event %d into %d bytes: %d, %+v, %+v, %v; want that it needs %d", seq, size, got, next, gap, err, len(want))
				}
			}
			buf := make([]byte, len(want))
			if got, next, _, err := r.Read(after(id, seq-1), journal.Position{}, buf); err != nil || got != len(want) || next != after(id, seq) || !bytes.Equal(buf, want) {
				t.Errorf("event %d into just enough: %d, %+v, %v", seq, got, next, err)
			}
		}
	},
	"refuses_positions_it_never_gave": func(t *testing.T, store journal.Store) {
		const n = 2*journal.BlockEvents + 300
		id := filled(t, store, n)
		r := open(t, store, id)
		head := after(id, n)
		buf := make([]byte, 100_000)
		for _, seq := range []uint64{0, 5, journal.BlockEvents - 1, journal.BlockEvents, journal.BlockEvents + 7, 2*journal.BlockEvents + 10} {
			good := after(id, seq)
			for _, at := range []journal.Position{
				{Seq: seq, Offset: good.Offset + 1},
				{Seq: seq, Offset: good.Offset + int64(len(Line(id, seq+1)))},
				{Seq: seq, Offset: head.Offset},
				{Seq: seq, Offset: head.Offset + 1},
				{Seq: seq, Offset: math.MaxInt64},
				{Seq: seq + 1, Offset: good.Offset},
				{Seq: seq, Offset: -1},
			} {
				got, next, gap, err := r.Read(at, journal.Position{}, buf)
				if err == nil && gap == nil {
					t.Errorf("read %d bytes from %+v to %+v", got, at, next)
				}
			}
		}
		if _, _, _, err := r.Read(journal.Position{Seq: n + 1, Offset: head.Offset}, journal.Position{}, buf); !errors.Is(err, journal.ErrFuture) {
			t.Errorf("from past the head: %v, want ErrFuture", err)
		}
	},
	"closed_readers_read_nothing": func(t *testing.T, store journal.Store) {
		id := filled(t, store, 10)
		r, err := store.Open(id)
		if err != nil {
			t.Fatal(err)
		}
		other := open(t, store, id)
		for range 2 {
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Head(); err == nil {
			t.Error("Head answers")
		}
		if _, _, err := r.Locate(1); err == nil {
			t.Error("Locate answers")
		}
		if _, _, _, err := r.Read(journal.Position{}, journal.Position{}, make([]byte, 1000)); err == nil {
			t.Error("Read answers")
		}
		if a, err := Audit(other, id, journal.Position{}, make([]byte, 1000), nil); err != nil || a.Events != 10 {
			t.Errorf("another reader: %+v, %v", a, err)
		}
	},
}

var locateTests = map[string]func(*testing.T, journal.Store){
	"every_place": func(t *testing.T, store journal.Store) {
		const n = 2*journal.BlockEvents + 300
		id := filled(t, store, n)
		r := open(t, store, id)
		at := journal.Position{}
		for seq := uint64(0); seq <= n; seq++ {
			got, gap, err := r.Locate(seq)
			if err != nil || gap != nil || got != at {
				t.Fatalf("Locate(%d) = %+v, %+v, %v; want %+v", seq, got, gap, err, at)
			}
			at = journal.Position{Seq: seq + 1, Offset: at.Offset + int64(len(Line(id, seq+1)))}
		}
	},
	"in_any_order": func(t *testing.T, store journal.Store) {
		const n = 3*journal.BlockEvents + 17
		id := filled(t, store, n)
		for _, seq := range blockEnds {
			if got, gap, err := open(t, store, id).Locate(seq); err != nil || gap != nil || got != after(id, seq) {
				t.Errorf("Locate(%d) of a new reader = %+v, %+v, %v; want %+v", seq, got, gap, err, after(id, seq))
			}
		}
	},
	"not_the_future": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		r := open(t, store, id)
		for _, n := range []uint64{0, 1, journal.BlockEvents, 5000} {
			if err := Fill(w, id, n); err != nil {
				t.Fatal(err)
			}
			for _, seq := range []uint64{n + 1, n + journal.BlockEvents, 1 << 53, math.MaxInt64, math.MaxUint64} {
				if got, gap, err := r.Locate(seq); !errors.Is(err, journal.ErrFuture) {
					t.Errorf("Locate(%d) of %d = %+v, %+v, %v; want ErrFuture", seq, n, got, gap, err)
				}
			}
			if got, gap, err := r.Locate(n); err != nil || gap != nil || got != w.Head() {
				t.Errorf("Locate(%d), the head, = %+v, %+v, %v; want %+v", n, got, gap, err, w.Head())
			}
		}
	},
}
