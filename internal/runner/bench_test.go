package runner_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"claudeops/internal/execution"
)

// BenchmarkFullSpeed is one agent that writes lines of 220 bytes as fast as it can, from its start
// to the last event: pipe, events, journal, fsync every second.
//
//	go test ./internal/runner -run '^$' -bench FullSpeed -benchtime 3000000x
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
