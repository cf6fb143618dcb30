package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
)

func (c *command) agentsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "agents",
		Short: "List what can be run, and what is wrong with definitions",
		Long: `Lists what can be run, and what is wrong with definitions.

Exit codes: 0 every definition is good; 1 there are problems. claudeops validate looks at definitions
without a server.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.agents(cmd.Context()) },
	}
}

func (c *command) agents(ctx context.Context) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	agents, problems, err := cl.Agents(ctx)
	if err != nil {
		return err
	}
	if c.json {
		out := newLines(c.stdout)
		for _, agent := range agents {
			if err := out.object(agent.Raw); err != nil {
				return err
			}
		}
		for _, p := range problems {
			if err := out.object(map[string]any{"problem": p}); err != nil {
				return err
			}
		}
		return withProblems(problems)
	}
	t := &table{}
	t.add("NAME", "DESCRIPTION", "PARAMETERS")
	for _, agent := range agents {
		text := agent.Description
		if text == "" {
			text = agent.Title
		}
		t.add(agent.Name, strings.Join(strings.Fields(text), " "), parametersText(agent))
	}
	if err := t.print(c, c.stdout); err != nil {
		return err
	}
	for _, p := range problems {
		fmt.Fprintln(c.stderr, c.paint(c.stderr, yellow, problemText(p)))
	}
	return withProblems(problems)
}

// withProblems ends with exit code 1 when there are any. A warning keeps nothing from being run.
func withProblems(problems []client.AgentProblem) error {
	if slices.ContainsFunc(problems, func(p client.AgentProblem) bool { return !p.Warning }) {
		return &exitError{code: exitFailure}
	}
	return nil
}

// parametersText lists an agent's parameters, those that must be given marked with a star.
func parametersText(agent client.Agent) string {
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	if json.Unmarshal(agent.Parameters, &schema) != nil || len(schema.Properties) == 0 {
		return "–"
	}
	var names []string
	for name := range schema.Properties {
		if slices.Contains(schema.Required, name) {
			name += "*"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func problemText(p client.AgentProblem) string {
	place := p.File
	if p.Line > 0 {
		place += fmt.Sprintf(":%d", p.Line)
		if p.Column > 0 {
			place += fmt.Sprintf(":%d", p.Column)
		}
	}
	text := place + ": "
	if p.Warning {
		text += "warning: "
	}
	if p.Field != "" {
		text += p.Field + ": "
	}
	return neutral(text + p.Message)
}
