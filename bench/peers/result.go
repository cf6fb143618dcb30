package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// result is what one round showed.
type result struct {
	microseconds float64 // of the server's CPU time, per line delivered
	share        float64 // of what should have been delivered, 0–1
	cpu          float64 // of one core, 0–1
	p50, p99     time.Duration
	bytesPerLine float64
	rssMB        float64
	cut          int // readers that the server hung up on
}

func (r result) String() string {
	cut := ""
	if r.cut > 0 {
		cut = fmt.Sprintf("  %d readers cut off", r.cut)
	}
	return fmt.Sprintf("%6.2f µs a line  %5.1f %% delivered  %3.0f %% of a core  p50 %-9s p99 %-9s %4.0f B a line  %4.0f MB",
		r.microseconds, 100*r.share, 100*r.cpu, r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.bytesPerLine, r.rssMB) + cut
}

// median gives the round in the middle by CPU time per line.
func median(all []result) result {
	slices.SortFunc(all, func(a, b result) int {
		switch {
		case a.microseconds < b.microseconds:
			return -1
		case a.microseconds > b.microseconds:
			return 1
		}
		return 0
	})
	return all[len(all)/2]
}

func markdown(servers []string, results map[string]map[string]result, rest map[string]float64, own [][2]string, resting, rounds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %d cores (%s), medians of %d rounds, 220-byte lines. The server of the round on one core, readers and source on the other.\n", time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), cpuModel(), rounds)
	for _, w := range works {
		cells := results[w.name]
		if len(cells) == 0 {
			continue
		}
		ours := cells["claudeops"].microseconds
		fmt.Fprintf(&b, "\n### %s lines a second\n\n| server | CPU µs a line | × ours | delivered | of a core | p50 | p99 | bytes a line | MB |\n|---|---|---|---|---|---|---|---|---|\n", w.name)
		for _, name := range servers {
			r, ok := cells[name]
			if !ok {
				continue
			}
			delivered := fmt.Sprintf("%.0f %%", 100*r.share)
			if r.cut > 0 {
				delivered += fmt.Sprintf(", %d readers cut off", r.cut)
			}
			fmt.Fprintf(&b, "| %s | %.2f | %.1f | %s | %.0f %% | %s | %s | %.0f | %.0f |\n", name, r.microseconds, r.microseconds/ours,
				delivered, 100*r.cpu, r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.bytesPerLine, r.rssMB)
		}
	}
	if len(rest) > 0 {
		fmt.Fprintf(&b, "\n### %d resting connections\n\n| server | KB each |\n|---|---|\n", resting)
		for _, name := range servers {
			fmt.Fprintf(&b, "| %s | %.1f |\n", name, rest[name])
		}
	}
	if len(own) > 0 {
		b.WriteString("\n### What has no peer here\n\n| what | figure |\n|---|---|\n")
		for _, row := range own {
			fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
		}
	}
	return b.String()
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}
