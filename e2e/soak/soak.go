package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// config is what a soak is told.
type config struct {
	programs
	falling string        // the program of the falling house, whose clock may be another
	dir     string        // of the houses; the one of a run that went wrong is kept
	long    time.Duration // rounds are begun for so long
	seed    uint64
	// shortest and longest are what a round may take before everything in it is brought to its end.
	shortest, longest time.Duration
	executions        int       // in a round
	storm             int       // clients who are dropped at once, every fifth round
	bigStorm          int       // the same, once, in the middle of the run; 0: never
	keep              retention // in the house whose server lasts
	every             time.Duration
	out, csv          io.Writer
}

// soak runs two houses side by side, one whose server falls again and again and one whose server must
// live all the time, and gives what came of both.
func soak(ctx context.Context, c config) (totals, error) {
	fmt.Fprintf(c.out, "soak for %v, seed %d, in %s\n", c.long, c.seed, c.dir)
	fmt.Fprint(c.csv, csvHead)
	var mu sync.Mutex // one line of text at a time
	out := &locked{mu: &mu, w: c.out}
	var sites []*site
	var errs []error
	for i, kind := range []struct {
		name  string
		falls bool
		keep  retention
		args  []string
	}{
		{"falling", true, retention{}, []string{"--seal-after", "1s"}},
		{"lasting", false, c.keep, []string{"--seal-after", "5s", "--max-running", "12"}},
	} {
		p := c.programs
		if kind.falls {
			p.claudeops = c.falling
		}
		s, err := openSite(ctx, p, filepath.Join(c.dir, kind.name), kind.name, kind.falls, kind.keep, c.seed+uint64(i), out, kind.args...)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", kind.name, err))
			break
		}
		s.curves.csv = &locked{mu: &mu, w: c.csv}
		sites = append(sites, s)
	}
	if len(errs) == 0 {
		var mu sync.Mutex
		var work sync.WaitGroup
		for i, s := range sites {
			work.Go(func() {
				if err := s.live(ctx, c, c.seed+uint64(i)); err != nil {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
				}
			})
		}
		work.Wait()
	}
	var sum totals
	for _, s := range sites {
		if err := s.close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", s.name, err))
		}
		sum.add(s.sum)
		s.say("%s; %s", s.sum.String(), s.summary())
		if !s.serverFalls {
			text, problems := s.curves.judge()
			s.say("%s", text)
			sum.problems = append(sum.problems, problems...)
		}
	}
	for _, problem := range sum.problems {
		fmt.Fprintln(out, "WRONG:", problem)
	}
	fmt.Fprintf(out, "%s; %d executions, %d readers who were given %d events, %d lines went unread with runners that were killed; seed %d\n", sum.String(), sum.executions, sum.readers, sum.events, sum.withRunner, c.seed)
	return sum, errors.Join(errs...)
}

// live plays rounds until it is time.
func (s *site) live(ctx context.Context, c config, seed uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, c.every) })
	defer watching.Wait()
	defer cancel()
	defer s.dropSilent()
	begun, stormed := time.Now(), false
	for n := 1; n == 1 || time.Since(begun) < c.long; n++ {
		// Each round has a random of its own, so that one can be understood without those before.
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		r := planRound(random, between(random, c.shortest, c.longest), c.executions, s.serverFalls, s.serverFalls && c.clock != "")
		if n%5 == 0 {
			r.storm = c.storm
		}
		// Early: what a crowd leaves behind once is not to be taken for a slope.
		if !s.serverFalls && !stormed && time.Since(begun) > c.long/4 {
			r.storm, stormed = c.bigStorm, true
		}
		runs, err := s.play(ctx, r)
		if err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		t, err := s.check(ctx, runs)
		if err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		s.say("round %d of %v: %s; %d executions (%s), %d readers; so far %s", n, r.length.Round(100*time.Millisecond), t.String(), t.executions, told(t.ends), t.readers, told(s.dealtSoFar()))
		for _, problem := range t.problems {
			s.say("WRONG in round %d: %s", n, problem)
		}
		s.sum.add(t)
		s.note(ctx, true)
	}
	return nil
}

// dealtSoFar are the faults up to now, by name.
func (s *site) dealtSoFar() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]int{}
	for name, n := range s.dealt {
		all[name] = n
	}
	return all
}

// summary is what befell a site.
func (s *site) summary() string {
	s.hold.mu.Lock()
	reaped := s.hold.reaped
	s.hold.mu.Unlock()
	return fmt.Sprintf("%s; ends: %s; ready again within %v at most; %d silent clients let go; crowds were given %d events", told(s.dealtSoFar()), told(s.sum.ends), s.started.Round(time.Millisecond), reaped, s.stormed)
}

// locked writes whole lines from several places.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// keepOrRemove leaves the directory of a run that went wrong.
func keepOrRemove(dir string, wrong bool, out io.Writer) {
	if wrong {
		fmt.Fprintln(out, "everything of this run is kept in", dir)
		return
	}
	_ = os.RemoveAll(dir)
}
