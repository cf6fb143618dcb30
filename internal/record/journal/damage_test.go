package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// kept is the files of an execution as they were at some time, to be put back after each try.
type kept struct {
	id          string
	data, index []byte
	events      uint64
	lines       [][]byte // of events, and of some that can be appended
}

// line gives event seq as it was or will be written.
func (k *kept) line(seq uint64) []byte { return k.lines[seq-1] }

// append appends events to an execution.
func (k *kept) append(w journal.Writer, n uint64) error {
	from := w.Head().Seq
	_, err := w.Append(bytes.Join(k.lines[from:from+n], nil), int(n))
	return err
}

// audit reads the whole execution with a new reader.
func (k *kept) audit(store *journal.Files) (journaltest.Account, error) { return k.auditFrom(store, 0) }

// auditFrom reads what follows an event.
func (k *kept) auditFrom(store *journal.Files, seq uint64) (journaltest.Account, error) {
	r, err := store.Open(k.id)
	if err != nil {
		return journaltest.Account{}, err
	}
	at, _, err := r.Locate(seq)
	if err != nil {
		return journaltest.Account{}, errors.Join(err, r.Close())
	}
	a, err := journaltest.Audit(r, k.id, at, make([]byte, 100_000), k.line)
	return a, errors.Join(err, r.Close())
}

// mustAudit expects so many events and no gap.
func (k *kept) mustAudit(t *testing.T, store *journal.Files, want uint64) {
	t.Helper()
	a, err := k.audit(store)
	if err != nil || a.Events != want || a.Gaps != nil || a.End.Seq != want {
		t.Errorf("read %+v, %v; want %d events and no gap", a, err, want)
	}
}

// appendable is how many events may be appended to an execution that was kept.
const appendable = 1500

// keep writes events, the given number after each sync, and leaves the execution as a writer does
// that is closed or, if not, as one does that is killed.
func keep(t *testing.T, closed bool, counts ...uint64) kept {
	t.Helper()
	store := newQuick(t)
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	events := uint64(0)
	for _, n := range counts {
		if err := w.Sync(); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			if err := appendLines(w, id, n); err != nil {
				t.Fatal(err)
			}
		}
		events += n
	}
	if closed {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	k := kept{id: id, events: events}
	for seq := range events + appendable {
		k.lines = append(k.lines, journaltest.Line(id, seq+1))
	}
	if k.data, err = os.ReadFile(fileOf(t, store, id, journal.DataName)); err != nil {
		t.Fatal(err)
	}
	if k.index, err = os.ReadFile(fileOf(t, store, id, journal.IndexName)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return k
}

// hold gives a store in memory that has the execution with the given contents; no index when that
// is nil.
func (k *kept) hold(t *testing.T, data, index []byte) *journal.Files {
	t.Helper()
	store, _ := k.holdFiles(t, data, index)
	return store
}

func (k *kept) holdFiles(t *testing.T, data, index []byte) (*journal.Files, *memoryLayer) {
	t.Helper()
	memory := newMemory()
	memory.files[k.id+"/"+journal.DataName] = &memoryFile{bytes.Clone(data)}
	if index != nil {
		memory.files[k.id+"/"+journal.IndexName] = &memoryFile{append([]byte{}, index...)}
	}
	store, err := journal.OpenDir(t.Name(), journal.WithLayer(memory))
	if err != nil {
		t.Fatal(err)
	}
	return store, memory
}

// put makes the execution in a store of files, with the given contents; no index when that is nil.
func (k *kept) put(t *testing.T, store *journal.Files, data, index []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(fileOf(t, store, k.id, "x")), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fileOf(t, store, k.id, journal.DataName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	name := fileOf(t, store, k.id, journal.IndexName)
	if index != nil {
		if err := os.WriteFile(name, index, 0o600); err != nil {
			t.Fatal(err)
		}
	} else if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// A journal cut at any byte of its last events shows the whole events before the cut to readers,
// and goes on after the last of them.
func TestRecovery_CutAnywhere(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]kept{
		"in the first block":      keep(t, true, 6),
		"past the first block":    keep(t, true, 1020, 10),
		"at the end of a block":   keep(t, true, 1024),
		"index behind":            keep(t, false, 1020, 10),
		"index without any entry": keep(t, false, 12),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The last two events, byte by byte.
			last := journaltest.Lines(k.id, k.events-1, k.events)
			from := max(k.events, 20) - 20 // reading all of it each time would show no more
			for cut := len(k.data); cut >= len(k.data)-len(last); cut-- {
				store := k.hold(t, k.data[:cut], k.index)
				whole := bytes.LastIndexByte(k.data[:cut], '\n') + 1
				want := uint64(bytes.Count(k.data[:whole], []byte{'\n'}))
				if a, err := k.auditFrom(store, from); err != nil || a.End.Seq != want || a.Gaps != nil {
					t.Fatalf("cut at %d, before recovery: %+v, %v; want %d events", cut, a, err, want)
				}
				w, recovery, err := store.Append(k.id)
				if err != nil {
					t.Fatal(err)
				}
				if recovery.CutBytes != int64(cut-whole) || (recovery.Reason == "") != (cut == whole) || w.Head().Seq != want {
					t.Fatalf("cut at %d: %+v and head %+v; want %d bytes cut and %d events", cut, recovery, w.Head(), cut-whole, want)
				}
				if err := errorsOf(k.append(w, 3), w.Close()); err != nil {
					t.Fatal(err)
				}
				if a, err := k.auditFrom(store, from); err != nil || a.End.Seq != want+3 || a.Gaps != nil {
					t.Fatalf("cut at %d, after appending: %+v, %v; want %d events", cut, a, err, want+3)
				}
			}
		})
	}
}

