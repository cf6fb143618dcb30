package journaltest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// badIDs are no ids. A store refuses them wherever it takes one.
var badIDs = []string{
	"", ".", "..", "/", "short", "01234567890123456789012345\x00", "01234567890123456789012345/",
	"../../../../../etc/passwd0", "..%2f..%2f..%2f..%2f..%2f..", "0123456789ABCDEFGHJKMNPQRS", "0123456789/bcdefghjkmnpqrs",
	"0123456789\x00bcdefghjkmnpqrs", "0123456789\nbcdefghjkmnpqrs", "é123456789abcdefghjkmnpqr", ".removed",
	strings.Repeat("0", 25), strings.Repeat("0", 27), strings.Repeat("0", 1<<16),
}

var createTests = map[string]func(*testing.T, journal.Store){
	"begins_empty": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		if w.Head() != (journal.Position{}) {
			t.Errorf("a new writer's head is %+v", w.Head())
		}
		r := open(t, store, id)
		if head, err := r.Head(); err != nil || head != (journal.Position{}) {
			t.Errorf("a new journal's head is %+v, %v", head, err)
		}
		n, next, gap, err := r.Read(journal.Position{}, journal.Position{}, make([]byte, 10))
		if n != 0 || next != (journal.Position{}) || gap != nil || err != nil {
			t.Errorf("reading a new journal gave %d, %+v, %+v, %v", n, next, gap, err)
		}
	},
	"twice_is_refused": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		appendEvents(t, w, id, 3)
		if _, err := store.Create(id); !errors.Is(err, journal.ErrExists) {
			t.Errorf("while it is written: %v, want ErrExists", err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(id); !errors.Is(err, journal.ErrExists) {
			t.Errorf("after it was closed: %v, want ErrExists", err)
		}
		if a, err := Audit(open(t, store, id), id, journal.Position{}, make([]byte, 1<<10), nil); err != nil || a.Events != 3 {
			t.Errorf("afterwards it has %d events, %v; want 3", a.Events, err)
		}
	},
	"races_have_one_winner": func(t *testing.T, store journal.Store) {
		id := NewID()
		type result struct {
			w   journal.Writer
			err error
		}
		results := make(chan result)
		const racers = 16
		for range racers {
			go func() {
				w, err := store.Create(id)
				results <- result{w, err}
			}()
		}
		won := 0
		for range racers {
			r := <-results
			switch {
			case r.err == nil:
				won++
				if _, err := r.w.Append(Line(id, 1), 1); err != nil {
					t.Error(err)
				}
				defer r.w.Close()
			case !errors.Is(r.err, journal.ErrExists) && !errors.Is(r.err, journal.ErrLocked):
				t.Errorf("a loser got %v, want ErrExists or ErrLocked", r.err)
			}
		}
		if won != 1 {
			t.Errorf("%d won, want 1", won)
		}
		if a, err := Audit(open(t, store, id), id, journal.Position{}, make([]byte, 1<<10), nil); err != nil || a.Events != 1 {
			t.Errorf("the winner's event: %+v, %v", a, err)
		}
	},
	"bad_ids_are_refused_everywhere": func(t *testing.T, store journal.Store) {
		for _, id := range badIDs {
			calls := map[string]func() error{
				"Create":  func() error { _, err := store.Create(id); return err },
				"Append":  func() error { _, _, err := store.Append(id); return err },
				"Open":    func() error { _, err := store.Open(id); return err },
				"Written": func() error { _, err := store.Written(id); return err },
				"Dir":     func() error { _, err := store.Dir(id); return err },
				"Remove":  func() error { return store.Remove(id) },
			}
			for name, call := range calls {
				err := call()
				if err == nil {
					t.Errorf("%s took the id %.40q", name, id)
				} else if len(err.Error()) > 1000 {
					t.Errorf("%s of an id of %d bytes: the error has %d", name, len(id), len(err.Error()))
				}
			}
		}
	},
	"unknown_ids_are_not_found": func(t *testing.T, store journal.Store) {
		id := NewID()
		if _, _, err := store.Append(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("Append: %v, want ErrNotFound", err)
		}
		if _, err := store.Open(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("Open: %v, want ErrNotFound", err)
		}
		if _, err := store.Written(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("Written: %v, want ErrNotFound", err)
		}
		if err := store.Remove(id); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("Remove: %v, want ErrNotFound", err)
		}
		if ids, err := store.IDs(t.Context()); err != nil || len(ids) != 0 {
			t.Errorf("asking after an execution made %q, %v", ids, err)
		}
	},
}

