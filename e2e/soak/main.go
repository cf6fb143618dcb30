// Command soak shows that ClaudeOps holds while things break: it runs the real program with agents and
// readers of every kind, injects faults at random from a seed, and asks an oracle after every round
// whether all that was acknowledged is stored, and all that is stored was delivered, once and in order.
// It steers the program from outside alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	long := flag.Duration("for", 10*time.Minute, "how long rounds are begun")
	seed := flag.Uint64("seed", 0, "seed of what is random; 0 takes one from the clock")
	csv := flag.String("csv", "", "file that gets the samples of memory, goroutines, descriptors and disk")
	dir := flag.String("dir", "", "directory to work in; empty: a temporary one")
	crowd := flag.Int("crowd", 5000, "clients who are dropped at once after a quarter of the run")
	keep := retention{}
	flag.DurationVar(&keep.logs, "keep-logs", 8*time.Minute, "how long the lasting house keeps log lines")
	flag.DurationVar(&keep.executions, "keep-executions", 15*time.Minute, "how long it keeps executions")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, *long, *seed, *csv, *dir, *crowd, keep); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, long time.Duration, seed uint64, csv, dir string, crowd int, keep retention) (err error) {
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "claudeops-soak-"); err != nil {
			return err
		}
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	c := config{
		dir: dir, long: long, seed: seed, shortest: 15 * time.Second, longest: 70 * time.Second, executions: 14,
		storm: 200, bigStorm: crowd, every: time.Minute,
		keep: keep, out: os.Stdout, csv: io.Discard,
	}
	if csv != "" {
		f, err := os.Create(csv)
		if err != nil {
			return err
		}
		defer f.Close()
		c.csv = f
	}
	if c.programs, err = build(ctx, dir); err != nil {
		return err
	}
	c.clock = filepath.Join(dir, "clock")
	c.falling = filepath.Join(dir, "claudeops-clock")
	overlay, err := clockOverlay(dir, c.clock)
	if err != nil {
		return err
	}
	if err := goBuild(ctx, c.falling, "github.com/claudeops/claudeops/cmd/claudeops", "-overlay", overlay); err != nil {
		return err
	}
	sum, err := soak(ctx, c)
	if err == nil && !sum.whole() {
		err = fmt.Errorf("%d things were wrong; again with -seed %d", max(1, len(sum.problems)), seed)
	}
	keepOrRemove(dir, err != nil, os.Stderr)
	return err
}

// build makes the programs under test from the sources around.
func build(ctx context.Context, dir string) (programs, error) {
	p := programs{claudeops: filepath.Join(dir, "claudeops"), testAgent: filepath.Join(dir, "testagent")}
	for out, pkg := range map[string]string{p.claudeops: "github.com/claudeops/claudeops/cmd/claudeops", p.testAgent: "github.com/claudeops/claudeops/internal/testagent"} {
		if err := goBuild(ctx, out, pkg); err != nil {
			return p, err
		}
	}
	return p, nil
}

func goBuild(ctx context.Context, out, pkg string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build", "-trimpath", "-o", out}, flags...), pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}
