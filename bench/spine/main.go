// Command spine measures one server with one agent, the way every line takes: from the agent's write(2)
// through the runner and the journal to a client that reads it. It builds the program, starts it on a
// data directory of its own, and prints a line for each figure.
//
//	go run ./bench/spine [throughput] [latency] [rest] [replay] [runs]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

type settings struct {
	lines    uint64        // throughput, replay
	size     int           // bytes of a line
	rate     float64       // latency, lines a second
	duration time.Duration // latency
	watchers int           // throughput
}

var measurements = []struct {
	name string
	what string
	run  func(context.Context, *world, settings) error
}{
	{"throughput", "one agent at full speed, watched", throughput},
	{"latency", "from write(2) in the agent to the client's read", latency},
	{"rest", "start, and what is held at rest", rest},
	{"replay", "a long journal to a new reader", replay},
	{"runs", "short runs, and what else the machine does", runs},
}

func main() {
	s := settings{}
	flag.Uint64Var(&s.lines, "lines", 10_000_000, "lines of throughput; replay takes 3 million at most")
	flag.IntVar(&s.size, "size", 100, "bytes of a line")
	flag.Float64Var(&s.rate, "rate", 100, "lines a second, of latency")
	flag.DurationVar(&s.duration, "duration", 20*time.Second, "of latency")
	flag.IntVar(&s.watchers, "watchers", 1, "clients that watch throughput")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Args(), s); err != nil {
		fmt.Fprintln(os.Stderr, "spine:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string, s settings) error {
	for _, name := range names {
		known := false
		for _, m := range measurements {
			known = known || m.name == name
		}
		if !known {
			return fmt.Errorf("there is no measurement %q", name)
		}
	}
	p, err := build(ctx)
	if err != nil {
		return err
	}
	defer p.remove()
	fmt.Printf("%d processors, %s %s/%s, load %s\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, load())
	for _, m := range measurements {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		fmt.Printf("\n%s: %s\n", m.name, m.what)
		w, err := p.world()
		if err != nil {
			return err
		}
		err = m.run(ctx, w, s)
		if closeErr := w.close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// figure prints one result.
func figure(name, format string, args ...any) {
	fmt.Printf("  %-34s %s\n", name, fmt.Sprintf(format, args...))
}

// thousands writes a number with its groups apart.
func thousands(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// percentile of sorted values.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(float64(len(sorted))*p/100), len(sorted)-1)]
}