// What a crash may leave behind the last event is cut, and nothing else.
func TestRecovery_Tails(t *testing.T) {
	t.Parallel()
	next := func(k *kept) []byte { return journaltest.Line(k.id, k.events+1) }
	ks := map[uint64]kept{}
	for _, n := range []uint64{0, 1, 1024, 2500} {
		ks[n] = keep(t, true, n)
	}
	for name, tail := range map[string]func(k *kept) []byte{
		"zeros":                      func(*kept) []byte { return make([]byte, 10_000) },
		"many zeros":                 func(*kept) []byte { return make([]byte, 3<<20) },
		"zeros with a newline":       func(*kept) []byte { return append(make([]byte, 100), '\n') },
		"a torn event":               func(k *kept) []byte { return next(k)[:50] },
		"only the newline missing":   func(k *kept) []byte { return bytes.TrimSuffix(next(k), []byte("\n")) },
		"an event with a hole":       func(k *kept) []byte { b := next(k); clear(b[90:120]); return b },
		"an event begun, then zeros": func(k *kept) []byte { return append(next(k)[:80], make([]byte, 5000)...) },
		"an event with its end lost": func(k *kept) []byte { return append(next(k)[:100], "}\n"...) },
		"the last event again":       func(k *kept) []byte { return journaltest.Line(k.id, k.events) },
		"an event too far on":        func(k *kept) []byte { return journaltest.Line(k.id, k.events+2) },
		"another execution's event":  func(k *kept) []byte { return journaltest.Line(journaltest.NewID(), k.events+1) },
		"newlines":                   func(*kept) []byte { return bytes.Repeat([]byte("\n"), 100) },
		"garbage":                    func(*kept) []byte { return bytes.Repeat([]byte("\xff{]\"\n"), 1000) },
		"an empty object":            func(*kept) []byte { return []byte("{}\n") },
		"a megabyte without newline": func(*kept) []byte { return bytes.Repeat([]byte("{"), 1<<20) },
		"an event of a huge seq":     func(k *kept) []byte { return journaltest.Line(k.id, 1<<62) },
		"two events of a huge seq":   func(k *kept) []byte { return journaltest.Lines(k.id, 1<<62, 1<<62+1) },
	} {
		for n, k := range ks {
			for _, lost := range []string{"nothing", "index", "tail"} {
				t.Run(fmt.Sprintf("%s/after_%d_events/lost_%s", name, n, lost), func(t *testing.T) {
					t.Parallel()
					index := k.index
					switch lost {
					case "index":
						index = nil
					case "tail":
						index = index[:max(16, len(index)-32)]
					}
					b := tail(&k)
					store, memory := k.holdFiles(t, append(bytes.Clone(k.data), b...), index)
					if a, err := k.audit(store); err != nil || a.Events != n || a.Gaps != nil {
						t.Errorf("before recovery: %+v, %v; want %d events", a, err, n)
					}
					w, recovery, err := store.Append(k.id)
					if err != nil {
						if n == 0 && name == "another execution's event" {
							return // refused: it may have been put under the wrong name
						}
						t.Fatal(err)
					}
					if recovery.CutBytes != int64(len(b)) || recovery.CutFrom != n+1 || recovery.Reason == "" || w.Head().Seq != n {
						t.Errorf("%+v, head %+v; want %d bytes cut from event %d on", recovery, w.Head(), len(b), n+1)
					}
					if got := memory.files[k.id+"/"+journal.DataName].b; !bytes.Equal(got, k.data) {
						t.Errorf("after recovery the file has %d bytes, want %d", len(got), len(k.data))
					}
					if err := errorsOf(k.append(w, 1500), w.Close()); err != nil {
						t.Fatal(err)
					}
					k.mustAudit(t, store, n+1500)
				})
			}
		}
	}
}

