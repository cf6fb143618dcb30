package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// throughput runs one agent that writes as fast as it can, with clients that watch it.
func throughput(ctx context.Context, w *world, s settings) error {
	if err := w.define("flood", "-count", fmt.Sprint(s.lines), "-size", fmt.Sprint(s.size)); err != nil {
		return err
	}
	if _, err := w.serve(ctx); err != nil {
		return err
	}
	c, err := w.client()
	if err != nil {
		return err
	}
	ack, err := c.Execute(ctx, "flood", nil)
	if err != nil {
		return err
	}
	var seen atomic.Uint64 // of the slowest watcher that has said something last
	var last protocol.Event
	var wg sync.WaitGroup
	failures := make(chan error, s.watchers)
	ends := make(chan time.Time, s.watchers)
	for n := range s.watchers {
		watcher, err := w.client()
		if err != nil {
			return err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			next := uint64(1)
			for m, err := range watcher.Messages(ctx, protocol.Cursor{ExecutionID: ack.ExecutionID}) {
				if err == nil && m.Seq != next {
					err = fmt.Errorf("event %d came where %d was due", m.Seq, next)
				}
				if err != nil {
					failures <- err
					return
				}
				next++
				seen.Store(m.Seq)
				if n == 0 && m.Type != execution.TypeLog {
					e, err := m.Event()
					if err != nil {
						failures <- err
						return
					}
					last = e
				}
			}
			ends <- time.Now()
		}()
	}

	// Beside it: how far the watchers are behind, and what is held.
	journal := filepath.Join(w.data, "executions", ack.ExecutionID, "events.ndjson")
	watching, stop := context.WithCancel(ctx)
	var peakServer, peakRunner int
	var serverCPU, runnerCPU time.Duration
	var behind []time.Duration
	sampling := make(chan struct{})
	go func() {
		defer close(sampling)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-watching.Done():
				return
			}
			peakServer = max(peakServer, status(w.server.Process.Pid, "VmRSS"))
			serverCPU = max(serverCPU, cpu(w.server.Process.Pid))
			for _, pid := range w.runners() {
				peakRunner = max(peakRunner, status(pid, "VmRSS"))
				runnerCPU = max(runnerCPU, cpu(pid))
			}
			// How long does the watcher take until it has what is stored now?
			record, err := c.Get(watching, ack.ExecutionID)
			if err != nil || record.Terminal || s.watchers == 0 {
				continue
			}
			asked := time.Now()
			for seen.Load() < record.Head && watching.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			behind = append(behind, time.Since(asked))
		}
	}()
	record, err := c.Wait(ctx, ack.ExecutionID)
	wg.Wait()
	stop()
	<-sampling
	if err != nil {
		return err
	}
	select {
	case err := <-failures:
		return err
	default:
	}
	if record.Status != execution.Completed {
		return fmt.Errorf("the agent ended as %s: %s", record.Status, record.Error)
	}
	took := record.EndedAt.Sub(*record.StartedAt)
	stored := record.Head - 3 // all but queued, started, completed
	if stored != s.lines {
		return fmt.Errorf("%d lines were stored of %d", stored, s.lines)
	}
	figure("stored", "%s lines/s (%s lines of %d bytes in %.2f s)", thousands(float64(stored)/took.Seconds()), thousands(float64(stored)), s.size, took.Seconds())
	if info, err := os.Stat(journal); err == nil {
		figure("journal", "%.0f MB, %.0f MB/s", float64(info.Size())/1e6, float64(info.Size())/1e6/took.Seconds())
	}
	if s.watchers > 0 {
		late := time.Duration(0)
		for range s.watchers {
			if d := (<-ends).Sub(last.Timestamp.Time); d > late {
				late = d
			}
		}
		sortDurations(behind)
		figure("watching client", "every event once, in order; behind the journal p50 %v, max %v; had the last one %v after it was written",
			percentile(behind, 50).Round(time.Millisecond), percentile(behind, 100).Round(time.Millisecond), late.Round(time.Millisecond))
	}
	figure("memory, server", "%.1f MB at most (%.2f s of processor)", float64(peakServer)/1e3, serverCPU.Seconds())
	figure("memory, runner", "%.1f MB at most (%.2f s of processor)", float64(peakRunner)/1e3, runnerCPU.Seconds())
	return nil
}
