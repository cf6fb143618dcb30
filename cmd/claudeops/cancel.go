package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/protocol"
)

type cancelFlags struct {
	reason string
	noWait bool

	all   bool
	agent string
	tags  []string
}

// many reports whether executions are chosen by what they are, not by their ids.
func (f *cancelFlags) many() bool { return f.all || f.agent != "" || len(f.tags) > 0 }

func (c *command) cancelCommand() *cobra.Command {
	f := &cancelFlags{}
	cmd := &cobra.Command{
		Use:   "cancel ID… | --all | --agent NAME | --tag TAG",
		Short: "Stop executions, and say when nothing of them runs any more",
		Long: `Stops executions: the agent is asked to end, and after its grace everything of it is killed. Waits
until nothing of them runs any more, and says so. The beginning of an id is enough where it names
one execution alone; last is the newest.

With --all every execution is stopped, with --agent or --tag those of an agent or with a tag. What
waits is taken out of the queue first.`,
		Example: "  claudeops cancel last --reason \"wrong branch\"\n  claudeops cancel --agent nightly\n  claudeops cancel --all",
		Args: func(cmd *cobra.Command, args []string) error {
			if f.many() {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		},
		ValidArgsFunction: c.completeID(-1, execution.Queued, execution.Running, execution.Cancelling),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.cancel(cmd.Context(), args, f) },
	}
	cmd.Flags().StringVar(&f.reason, "reason", "", "`why`, for the record")
	cmd.Flags().BoolVar(&f.noWait, "no-wait", false, "do not wait for the end")
	cmd.Flags().BoolVar(&f.all, "all", false, "every execution that has not ended")
	cmd.Flags().StringVar(&f.agent, "agent", "", "every execution of this `agent` that has not ended")
	cmd.Flags().StringSliceVar(&f.tags, "tag", nil, "every execution with this `tag` that has not ended (repeatable: with all of them)")
	_ = cmd.RegisterFlagCompletionFunc("agent", c.completeAgent)
	return cmd
}

func (c *command) cancel(ctx context.Context, args []string, f *cancelFlags) error {
	cl, err := c.connectToStop(ctx)
	if err != nil {
		return err
	}
	if f.many() {
		return c.cancelMany(ctx, cl, f)
	}
	type outcome struct {
		record protocol.Record
		before execution.Status
		err    error
	}
	outcomes := make([]chan outcome, len(args))
	for i, arg := range args {
		outcomes[i] = make(chan outcome, 1)
		go func() {
			var o outcome
			o.record, o.before, o.err = c.cancelOne(ctx, cl, arg, f)
			outcomes[i] <- o
		}()
	}
	failed, code := 0, exitFailure
	for i, arg := range args {
		o := <-outcomes[i]
		if o.err != nil {
			failed++
			code = max(code, codeOf(o.err))
			c.complain(fmt.Errorf("cancel %s: %w", arg, o.err))
			continue
		}
		if err := c.tellCancelled(o.record, o.before); err != nil {
			return err
		}
	}
	if failed > 0 {
		return &exitError{code: code}
	}
	return nil
}

// connectToStop finds the server. Stopping must be possible without one too: then a server is started
// in this process, if there is anything to stop.
func (c *command) connectToStop(ctx context.Context) (*client.Client, error) {
	cl, err := c.connect(ctx)
	if !errors.Is(err, errNoServer) || c.url != "" {
		return cl, err
	}
	dir, dirErr := c.dataDir()
	if dirErr != nil {
		return nil, err
	}
	if active, readErr := os.ReadDir(filepath.Join(dir, rundir.ActiveDir)); readErr != nil || len(active) == 0 {
		return nil, err
	}
	return (&following{c: c, p: c.newPrinter()}).server(ctx)
}

func (c *command) cancelOne(ctx context.Context, cl *client.Client, arg string, f *cancelFlags) (record protocol.Record, before execution.Status, err error) {
	id, err := resolveID(ctx, cl, arg)
	if err != nil {
		return record, "", err
	}
	if record, err = cl.Get(ctx, id); err != nil || record.Terminal {
		return record, record.Status, err
	}
	before = record.Status
	if _, err := cl.Cancel(ctx, id, f.reason); err != nil {
		return record, before, err
	}
	if f.noWait {
		record, err = cl.Get(ctx, id)
		return record, before, err
	}
	record, err = cl.Wait(ctx, id)
	return record, before, err
}

// cancelMany stops all executions that the flags choose.
func (c *command) cancelMany(ctx context.Context, cl *client.Client, f *cancelFlags) error {
	ids, failed, err := cl.CancelAll(ctx, client.CancelFilter{AgentType: f.agent, Tags: f.tags}, f.reason)
	if err != nil {
		return err
	}
	if len(ids) == 0 && len(failed) == 0 && !c.json {
		_, err := fmt.Fprintln(c.stdout, "nothing to stop")
		return err
	}
	for _, id := range ids {
		ask := cl.Wait
		if f.noWait {
			ask = cl.Get
		}
		record, err := ask(ctx, id)
		if err != nil {
			return fmt.Errorf("cancel %s: %w", id, err)
		}
		if err := c.tellCancelled(record, execution.Running); err != nil {
			return err
		}
	}
	for _, id := range failed {
		c.complain(fmt.Errorf("cancel %s: its end could not be stored, and it still waits; the server's log says why", id))
	}
	if len(failed) > 0 {
		return &exitError{code: exitFailure}
	}
	return nil
}

func (c *command) tellCancelled(record protocol.Record, before execution.Status) error {
	if c.json {
		return newLines(c.stdout).object(status(record))
	}
	_, err := fmt.Fprintf(c.stdout, "%s %s: %s\n", record.ExecutionID, neutral(record.AgentType), outcomeText(record, before))
	return err
}

// outcomeText says what became of a cancellation.
func outcomeText(record protocol.Record, before execution.Status) string {
	reaped := ""
	if record.ProcessesReaped > 0 {
		reaped = ", " + count(record.ProcessesReaped, "process", "processes") + " reaped"
	}
	switch {
	case before.Terminal():
		return "had ended already (" + string(record.Status) + ")"
	case record.Status == execution.Cancelled && record.StartedAt == nil:
		return "taken out of the queue"
	case record.Status == execution.Cancelled:
		return "stopped" + reaped
	case record.Terminal:
		return string(record.Status) + " before it could be stopped" + reaped
	default:
		return string(record.Status)
	}
}

func status(record protocol.Record) protocol.ExecutionStatus {
	return protocol.ExecutionStatus{Type: protocol.TypeExecutionStatus, Record: record}
}
