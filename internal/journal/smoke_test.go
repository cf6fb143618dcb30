package journal_test

import (
	"bytes"
	"testing"

	"claudeops/internal/journal"
	"claudeops/internal/journal/journaltest"
)

func TestSmoke(t *testing.T) {
	s, err := journal.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id := journaltest.NewID()
	w, err := s.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := journaltest.Fill(w, id, 20000); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r, err := s.Open(id)
		if err != nil {
			t.Fatal(err)
		}
		h, err := r.Head()
		if err != nil || h != w.Head() {
			t.Fatal(h, w.Head(), err)
		}
		buf := make([]byte, 100000)
		var at journal.Position
		var got []byte
		for {
			n, next, gap, err := r.Read(at, journal.Position{}, buf)
			if err != nil || gap != nil {
				t.Fatal(at, gap, err)
			}
			if n == 0 {
				break
			}
			got = append(got, buf[:n]...)
			at = next
		}
		if !bytes.Equal(got, journaltest.Lines(id, 1, h.Seq)) {
			t.Fatal("differs")
		}
		for _, q := range []uint64{0, 1, 1023, 1024, 1025, 5000, h.Seq - 1, h.Seq} {
			p, gap, err := r.Locate(q)
			if err != nil || gap != nil || p.Seq != q || p.Offset != int64(len(journaltest.Lines(id, 1, q))) {
				t.Fatal(q, p, gap, err)
			}
		}
		r.Close()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var rec journal.Recovery
		w, rec, err = s.Append(id)
		if err != nil || rec != (journal.Recovery{}) {
			t.Fatal(err, rec)
		}
		if err := journaltest.Fill(w, id, w.Head().Seq+3000); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
}
