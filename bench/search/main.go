// Command search measures how fast journals are searched. It writes one of ordinary log lines as a
// runner writes it, and asks for text and expressions, rare and frequent ones. Every search opens the
// journal anew, so that each checks every block's checksum.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
	"github.com/claudeops/claudeops/internal/record/search"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "search:", err)
		os.Exit(1)
	}
}

// question is one row of the table.
type question struct {
	name  string
	query search.Query
}

var questions = []question{
	{"text, one in 100,000 lines", search.Query{Text: needle}},
	{"the same, from the end", search.Query{Text: needle, Backwards: true}},
	{"the same, case-sensitive", search.Query{Text: needle, CaseSensitive: true}},
	{"text that is nowhere", search.Query{Text: "segmentation fault"}},
	{"text of frequent letters", search.Query{Text: "not seen"}},
	{"text in one of 100", search.Query{Text: "timeout after"}},
	{"text in every other line", search.Query{Text: "status=200"}},
	{"one letter, in every line", search.Query{Text: "e"}},
	{"a word of every event's head", search.Query{Text: "stdout"}},
	{"level error, text", search.Query{Text: "refused", Levels: []execution.Level{execution.Error}}},
	{"level debug: no block has any", search.Query{Text: "refused", Levels: []execution.Level{execution.Debug}}},
	{"text not in ASCII", search.Query{Text: "größe"}},
	{"expression with text", search.Query{Text: `timeout after \d+ ms`, Regex: true}},
	{"expression, two words", search.Query{Text: `refused|mismatch`, Regex: true}},
	{"expression without text", search.Query{Text: `\d{5}ms`, Regex: true}},
	{"expression of classes alone", search.Query{Text: `[0-9]{3}-[a-z]{2}`, Regex: true}},
}

func run() error {
	count := flag.Int("lines", 1_000_000, "how many `lines` the journal has")
	size := flag.Int("bytes", 220, "`length` of a line as the agent writes it")
	runs := flag.Int("runs", 5, "how often each search is made; the median counts")
	dir := flag.String("dir", "", "`directory` to make the journal below (default: where temporary files go)")
	only := flag.String("only", "", "only searches whose name has this `text`")
	sealed := flag.Bool("sealed", false, "seal the journal first, say what that costs and saves, and search it so")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the searches to this `file`")
	flag.Parse()

	data, err := os.MkdirTemp(*dir, "claudeops-search-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	store, err := journal.OpenDir(data)
	if err != nil {
		return err
	}
	defer store.Close()
	id := journaltest.NewID()
	w, err := store.Create(id)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := fill(w, id, *count, *size); err != nil {
		return err
	}
	head := w.Head()
	if err := w.Close(); err != nil {
		return err
	}
	fmt.Printf("%d lines of %d bytes, %d MB of events, written in %.1f s; %d processors, %s\n\n",
		*count, *size, head.Offset/1e6, time.Since(began).Seconds(), runtime.GOMAXPROCS(0), runtime.Version())

	if *sealed {
		if err := seal(store, id); err != nil {
			return err
		}
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "search\tmatches\tfirst ms\ttotal ms\tCPU ms\tMB/s\tallocated KB\t")
	searcher := search.New(store)
	for _, q := range questions {
		if !strings.Contains(q.name, *only) {
			continue
		}
		m, err := measure(searcher, id, q.query, *runs)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		fmt.Fprintf(table, "%s\t%d\t%.1f\t%.0f\t%.0f\t%.0f\t%d\t\n", q.name, m.total, ms(m.first), ms(m.wall), ms(m.cpu), float64(head.Offset)/1e6/m.wall.Seconds(), m.allocated/1e3)
	}
	return table.Flush()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// measurement is the median of several runs.
type measurement struct {
	total            int64
	first, wall, cpu time.Duration
	allocated        uint64
}

func measure(s *search.Searcher, id string, q search.Query, runs int) (measurement, error) {
	var all []measurement
	for range runs {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m := measurement{}
		began, used := time.Now(), cpuTime()
		result, err := s.Execution(context.Background(), id, q, func(search.Result) error {
			if m.first == 0 {
				m.first = time.Since(began)
			}
			return nil
		})
		if err != nil {
			return m, err
		}
		m.wall, m.cpu, m.total = time.Since(began), cpuTime()-used, result.Total
		runtime.ReadMemStats(&after)
		m.allocated = after.TotalAlloc - before.TotalAlloc
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b measurement) int { return int(a.wall - b.wall) })
	return all[len(all)/2], nil
}

// cpuTime is what this process has used of the processors. Where others use them too, it says more
// than the clock does.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
