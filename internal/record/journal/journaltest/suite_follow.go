package journaltest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
)

var followTests = map[string]func(*testing.T, journal.Store){
	"readers_see_each_event_once": func(t *testing.T, store journal.Store) {
		const n = 40_000
		id, w := create(t, store)
		var readers sync.WaitGroup
		for i := range 6 {
			r := open(t, store, id)
			readers.Go(func() {
				// Every second one begins somewhere in the middle, as those do who come late.
				if err := followTo(r, id, n, i%2 == 1, 1000<<i); err != nil {
					t.Errorf("reader %d: %v", i, err)
				}
			})
		}
		if err := Fill(w, id, n); err != nil {
			t.Error(err)
		}
		readers.Wait()
	},
	"readers_of_growth_notices": func(t *testing.T, store journal.Store) {
		const n = 20_000
		id, w := create(t, store)
		grown := make(chan journal.Position, 1)
		var readers sync.WaitGroup
		r := open(t, store, id)
		readers.Go(func() {
			var at journal.Position
			buf := make([]byte, 50_000)
			for end := range grown {
				for at.Seq < end.Seq {
					got, next, gap, err := r.Read(at, end, buf)
					if err == nil && gap != nil {
						err = fmt.Errorf("gap %+v", *gap)
					}
					if err == nil && next.Seq > end.Seq {
						err = fmt.Errorf("read to %+v, past %+v", next, end)
					}
					if err == nil {
						err = compare(buf[:got], at.Seq+1, next.Seq, func(seq uint64) []byte { return Line(id, seq) })
					}
					if err != nil {
						t.Errorf("after %+v: %v", at, err)
						for range grown {
							continue
						}
						return
					}
					at = next
				}
			}
			if at.Seq != n {
				t.Errorf("read %d events, want %d", at.Seq, n)
			}
		})
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		for w.Head().Seq < n {
			size := min(n-w.Head().Seq, 1+random.Uint64N(1500))
			grown <- appendEvents(t, w, id, size)
			if random.IntN(4) == 0 {
				if err := w.Sync(); err != nil {
					t.Error(err)
				}
			}
		}
		close(grown)
		readers.Wait()
	},
	"readers_close_while_others_read": func(t *testing.T, store journal.Store) {
		const n = 5000
		id := filled(t, store, n)
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() {
				for range 5 {
					r, err := store.Open(id)
					if err != nil {
						t.Error(err)
						return
					}
					if a, err := Audit(r, id, journal.Position{}, make([]byte, 30_000), nil); err != nil || a.Events != n {
						t.Errorf("%+v, %v", a, err)
					}
					if err := r.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		readers.Wait()
	},
	"closing_stops_the_readers_own_calls": func(t *testing.T, store journal.Store) {
		id := filled(t, store, 3000)
		for range 50 {
			r, err := store.Open(id)
			if err != nil {
				t.Fatal(err)
			}
			var calls sync.WaitGroup
			for range 2 {
				calls.Go(func() {
					// Up to the moment it is closed every answer must be right.
					a, err := Audit(r, id, journal.Position{}, make([]byte, 5000), nil)
					if err == nil && a.Events != 3000 {
						t.Errorf("%+v", a)
					}
				})
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			calls.Wait()
		}
	},
}

// followTo reads until event n has been seen.
func followTo(r journal.Reader, id string, n uint64, late bool, size int) error {
	var at journal.Position
	if late {
		for at.Seq < n/10 {
			head, err := r.Head()
			if err != nil {
				return err
			}
			if at, _, err = r.Locate(head.Seq / 2); err != nil {
				return err
			}
		}
	}
	buf := make([]byte, size)
	for at.Seq < n {
		got, next, gap, err := r.Read(at, journal.Position{}, buf)
		if short := (*journal.ErrShortBuffer)(nil); errors.As(err, &short) {
			buf = make([]byte, short.Need)
			continue
		}
		if err == nil && gap != nil {
			err = fmt.Errorf("gap %+v", *gap)
		}
		if err == nil {
			err = compare(buf[:got], at.Seq+1, next.Seq, func(seq uint64) []byte { return Line(id, seq) })
		}
		if err != nil {
			return fmt.Errorf("after %+v: %w", at, err)
		}
		at = next
	}
	return nil
}
