// Command gotest runs go test and tells its result in few lines: a line for each package, the output
// of what failed, and how many tests passed and failed. A test that skips itself counts as failed,
// for what it wants must be there.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// event is a line of go test -json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

func main() {
	counts := flag.String("counts", "", "file that gets the numbers of passed and failed tests")
	flag.Parse()
	passed, failed, err := run(flag.Args(), os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		failed = max(failed, 1)
	}
	fmt.Printf("go: %d passed, %d failed\n", passed, failed)
	if *counts != "" {
		if err := os.WriteFile(*counts, fmt.Appendf(nil, "%d %d\n", passed, failed), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gotest:", err)
			os.Exit(1)
		}
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) (passed, failed int, err error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	r := &report{out: out, output: map[string][]string{}, tests: map[string]int{}}
	lines := bufio.NewReader(pipe)
	for {
		line, readErr := lines.ReadBytes('\n')
		var e event
		if len(line) > 0 && json.Unmarshal(line, &e) == nil {
			r.take(e)
		} else if len(line) > 0 {
			fmt.Fprintf(out, "%s", line)
		}
		if readErr != nil {
			break
		}
	}
	waitErr := cmd.Wait()
	if waitErr != nil && r.failed == 0 {
		r.failed = 1
		fmt.Fprintln(out, "✕ go test:", waitErr)
	}
	return r.passed, r.failed, nil
}

// report gathers what came of each test.
type report struct {
	out            io.Writer
	passed, failed int
	output         map[string][]string // by package and test
	tests          map[string]int      // passed, by package
	broken         []string            // packages with a failed test
}

func (r *report) take(e event) {
	name := e.Package
	if name == "" {
		name = e.ImportPath
	}
	key := name + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		r.output[key] = append(r.output[key], e.Output)
	case "build-fail":
		r.failed++
		r.broken = append(r.broken, name)
		r.show("✕ build "+name, key)
	case "pass":
		if e.Test != "" {
			r.passed++
			r.tests[name]++
			delete(r.output, key)
			return
		}
		if r.tests[name] > 0 {
			fmt.Fprintf(r.out, "✓ %s (%d tests, %.1f s)\n", name, r.tests[name], e.Elapsed)
		}
		delete(r.output, key)
	case "skip":
		if e.Test != "" {
			r.failed++
			r.broken = append(r.broken, name)
			r.show("✕ "+name+" "+e.Test+" skipped itself", key)
		}
	case "fail":
		if e.Test != "" {
			r.failed++
			r.broken = append(r.broken, name)
			r.show("✕ "+name+" "+e.Test, key)
			return
		}
		if !slices.Contains(r.broken, name) {
			r.failed++ // it failed outside of any test: a panic, a timeout, a leak
		}
		r.show(fmt.Sprintf("✕ %s (%.1f s)", name, e.Elapsed), key)
		// Tests that had not ended show where it stood.
		for other := range r.output {
			if strings.HasPrefix(other, name+" ") {
				r.show("  in "+strings.TrimPrefix(other, name+" "), other)
			}
		}
	}
}

func (r *report) show(title, key string) {
	fmt.Fprintln(r.out, title)
	for _, line := range r.output[key] {
		fmt.Fprint(r.out, "    ", line)
	}
	delete(r.output, key)
}
