package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// runs measures what a run of true costs in processor time, server, runner and agent together, beside
// processes that have nothing to do with it, and beside executions at rest.
func runs(ctx context.Context, w *world, s settings) error {
	if err := os.WriteFile(filepath.Join(w.agents, "quick.yaml"), []byte("name: quick\ncommand: [\"true\"]\n"), 0o644); err != nil {
		return err
	}
	if err := w.define("sleeper", "-rate", "0.0001"); err != nil {
		return err
	}
	if _, err := w.serve(ctx); err != nil {
		return err
	}
	c, err := w.client()
	if err != nil {
		return err
	}
	if err := batch(ctx, w, c, "alone"); err != nil {
		return err
	}
	others := make([]*exec.Cmd, 0, 3000)
	defer func() {
		for _, cmd := range others {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	for range cap(others) {
		cmd := exec.CommandContext(ctx, "sleep", "100000")
		if err := cmd.Start(); err != nil {
			return err
		}
		others = append(others, cmd)
	}
	if err := batch(ctx, w, c, "beside 3,000 other processes"); err != nil {
		return err
	}
	var resting []string
	for range 200 { // as many as run at a time, beside those that are measured
		ack, err := patient(ctx, func() (protocol.Ack, error) { return c.Execute(ctx, "sleeper", nil) })
		if err != nil {
			return err
		}
		resting = append(resting, ack.ExecutionID)
	}
	time.Sleep(3 * time.Second) // to rest
	if err := batch(ctx, w, c, "and beside 200 runs at rest"); err != nil {
		return err
	}
	for _, id := range resting {
		if _, err := patient(ctx, func() (protocol.Ack, error) { return c.Cancel(ctx, id, "") }); err != nil {
			return err
		}
	}
	for _, id := range resting {
		if _, err := patient(ctx, func() (protocol.Record, error) { return c.Wait(ctx, id) }); err != nil {
			return err
		}
	}
	return nil
}

// batch measures a hundred runs, ten at a time.
func batch(ctx context.Context, w *world, c *client.Client, where string) error {
	const rounds, width = 10, 10
	before, begun := familyCPU(w.server.Process.Pid), time.Now()
	for range rounds {
		var ids []string
		for range width {
			ack, err := patient(ctx, func() (protocol.Ack, error) { return c.Execute(ctx, "quick", nil) })
			if err != nil {
				return err
			}
			ids = append(ids, ack.ExecutionID)
		}
		for _, id := range ids {
			if _, err := patient(ctx, func() (protocol.Record, error) { return c.Wait(ctx, id) }); err != nil {
				return err
			}
		}
	}
	took := time.Since(begun)
	time.Sleep(time.Second) // until the last runner is waited for
	used := familyCPU(w.server.Process.Pid) - before
	figure("a run of true, "+where, "%.1f ms of processor, %.0f runs/s", used.Seconds()*1000/(rounds*width), rounds*width/took.Seconds())
	return nil
}

// familyCPU is the processor time of a process and of all children that it has waited for.
func familyCPU(pid int) time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0
	}
	sum := 0
	for _, f := range fields[11:15] {
		n, _ := strconv.Atoi(f)
		sum += n
	}
	return time.Duration(sum) * time.Second / 100 // Linux counts in hundredths
}

// patient asks again what the server refused because so much was asked of it.
func patient[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for {
		answer, err := ask()
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Code != protocol.RateLimited || ctx.Err() != nil {
			return answer, err
		}
		time.Sleep(max(refused.RetryAfter, 10*time.Millisecond))
	}
}