// A journal that lies under another execution's name is not cut away as damage.
func TestRecovery_RefusesForeignEvents(t *testing.T) {
	t.Parallel()
	k := keep(t, true, 2000)
	store := newQuick(t)
	other := kept{id: journaltest.NewID()}
	other.put(t, store, k.data, k.index)
	if _, _, err := store.Append(other.id); err == nil {
		t.Error("Append took a journal of another execution")
	}
	if got, err := os.ReadFile(fileOf(t, store, other.id, journal.DataName)); err != nil || !bytes.Equal(got, k.data) {
		t.Errorf("the file was changed: %d bytes, want %d, %v", len(got), len(k.data), err)
	}
	if a, err := other.audit(store); err != nil || a.Events != 0 {
		t.Errorf("read %+v, %v", a, err)
	}
}

// Flipped bits are found by checksum: what is returned is what was written, and the rest is a gap.
func TestReader_FlippedBits(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	k := keep(t, true, 4000, 96, 600) // 4 full blocks and one that is not
	blockEnds := []uint64{1024, 2048, 3072, 4096, k.events}
	for try := range 200 {
		data := bytes.Clone(k.data)
		hit := map[int]bool{} // blocks
		flips := 1 + random.IntN(3)
		if try%4 == 0 {
			flips = 0 // in the index only
		}
		for range flips {
			at := random.IntN(len(data))
			data[at] ^= 1 << random.IntN(8)
			seq := uint64(bytes.Count(k.data[:at], []byte{'\n'})) + 1
			for i, end := range blockEnds {
				if seq <= end {
					hit[i] = true
					break
				}
			}
		}
		index := bytes.Clone(k.index)
		if flips == 0 {
			for range 1 + random.IntN(10) {
				index[random.IntN(len(index))] ^= 1 << random.IntN(8)
			}
		}
		store := k.hold(t, data, index)
		a, err := k.audit(store)
		if err != nil || a.End.Seq != k.events || a.Events+a.Lost() != k.events {
			t.Fatalf("try %d: %+v, %v; want %d events and gaps in all", try, a, err, k.events)
		}
		for _, g := range a.Gaps {
			block := int(g.From-1) / journal.BlockEvents
			if !hit[block] || int(g.To-1)/journal.BlockEvents != block {
				t.Fatalf("try %d: gap %+v, damaged are blocks %v", try, g, hit)
			}
		}
		if len(a.Gaps) < len(hit) {
			t.Fatalf("try %d: gaps %+v, damaged are blocks %v", try, a.Gaps, hit)
		}
		locateAgrees(t, store, &k, a)

		// A writer goes on after it, and changes none of what was given or lost.
		w, recovery, err := store.Append(k.id)
		if err != nil || recovery != (journal.Recovery{}) || w.Head().Seq != k.events {
			t.Fatalf("try %d: Append gives %+v, head %+v, %v", try, recovery, w.Head(), err)
		}
		if err := errorsOf(k.append(w, 500), w.Close()); err != nil {
			t.Fatal(err)
		}
		b, err := k.audit(store)
		if err != nil || b.Events+b.Lost() != k.events+500 || b.Lost() != a.Lost() {
			t.Fatalf("try %d: %+v, then after appending %+v, %v", try, a, b, err)
		}
	}
}

// locateAgrees holds Locate against what reading through gave.
func locateAgrees(t *testing.T, store *journal.Files, k *kept, a journaltest.Account) {
	t.Helper()
	r, err := store.Open(k.id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 200_000)
	for seq := uint64(0); seq <= k.events; seq += 397 {
		at, gap, err := r.Locate(seq)
		if err != nil {
			t.Fatal(err)
		}
		want := seq
		for _, g := range a.Gaps {
			if g.From <= seq && seq < g.To {
				want = g.To
			}
		}
		if at.Seq != want || (gap == nil) != (want == seq) || (gap != nil && (gap.From != seq+1 || gap.To != want)) {
			t.Fatalf("Locate(%d) = %+v, %+v; want event %d, gaps are %+v", seq, at, gap, want, a.Gaps)
		}
		if b, err := journaltest.Audit(r, k.id, at, buf, k.line); err != nil || b.End != a.End {
			t.Fatalf("read from Locate(%d) = %+v: %+v, %v", seq, at, b, err)
		}
	}
}

