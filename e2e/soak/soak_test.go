package main

import (
	"context"
	"flag"
	"io"
	"strings"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "seed of what is random; 0 takes one from the clock")

// TestSoak is the soak in small: a round or two in each of its houses.
func TestSoak(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	dir := t.TempDir()
	p, err := build(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	var out strings.Builder
	sum, err := soak(ctx, config{
		programs: p, falling: p.claudeops, dir: dir, long: 6 * time.Second, seed: seed, shortest: 4 * time.Second, longest: 7 * time.Second,
		executions: 10, storm: 50, bigStorm: 100, every: time.Minute, out: &out, csv: io.Discard,
	})
	t.Logf("%s", out.String())
	if err != nil {
		t.Error(err)
	}
	if !sum.whole() {
		t.Errorf("want nothing wrong; again with: go test ./e2e/soak -seed %d", seed)
	}
	if sum.acked == 0 || sum.readers <= sum.executions {
		t.Errorf("it has seen too little to tell anything: %+v", sum)
	}
}

// TestOracle holds the oracle to noticing what it is there for.
func TestOracle(t *testing.T) {
	t.Parallel()
	whole := totals{acked: 5, stored: 5, delivered: 5}
	if !whole.whole() {
		t.Error("a whole run is taken for a broken one")
	}
	for i, broken := range []totals{
		{acked: 6, stored: 5, delivered: 5}, {acked: 5, stored: 5, delivered: 4}, {gaps: 1}, {duplicates: 1}, {strays: 1},
		{problems: []string{"something"}},
	} {
		if broken.whole() {
			t.Errorf("broken run %d, %+v, is taken for a whole one", i, broken)
		}
	}
}

// TestCurves holds the judgement of curves to telling a leak from noise.
func TestCurves(t *testing.T) {
	t.Parallel()
	begun := time.Unix(1_700_000_000, 0)
	made := func(rss func(i int) int) *curves {
		c := &curves{}
		for i := range 40 {
			c.samples = append(c.samples, sample{at: begun.Add(time.Duration(i) * time.Minute), pid: 7, rest: true, rssKB: rss(i), goroutines: 20, descs: 20})
		}
		return c
	}
	for name, test := range map[string]struct {
		rss  func(i int) int
		leak bool
	}{
		"flat":             {func(int) int { return 40 << 10 }, false},
		"noisy":            {func(i int) int { return 40<<10 + i%3*3000 }, false},
		"very noisy":       {func(i int) int { return 40<<10 + (i*7)%10*6000 }, false},
		"noisy and leaks":  {func(i int) int { return 40<<10 + (i*7)%10*3000 + i*1024 }, true},
		"warms up":         {func(i int) int { return 20<<10 + min(i, 15)*1500 }, false},
		"a megabyte each":  {func(i int) int { return 40<<10 + i*1024 }, true},
		"leaks at the end": {func(i int) int { return 40<<10 + max(0, i-25)*2048 }, true},
	} {
		text, problems := made(test.rss).judge()
		if (len(problems) > 0) != test.leak {
			t.Errorf("%s: %q, %s", name, problems, text)
		}
	}
	few := &curves{samples: []sample{{rest: true, pid: 7}}}
	if text, _ := few.judge(); !strings.Contains(text, "too few") {
		t.Errorf("a single sample is judged: %s", text)
	}
}
