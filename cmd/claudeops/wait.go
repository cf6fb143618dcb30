package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

func (c *command) waitCommand() *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "wait ID…",
		Short: "Wait until executions have ended, and end as they ended",
		Long: `Waits until executions have ended, and ends with the exit code that claudeops run would have ended
with: of several, that of the first one named whose code is not 0. The beginning of an id is enough
where it names one execution alone; last is the newest. Ctrl-C ends the waiting, not the execution.`,
		Example: `  id=$(claudeops run nightly --detach)
  claudeops wait "$id" && echo done`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeID(-1),
		RunE:              func(cmd *cobra.Command, args []string) error { return runError(c.wait(cmd.Context(), args, quiet)) },
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "nothing but the exit code")
	return cmd
}

func (c *command) wait(ctx context.Context, args []string, quiet bool) error {
	p := c.newPrinter()
	p.quiet = quiet || c.json
	cl, err := c.connect(ctx, client.WithState((&following{c: c, p: p}).state))
	if err != nil {
		return err
	}
	ids := make([]string, len(args))
	for i, arg := range args {
		if ids[i], err = resolveID(ctx, cl, arg); err != nil {
			return unknownID(err)
		}
	}
	code := exitOK
	for _, id := range ids {
		record, err := cl.Wait(ctx, id)
		if err != nil {
			return err
		}
		switch {
		case c.json:
			err = newLines(c.stdout).object(status(record))
		case !quiet:
			_, err = fmt.Fprintf(c.stdout, "%s %s: %s\n", record.ExecutionID, neutral(record.AgentType), endText(record))
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errOutput, err)
		}
		if code == exitOK {
			code = outcomeOfRecord(record).code()
		}
	}
	if code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

// unknownID makes an id that names nothing a wrong use, for commands whose other codes are the agent's.
func unknownID(err error) error {
	var exit *exitError
	if errors.As(err, &exit) || client.CodeOf(err) != "" || unreachable(err) {
		return err
	}
	return &exitError{exitUsage, err}
}

// endText says how an execution ended, in few words.
func endText(r protocol.Record) string {
	text := string(r.Status)
	if d := detail(r); d != "" {
		text += ": " + neutral(d)
	}
	return text
}
