package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

const fuzzID = "01arz3ndektsv4rrffq69g5fav"

// What is read from the prefix of an event is what a JSON decoder reads.
func FuzzSeq(f *testing.F) {
	for _, seq := range []uint64{1, 2, 99, 101, 1 << 53, 1<<64 - 1} {
		f.Add(journaltest.Line(fuzzID, seq))
	}
	for _, line := range []string{
		``, `{}`, `{"type":"`, `{"type":"a","executionId":"01arz3ndektsv4rrffq69g5fav","seq":`,
		`{"type":"a","executionId":"01arz3ndektsv4rrffq69g5fav","seq":12`,
		`{"type":"a","executionId":"01arz3ndektsv4rrffq69g5fav","seq":12}`,
		`{"type":"a","executionId":"01arz3ndektsv4rrffq69g5fav","seq":012}`,
		`{"type":"a","executionId":"01arz3ndektsv4rrffq69g5fav","seq":-1}`,
		`{"type":"a","executionId":"01arz3ndektsv4rrffq69g5fav","seq":1e3}`,
		`{"type":"a","executionId":"01arz3ndektsv4rrffq69g5fav","seq":"1"}`,
		`{"type":"a\u0062","executionId":"01arz3ndektsv4rrffq69g5fav","seq":7}`,
		`{"seq":5,"type":"execution:log"}`, `[{"type":"a","seq":1}]`, `{"type":7,"seq":1}`,
		`{"type":"a","executionId":"short","seq":3,"x":"\"seq\":9"}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		seq, ok := journal.Seq(line)
		eventType := journal.TypeOf(line)
		if !ok && seq != 0 {
			t.Errorf("no seq, and yet %d", seq)
		}
		if ok && seq == 0 {
			t.Error("seqs begin at 1")
		}
		var fields struct {
			Type string
			Seq  uint64
		}
		if json.Unmarshal(line, &fields) != nil {
			return // a torn line may show its seq all the same
		}
		if folded := bytes.ToLower(line); bytes.Count(folded, []byte("type")) > 1 || bytes.Count(folded, []byte("seq")) > 1 || bytes.Contains(folded, []byte(`\u`)) || !ascii(line) {
			return // which of several fields counts is nobody's promise
		}
		want := fields.Type != "" && fields.Seq != 0
		if ok != want || (ok && (seq != fields.Seq || eventType != fields.Type)) {
			t.Errorf("%q\nis event %d, %t, of type %q; JSON says %d of type %q", line, seq, ok, eventType, fields.Seq, fields.Type)
		}
	})
}

func ascii(b []byte) bool {
	return !strings.ContainsFunc(string(b), func(r rune) bool { return r > 127 })
}

// fuzzed is a journal of which fuzzing makes others.
type fuzzed struct {
	data, index []byte
	lines       [][]byte
}

func newFuzzed(f *testing.F) fuzzed {
	f.Helper()
	const n = journal.BlockEvents + 76
	memory := newMemory()
	store, err := journal.OpenDir(f.Name(), journal.WithLayer(memory))
	if err != nil {
		f.Fatal(err)
	}
	w, err := store.Create(fuzzID)
	if err != nil {
		f.Fatal(err)
	}
	if err := errorsOf(appendLines(w, fuzzID, n), w.Close()); err != nil {
		f.Fatal(err)
	}
	z := fuzzed{}
	for seq := range uint64(n + 50) {
		z.lines = append(z.lines, journaltest.Line(fuzzID, seq+1))
	}
	z.data = memory.files[fuzzID+"/"+journal.DataName].b
	z.index = memory.files[fuzzID+"/"+journal.IndexName].b
	return z
}

// hold puts the files in place and holds to: a reader returns nothing up to event intact but what
// was written, a writer can take over, keeps that, and goes on.
func (z *fuzzed) hold(t *testing.T, data, index []byte, intact uint64) {
	memory := newMemory()
	memory.files[fuzzID+"/"+journal.DataName] = &memoryFile{bytes.Clone(data)}
	if index != nil {
		memory.files[fuzzID+"/"+journal.IndexName] = &memoryFile{bytes.Clone(index)}
	}
	store, err := journal.OpenDir(t.Name(), journal.WithLayer(memory))
	if err != nil {
		t.Fatal(err)
	}
	before, err := z.read(store, intact)
	if err != nil {
		t.Fatalf("before recovery: %v", err)
	}
	w, recovery, err := store.Append(fuzzID)
	if err != nil {
		if intact == 0 {
			return // it may hold events of another execution
		}
		t.Fatal(err)
	}
	defer w.Close()
	if w.Head().Seq < intact {
		t.Fatalf("%d events are intact, it goes on after %+v; %+v", intact, w.Head(), recovery)
	}
	if before < min(intact, w.Head().Seq) {
		t.Fatalf("%d events are intact, a reader sees %d", intact, before)
	}
	if _, err := z.read(store, intact); err != nil {
		t.Fatalf("after recovery: %v", err)
	}
	head := w.Head()
	if head.Seq > 1<<60 {
		return
	}
	if err := appendLines(w, fuzzID, 3); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := store.Open(fuzzID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if a, err := journaltest.Audit(r, fuzzID, head, make([]byte, 5000), nil); err != nil || a.Events != 3 || a.Gaps != nil {
		t.Fatalf("what was appended after %+v: %+v, %v", head, a, err)
	}
}

// read goes through a journal and gives its end. Up to event intact each must be as it was written.
func (z *fuzzed) read(store *journal.Files, intact uint64) (uint64, error) {
	r, err := store.Open(fuzzID)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	buf := make([]byte, 20_000)
	var at journal.Position
	for {
		n, next, gap, err := r.Read(at, journal.Position{}, buf)
		if short := (*journal.ErrShortBuffer)(nil); errors.As(err, &short) {
			if short.Need <= len(buf) || short.Need > 1<<20 {
				return 0, fmt.Errorf("it asks for a buffer of %d", short.Need)
			}
			buf = make([]byte, short.Need)
			continue
		}
		if err != nil {
			return 0, err
		}
		if n == 0 && gap == nil {
			return at.Seq, nil
		}
		if next.Seq <= at.Seq {
			return 0, fmt.Errorf("from %+v it goes to %+v", at, next)
		}
		got := buf[:n]
		for seq := at.Seq + 1; gap == nil && seq <= min(next.Seq, intact); seq++ {
			if !bytes.HasPrefix(got, z.lines[seq-1]) {
				return 0, fmt.Errorf("event %d is %.200q, want %q", seq, got, z.lines[seq-1])
			}
			got = got[len(z.lines[seq-1]):]
		}
		if back, _, err := r.Locate(next.Seq); err != nil || back.Seq < next.Seq {
			return 0, fmt.Errorf("Locate(%d) gives %+v, %v", next.Seq, back, err)
		}
		at = next
	}
}

// FuzzRecovery cuts a journal anywhere and puts anything behind the cut.
func FuzzRecovery(f *testing.F) {
	z := newFuzzed(f)
	f.Add(uint32(0), []byte{}, false)
	f.Add(uint32(3), make([]byte, 5000), false)
	f.Add(uint32(0), z.data[:400], true)
	f.Add(uint32(len(z.data)), z.data[:400], true)
	f.Add(uint32(1000), z.data[len(z.data)-900:], false)
	f.Add(uint32(len(z.data)-10), []byte("{\"type\":\"execution:log\"}\n"), false)
	f.Add(uint32(0), append(journaltest.Line(fuzzID, 3_000_000), journaltest.Line(fuzzID, 3_000_001)...), false)
	f.Add(uint32(0), append(journaltest.Line(fuzzID, 1150), journaltest.Line(fuzzID, 1151)...), true)
	f.Fuzz(func(t *testing.T, cut uint32, tail []byte, withoutIndex bool) {
		whole := z.data[:len(z.data)-int(cut)%(len(z.data)+1)]
		data := append(bytes.Clone(whole), tail...)
		intact := uint64(bytes.Count(whole, []byte{'\n'}))
		index := z.index
		if withoutIndex {
			index = nil
		}
		z.hold(t, data, index, intact)
	})
}

// FuzzIndex puts any bytes in the place of the index.
func FuzzIndex(f *testing.F) {
	z := newFuzzed(f)
	f.Add(z.index, uint16(0))
	f.Add(z.index[:48], uint16(500))
	f.Add(append(bytes.Clone(z.index), z.index[16:]...), uint16(20_000))
	f.Add([]byte("COJX"), uint16(1))
	f.Add([]byte{}, uint16(0))
	for at := range z.index {
		b := bytes.Clone(z.index)
		b[at] ^= 0x40
		f.Add(b, uint16(at))
	}
	f.Fuzz(func(t *testing.T, index []byte, cut uint16) {
		data := z.data[:len(z.data)-int(cut)%len(z.data)]
		z.hold(t, data, index, uint64(bytes.Count(data, []byte{'\n'})))
	})
}
