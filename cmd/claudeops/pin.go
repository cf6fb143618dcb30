package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

func (c *command) pinCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pin ID…",
		Short: "Keep executions, whatever retention says",
		Long: `Keeps executions with everything they wrote, whatever retention says, until they are unpinned. One
that still runs is kept when it has ended. claudeops ps -a --pinned lists them.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeID(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.pin(cmd.Context(), args, "pinned", (*client.Client).Pin)
		},
	}
}

func (c *command) unpinCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "unpin ID…",
		Short:             "Leave executions to retention again",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeID(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.pin(cmd.Context(), args, "unpinned", (*client.Client).Unpin)
		},
	}
}

func (c *command) pin(ctx context.Context, args []string, done string, do func(*client.Client, context.Context, string) (protocol.Record, error)) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	failed, code := 0, exitFailure
	for _, arg := range args {
		id, err := resolveID(ctx, cl, arg)
		var record protocol.Record
		if err == nil {
			record, err = do(cl, ctx, id)
		}
		if err != nil {
			failed++
			code = max(code, codeOf(err))
			c.complain(fmt.Errorf("%s: %w", arg, err))
			continue
		}
		if c.json {
			err = newLines(c.stdout).object(status(record))
		} else {
			_, err = fmt.Fprintf(c.stdout, "%s %s: %s\n", record.ExecutionID, neutral(record.AgentType), done)
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		return &exitError{code: code}
	}
	return nil
}
