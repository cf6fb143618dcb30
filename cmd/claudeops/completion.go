package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/protocol"
)

// Completion asks the server, briefly; where none answers there is nothing to complete, but agents
// are known from their definitions.

const completionTimeout = 2 * time.Second

type completeFunc = func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective)

// completionClient gives a client for the server, nil where none answers.
func (c *command) completionClient(cmd *cobra.Command) (*client.Client, context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	if err := fromEnvironment(cmd); err != nil { // completion runs without the root's own preparations
		return nil, ctx, cancel
	}
	cl, err := c.connect(ctx)
	if err != nil {
		return nil, ctx, cancel
	}
	return cl, ctx, cancel
}

// completeAgent completes the name of an agent, as the first argument or a flag's value.
func (c *command) completeAgent(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, a := range c.knownAgents(cmd) {
		names = append(names, described(a.Name, a.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// knownAgents are the server's agents, or without a server those in the definitions' directory.
func (c *command) knownAgents(cmd *cobra.Command) []client.Agent {
	cl, ctx, cancel := c.completionClient(cmd)
	defer cancel()
	if cl != nil {
		agents, _, err := cl.Agents(ctx)
		if err != nil {
			return nil
		}
		return agents
	}
	dir := os.Getenv(twin("agents"))
	if flag := cmd.Flags().Lookup("agents"); flag != nil && flag.Value.String() != "" {
		dir = flag.Value.String()
	}
	catalogue, err := agent.OpenCatalogue(agent.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil
	}
	var agents []client.Agent
	for _, d := range catalogue.List() {
		agents = append(agents, client.Agent{Name: d.Name, Title: d.Title, Parameters: d.Parameters})
	}
	return agents
}

// completeParameter completes -c: the names of the agent's parameters, and values where the schema
// lists them.
func (c *command) completeParameter(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	if len(args) == 0 {
		return nil, directive
	}
	var schema struct {
		Properties map[string]struct {
			Title string            `json:"title"`
			Type  any               `json:"type"`
			Enum  []json.RawMessage `json:"enum"`
		} `json:"properties"`
	}
	agents := c.knownAgents(cmd)
	i := slices.IndexFunc(agents, func(a client.Agent) bool { return a.Name == args[0] })
	if i < 0 || json.Unmarshal(agents[i].Parameters, &schema) != nil {
		return nil, directive
	}
	name, value, hasValue := strings.Cut(toComplete, "=")
	if !hasValue {
		var names []cobra.Completion
		for name, property := range schema.Properties {
			names = append(names, described(name+"=", property.Title))
		}
		slices.Sort(names)
		return names, directive
	}
	if strings.HasPrefix(value, "@") {
		return nil, cobra.ShellCompDirectiveDefault // a file
	}
	property := schema.Properties[name]
	var values []cobra.Completion
	for _, raw := range property.Enum {
		text := string(raw)
		_ = json.Unmarshal(raw, &text) // strings without their quotes
		values = append(values, name+"="+text)
	}
	if property.Type == "boolean" {
		values = append(values, name+"=true", name+"=false")
	}
	return values, cobra.ShellCompDirectiveNoFileComp
}

// completeID completes the ids of executions of these statuses, of any where none is named, the newest
// first. most is how many arguments are ids; below 0: all from argument -most-1 on.
func (c *command) completeID(most int, statuses ...execution.Status) completeFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most || most < 0 && len(args) < -most-1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cl, ctx, cancel := c.completionClient(cmd)
		defer cancel()
		if cl == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		filter := client.Filter{Limit: 50}
		for _, status := range statuses {
			filter.Status = append(filter.Status, protocol.Status(status))
		}
		if prefix := strings.ToLower(toComplete); prefix != "" && strings.Trim(prefix, crockford) == "" {
			since, until := prefixTimes(prefix)
			filter.Since, filter.Until = since.Add(-time.Minute), until.Add(time.Minute)
		}
		page, err := cl.List(ctx, filter)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ids := []cobra.Completion{described(newest, "the newest execution")}
		for _, r := range page.Executions {
			ids = append(ids, described(r.ExecutionID, fmt.Sprintf("%s, %s, %s", r.AgentType, r.Status, r.QueuedAt.Local().Format("01-02 15:04"))))
		}
		return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// described is a completion with a description, each on one line whatever it holds.
func described(text, description string) cobra.Completion {
	return cobra.CompletionWithDesc(neutral(text), strings.Join(strings.Fields(neutral(description)), " "))
}

func completeStatus(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, status := range execution.Statuses {
		names = append(names, string(status))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeWords completes one of a few words.
func completeWords(words ...string) completeFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
