// Command testagent is the agent that tests and benchmarks run: it writes numbered, checksummed lines
// at a given rate or as fast as it can, and says at its end how many the kernel has taken. With -tally
// it says so all the time, so that it is known even of an agent that is killed.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/testagent/lines"
)

func main() {
	rate := flag.Float64("rate", 0, "lines a second; 0 as fast as possible")
	count := flag.Uint64("count", 0, "lines in all; 0 without end")
	size := flag.Int("size", 100, "bytes of a line")
	seed := flag.Uint64("seed", 0, "of the checksums")
	stamp := flag.Bool("stamp", false, "write into each line when it was written; one write(2) for each")
	exit := flag.Int("exit", 0, "exit code")
	tallyFile := flag.String("tally", "", "file that says, in 8 bytes each, how many lines were begun to be written and how many the kernel has taken")
	flag.Parse()
	out := &output{}
	if *tallyFile != "" {
		f, err := os.OpenFile(*tallyFile, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			fmt.Fprintln(os.Stderr, "testagent:", err)
			os.Exit(1)
		}
		out.tally = f
	}
	written, err := write(out, *rate, *count, *size, *seed, *stamp)
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

// output is stdout, with the tally beside it.
type output struct{ tally *os.File }

// write passes lines to the kernel, the last of which is number upTo.
func (o *output) write(b []byte, upTo uint64) error {
	if err := o.note(0, upTo); err != nil {
		return err
	}
	if _, err := os.Stdout.Write(b); err != nil {
		return err
	}
	return o.note(8, upTo)
}

func (o *output) note(at int64, n uint64) error {
	if o.tally == nil {
		return nil
	}
	_, err := o.tally.WriteAt(binary.LittleEndian.AppendUint64(nil, n), at)
	return err
}

// write gives how many whole lines the kernel has taken.
func write(out *output, rate float64, count uint64, size int, seed uint64, stamp bool) (written uint64, err error) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if rate <= 0 {
		return flood(out, stop, count, size, seed)
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
				if err := out.write(buf, n); err != nil {
					return written, err
				}
				written = n
				continue
			}
			buf = append(lines.Append(buf, seed, n, size, 0), '\n')
		}
		if len(buf) > 0 && !stamp {
			if err := out.write(buf, n); err != nil {
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
func flood(out *output, stop <-chan os.Signal, count uint64, size int, seed uint64) (written uint64, err error) {
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
		if err := out.write(buf, n); err != nil {
			return written, err
		}
		written = n
	}
	return written, nil
}
