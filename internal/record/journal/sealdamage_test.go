package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// auditDamaged reads an execution whose files were altered: what is given must be what was written, and
// all of it be given or told as gone.
func auditDamaged(t testing.TB, store *journal.Files, id string, n uint64, line func(uint64) []byte) journaltest.Account {
	t.Helper()
	r, err := store.Open(id)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer r.Close()
	var whole journaltest.Account
	for _, size := range []int{70_000, 3 << 20} {
		a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, size), line)
		if err != nil {
			t.Fatalf("with a buffer of %d: %v", size, err)
		}
		if a.Events+a.Lost() != a.End.Seq || a.End.Seq != n {
			t.Fatalf("with a buffer of %d: %d events, %d lost, to %+v of %d", size, a.Events, a.Lost(), a.End, n)
		}
		whole = a
	}
	for seq := uint64(0); seq <= n; seq += 1 + n/9 {
		at, _, err := r.Locate(seq)
		if err != nil || at.Seq < seq {
			t.Fatalf("Locate(%d) = %+v, %v", seq, at, err)
		}
	}
	return whole
}

// damagedOnly are the runs that are damaged; those that touch become one.
func damagedOnly(gaps []journal.Gap) []journal.Gap {
	var damaged []journal.Gap
	for _, g := range gaps {
		switch last := len(damaged) - 1; {
		case g.Reason != journal.GapDamaged:
		case last >= 0 && damaged[last].To+1 == g.From:
			damaged[last].To = g.To
		default:
			damaged = append(damaged, g)
		}
	}
	return damaged
}

// A flipped bit in a sealed journal costs the events of one frame at most, wherever it is: in a frame,
// in its header, in the trailer or in the seek table. So it does in a trimmed one, and with no index.
func TestSealed_FlippedBits(t *testing.T) {
	t.Parallel()
	const n = 3500
	for _, form := range []string{"sealed", "trimmed", "without an index"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			store := newQuick(t)
			id := newEnded(t, store, n)
			line := endedLine(id, n)
			mustSeal(t, store, id)
			if form == "trimmed" {
				if _, err := store.Trim(t.Context(), id, 2500); err != nil {
					t.Fatal(err)
				}
			}
			if form == "without an index" {
				breakIndex(t, store, id, "index")
			}
			name := fileOf(t, store, id, journal.SealedName)
			whole, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			places := []int{}
			for range 25 {
				places = append(places, random.IntN(len(whole)))
				places = append(places, len(whole)-1-random.IntN(300)) // in a trailer or the seek table
			}
			for at := range 8 { // the first frame's header
				places = append(places, at)
			}
			lost := 0
			for _, at := range places {
				bit := byte(1) << random.IntN(8)
				b := bytes.Clone(whole)
				b[at] ^= bit
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
				a := auditDamaged(t, store, id, n, line)
				gaps := damagedOnly(a.Gaps)
				most := uint64(journal.BlockEvents)
				if form == "trimmed" {
					most = 3 * journal.BlockEvents // a frame holds what is left of several blocks
				}
				if len(gaps) > 0 {
					lost++
					if total := (&journaltest.Account{Gaps: gaps}).Lost(); total > most {
						t.Errorf("bit %#x of byte %d of %d costs %d events: %v", bit, at, len(whole), total, gaps)
					}
				}
				report, err := store.Verify(t.Context(), id)
				if err != nil || (len(report.Damaged) > 0) != (len(gaps) > 0) || report.Events != n {
					t.Errorf("byte %d: Verify gives %+v, %v; gaps are %v", at, report, err, gaps)
				}
			}
			if lost < 10 {
				t.Errorf("of %d flipped bits, %d cost events", len(places), lost)
			}
		})
	}
}

// Of a sealed journal that was cut short, what is left is read, and the rest is told as damaged.
func TestSealed_CutShort(t *testing.T) {
	t.Parallel()
	const n = 5000
	store := newQuick(t)
	id := newEnded(t, store, n)
	line := endedLine(id, n)
	mustSeal(t, store, id)
	name := fileOf(t, store, id, journal.SealedName)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, 1, 9, 1000, len(whole) / 2, len(whole) - 400, len(whole) - 200, len(whole) - 100, len(whole) - 9, len(whole) - 1} {
		if err := os.WriteFile(name, whole[:left], 0o600); err != nil {
			t.Fatal(err)
		}
		a := auditDamaged(t, store, id, n, line)
		if want := uint64(0); left >= len(whole)-200 && a.Lost() != want {
			t.Errorf("with %d bytes of %d, %d events are lost", left, len(whole), a.Lost())
		}
		if left == len(whole)/2 && (a.Events < n/4 || a.Events > 3*n/4) {
			t.Errorf("of half a file, %d events of %d are read", a.Events, n)
		}
	}
	// A hole in the middle: what is behind it is read too.
	hole := bytes.Clone(whole)
	clear(hole[len(hole)/2 : len(hole)/2+len(hole)/10])
	for _, table := range []bool{true, false} {
		if !table {
			hole = hole[:len(hole)-20]
		}
		if err := os.WriteFile(name, hole, 0o600); err != nil {
			t.Fatal(err)
		}
		if a := auditDamaged(t, store, id, n, line); a.Lost() == 0 || a.Lost() > 2*journal.BlockEvents {
			t.Errorf("a hole costs %d events, with its seek table %t: %v", a.Lost(), table, a.Gaps)
		}
	}
	// Log lines are taken out of what is left as well, and the damage stays what it is.
	if _, err := store.Trim(t.Context(), id, 1500); err != nil {
		t.Fatal(err)
	}
	if a := auditDamaged(t, store, id, n, line); len(damagedOnly(a.Gaps)) == 0 || !slices.Contains(a.Gaps, trimmedGaps(line, 0, 1500)[0]) {
		t.Errorf("trimmed after that: %v", a.Gaps)
	}
	if report, err := store.Verify(t.Context(), id); err != nil || report.Mended != "" || len(report.Damaged) == 0 || report.Trimmed == 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A journal that was damaged before is sealed as it is: what could be read can be read, and no more is
