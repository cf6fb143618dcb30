package main

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// rest measures starts, and what server and runner hold when nothing happens.
func rest(ctx context.Context, w *world, s settings) error {
	if err := w.define("sleeper", "-rate", "0.0001"); err != nil {
		return err
	}
	var ready []time.Duration
	for range 10 {
		took, err := w.serve(ctx)
		if err != nil {
			return err
		}
		ready = append(ready, took)
		if err := w.stop(); err != nil {
			return err
		}
	}
	slices.Sort(ready)
	figure("server, start to ready", "p50 %v, max %v", micro(percentile(ready, 50)), micro(ready[len(ready)-1]))

	var alone []time.Duration
	for range 20 {
		begun := time.Now()
		// A runner that finds nothing to run: the program's own start and end.
		if err := exec.CommandContext(ctx, w.programs.binary, "runner", w.data, "0").Run(); err == nil {
			return errors.New("a runner without an execution ended well")
		}
		alone = append(alone, time.Since(begun))
	}
	slices.Sort(alone)
	figure("runner, process start and end", "p50 %v, max %v", micro(percentile(alone, 50)), micro(alone[len(alone)-1]))

	if _, err := w.serve(ctx); err != nil {
		return err
	}
	c, err := w.client()
	if err != nil {
		return err
	}
	var started []time.Duration
	var ids []string
	for range 20 {
		ack, err := c.Execute(ctx, "sleeper", nil)
		if err != nil {
			return err
		}
		ids = append(ids, ack.ExecutionID)
		var queued protocol.Event
		for e, err := range c.Subscribe(ctx, protocol.Cursor{ExecutionID: ack.ExecutionID}) {
			if err != nil {
				return err
			}
			if e.Type == execution.TypeQueued {
				queued = e
			}
			if e.Type == execution.TypeStarted {
				started = append(started, e.Timestamp.Sub(queued.Timestamp.Time))
				break
			}
		}
	}
	slices.Sort(started)
	figure("accepted to agent running", "p50 %v, max %v", percentile(started, 50), started[len(started)-1])
	time.Sleep(3 * time.Second) // to rest
	runners := w.runners()
	total, most := 0, 0
	for _, pid := range runners {
		rss := status(pid, "VmRSS")
		total, most = total+rss, max(most, rss)
	}
	if len(runners) == 0 {
		return errors.New("no runner was found")
	}
	figure("memory, runner at rest", "%.1f MB (of its own %.1f MB), %d of them", float64(total)/float64(len(runners))/1e3, float64(status(runners[0], "RssAnon"))/1e3, len(runners))
	figure("memory, server at rest", "%.1f MB (of its own %.1f MB)", float64(status(w.server.Process.Pid, "VmRSS"))/1e3, float64(status(w.server.Process.Pid, "RssAnon"))/1e3)
	before := cpu(w.server.Process.Pid)
	time.Sleep(5 * time.Second)
	figure("processor, server at rest", "%.2f %%", float64(cpu(w.server.Process.Pid)-before)/float64(5*time.Second)*100)
	for _, id := range ids {
		if _, err := c.Cancel(ctx, id, ""); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if _, err := c.Wait(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
