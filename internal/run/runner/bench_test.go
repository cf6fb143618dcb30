package runner_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/logtext"
	"github.com/claudeops/claudeops/internal/run/control"
)

// BenchmarkFullSpeed is one agent that writes lines of 220 bytes as fast as it can, from its start
// to the last event: pipe, events, journal, fsync every second.
//
//	go test ./internal/run/runner -run '^$' -bench FullSpeed -benchtime 3000000x
func BenchmarkFullSpeed(b *testing.B) {
	s := newScene(b, "flood", strconv.Itoa(b.N))
	profile := os.Getenv("CPUPROFILE") // where to leave the runner's profile
	if profile != "" {
		must(b, os.WriteFile(filepath.Join(s.dataDir, "cpu.pprof"), nil, 0o600))
		b.Cleanup(func() { must(b, os.Rename(filepath.Join(s.dataDir, "cpu.pprof"), profile)) })
	}
	b.SetBytes(220)
	b.ResetTimer()
	began := time.Now()
	s.spawn().dial()
	s.heard.wait(b.Context())
	took := time.Since(began)
	b.StopTimer()
	if s.heard.err != nil {
		b.Fatal(s.heard.err)
	}
	last := s.heard.events[len(s.heard.events)-1]
	if last.Type != execution.TypeCompleted || last.Seq != uint64(b.N)+3 {
		b.Fatalf("ended with %s at seq %d", last.Type, last.Seq)
	}
	b.ReportMetric(float64(b.N)/took.Seconds(), "lines/s")
}

// BenchmarkLatency is the time from an agent's write(2) until a server that watches has been told
// and holds the event read from the journal, at a hundred lines a second.
//
//	go test ./internal/run/runner -run '^$' -bench Latency -benchtime 1000x
func BenchmarkLatency(b *testing.B) {
	s := newScene(b, "stamps", strconv.Itoa(b.N))
	s.spawn()
	store, err := journal.OpenDir(s.dataDir)
	must(b, err)
	defer store.Close()
	reader, err := store.Open(s.id)
	must(b, err)
	defer reader.Close()
	link, err := control.Dial(b.Context(), s.dataDir, s.id)
	must(b, err)
	link.Watch(true)
	h := &stopwatch{reader: reader, buf: make([]byte, 1<<20)}
	must(b, link.Run(b.Context(), h))
	if len(h.took) != b.N {
		b.Fatalf("%d lines of %d", len(h.took), b.N)
	}
	slices.Sort(h.took)
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50-µs", 0.5}, {"p99-µs", 0.99}, {"max-µs", 1}} {
		b.ReportMetric(float64(h.took[min(len(h.took)-1, int(q.at*float64(len(h.took))))].Nanoseconds())/1000, q.name)
	}
}

// stopwatch reads what has grown at once, and how old it is.
type stopwatch struct {
	reader journal.Reader
	at     journal.Position
	buf    []byte
	took   []time.Duration
}

func (w *stopwatch) Event([]byte, *execution.Event, journal.Position) {}
func (w *stopwatch) CaughtUp()                                        {}

func (w *stopwatch) Grew(to journal.Position) {
	for w.at.Seq < to.Seq {
		n, next, _, err := w.reader.Read(w.at, to, w.buf)
		if err != nil || n == 0 {
			return
		}
		w.at = next
		now := time.Now().UnixNano()
		for line := range bytes.Lines(logtext.AppendAll(nil, w.buf[:n])) {
			if stamp, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64); err == nil {
				w.took = append(w.took, time.Duration(now-stamp))
			}
		}
	}
}
