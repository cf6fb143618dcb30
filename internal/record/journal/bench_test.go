package journal_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
)

// lines350 is log events 1 to n, of 350 bytes each.
func lines350(id string, n int) []byte {
	const size = 350
	b := make([]byte, 0, n*size)
	for i := range n {
		begin := len(b)
		b = fmt.Appendf(b, `{"type":"execution:log","executionId":"%s","seq":%d,"timestamp":"2026-01-02T15:04:05.000Z","level":"info","stream":"stdout","message":"`, id, i+1)
		b = append(b, strings.Repeat("x", size-(len(b)-begin)-len("\"}\n"))...)
		b = append(b, "\"}\n"...)
	}
	return b
}

func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 16, 350, 3000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) { benchmarkAppend(b, batch) })
	}
}

// benchmarkAppend fills journals with 300,000 lines each. What it does not measure is making them.
func benchmarkAppend(b *testing.B, batch int) {
	const size, total = 350, 300_000
	store, err := journal.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	id := journaltest.NewID()
	lines := lines350(id, total)
	w, err := store.Create(id)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(batch * size))
	b.ReportAllocs()
	at := 0
	began := cpuTime(b)
	for b.Loop() {
		if at+batch > total {
			b.StopTimer()
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
			if err := store.Remove(id); err != nil {
				b.Fatal(err)
			}
			if w, err = store.Create(id); err != nil {
				b.Fatal(err)
			}
			at = 0
			b.StartTimer()
		}
		if _, err := w.Append(lines[at*size:(at+batch)*size], batch); err != nil {
			b.Fatal(err)
		}
		at += batch
	}
	cpu(b, began, float64(batch)*float64(b.N))
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}

// cpu reports what an event costs of a processor, which other work on the machine hardly alters.
func cpu(b *testing.B, began time.Duration, events float64) {
	b.ReportMetric(float64(cpuTime(b)-began)/events, "cpu-ns/line")
	b.ReportMetric(events/b.Elapsed().Seconds(), "lines/s")
}

// cpuTime is what this process has used of the processors, the kernel's work for it included.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// filled is a closed journal of n lines of 350 bytes.
func filled(b *testing.B, n int) (*journal.Files, string) {
	b.Helper()
	store, err := journal.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Append(lines350(id, n), n); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return store, id
}

// BenchmarkRead reads a journal from its start again and again; with check, by a new reader each
// time, which checks each block's checksum.
func BenchmarkRead(b *testing.B) {
	const n = 1_000_000
	store, id := filled(b, n)
	for _, check := range []bool{true, false} {
		for _, size := range []int{64 << 10, 256 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("check=%t/buffer=%dKiB", check, size>>10), func(b *testing.B) {
				buf := make([]byte, size)
				r, err := store.Open(id)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n * 350)
				began := cpuTime(b)
				for b.Loop() {
					if check {
						if err := r.Close(); err != nil {
							b.Fatal(err)
						}
						if r, err = store.Open(id); err != nil {
							b.Fatal(err)
						}
					}
					readThrough(b, r, buf, n)
				}
				cpu(b, began, n*float64(b.N))
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func readThrough(b *testing.B, r journal.Reader, buf []byte, want uint64) {
	end, err := r.Head()
	if err != nil {
		b.Fatal(err)
	}
	var at journal.Position
	for at != end {
		_, next, gap, err := r.Read(at, end, buf)
		if err != nil || gap != nil {
			b.Fatal(next, gap, err)
		}
		at = next
	}
	if at.Seq != want {
		b.Fatalf("read %d events, want %d", at.Seq, want)
	}
}

// BenchmarkFollow appends batches and reads each at once, as a server follows a runner: no full
// block covers what it reads.
func BenchmarkFollow(b *testing.B) {
	const size, batch, total = 350, 300, 300_000
	store, err := journal.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	id := journaltest.NewID()
	lines := lines350(id, total)
	w, err := store.Create(id)
	if err != nil {
		b.Fatal(err)
	}
	r, err := store.Open(id)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 256<<10)
	b.SetBytes(batch * size)
	b.ReportAllocs()
	at := w.Head()
	began := cpuTime(b)
	for b.Loop() {
		if at.Seq+batch > total {
			b.StopTimer()
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
			if err := store.Remove(id); err != nil {
				b.Fatal(err)
			}
			if w, err = store.Create(id); err != nil {
				b.Fatal(err)
			}
			if r, err = store.Open(id); err != nil {
				b.Fatal(err)
			}
			at = w.Head()
			b.StartTimer()
		}
		end, err := w.Append(lines[at.Offset:at.Offset+batch*size], batch)
		if err != nil {
			b.Fatal(err)
		}
		_, next, gap, err := r.Read(at, end, buf)
		if err != nil || gap != nil || next != end {
			b.Fatal(next, gap, err)
		}
		at = next
	}
	cpu(b, began, batch*float64(b.N))
	if err := errorsOf(r.Close(), w.Close()); err != nil {
		b.Fatal(err)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkOpen measures what a journal's length costs before the first event is read.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1, 1_000, 1_000_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			store, id := filled(b, n)
			b.ReportAllocs()
			for b.Loop() {
				r, err := store.Open(id)
				if err != nil {
					b.Fatal(err)
				}
				if head, err := r.Head(); err != nil || head.Seq != uint64(n) {
					b.Fatal(head, err)
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLocate finds places all over a journal of a million events.
func BenchmarkLocate(b *testing.B) {
	const n = 1_000_000
	store, id := filled(b, n)
	r, err := store.Open(id)
	if err != nil {
		b.Fatal(err)
	}
	readThrough(b, r, make([]byte, 1<<20), n) // now every block has been checked
	seq := uint64(0)
	for b.Loop() {
		seq = (seq + 7_919_333) % n
		if p, gap, err := r.Locate(seq); err != nil || gap != nil || p.Seq != seq {
			b.Fatal(p, gap, err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRecover opens journals for appending: one that was closed, one whose last entries are
// missing, one without an index.
func BenchmarkRecover(b *testing.B) {
	const n = 1_000_000
	for _, lost := range []string{"nothing", "tail", "index"} {
		b.Run("lost="+lost, func(b *testing.B) {
			store, id := filled(b, n)
			for b.Loop() {
				if lost != "nothing" {
					b.StopTimer()
					breakIndex(b, store, id, lost)
					b.StartTimer()
				}
				w, recovery, err := store.Append(id)
				if err != nil || w.Head().Seq != n || recovery != (journal.Recovery{}) {
					b.Fatal(recovery, err)
				}
				b.StopTimer()
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkIDs lists a thousand executions.
func BenchmarkIDs(b *testing.B) {
	store, err := journal.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for range 1000 {
		w, err := store.Create(journaltest.NewID())
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if ids, err := store.IDs(context.Background()); err != nil || len(ids) != 1000 {
			b.Fatal(len(ids), err)
		}
	}
}

// BenchmarkCreate begins an execution, makes its first event durable and gives it up.
func BenchmarkCreate(b *testing.B) {
	store, err := journal.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		id := journaltest.NewID()
		w, err := store.Create(id)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Append(journaltest.Line(id, 1), 1); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
