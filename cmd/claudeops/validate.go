package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/run/agent"
)

// defaultAgentsDir is where definitions are looked for, and made, where no directory is named.
const defaultAgentsDir = "agents"

func (c *command) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check agent definitions, without a server",
		Long: `Checks the definitions in DIR (default: $CLAUDEOPS_AGENTS, else ./agents) as the server would read
them, and prints each problem with its file, line and column. It starts nothing and needs no server.

Exit codes: 0 every definition can be run; 1 there are problems; 2 the directory can't be read.`,
		Example: "  claudeops validate agents",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := os.Getenv(twin("agents"))
			if len(args) > 0 {
				dir = args[0]
			}
			if dir == "" {
				dir = defaultAgentsDir
			}
			return c.validate(dir)
		},
	}
}

func (c *command) validate(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return usageError("validate: %w", err)
	}
	if !info.IsDir() {
		return usageError("validate: %s is no directory; give the directory that holds the definitions", dir)
	}
	catalogue, err := agent.OpenCatalogue(agent.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return usageError("validate: %w", err)
	}
	good := 0
	for _, d := range catalogue.List() {
		if d.File != "" {
			good++
		}
	}
	problems, wrong := catalogue.Problems(), 0
	out := newLines(c.stdout)
	for _, p := range problems {
		if !p.Warning {
			wrong++
		}
		p.File = filepath.Join(dir, filepath.Base(p.File))
		if c.json {
			err = out.object(map[string]any{"problem": p})
		} else {
			_, err = fmt.Fprintln(c.stdout, problemText(client.AgentProblem(p)))
		}
		if err != nil {
			return err
		}
	}
	text := count(good, "definition is good", "definitions are good")
	if wrong > 0 {
		text += ", " + count(wrong, "problem", "problems")
	}
	if warnings := len(problems) - wrong; warnings > 0 {
		text += ", " + count(warnings, "warning", "warnings")
	}
	if c.json {
		err = out.object(map[string]any{"type": "validate", "directory": dir, "definitions": good, "problems": wrong, "warnings": len(problems) - wrong})
	} else {
		_, err = fmt.Fprintln(c.stderr, text)
	}
	if err == nil && wrong > 0 {
		err = &exitError{code: exitFailure}
	}
	return err
}