var appendTests = map[string]func(*testing.T, journal.Store){
	"batches_of_every_size": func(t *testing.T, store journal.Store) {
		for _, size := range []uint64{1, 2, 7, 1023, 1024, 1025, 2048, 5000} {
			id, w := create(t, store)
			r := open(t, store, id)
			for range max(3, 3000/size) {
				want := w.Head().Seq + size
				got := appendEvents(t, w, id, size)
				if got.Seq != want || got != w.Head() {
					t.Fatalf("batches of %d: Append gave %+v, Head %+v, want seq %d", size, got, w.Head(), want)
				}
				if head, err := r.Head(); err != nil || head != got {
					t.Fatalf("batches of %d: the reader's head is %+v, %v, want %+v", size, head, err, got)
				}
			}
			if w.Head() != after(id, w.Head().Seq) {
				t.Fatalf("batches of %d: head %+v, want %+v", size, w.Head(), after(id, w.Head().Seq))
			}
			a, err := Audit(r, id, journal.Position{}, make([]byte, 64<<10), nil)
			if err != nil || a.End != w.Head() || a.Gaps != nil {
				t.Fatalf("batches of %d: %+v, %v", size, a, err)
			}
		}
	},
	"nothing_of_a_bad_batch_counts": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		appendEvents(t, w, id, 1500)
		head := w.Head()
		next := head.Seq + 1
		good := Lines(id, next, next+2)
		for name, batch := range map[string]struct {
			lines []byte
			count int
		}{
			"too many announced":      {good, 4},
			"too few announced":       {good, 2},
			"none announced":          {good, 0},
			"none given":              {nil, 1},
			"negative count":          {good, -3},
			"no newline at the end":   {good[:len(good)-1], 3},
			"a torn event":            {good[:len(good)-20], 3},
			"a seq left out":          {append(Lines(id, next, next), Lines(id, next+2, next+3)...), 3},
			"a seq twice":             {append(Lines(id, next, next), Lines(id, next, next+1)...), 3},
			"seqs from the past":      {Lines(id, 1, 3), 3},
			"seqs from the future":    {Lines(id, next+1, next+3), 3},
			"another execution's":     {Lines(NewID(), next, next+2), 3},
			"an empty line":           {append(Lines(id, next, next+1), '\n'), 3},
			"no JSON":                 {[]byte("one\ntwo\nthree\n"), 3},
			"no event":                {[]byte("{}\n{}\n{}\n"), 3},
			"bad after a whole block": {append(Lines(id, next, next+1100), "x\n"...), 1102},
		} {
			if got, err := w.Append(batch.lines, batch.count); err == nil || got != head || w.Head() != head {
				t.Errorf("%s: Append gave %+v, %v, then Head %+v; want an error and %+v", name, got, err, w.Head(), head)
			}
		}
		if got, err := w.Append(nil, 0); err != nil || got != head {
			t.Errorf("an empty batch: %+v, %v, want %+v", got, err, head)
		}
		appendEvents(t, w, id, 3)
		a, err := Audit(open(t, store, id), id, journal.Position{}, make([]byte, 64<<10), nil)
		if err != nil || a.Events != 1503 {
			t.Errorf("afterwards %+v, %v; want 1503 events", a, err)
		}
	},
	"fields_in_any_order": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		line := func(seq uint64) []byte {
			forms := [...]string{
				`{"seq":%d,"type":"execution:log","executionId":"%s","level":"info","message":"x"}`,
				`{ "type": "execution:log", "seq": %d, "executionId": "%s" }`,
				`{"data":{"type":"execution:log","seq":7},"seq":%d,"executionId":"%s","type":"my:own"}`,
			}
			return fmt.Appendf(nil, forms[seq%3]+"\n", seq, id)
		}
		for seq := uint64(1); seq <= 2500; seq++ {
			if _, err := w.Append(line(seq), 1); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			a, err := Audit(open(t, store, id), id, journal.Position{}, make([]byte, 10<<10), line)
			if err != nil || a.Events != 2500 || a.Gaps != nil {
				t.Fatalf("%+v, %v", a, err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	},
	"long_events": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		text := bytes.Repeat([]byte("0123456789abcdef"), 1<<20/16)
		line := func(seq uint64) []byte {
			return fmt.Appendf(nil, `{"type":"execution:log","executionId":"%s","seq":%d,"message":"%s"}`+"\n", id, seq, text[:1+(seq*699_999)%(1<<20)])
		}
		for seq := uint64(1); seq <= 40; seq++ {
			if _, err := w.Append(line(seq), 1); err != nil {
				t.Fatal(err)
			}
		}
		r := open(t, store, id)
		a, err := Audit(r, id, journal.Position{}, make([]byte, 1), line)
		if err != nil || a.Events != 40 {
			t.Fatalf("%+v, %v", a, err)
		}
		for seq := range uint64(40) {
			if p, gap, err := r.Locate(seq); err != nil || gap != nil || p.Seq != seq {
				t.Fatalf("Locate(%d) = %+v, %+v, %v", seq, p, gap, err)
			}
		}
	},
	"goes_on_where_it_was_closed": func(t *testing.T, store journal.Store) {
		id := filled(t, store, 1)
		r := open(t, store, id)
		for _, n := range []uint64{0, 5, 1018, 1, 1024, 2, 0, 2000, 1024} {
			w, recovery, err := store.Append(id)
			if err != nil {
				t.Fatal(err)
			}
			if recovery != (journal.Recovery{}) {
				t.Errorf("a journal that was closed needed mending: %+v", recovery)
			}
			head, err := r.Head()
			if err != nil || w.Head() != head {
				t.Fatalf("it goes on at %+v, the reader sees %+v, %v", w.Head(), head, err)
			}
			if n > 0 {
				appendEvents(t, w, id, n)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if a, err := Audit(r, id, journal.Position{}, make([]byte, 64<<10), nil); err != nil || a.End != w.Head() || a.Gaps != nil {
				t.Fatalf("%+v, %v, want the end at %+v", a, err, w.Head())
			}
		}
		if a, err := Audit(open(t, store, id), id, journal.Position{}, make([]byte, 64<<10), nil); err != nil || a.Events != 5075 {
			t.Fatalf("%+v, %v, want 5075 events", a, err)
		}
	},
	"one_writer_at_a_time": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		appendEvents(t, w, id, 10)
		for range 3 {
			if _, _, err := store.Append(id); !errors.Is(err, journal.ErrLocked) {
				t.Errorf("a second writer: %v, want ErrLocked", err)
			}
			if held, err := store.Written(id); err != nil || !held {
				t.Errorf("Written = %t, %v while a writer is open", held, err)
			}
		}
		appendEvents(t, w, id, 10)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if held, err := store.Written(id); err != nil || held {
			t.Errorf("Written = %t, %v after the writer was closed", held, err)
		}
		w2, _, err := store.Append(id)
		if err != nil || w2.Head().Seq != 20 {
			t.Fatalf("the next writer: %v", err)
		}
		if err := w2.Close(); err != nil {
			t.Fatal(err)
		}
	},
	"asking_who_writes_disturbs_nobody": func(t *testing.T, store journal.Store) {
		id := filled(t, store, 1)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := store.Written(id); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		for range 300 {
			w, _, err := store.Append(id)
			if err != nil {
				t.Error(err)
				break
			}
			if held, err := store.Written(id); err != nil || !held {
				t.Errorf("Written = %t, %v while a writer is open", held, err)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		close(stop)
		<-stopped
	},
	"closed_writers_write_nothing": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		appendEvents(t, w, id, 2)
		if err := w.Sync(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Append(Line(id, 3), 1); err == nil {
			t.Error("a closed writer took an event")
		}
		if err := w.Sync(); err == nil {
			t.Error("a closed writer synced")
		}
		if w.Head() != after(id, 2) {
			t.Errorf("its head is %+v, want %+v", w.Head(), after(id, 2))
		}
	},
	"syncs_at_any_time": func(t *testing.T, store journal.Store) {
		id, w := create(t, store)
		r := open(t, store, id)
		for _, n := range []uint64{1, 1, 500, 522, 1, 1023, 1, 2048} {
			for range 2 {
				if err := w.Sync(); err != nil {
					t.Fatal(err)
				}
			}
			appendEvents(t, w, id, n)
			if err := w.Sync(); err != nil {
				t.Fatal(err)
			}
			for _, r := range []journal.Reader{r, open(t, store, id)} {
				if a, err := Audit(r, id, journal.Position{}, make([]byte, 64<<10), nil); err != nil || a.End != w.Head() {
					t.Fatalf("%+v, %v, want the end at %+v", a, err, w.Head())
				}
			}
		}
	},
}
