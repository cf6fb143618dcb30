package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/run/process"
)

// fault is something that befalls processes.
type fault struct {
	at   time.Duration
	name string
	do   func(ctx context.Context, s *site) error
}

// planFaults decides what befalls processes in a round. Only a house whose server may fall has it killed.
func planFaults(random *rand.Rand, length time.Duration, serverFalls, clockJumps bool) []fault {
	kinds := []func(*rand.Rand, time.Duration) fault{pauseServer, pauseRunners, killRunners, killAgent, backup}
	if serverFalls {
		kinds = append(kinds, killServer, killServer, killServer, killWhileStarting, killBoth, killEverything, restart)
	}
	var faults []fault
	add := func(f fault) {
		f.at = between(random, length/10, length)
		faults = append(faults, f)
	}
	for range 1 + random.IntN(4) {
		add(pick(random, kinds...)(random, length))
	}
	if clockJumps {
		for range 1 + random.IntN(2) {
			add(jumpClock(random, length))
		}
	}
	slices.SortFunc(faults, func(a, b fault) int { return int(a.at - b.at) })
	return faults
}

// play carries the faults out, one after the other.
func play(ctx context.Context, s *site, begun time.Time, faults []fault) error {
	for _, f := range faults {
		if !later(ctx, time.Until(begun.Add(f.at))) {
			return nil
		}
		if err := f.do(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		s.count(f.name)
	}
	return nil
}

func killServer(*rand.Rand, time.Duration) fault {
	return fault{name: "server killed", do: func(ctx context.Context, s *site) error {
		s.kill()
		return s.serve(ctx)
	}}
}

func killWhileStarting(random *rand.Rand, _ time.Duration) fault {
	after := between(random, 0, 150*time.Millisecond)
	return fault{name: "server killed while it started", do: func(ctx context.Context, s *site) error {
		s.kill()
		if err := s.launch(); err != nil {
			return err
		}
		later(ctx, after)
		s.kill()
		return s.serve(ctx)
	}}
}

func restart(*rand.Rand, time.Duration) fault {
	return fault{name: "server restarted", do: func(ctx context.Context, s *site) error {
		if err := s.stop(); err != nil {
			return err
		}
		return s.serve(ctx)
	}}
}

func killBoth(random *rand.Rand, _ time.Duration) fault {
	part, seed := random.IntN(3)+1, random.Uint64()
	return fault{name: "server and runners killed", do: func(ctx context.Context, s *site) error {
		s.kill()
		s.killRunners(part, 3, seed)
		return s.serve(ctx)
	}}
}

func killEverything(*rand.Rand, time.Duration) fault {
	return fault{name: "everything killed", do: func(ctx context.Context, s *site) error {
		s.kill()
		s.killRunners(1, 1, 0)
		for id, pids := range marked() {
			if s.ours(id) {
				for _, pid := range pids {
					kill(pid, s.marks(id))
				}
			}
		}
		return s.serve(ctx)
	}}
}

func killRunners(random *rand.Rand, _ time.Duration) fault {
	part, seed := random.IntN(4)+1, random.Uint64()
	return fault{name: "runners killed", do: func(_ context.Context, s *site) error {
		s.killRunners(part, 4, seed)
		return nil
	}}
}

// killAgent kills agents under their runners.
func killAgent(random *rand.Rand, _ time.Duration) fault {
	seed := random.Uint64()
	return fault{name: "agents killed", do: func(_ context.Context, s *site) error {
		random := rand.New(rand.NewPCG(seed, 2))
		for id, pids := range marked() {
			if r := s.find(id); r != nil && r.plan.lines && random.IntN(3) == 0 {
				r.befell.agentKilled.Store(true)
				for _, pid := range pids {
					kill(pid, s.marks(id))
				}
			}
		}
		return nil
	}}
}

func pauseServer(random *rand.Rand, length time.Duration) fault {
	d := between(random, 10*time.Millisecond, length/6)
	return fault{name: "server paused", do: func(ctx context.Context, s *site) error {
		s.signal(syscall.SIGSTOP)
		later(ctx, d)
		s.signal(syscall.SIGCONT)
		return nil
	}}
}

func pauseRunners(random *rand.Rand, length time.Duration) fault {
	d := between(random, 10*time.Millisecond, length/4)
	seed := random.Uint64()
	return fault{name: "runners paused", do: func(ctx context.Context, s *site) error {
		random := rand.New(rand.NewPCG(seed, 3))
		var paused []runner
		for _, r := range s.runners() {
			if random.IntN(2) == 0 && r.Signal(syscall.SIGSTOP) == nil {
				paused = append(paused, r)
			}
		}
		later(ctx, d)
		for _, r := range paused {
			_ = r.Signal(syscall.SIGCONT)
		}
		return nil
	}}
}

// backup copies everything while it changes, and reads the copy against its checksums.
func backup(*rand.Rand, time.Duration) fault {
	return fault{name: "backup taken", do: func(ctx context.Context, s *site) error {
		to := filepath.Join(s.dir, "backup")
		for _, args := range [][]string{{"backup", to, "--data", s.data()}, {"verify", "--data", to}} {
			if text, err := s.run(ctx, args...); err != nil {
				s.wrong("claudeops %s: %v: %s", strings.Join(args, " "), err, text)
			}
		}
		return nil
	}}
}

// killRunners kills about so many parts of the runners there are.
func (s *site) killRunners(part, of int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 4))
	for _, r := range s.runners() {
		if random.IntN(of) < part {
			s.lost(r.execution)
			_ = r.Signal(syscall.SIGKILL)
		}
	}
}

// kill ends a process if it still is what it was when it was found.
func kill(pid int, still func(pid int) bool) {
	id, err := process.Find(pid)
	if err == nil && still(pid) {
		_ = id.Signal(syscall.SIGKILL)
	}
}

// told gives what has been done, for a line of text.
func told(counts map[string]int) string {
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d×", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
