package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

type logsFlags struct {
	follow     bool
	since      string
	tail       int64
	raw        bool
	quiet      bool
	timestamps bool
}

func (c *command) logsCommand() *cobra.Command {
	f := &logsFlags{}
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "Show what an execution wrote",
		Long: `Shows what an execution wrote, up to now, or with -f until it ends. The beginning of an id is
enough where it names one execution alone; last is the newest.

--since takes an event's number (seq), how long ago (5m, 2h, 1d), or a time (14:00, 2026-01-31,
2026-01-31T14:00:00Z).`,
		Example: `  claudeops logs -f 01jd3w
  claudeops logs --tail 100 last
  claudeops logs --since 5m last
  claudeops logs --json --since 1200 01jd3w`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeID(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.logs(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on until the execution ends")
	flags.StringVar(&f.since, "since", "", "only events after this seq, or of this `time` or later: 5m, 1d, 14:00, 2026-01-31T14:00:00Z")
	flags.Int64VarP(&f.tail, "tail", "n", -1, "only the last `n` events")
	flags.BoolVar(&f.raw, "raw", false, "the agent's bytes as they are, escape sequences too")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "nothing but what the agent wrote")
	flags.BoolVarP(&f.timestamps, "timestamps", "t", false, "the time before each line")
	cmd.MarkFlagsMutuallyExclusive("since", "tail")
	return cmd
}

func (c *command) logs(ctx context.Context, text string, f *logsFlags) error {
	if f.tail < -1 {
		return usageError("--tail %d: wants a number of events", f.tail)
	}
	seq, at, err := sinceWhat(f.since, time.Now())
	if err != nil {
		return err
	}
	p := c.newPrinter()
	p.raw, p.quiet, p.timestamps = f.raw, f.quiet, f.timestamps
	cl, err := c.connect(ctx, client.WithState((&following{c: c, p: p}).state))
	if err != nil {
		return err
	}
	id, err := resolveID(ctx, cl, text)
	if err != nil {
		return err
	}
	cursor := protocol.Cursor{ExecutionID: id, Seq: seq}
	switch {
	case f.tail >= 0:
		cursor, err = cl.Tail(ctx, id, uint64(f.tail))
	case !at.IsZero():
		cursor, err = cursorAt(ctx, cl, id, at)
	}
	if err != nil {
		return err
	}
	events := cl.History(ctx, cursor)
	if f.follow {
		events = cl.Messages(ctx, cursor)
	}
	out := newLines(c.stdout)
	for m, err := range events {
		var gap *client.GapError
		switch {
		case errors.As(err, &gap):
			if c.json {
				if err := out.object(gapMessage(gap)); err != nil {
					return err
				}
			} else {
				p.note(yellow, "!", gap.Error())
			}
		case err != nil:
			return err
		case c.json:
			out.message(m.Raw)
		default:
			e, err := m.Event()
			if err != nil {
				return err
			}
			p.event(&e)
		}
		if err := errors.Join(out.failed, p.failed); err != nil {
			return err
		}
	}
	p.flush()
	return p.failed
}

// sinceWhat reads --since: an event's seq, or a time.
func sinceWhat(text string, now time.Time) (seq uint64, at time.Time, err error) {
	if text == "" {
		return 0, at, nil
	}
	if strings.Trim(text, "0123456789") == "" {
		if seq, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, at, usageError("--since %s: is no seq: it is too large", text)
		}
		return seq, at, nil
	}
	if at, err = moment("--since", text, now); err != nil {
		return 0, at, usageError("--since %s: is neither an event's seq, nor how long ago, such as 5m or 1d, nor a time such as 14:00, 2026-01-31 or 2026-01-31T14:00:00Z", text)
	}
	return 0, at, nil
}

// cursorAt gives the cursor after which the events of a time and later follow, by bisection: events
// stand in the order of their times.
func cursorAt(ctx context.Context, cl *client.Client, id string, at time.Time) (protocol.Cursor, error) {
	cursor := protocol.Cursor{ExecutionID: id}
	record, err := cl.Get(ctx, id)
	if err != nil {
		return cursor, err
	}
	low, high := uint64(1), record.Head+1 // the first event of that time is in [low, high]
	for low < high {
		middle := low + (high-low)/2
		from, when, err := firstEvent(ctx, cl, id, middle, high)
		switch {
		case err != nil:
			return cursor, err
		case from == 0 || !when.Before(at): // none before high, or late enough
			high = middle
		default:
			low = from + 1
		}
	}
	cursor.Seq = low - 1
	return cursor, nil
}

// firstEvent gives the first event from a seq on, but before end, that can still be read; 0: none.
func firstEvent(ctx context.Context, cl *client.Client, id string, from, end uint64) (seq uint64, at time.Time, err error) {
	for from < end {
		for m, err := range cl.Range(ctx, id, from, from) {
			var gap *client.GapError
			if errors.As(err, &gap) {
				from = gap.To
				continue
			}
			if err != nil {
				return 0, at, err
			}
			e, err := m.Event()
			return m.Seq, e.Timestamp.Time, err
		}
		from++
	}
	return 0, at, nil
}
