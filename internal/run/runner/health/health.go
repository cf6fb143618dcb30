// Package health is the built-in agent system-health: it looks at the machine it runs on, tells
// what it sees line by line, and leaves a report with findings. It is a program like any other
// agent, started as a child and speaking the same lines, and knows nothing of the runner or the
// server. It only looks; it changes nothing.
package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Exit codes. How healthy the machine is does not show in them: the report says it.
const (
	exitDone   = 0
	exitFailed = 1 // the check itself could not be done, or was broken off
	exitUsage  = 2 // its parameters are wrong
)

// maxResultBytes is what a result may have.
const maxResultBytes = 1 << 20

// Main checks this machine and gives the exit code. Its parameters are JSON in CLAUDEOPS_CONFIG, all
// optional; its report goes to the file CLAUDEOPS_RESULT, when that is set.
func Main(ctx context.Context, stdout, stderr io.Writer, environ []string) int {
	parameters, err := readParameters(lookup(environ, "CLAUDEOPS_CONFIG"))
	if err != nil {
		fmt.Fprintf(stderr, "system-health: %v\n", err)
		return exitUsage
	}
	return run(ctx, stdout, stderr, parameters, thisMachine(environ), lookup(environ, "CLAUDEOPS_RESULT"))
}

func run(ctx context.Context, stdout, stderr io.Writer, parameters Parameters, from sources, resultPath string) int {
	c := &check{p: parameters, from: from, out: &narrator{w: stdout}, report: &Report{CheckedAt: time.Now().UTC().Truncate(time.Millisecond)}}
	err := c.all(ctx)
	if err == nil {
		err = writeResult(resultPath, c.report)
	}
	if err == nil {
		err = c.out.err
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("broken off: %w", context.Cause(ctx))
		}
		fmt.Fprintf(stderr, "system-health: %v\n", err)
		return exitFailed
	}
	return exitDone
}

func lookup(environ []string, name string) string {
	value := ""
	for _, variable := range environ {
		if v, ok := strings.CutPrefix(variable, name+"="); ok {
			value = v // the last one counts, as exec has it
		}
	}
	return value
}

func writeResult(path string, report *Report) error {
	if path == "" {
		return nil
	}
	result, err := json.Marshal(report)
	if err == nil && len(result) > maxResultBytes && report.Metrics.Docker != nil {
		// Only a machine with thousands of containers gets here: their findings stay.
		report.Metrics.Docker.Containers, report.Metrics.Docker.Reason = nil, "too many containers for one report: only the findings are kept"
		result, err = json.Marshal(report)
	}
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.WriteFile(path, result, 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// check is one run through all that is looked at.
type check struct {
	p      Parameters
	from   sources
	out    *narrator
	report *Report
}

// step is one thing that is looked at. Its progress is reached when it begins.
type step struct {
	progress float64
	name     string
	look     func(ctx context.Context) error
}

func (c *check) steps() []step {
	steps := []step{
		{0, "The machine", c.machine},
		{5, "CPU", c.cpu},
		{35, "Load", c.load},
		{40, "Memory", c.memory},
		{45, "Disks", c.disks},
		{60, "Processes", c.processes},
		{68, "Network", c.network},
		{74, "Services", c.services},
		{80, "Clock", c.clock},
	}
	if c.p.IncludeDockerStats {
		steps = append(steps, step{84, "Containers", c.containers})
	}
	return steps
}

func (c *check) all(ctx context.Context) error {
	started := time.Now()
	steps := c.steps()
	failed := 0
	for _, s := range steps {
		c.out.progress(s.progress, s.name)
		told := len(c.report.Findings)
		c.out.group(s.name)
		err := s.look(ctx)
		if ctx.Err() != nil {
			c.out.endgroup()
			return context.Cause(ctx)
		}
		if err != nil {
			failed++
			c.out.line("can't be checked: %v", err)
			c.report.Unchecked = append(c.report.Unchecked, Unchecked{Check: s.name, Reason: clean(err.Error())})
		}
		c.out.endgroup()
		if err != nil {
			c.out.warning("%s can't be checked: %v", s.name, err)
		}
		// After the group, so that they are seen when it is folded.
		for _, f := range c.report.Findings[told:] {
			c.out.finding(f)
		}
	}
	if failed == len(steps) {
		return errors.New("nothing at all could be checked")
	}
	c.report.conclude()
	c.report.DurationMs = time.Since(started).Milliseconds()
	c.out.progress(100, c.report.Summary)
	c.out.line("%s: %s", strings.ToUpper(string(c.report.Overall)), c.report.Summary)
	for _, f := range c.report.Findings {
		if f.Severity != SeverityInfo {
			c.out.line("  - %s: %s", f.Title, f.Recommendation)
		}
	}
	return nil
}
