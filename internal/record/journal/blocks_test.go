package journal_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// blocked is a reader that knows its blocks.
type blocked interface {
	journal.Reader
	Blocks(from, to journal.Position) ([]journal.Block, error)
}

func openBlocked(t *testing.T, store *journal.Files, id string) blocked {
	t.Helper()
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.(blocked)
}

func TestReader_Blocks(t *testing.T) {
	t.Parallel()
	for _, size := range []uint64{1, 1023, 1024, 1025, 2048, 5000} {
		for _, index := range []string{"whole", "index", "writing"} {
			store, err := journal.OpenDir(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			id := journaltest.NewID()
			w, err := store.Create(id)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if err := journaltest.Fill(w, id, size); err != nil {
				t.Fatal(err)
			}
			switch index {
			case "whole":
				err = w.Close()
			case "index":
				if err = w.Close(); err == nil {
					err = os.Remove(fileOf(t, store, id, journal.IndexName))
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			r := openBlocked(t, store, id)
			head, err := r.Head()
			if err != nil {
				t.Fatal(err)
			}
			for _, from := range []uint64{0, 1, 500, 1023, 1024, 1025, 4000, size} {
				for _, to := range []uint64{1, 1024, 1500, 2048, size} {
					if from > size || to > size {
						continue
					}
					checkBlocks(t, r, from, to, head)
				}
			}
			if index != "whole" {
				continue
			}
			// A closed journal's index has every event, so each block says what it has.
			blocks, err := r.Blocks(journal.Position{}, head)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range blocks {
				if got, want := b.Mask, maskOf(t, r, b); got != want {
					t.Errorf("%d events: the block up to %d has mask %b, expected %b", size, b.To.Seq, got, want)
				}
			}
		}
	}
}

func checkBlocks(t *testing.T, r blocked, from, to uint64, head journal.Position) {
	t.Helper()
	begin, _, err := r.Locate(from)
	if err != nil {
		t.Fatal(err)
	}
	end, _, err := r.Locate(to)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := r.Blocks(begin, end)
	if err != nil {
		t.Fatal(err)
	}
	if from >= to {
		if len(blocks) > 0 {
			t.Errorf("there are blocks from %d to %d", from, to)
		}
		return
	}
	at := begin
	for _, b := range blocks {
		if b.From != at || b.To.Seq <= b.From.Seq || (b.To.Seq-1)/journal.BlockEvents != b.From.Seq/journal.BlockEvents {
			t.Errorf("from %d to %d of %d: a block goes from %+v to %+v, after %+v", from, to, head.Seq, b.From, b.To, at)
		}
		if mask := maskOf(t, r, b); mask&^b.Mask != 0 {
			t.Errorf("from %d to %d: the block from %d has %b beside %b", from, to, b.From.Seq, mask, b.Mask)
		}
		at = b.To
	}
	if at != end {
		t.Errorf("from %d to %d: the blocks end at %+v, not %+v", from, to, at, end)
	}
}

// maskOf looks at the events themselves.
func maskOf(t *testing.T, r journal.Reader, b journal.Block) (mask journal.Mask) {
	t.Helper()
	buf := make([]byte, b.To.Offset-b.From.Offset)
	for at := b.From; at.Seq < b.To.Seq; {
		n, next, gap, err := r.Read(at, b.To, buf)
		if err != nil || gap != nil {
			t.Fatal(gap, err)
		}
		for rest := buf[:n]; len(rest) > 0; {
			var e execution.Event
			var line []byte
			line, rest = cutLine(rest)
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			mask |= map[execution.Level]journal.Mask{
				execution.Debug: journal.MaskDebug, execution.Info: journal.MaskInfo, execution.Warn: journal.MaskWarn, execution.Error: journal.MaskError, "": journal.MaskOther,
			}[e.Level]
			mask |= map[execution.Stream]journal.Mask{execution.Stdout: journal.MaskStdout, execution.Stderr: journal.MaskStderr, execution.Agent: journal.MaskAgent}[e.Stream]
		}
		at = next
	}
	return mask
}

func cutLine(b []byte) (line, rest []byte) {
	for i, c := range b {
		if c == '\n' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// A block that is checked in the buffer it was read into shows damage as one that was checked before,
// and is not taken for sound afterwards.
func TestReader_Read_checks_what_it_reads_at_once(t *testing.T) {
	t.Parallel()
	store, err := journal.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := journaltest.Fill(w, id, 5*journal.BlockEvents); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := fileOf(t, store, id, journal.DataName)
	sound, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int64{0}
	r, err := store.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(journal.BlockEvents); seq <= 5*journal.BlockEvents; seq += journal.BlockEvents {
		at, _, err := r.Locate(seq)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, at.Offset)
	}
	if err := r.Close(); err != nil { // what readers have checked is known until the last one closes
		t.Fatal(err)
	}
	for hurt := range 5 {
		for _, at := range []int64{ends[hurt], (ends[hurt] + ends[hurt+1]) / 2, ends[hurt+1] - 1} {
			text := append([]byte{}, sound...)
			text[at] ^= 4
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, size := range []int64{ends[1], 2 * ends[1], ends[5], ends[1] / 2} {
				r, err := store.Open(id)
				if err != nil {
					t.Fatal(err)
				}
				for round := range 2 {
					var lost, seen uint64
					buf := make([]byte, size+1000)
					for at := (journal.Position{}); at.Seq < 5*journal.BlockEvents; {
						n, next, gap, err := r.Read(at, journal.Position{}, buf)
						if err != nil {
							t.Fatal(err)
						}
						if gap != nil {
							if gap.From != uint64(hurt)*journal.BlockEvents+1 || gap.To != gap.From+journal.BlockEvents-1 {
								t.Fatalf("block %d is damaged, but the gap is %+v", hurt, gap)
							}
							lost += gap.To - gap.From + 1
						}
						if string(buf[:n]) != string(sound[at.Offset:at.Offset+int64(n)]) {
							t.Fatalf("damaged bytes were given after event %d", at.Seq)
						}
						seen += next.Seq - at.Seq
						at = next
					}
					if lost != journal.BlockEvents || seen != 5*journal.BlockEvents {
						t.Errorf("round %d: %d events are lost of %d", round, lost, seen)
					}
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
