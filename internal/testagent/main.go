// Command testagent is the agent that tests and benchmarks run: it writes numbered, checksummed lines
// at a given rate or as fast as it can, and says at its end how many the kernel has taken.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"claudeops/internal/testagent/lines"
)

func main() {
	rate := flag.Float64("rate", 0, "lines a second; 0 as fast as possible")
	count := flag.Uint64("count", 0, "lines in all; 0 without end")
	size := flag.Int("size", 100, "bytes of a line")
	seed := flag.Uint64("seed", 0, "of the checksums")
	stamp := flag.Bool("stamp", false, "write into each line when it was written; one write(2) for each")
	exit := flag.Int("exit", 0, "exit code")
	flag.Parse()
	written, err := write(*rate, *count, *size, *seed, *stamp)
	if path := os.Getenv("CLAUDEOPS_RESULT"); path != "" {
		result, _ := json.Marshal(map[string]uint64{"written": written})
		if err := os.WriteFile(path, result, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "testagent:", err)
			os.Exit(1)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testagent:", err)
		os.Exit(1)
	}
	os.Exit(*exit)
}

// write gives how many whole lines the kernel has taken.
func write(rate float64, count uint64, size int, seed uint64, stamp bool) (written uint64, err error) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if rate <= 0 {
		return flood(stop, count, size, seed)
	}
	begun := time.Now()
	var buf []byte
	for count == 0 || written < count {
		due := uint64(time.Since(begun).Seconds() * rate)
		if count > 0 {
			due = min(due, count)
		}
		buf = buf[:0]
		n := written
		for n < due {
			n++
			if stamp {
				buf = append(lines.Append(buf[:0], seed, n, size, time.Now().UnixNano()), '\n')
				if _, err := os.Stdout.Write(buf); err != nil {
					return written, err
				}
				written = n
				continue
			}
			buf = append(lines.Append(buf, seed, n, size, 0), '\n')
		}
		if len(buf) > 0 && !stamp {
			if _, err := os.Stdout.Write(buf); err != nil {
				return written, err
			}
			written = n
		}
		next := begun.Add(time.Duration(float64(written+1) / rate * float64(time.Second)))
		timer := time.NewTimer(max(time.Until(next), 100*time.Microsecond))
		select {
		case <-stop:
			return written, nil
		case <-timer.C:
		}
	}
	return written, nil
}

// flood writes as fast as its reader reads.
func flood(stop <-chan os.Signal, count uint64, size int, seed uint64) (written uint64, err error) {
	buf := make([]byte, 0, 256<<10)
	for count == 0 || written < count {
		select {
		case <-stop:
			return written, nil
		default:
		}
		buf = buf[:0]
		n := written
		for len(buf)+size+64 < cap(buf) && (count == 0 || n < count) {
			n++
			buf = append(lines.Append(buf, seed, n, size, 0), '\n')
		}
		if _, err := os.Stdout.Write(buf); err != nil {
			return written, err
		}
		written = n
	}
	return written, nil
}