// Damage in the middle stays where it is, and is told, with or without an index.
func TestReader_DamageInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, counts := range map[string][]uint64{
		"full blocks":      {5000, 120},
		"one unfull block": {500, 400},
		"both":             {1024, 1500, 10},
	} {
		for _, lost := range []string{"nothing", "index"} {
			for _, length := range []int{1, 100, 5000, 100_000, 600_000} {
				t.Run(fmt.Sprintf("%s/lost_%s/%d_zeros", name, lost, length), func(t *testing.T) {
					t.Parallel()
					k := keep(t, true, counts...)
					// Only what lies between good events is damage in the middle.
					from := len(k.data) / 3
					to := min(from+length, len(k.data)-2000)
					clear(k.data[from:to])
					index := k.index
					if lost == "index" {
						index = nil
					}
					store := k.hold(t, k.data, index)
					a, err := k.audit(store)
					if err != nil || a.End.Seq != k.events || a.Events+a.Lost() != k.events || a.Gaps == nil {
						t.Fatalf("%+v, %v; want %d events and gaps", a, err, k.events)
					}
					w, recovery, err := store.Append(k.id)
					if err != nil || recovery != (journal.Recovery{}) || w.Head().Seq != k.events {
						t.Fatalf("Append: %+v, head %+v, %v", recovery, w.Head(), err)
					}
					if err := errorsOf(k.append(w, 1100), w.Close()); err != nil {
						t.Fatal(err)
					}
					b, err := k.audit(store)
					if err != nil || b.Lost() != a.Lost() || b.Events != a.Events+1100 {
						t.Fatalf("%+v, then after appending %+v, %v", a, b, err)
					}
					locateAgrees(t, store, &k, b)
				})
			}
		}
	}
}

// Where a disk has lost even what it said it had, the end of the journal goes, and no more.
func TestRecovery_SyncedEndLost(t *testing.T) {
	t.Parallel()
	for name, counts := range map[string][]uint64{
		"at the end of a block":    {3072},
		"past the end":             {3072, 300},
		"blocks synced one by one": {1024, 1024, 1024},
	} {
		k := keep(t, true, counts...)
		for _, left := range []uint64{0, 1, 500, 1023, 1024, 1025, 2047, 2048, 3000, 3071} {
			for _, how := range []string{"zeros", "gone"} {
				from := len(bytes.Join(k.lines[:left], nil))
				data := bytes.Clone(k.data)
				if how == "zeros" {
					clear(data[from+20:]) // in the middle of an event
				} else {
					data = data[:from+20]
				}
				store := k.hold(t, data, k.index)
				w, recovery, err := store.Append(k.id)
				if err != nil || recovery.CutFrom != left+1 || recovery.CutBytes != int64(len(data)-from) || w.Head().Seq != left {
					t.Errorf("%s, %s after %d: %+v, %v; want all of it cut that follows", name, how, left, recovery, err)
					continue
				}
				if err := errorsOf(k.append(w, 1100), w.Close()); err != nil {
					t.Fatal(err)
				}
				k.mustAudit(t, store, left+1100)
			}
		}
	}
}

// A reader that saw events which were then taken back, because not all of their batch could be
// written, finds its way when others have taken their place.
func TestReader_EventsTakenBack(t *testing.T) {
	t.Parallel()
	for _, kept := range []uint64{0, 10, 1024, 1500} {
		for _, ghosts := range []uint64{1, 30, 2500} {
			for _, after := range []uint64{3, 1200, 5000} { // they end before and past where the others did
				t.Run(fmt.Sprintf("%d_kept/%d_taken_back/%d_after", kept, ghosts, after), func(t *testing.T) {
					t.Parallel()
					takeBack(t, kept, ghosts, after)
				})
			}
		}
	}
}

