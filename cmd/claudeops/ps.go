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

	status       []string
	since, until string
	tags         []string
}

func (c *command) psCommand() *cobra.Command {
	f := &psFlags{}
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List executions",
		Long: `Lists executions that run or wait; with -a those that have ended too, the newest first. --status
chooses by status, --since and --until by the time at which an execution was queued; with one of these,
executions that have ended are listed too.`,
		Example: `  claudeops ps --status failed --since 1d
  claudeops ps -a --agent nightly -n 5`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.ps(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "those that have ended too")
	flags.IntVarP(&f.limit, "limit", "n", 0, "at most `number` of them (default: all that run or wait; 20 with -a)")
	flags.StringVar(&f.agent, "agent-type", "", "only executions of this `agent`")
	flags.StringVar(&f.agent, "agent", "", "the same as --agent-type `agent`")
	_ = flags.SetAnnotation("agent", noTwin, []string{"true"})
	flags.StringSliceVar(&f.status, "status", nil, "only executions of this `status`: queued, running, cancelling, completed, failed, cancelled (repeatable, or with commas)")
	flags.StringVar(&f.since, "since", "", "only executions queued at this `time` or later: 2h, 3d, 2026-01-31, 14:00, 2026-01-31T14:00:00Z")
	flags.StringVar(&f.until, "until", "", "only executions queued before this `time`")
	flags.StringSliceVar(&f.tags, "tag", nil, "only executions with this `tag` (repeated: with all of them)")
	flags.BoolVar(&f.pinned, "pinned", false, "only executions that are pinned")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "ids alone")
	cmd.MarkFlagsMutuallyExclusive("agent", "agent-type")
	_ = cmd.RegisterFlagCompletionFunc("agent", c.completeAgent)
	_ = cmd.RegisterFlagCompletionFunc("agent-type", c.completeAgent)
	_ = cmd.RegisterFlagCompletionFunc("status", completeStatus)
	return cmd
}

func (c *command) ps(ctx context.Context, f *psFlags) error {
	if f.limit < 0 {
		return usageError("-n %d: wants a number of executions", f.limit)
	}
	filter, err := f.filter(time.Now())
	if err != nil {
		return err
	}
	limit := f.limit
	if limit == 0 && f.ended() {
		limit = 20
	}
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	records, err := list(ctx, cl, filter, limit)
	if err != nil {
		return err
	}
	if c.json {
		out := newLines(c.stdout)
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
		switch {
		case f.ended() && f.chosen():
			fmt.Fprintln(c.stderr, "no executions match")
		case f.all:
			fmt.Fprintln(c.stderr, "nothing has run yet; claudeops run system-health"+c.dataFlag()+" is a beginning")
		default:
			fmt.Fprintln(c.stderr, "nothing runs; claudeops ps -a"+c.dataFlag()+" lists what has")
		}
		return nil
	}
	return executionTable(records, time.Now()).print(c, c.stdout)
}

// ended says whether executions that have ended are asked for.
func (f *psFlags) ended() bool { return f.all || f.since != "" || f.until != "" || len(f.status) > 0 }

// chosen says whether anything but -a narrows the list.
func (f *psFlags) chosen() bool {
	return f.agent != "" || len(f.tags) > 0 || f.pinned || f.since != "" || f.until != "" || len(f.status) > 0
}

func (f *psFlags) filter(now time.Time) (filter client.Filter, err error) {
	filter.AgentType, filter.Tags = f.agent, f.tags
	if f.pinned {
		filter.Pinned = new(true)
	}
	if filter.Since, err = moment("--since", f.since, now); err != nil {
		return filter, err
	}
	if filter.Until, err = moment("--until", f.until, now); err != nil {
		return filter, err
	}
	if filter.Status, err = statuses(f.status); err != nil {
		return filter, err
	}
	if !f.ended() {
		filter.Status = []protocol.Status{execution.Queued, execution.Running, execution.Cancelling}
	}
	return filter, nil
}

// statuses reads the values of --status.
func statuses(texts []string) (list []protocol.Status, err error) {
	for _, text := range texts {
		if !protocol.Status(text).Valid() {
			return nil, usageError("--status %s: is none of queued, running, cancelling, completed, failed, cancelled", text)
		}
		list = append(list, protocol.Status(text))
	}
	return list, nil
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
	t := &table{colors: map[int]func(string) string{2: statusColor}, optional: []int{5, 4, 3}}
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
