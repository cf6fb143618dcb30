package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/approval"
)

func (c *command) rulesCommand() *cobra.Command {
	rules := &cobra.Command{
		Use:   "rules",
		Short: "Try the approval rules of a definition",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	rules.AddCommand(&cobra.Command{
		Use:   "test FILE TOOL [ARGUMENT]",
		Short: "Say what the rules of a definition do with the use of a tool",
		Long: `Reads the definition in FILE, without a server, and says what its approvalRules do with the use of a
tool: allow, deny or ask, and by which rule. ARGUMENT is the tool's main argument, such as Bash's
command, or its whole input as JSON.

Exit codes: 0 allow; 1 ask; 3 deny; 2 the definition can't be read.`,
		Example: `  claudeops rules test agents/deploy.yaml Bash 'git status && make release'
  claudeops rules test agents/deploy.yaml Write '{"file_path": "/srv/x"}'`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(_ *cobra.Command, args []string) error {
			argument := ""
			if len(args) == 3 {
				argument = args[2]
			}
			return c.testRules(args[0], args[1], argument)
		},
	})
	return rules
}

// Exit codes of `rules test`, beside 0 for allow and 2 for a definition that can't be read.
const (
	exitAsk  = 1
	exitDeny = 3
)

func (c *command) testRules(file, tool, argument string) error {
	source, err := os.ReadFile(file)
	if err != nil {
		return usageError("rules test: %w", err)
	}
	d, problems := agent.Parse(file, source)
	if len(problems) > 0 {
		return usageError("rules test: %w", problems[0])
	}
	verdict := approval.Decide(d.Settings.ApprovalRules, tool, toolInput(tool, argument))
	by := ""
	if verdict.Rule != nil {
		by = approval.Describe(*verdict.Rule)
	}
	if c.json {
		err = newLines(c.stdout).object(struct {
			Then string `json:"then"`
			Rule string `json:"rule,omitempty"`
			Why  string `json:"why,omitempty"`
		}{verdict.Then, by, verdict.Why})
	} else {
		fmt.Fprintln(c.stdout, verdict.Then)
		if by != "" {
			fmt.Fprintln(c.stdout, "by the rule "+by)
		}
		if verdict.Why != "" {
			fmt.Fprintln(c.stdout, verdict.Why)
		}
	}
	switch {
	case err != nil:
		return err
	case verdict.Then == approval.Allow:
		return nil
	case verdict.Then == approval.Deny:
		return &exitError{exitDeny, nil}
	}
	return &exitError{exitAsk, nil}
}