func takeBack(t *testing.T, kept, ghosts, after uint64) {
	id := journaltest.NewID()
	memory := newMemory()
	store, err := journal.OpenDir(t.Name(), journal.WithLayer(memory))
	if err != nil {
		t.Fatal(err)
	}
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	if kept > 0 {
		if err := appendLines(w, id, kept); err != nil {
			t.Fatal(err)
		}
	}
	file := memory.files[id+"/"+journal.DataName]
	file.b = append(file.b, journaltest.Lines(id, kept+1, kept+ghosts)...)
	if head, err := r.Head(); err != nil || head.Seq != kept+ghosts {
		t.Fatalf("%+v, %v", head, err)
	}
	file.b = file.b[:w.Head().Offset]
	line := func(seq uint64) []byte {
		if seq <= kept {
			return journaltest.Line(id, seq)
		}
		return fmt.Appendf(nil, `{"type":"execution:log","executionId":"%s","seq":%d,"message":"another %0400d"}`+"\n", id, seq, 0)
	}
	for _, more := range []uint64{after, 9000} {
		for seq := w.Head().Seq + 1; seq <= kept+more; seq++ {
			if _, err := w.Append(line(seq), 1); err != nil {
				t.Fatal(err)
			}
		}
		a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 64<<10), line)
		if err != nil || a.End != w.Head() || a.Gaps != nil {
			t.Errorf("%+v, %v; want the end at %+v", a, err, w.Head())
		}
		for seq := uint64(0); seq <= a.End.Seq; seq += 511 {
			if at, gap, err := r.Locate(seq); err != nil || gap != nil || at.Seq != seq {
				t.Errorf("Locate(%d) gives %+v, %+v, %v", seq, at, gap, err)
			}
		}
	}
	if err := errorsOf(r.Close(), w.Close()); err != nil {
		t.Error(err)
	}
}

// Two events that have become one, for the newline between them is lost, are not taken for the first.
func TestReader_MergedEvents(t *testing.T) {
	t.Parallel()
	k := keep(t, true, 1500)
	for _, at := range []uint64{1, 2, 500, 1023, 1024, 1025, 1400, 1498} {
		data := bytes.Clone(k.data)
		data[len(bytes.Join(k.lines[:at], nil))-1] = ' '
		store := k.hold(t, data, nil)
		for _, when := range []string{"before", "after"} {
			a, err := k.audit(store)
			if err != nil || a.End.Seq != k.events || len(a.Gaps) == 0 || a.Gaps[0].From != at || a.Gaps[len(a.Gaps)-1].To != at+1 || a.Lost() != 2 {
				t.Errorf("events %d and %d, %s recovery: %+v, %v", at, at+1, when, a, err)
			}
			w, recovery, err := store.Append(k.id)
			if err != nil || recovery != (journal.Recovery{}) || w.Head().Seq != k.events {
				t.Fatalf("Append: %+v, %v", recovery, err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// An index that is missing, foreign, garbage or of other contents costs time and nothing else.
func TestReader_UselessIndex(t *testing.T) {
	t.Parallel()
	k := keep(t, true, 3000, 500)
	other := keep(t, true, 3000, 500)
	store := newQuick(t)
	for name, index := range map[string][]byte{
		"missing":                nil,
		"empty":                  {},
		"half a header":          k.index[:9],
		"only a header":          k.index[:16],
		"half an entry":          k.index[:16+32+11],
		"another execution's":    other.index,
		"foreign entries":        append(bytes.Clone(k.index[:16]), other.index[16:]...),
		"entries out of place":   append(bytes.Clone(k.index[:16]), k.index[48:]...),
		"garbage":                bytes.Repeat([]byte{0xa5}, 1000),
		"zeros":                  make([]byte, len(k.index)),
		"too long":               append(bytes.Clone(k.index), bytes.Repeat([]byte{7}, 100)...),
		"twice":                  append(bytes.Clone(k.index), k.index[16:]...),
		"first entry missing":    append(append(bytes.Clone(k.index[:16]), make([]byte, 32)...), k.index[48:]...),
		"middle entries missing": append(append(bytes.Clone(k.index[:48]), make([]byte, 64)...), k.index[112:]...),
	} {
		k.put(t, store, k.data, index)
		k.mustAudit(t, store, k.events)
		locateAgrees(t, store, &k, journaltest.Account{End: journal.Position{Seq: k.events, Offset: int64(len(k.data))}})
		w, recovery, err := store.Append(k.id)
		if err != nil || recovery != (journal.Recovery{}) || w.Head().Seq != k.events {
			t.Errorf("%s: Append gives %+v, %v", name, recovery, err)
			continue
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		got, err := os.ReadFile(fileOf(t, store, k.id, journal.IndexName))
		if err != nil || !bytes.Equal(got, k.index) {
			t.Errorf("%s: recovery made an index of %d bytes that differs from the one of %d, %v", name, len(got), len(k.index), err)
		}
	}
}