// lost. One whose last event is damaged stays plain, untouched.
func TestSeal_DamagedBefore(t *testing.T) {
	t.Parallel()
	const n = 5000
	store := newQuick(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 6 {
		id := newEnded(t, store, n)
		line := endedLine(id, n)
		name := fileOf(t, store, id, journal.DataName)
		plain, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + random.IntN(3) {
			plain[random.IntN(len(plain)/2)] ^= 1 << random.IntN(8)
		}
		if err := os.WriteFile(name, plain, 0o600); err != nil {
			t.Fatal(err)
		}
		before := auditDamaged(t, store, id, n, line)
		s := mustSeal(t, store, id)
		after := auditDamaged(t, store, id, n, line)
		if !slices.Equal(before.Gaps, after.Gaps) || before.Events != after.Events || int(s.Damaged) != len(before.Gaps) {
			t.Errorf("gaps were %v, are %v; %+v", before.Gaps, after.Gaps, s)
		}
		checkFormat(t, fileOf(t, store, id, journal.SealedName), plain)
		if _, err := store.Trim(t.Context(), id, n); err != nil {
			t.Fatal(err)
		}
		if trimmed := damagedOnly(auditDamaged(t, store, id, n, line).Gaps); !slices.Equal(trimmed, damagedOnly(before.Gaps)) {
			t.Errorf("damaged were %v, are %v once trimmed", before.Gaps, trimmed)
		}
	}
	id := newEnded(t, store, n)
	name := fileOf(t, store, id, journal.DataName)
	plain, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	plain[len(plain)-30] ^= 4
	if err := os.WriteFile(name, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Seal(t.Context(), id); !errors.Is(err, journal.ErrNotEnded) {
		t.Errorf("with its last event damaged: %v, want ErrNotEnded", err)
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, plain) {
		t.Errorf("it was changed: %v", err)
	}
}

// The file of another execution in a journal's place gives no event of it.
func TestSealed_AnothersFile(t *testing.T) {
	t.Parallel()
	store := newQuick(t)
	id, other := newEnded(t, store, 3000), newEnded(t, store, 3000)
	mustSeal(t, store, id)
	mustSeal(t, store, other)
	b, err := os.ReadFile(fileOf(t, store, other, journal.SealedName))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fileOf(t, store, id, journal.SealedName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if a := auditDamaged(t, store, id, 3000, endedLine(id, 3000)); a.Events != 0 {
		t.Errorf("%d events were read", a.Events)
	}
}

// FuzzSealed puts any bytes in the place of a part of a sealed or trimmed journal, with its index or
// without: nothing is given that was not written, and nothing breaks.
func FuzzSealed(f *testing.F) {
	const n = 1500
	type form struct{ sealed, index []byte }
	var forms []form
	store, err := journal.OpenDir(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	defer store.Close()
	id := newEnded(f, store, n)
	for _, upTo := range []uint64{0, 1200} {
		mustSeal(f, store, id)
		if _, err := store.Trim(f.Context(), id, upTo); err != nil {
			f.Fatal(err)
		}
		var made form
		var errs [2]error
		made.sealed, errs[0] = os.ReadFile(fileOf(f, store, id, journal.SealedName))
		made.index, errs[1] = os.ReadFile(fileOf(f, store, id, journal.IndexName))
		if err := errors.Join(errs[:]...); err != nil {
			f.Fatal(err)
		}
		forms = append(forms, made)
	}
	for i, made := range forms {
		length := len(made.sealed)
		f.Add(uint32(0), []byte{}, uint16(0), i == 1, true)
		f.Add(uint32(length-9), []byte{0xff, 0xff, 0xff, 0xff}, uint16(0), i == 1, true)
		f.Add(uint32(length-20), []byte{0, 0, 0, 0x80}, uint16(0), i == 1, false)
		f.Add(uint32(4), []byte{0xff}, uint16(length/2), i == 1, true)
		f.Add(uint32(length-160), bytes.Repeat([]byte{0x5D, 0x2A, 0x4D, 0x18}, 8), uint16(0), i == 1, false)
		f.Add(uint32(0), made.sealed[length-100:], uint16(0), i == 1, true)
	}
	line := endedLine(id, n)
	f.Fuzz(func(t *testing.T, at uint32, bytes []byte, cut uint16, trimmed, indexed bool) {
		made := forms[0]
		if trimmed {
			made = forms[1]
		}
		b := slices.Clone(made.sealed)
		copy(b[int(at)%len(b):], bytes)
		b = b[:len(b)-int(cut)%len(b)]
		dir := t.TempDir()
		own := filepath.Join(dir, "executions", id)
		err := os.MkdirAll(own, 0o700)
		if err == nil {
			err = os.WriteFile(filepath.Join(own, journal.SealedName), b, 0o600)
		}
		if err == nil && indexed {
			err = os.WriteFile(filepath.Join(own, journal.IndexName), made.index, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		store, err := journal.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		r, err := store.Open(id)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		a, err := journaltest.Audit(r, id, journal.Position{}, make([]byte, 100_000), line)
		if err != nil || a.Events+a.Lost() != a.End.Seq {
			t.Fatalf("%+v, %v", a, err)
		}
		if indexed && a.End.Seq != n {
			t.Fatalf("with its index it ends at %+v of %d: %v", a.End, n, fmt.Sprint(a.Gaps))
		}
		if _, err := store.Verify(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	})
}
