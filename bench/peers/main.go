// Command peers measures delivery side by side: this server and its peers, one after the other, with
// the same lines, the same readers and the same load generator. The server of the round runs on one
// core, everything else on the other. It prints a table of CPU time per delivered line.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "serve": // one of the peers, in a process of its own
			servePeer(os.Args[2:])
			return
		case "emit": // the agent of our own rounds: writes lines to stdout
			emit(os.Args[2:])
			return
		case "load": // the readers, in a process of their own
			loadMain(os.Args[2:])
			return
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// work is one row of the table: how many readers, and how many lines a second each of them gets.
type work struct {
	name    string
	readers int
	rate    int
	deflate bool
}

var works = []work{
	{"100 × 1,000", 100, 1000, false},
	{"100 × 10,000", 100, 10_000, false},
	{"1,000 × 100", 1000, 100, false},
	{"100 × 1,000 deflated", 100, 1000, true},
}

func run(ctx context.Context) error {
	binary := flag.String("binary", "../../bin/claudeops", "the server to measure")
	rounds := flag.Int("rounds", 3, "rounds of each cell; the median counts")
	seconds := flag.Float64("seconds", 4, "length of a round, after one second to settle")
	only := flag.String("servers", "claudeops,node-ws,socket.io,centrifuge,gorilla,bare", "which servers")
	rows := flag.String("works", "0,1,2,3", "which rows of the table")
	resting := flag.Int("resting", 10_000, "resting connections; 0 leaves that part out")
	alone := flag.Bool("extras", true, "measure also what has no peer")
	which := flag.String("extra", "", "only those extras whose name holds this")
	out := flag.String("out", "", "file to write the table to, as Markdown")
	flag.Parse()

	servers := strings.Split(*only, ",")
	results := map[string]map[string]result{}
	for i, w := range works {
		if !slices.Contains(strings.Split(*rows, ","), fmt.Sprint(i)) {
			continue
		}
		results[w.name] = map[string]result{}
		for _, name := range servers {
			if w.deflate && (name == "bare" || name == "centrifuge") {
				continue // one compresses nothing, the other keeps its window from frame to frame
			}
			var all []result
			for range *rounds {
				r, err := measure(ctx, name, *binary, w, time.Duration(*seconds*float64(time.Second)))
				if err != nil {
					return fmt.Errorf("%s, %s: %w", name, w.name, err)
				}
				all = append(all, r)
			}
			r := median(all)
			results[w.name][name] = r
			fmt.Printf("%-22s %-11s %s\n", w.name, name, r)
		}
	}
	rest := map[string]float64{}
	if *resting > 0 {
		for _, name := range servers {
			kb, err := measureResting(ctx, name, *binary, *resting)
			if err != nil {
				return fmt.Errorf("%s, resting: %w", name, err)
			}
			rest[name] = kb
			fmt.Printf("%-22s %-11s %.1f KB a connection\n", "resting", name, kb)
		}
	}
	var own [][2]string
	if *alone {
		var err error
		if own, err = runExtras(ctx, *binary, *which); err != nil {
			return err
		}
	}
	if *out != "" {
		return os.WriteFile(*out, []byte(markdown(servers, results, rest, own, *resting, *rounds)), 0o644)
	}
	return nil
}
