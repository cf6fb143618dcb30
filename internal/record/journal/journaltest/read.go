package journaltest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/claudeops/claudeops/internal/record/journal"
)

// Account is what reading a journal gave.
type Account struct {
	Events uint64 // returned
	Gaps   []journal.Gap
	End    journal.Position
}

// Lost is how many events the gaps cover.
func (a *Account) Lost() uint64 {
	lost := uint64(0)
	for _, g := range a.Gaps {
		lost += g.To - g.From + 1
	}
	return lost
}

// Audit reads from at to the head and holds each event against what was written: every one must
// be given once, whole, unaltered and in order, or be covered by a gap. line gives event seq as it
// was written; nil stands for Line.
func Audit(r journal.Reader, id string, at journal.Position, buf []byte, line func(seq uint64) []byte) (Account, error) {
	if line == nil {
		line = func(seq uint64) []byte { return Line(id, seq) }
	}
	var a Account
	for {
		n, next, gap, err := r.Read(at, journal.Position{}, buf)
		if err != nil {
			if short := (*journal.ErrShortBuffer)(nil); errors.As(err, &short) && short.Need > len(buf) {
				buf = make([]byte, short.Need)
				continue
			}
			return a, fmt.Errorf("read after %+v: %w", at, err)
		}
		switch {
		case gap != nil:
			if n != 0 || gap.From != at.Seq+1 || gap.To < gap.From || next.Seq != gap.To || gap.Reason == "" {
				return a, fmt.Errorf("after %+v: %d bytes and gap %+v to %+v", at, n, *gap, next)
			}
			a.Gaps = append(a.Gaps, *gap)
		case n == 0:
			if next != at {
				return a, fmt.Errorf("nothing after %+v, but it goes on at %+v", at, next)
			}
			a.End = at
			return a, nil
		default:
			if next.Offset != at.Offset+int64(n) && len(a.Gaps) == 0 {
				return a, fmt.Errorf("%d bytes after %+v lead to %+v", n, at, next)
			}
			if err := compare(buf[:n], at.Seq+1, next.Seq, line); err != nil {
				return a, err
			}
			a.Events += next.Seq - at.Seq
		}
		at = next
	}
}

func compare(got []byte, from, to uint64, line func(uint64) []byte) error {
	for seq := from; seq <= to; seq++ {
		want := line(seq)
		if !bytes.HasPrefix(got, want) {
			return fmt.Errorf("event %d is\n%.300q, want\n%.300q", seq, got, want)
		}
		got = got[len(want):]
	}
	if len(got) > 0 {
		return fmt.Errorf("after event %d there are %d bytes more: %.300q", to, len(got), got)
	}
	return nil
}
