package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// sample is what the server holds at one moment.
type sample struct {
	at         time.Time
	pid        int
	rest       bool // nothing ran and nobody read
	executions int  // that have been, so far
	rssKB      int
	goroutines float64
	descs      int
	diskKB     int64
	clients    float64
}

// curves keeps the samples of a site and writes them as CSV.
type curves struct {
	mu      sync.Mutex // guards what follows
	samples []sample
	csv     io.Writer
}

const csvHead = "time,site,pid,rest,executions,rss_kb,goroutines,descriptors,disk_kb,clients\n"

// take looks at the server.
func (s *site) take(ctx context.Context, rest bool) (sample, error) {
	one := sample{at: time.Now().UTC(), pid: s.pid(), rest: rest}
	values, err := s.metrics(ctx)
	if err != nil {
		return one, err
	}
	one.goroutines, one.clients = values["go_goroutines"], connections(values)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", one.pid))
	if err != nil {
		return one, err
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS:") {
			if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &one.rssKB); err != nil {
				return one, err
			}
		}
	}
	descs, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", one.pid))
	if err != nil {
		return one, err
	}
	one.descs, one.diskKB = len(descs), s.diskBytes()/1024
	s.mu.Lock()
	one.executions = len(s.runs)
	s.mu.Unlock()
	return one, nil
}

// note takes a sample and keeps it. A server that has just been killed gives none.
func (s *site) note(ctx context.Context, rest bool) {
	one, err := s.take(ctx, rest)
	if err != nil {
		return
	}
	s.curves.mu.Lock()
	s.curves.samples = append(s.curves.samples, one)
	fmt.Fprintf(s.curves.csv, "%s,%s,%d,%v,%d,%d,%.0f,%d,%d,%.0f\n", one.at.Format(time.RFC3339), s.name, one.pid, one.rest, one.executions, one.rssKB, one.goroutines, one.descs, one.diskKB, one.clients)
	s.curves.mu.Unlock()
	state := "at work"
	if rest {
		state = "at rest"
	}
	s.say("%s after %d executions: %.1f MB, %.0f goroutines, %d descriptors, %.0f clients, %.1f MB on disk", state, one.executions,
		float64(one.rssKB)/1024, one.goroutines, one.descs, one.clients, float64(one.diskKB)/1024)
}

// watch takes a sample every so often until ctx ends.
func (s *site) watch(ctx context.Context, every time.Duration) {
	for later(ctx, every) {
		s.note(ctx, false)
	}
}

// fewest is how many samples at rest of one server's life are needed to tell a curve.
const fewest = 10

// judge says whether the server's curves are flat over the later half of its life at rest, and what they
// look like. A server that does not live long enough has none.
func (c *curves) judge() (text string, problems []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rest []sample
	for _, one := range c.samples {
		if one.rest && one.pid == c.samples[len(c.samples)-1].pid {
			rest = append(rest, one)
		}
	}
	if len(rest) < fewest {
		return fmt.Sprintf("%d samples at rest are too few to tell whether the curves are flat", len(rest)), nil
	}
	late := rest[len(rest)/2:]
	floor := lowest(late, 4)
	var parts []string
	for _, curve := range []struct {
		name, unit string
		value      func(sample) float64
		// floor: what counts is where it comes down to. Memory that is free already is given back when the
		// collector likes, so that any one sample says little; a leak raises the floor.
		floor bool
		// share and least are what may come over the later half.
		share, least float64
	}{
		{"memory (lowest of each stretch)", "MB", func(s sample) float64 { return float64(s.rssKB) / 1024 }, true, 0.20, 10},
		{"goroutines", "", func(s sample) float64 { return s.goroutines }, false, 0.10, 5},
		{"descriptors", "", func(s sample) float64 { return float64(s.descs) }, false, 0.10, 5},
	} {
		samples := late
		if curve.floor {
			samples = floor
		}
		mean, growth := slope(samples, curve.value)
		parts = append(parts, fmt.Sprintf("%s %.1f %s, %+.1f", curve.name, mean, curve.unit, growth))
		if growth > max(curve.share*mean, curve.least) {
			problems = append(problems, fmt.Sprintf("%s grew by %.1f %s over the later half of the run, around %.1f", curve.name, growth, curve.unit, mean))
		}
	}
	took := late[len(late)-1].at.Sub(late[0].at).Round(time.Second)
	return fmt.Sprintf("over the last %v (%d samples at rest, %d executions) mean and growth: %s", took, len(late), late[len(late)-1].executions-late[0].executions, strings.Join(parts, "; ")), problems
}

// lowest divides samples into so many stretches and gives of each the one with the least memory.
func lowest(samples []sample, stretches int) []sample {
	var found []sample
	for part := range slices.Chunk(samples, max(1, len(samples)/stretches)) {
		found = append(found, slices.MinFunc(part, func(a, b sample) int { return a.rssKB - b.rssKB }))
	}
	return found
}

// slope fits a line and gives its mean and how much it rises from the first sample to the last.
func slope(samples []sample, value func(sample) float64) (mean, growth float64) {
	var meanX float64
	n := float64(len(samples))
	for _, s := range samples {
		meanX += s.at.Sub(samples[0].at).Seconds() / n
		mean += value(s) / n
	}
	var over, under float64
	for _, s := range samples {
		x := s.at.Sub(samples[0].at).Seconds() - meanX
		over += x * (value(s) - mean)
		under += x * x
	}
	if under == 0 {
		return mean, 0
	}
	return mean, over / under * samples[len(samples)-1].at.Sub(samples[0].at).Seconds()
}
