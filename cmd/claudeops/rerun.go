package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// maskedSecret stands in a record where a secret's value was.
const maskedSecret = "••••••"

func (c *command) rerunCommand() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "rerun ID [-c key=value]…",
		Short: "Run an agent again with the parameters of an earlier execution",
		Long: `Runs the agent of an earlier execution again with the same parameters, but for those given with -c,
shows what it writes, and ends as claudeops run does. The definition is the one there is now. Secrets
are not kept, so they have to be given again.`,
		Example: `  claudeops rerun last
  claudeops rerun 01jd3w -c path=/srv --detach`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeID(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.rerun(cmd.Context(), args[0], f) },
	}
	f.register(c, cmd)
	return cmd
}

func (c *command) rerun(ctx context.Context, text string, f *runFlags) error {
	return c.startAndFollow(ctx, f, func(ctx context.Context, cl *client.Client) (protocol.Record, error) {
		id, err := resolveID(ctx, cl, text)
		if err != nil {
			return protocol.Record{}, unknownID(err)
		}
		earlier, err := cl.Get(ctx, id)
		if err != nil {
			return protocol.Record{}, err
		}
		config := map[string]json.RawMessage{}
		if len(earlier.Config) > 0 {
			if err := json.Unmarshal(earlier.Config, &config); err != nil {
				return protocol.Record{}, fmt.Errorf("read the parameters of %s: %w", id, err)
			}
		}
		encoded, err := c.withParameters(ctx, cl, earlier.AgentType, config, f.config, &input{stdin: c.stdin})
		if err != nil {
			return protocol.Record{}, err
		}
		for name, value := range config {
			if strings.Contains(string(value), maskedSecret) {
				return protocol.Record{}, usageError("%s of execution %s is a secret, which is not kept: give it with -c %s=…", name, id, name)
			}
		}
		return create(ctx, cl, earlier.AgentType, encoded, f)
	})
}
