package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// replay gives a journal of up to 3 million lines to a reader that has nothing of it, over the live
// connection and over plain HTTP.
func replay(ctx context.Context, w *world, s settings) error {
	count := min(s.lines, 3_000_000)
	if err := w.define("flood", "-count", fmt.Sprint(count), "-size", fmt.Sprint(s.size)); err != nil {
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
	if _, err := c.Wait(ctx, ack.ExecutionID); err != nil {
		return err
	}
	cursor := protocol.Cursor{ExecutionID: ack.ExecutionID}
	for _, way := range []struct {
		name string
		all  func() (events, bytes uint64, err error)
	}{
		{"over WebSocket", func() (events, bytes uint64, err error) {
			for m, err := range c.Messages(ctx, cursor) {
				if err != nil {
					return events, bytes, err
				}
				events++
				bytes += uint64(len(m.Raw)) + 1
			}
			return events, bytes, nil
		}},
		{"over HTTP", func() (events, bytes uint64, err error) {
			for m, err := range c.History(ctx, cursor) {
				if err != nil {
					return events, bytes, err
				}
				events++
				bytes += uint64(len(m.Raw)) + 1
			}
			return events, bytes, nil
		}},
	} {
		begun, used, own := time.Now(), cpu(w.server.Process.Pid), cpu(os.Getpid())
		events, bytes, err := way.all()
		if err != nil {
			return err
		}
		took := time.Since(begun)
		if events != count+3 {
			return fmt.Errorf("%s %d events came of %d", way.name, events, count+3)
		}
		figure(way.name, "%.0f MB/s, %s lines/s (%.2f s; the server used %.2f s of processor, the client %.2f s)", float64(bytes)/1e6/took.Seconds(),
			thousands(float64(events)/took.Seconds()), took.Seconds(), (cpu(w.server.Process.Pid) - used).Seconds(), (cpu(os.Getpid()) - own).Seconds())
	}
	return nil
}
