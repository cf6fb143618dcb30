package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// lineBytes is the length of a line as the agent writes it.
const lineBytes = 220

var padding = strings.Repeat("the quick brown fox jumps over the lazy dog 0123456789 ", 5)

// appendLine writes the n-th line: when it was written, its number, and text up to lineBytes.
func appendLine(b []byte, now time.Time, n int) []byte {
	start := len(b)
	b = fmt.Appendf(b, "t=%d n=%09d ", now.UnixNano(), n)
	return append(b, padding[:lineBytes-(len(b)-start)]...)
}

// pace calls give with how many lines are due, as evenly as a sleeping process can, until stop.
func pace(rate int, stop <-chan struct{}, give func(count int)) {
	step := time.Millisecond
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	began, given := time.Now(), 0
	for {
		select {
		case <-stop:
			return
		case now := <-ticker.C:
			due := int(now.Sub(began).Seconds() * float64(rate))
			if due > given {
				give(due - given)
				given = due
			}
		}
	}
}

// emit is the agent: it writes lines at a rate, each with a write of its own as an unbuffered program
// would at up to 1,000 a second, and those of a millisecond together above that.
func emit(args []string) {
	flags := flag.NewFlagSet("emit", flag.ExitOnError)
	rate := flags.Int("rate", 1000, "lines a second")
	seconds := flags.Float64("seconds", 3600, "for so long")
	_ = flags.Parse(args)
	stop := make(chan struct{})
	time.AfterFunc(time.Duration(*seconds*float64(time.Second)), func() { close(stop) })
	w := bufio.NewWriterSize(os.Stdout, 64<<10)
	n := 0
	var b []byte
	pace(*rate, stop, func(count int) {
		for range count {
			b = append(appendLine(b[:0], time.Now(), n), '\n')
			n++
			if _, err := w.Write(b); err != nil {
				os.Exit(1)
			}
			if *rate <= 1000 {
				_ = w.Flush()
			}
		}
		_ = w.Flush()
	})
}
