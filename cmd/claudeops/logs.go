package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

type logsFlags struct {
	follow     bool
	since      uint64
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
enough where it names one execution alone.`,
		Example: `  claudeops logs -f 01jd3w
  claudeops logs --tail 100 01jd3w
  claudeops logs --json --since 1200 01jd3w`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.logs(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on until the execution ends")
	flags.Uint64Var(&f.since, "since", 0, "only events after this `seq`")
	flags.Int64VarP(&f.tail, "tail", "n", -1, "only the last `n` events")
	flags.BoolVar(&f.raw, "raw", false, "show control characters to the terminal as they are")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "nothing but what the agent wrote")
	flags.BoolVarP(&f.timestamps, "timestamps", "t", false, "the time before each line")
	cmd.MarkFlagsMutuallyExclusive("since", "tail")
	return cmd
}

func (c *command) logs(ctx context.Context, text string, f *logsFlags) error {
	if f.tail < -1 {
		return usageError("--tail %d: wants a number of events", f.tail)
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
	cursor := protocol.Cursor{ExecutionID: id, Seq: f.since}
	if f.tail >= 0 {
		if cursor, err = cl.Tail(ctx, id, uint64(f.tail)); err != nil {
			return err
		}
	}
	events := cl.History(ctx, cursor)
	if f.follow {
		events = cl.Messages(ctx, cursor)
	}
	out := &lines{w: c.stdout}
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
	return nil
}
