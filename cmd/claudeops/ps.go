package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

type psFlags struct {
	all    bool
	limit  int
	agent  string
	pinned bool
	quiet  bool
}

func (c *command) psCommand() *cobra.Command {
	f := &psFlags{}
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List executions",
		Long:  "Lists executions that run or wait; with -a those that have ended too, the newest first.",
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.ps(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "those that have ended too")
	flags.IntVarP(&f.limit, "limit", "n", 0, "at most `number` of them (default: all that run or wait; 20 with -a)")
	flags.StringVar(&f.agent, "agent-type", "", "only executions of this `agent`")
	flags.BoolVar(&f.pinned, "pinned", false, "only executions that are pinned")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "ids alone")
	return cmd
}

func (c *command) ps(ctx context.Context, f *psFlags) error {
	if f.limit < 0 {
		return usageError("-n %d: wants a number of executions", f.limit)
	}
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	filter := client.Filter{AgentType: f.agent}
	if f.pinned {
		filter.Pinned = new(true)
	}
	limit := f.limit
	if f.all {
		if limit == 0 {
			limit = 20
		}
	} else {
		filter.Status = []protocol.Status{execution.Queued, execution.Running, execution.Cancelling}
	}
	records, err := list(ctx, cl, filter, limit)
	if err != nil {
		return err
	}
	if c.json {
		out := &lines{w: c.stdout}
		for _, record := range records {
			if err := out.object(status(record)); err != nil {
				return err
			}
		}
		return nil
	}
	if f.quiet {
		for _, record := range records {
			if _, err := fmt.Fprintln(c.stdout, record.ExecutionID); err != nil {
				return err
			}
		}
		return nil
	}
	if len(records) == 0 {
		if f.all {
			fmt.Fprintln(c.stderr, "nothing has run yet; claudeops run system-health"+c.dataFlag()+" is a beginning")
		} else {
			fmt.Fprintln(c.stderr, "nothing runs; claudeops ps -a"+c.dataFlag()+" lists what has")
		}
		return nil
	}
	return executionTable(records, time.Now()).print(c, c.stdout)
}

// list gives up to limit executions, 0 for all.
func list(ctx context.Context, cl *client.Client, filter client.Filter, limit int) ([]protocol.Record, error) {
	var records []protocol.Record
	for {
		filter.Limit = 1000
		if limit > 0 {
			filter.Limit = min(limit-len(records), 1000)
		}
		page, err := cl.List(ctx, filter)
		if err != nil {
			return nil, err
		}
		records = append(records, page.Executions...)
		if page.Next == "" || limit > 0 && len(records) >= limit {
			return records, nil
		}
		filter.Cursor = page.Next
	}
}

func executionTable(records []protocol.Record, now time.Time) *table {
	t := &table{colors: map[int]func(string) string{2: statusColor}}
	t.add("ID", "AGENT", "STATUS", "DURATION", "QUEUED", "BY", "DETAIL")
	for _, r := range records {
		t.add(r.ExecutionID, r.AgentType, statusSign(r.Status)+" "+string(r.Status), recordDuration(r, now),
			r.QueuedAt.Local().Format("01-02 15:04:05"), r.Trigger.User+" ("+r.Trigger.Kind+")", detail(r))
	}
	return t
}

// recordDuration is how long an execution has run, or had run when it ended.
func recordDuration(r protocol.Record, now time.Time) string {
	switch {
	case r.StartedAt == nil:
		return "–"
	case r.Terminal:
		return durationText(time.Duration(r.DurationMs) * time.Millisecond)
	default:
		return durationText(max(now.Sub(*r.StartedAt), 0))
	}
}

func detail(r protocol.Record) string {
	switch {
	case r.Status == execution.Queued && r.QueueReason != "":
		return r.QueueReason
	case r.Status == execution.Queued && r.QueuePosition > 0:
		return fmt.Sprintf("number %d in the queue", r.QueuePosition)
	case r.Status == execution.Failed:
		return failure(r.Error, r.Reason, r.ExitCode, r.Signal)
	case r.Status == execution.Cancelled:
		return strings.TrimSpace("by " + r.CancelledBy + " " + r.Reason)
	case !r.Terminal && r.Progress != nil:
		return strings.TrimSpace(fmt.Sprintf("%.0f %% %s", *r.Progress, r.ProgressMessage))
	}
	return ""
}

func statusSign(s execution.Status) string {
	switch s {
	case execution.Queued:
		return "◌"
	case execution.Running:
		return "●"
	case execution.Cancelling:
		return "◐"
	case execution.Completed:
		return "✓"
	case execution.Failed:
		return "✕"
	default:
		return "⊘"
	}
}

func statusColor(cell string) string {
	switch {
	case strings.HasSuffix(cell, string(execution.Completed)):
		return green
	case strings.HasSuffix(cell, string(execution.Failed)):
		return red
	case strings.HasSuffix(cell, string(execution.Running)):
		return cyan
	case strings.HasSuffix(cell, string(execution.Cancelled)), strings.HasSuffix(cell, string(execution.Cancelling)):
		return yellow
	}
	return dim
}
