package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/testagent/lines"
	"github.com/claudeops/claudeops/protocol"
)

// latency follows an agent that writes into each line when it wrote it.
func latency(ctx context.Context, w *world, s settings) error {
	count := uint64(s.rate * s.duration.Seconds())
	if err := w.define("stamps", "-stamp", "-rate", fmt.Sprint(s.rate), "-count", fmt.Sprint(count), "-size", fmt.Sprint(s.size)); err != nil {
		return err
	}
	if _, err := w.serve(ctx); err != nil {
		return err
	}
	c, err := w.client()
	if err != nil {
		return err
	}
	ack, err := c.Execute(ctx, "stamps", nil)
	if err != nil {
		return err
	}
	var took []time.Duration
	for m, err := range c.Messages(ctx, protocol.Cursor{ExecutionID: ack.ExecutionID}) {
		now := time.Now()
		if err != nil {
			return err
		}
		if m.Type != execution.TypeLog {
			continue
		}
		e, err := m.Event()
		if err != nil {
			return err
		}
		line, err := lines.Parse([]byte(*e.Message), 0)
		if err != nil {
			return err
		}
		took = append(took, now.Sub(time.Unix(0, line.Sent)))
	}
	if uint64(len(took)) != count {
		return fmt.Errorf("%d lines came of %d", len(took), count)
	}
	if len(took) == 0 {
		return errors.New("nothing was measured")
	}
	sortDurations(took)
	figure("write(2) to read", "p50 %v, p90 %v, p99 %v, max %v (%d lines at %.0f/s)", micro(percentile(took, 50)), micro(percentile(took, 90)),
		micro(percentile(took, 99)), micro(took[len(took)-1]), len(took), s.rate)
	return nil
}

func sortDurations(d []time.Duration) { slices.Sort(d) }

func micro(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
