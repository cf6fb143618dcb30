package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/app"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/trust/auth"
)

type pruneFlags struct {
	yes, dryRun bool
}

func (c *command) pruneCommand() *cobra.Command {
	f := &pruneFlags{}
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Show what retention would remove, or remove it now",
		Long: `Shows what retention would remove now, and why; nothing is removed. With --yes it is removed at once,
which the server otherwise does by itself, now and then.

The rules are the server's (claudeops serve --retention-…) and those in definitions (retention:).
Without a server they are those that the last one had. What runs, waits or is pinned is never touched.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.prune(cmd.Context(), f) },
	}
	cmd.Flags().BoolVar(&f.yes, "yes", false, "remove it")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only show it, as without --yes")
	cmd.MarkFlagsMutuallyExclusive("yes", "dry-run")
	return cmd
}

func (c *command) prune(ctx context.Context, f *pruneFlags) error {
	report, err := c.retention(ctx, f.yes)
	if err != nil {
		return err
	}
	if c.json {
		err = newLines(c.stdout).object(report)
	} else {
		err = c.tellRetention(report)
	}
	if err == nil && report.Totals.Failed > 0 {
		err = &exitError{code: exitFailure}
	}
	return err
}

// retention asks the server, or where there is none looks at the data directory itself.
func (c *command) retention(ctx context.Context, run bool) (client.Retention, error) {
	cl, err := c.connect(ctx)
	switch {
	case err == nil && run:
		return cl.RunRetention(ctx)
	case err == nil:
		return cl.PreviewRetention(ctx)
	case !errors.Is(err, errNoServer) || c.url != "":
		return client.Retention{}, err
	}
	return c.retentionWithoutServer(ctx, run)
}

func (c *command) retentionWithoutServer(ctx context.Context, run bool) (report client.Retention, err error) {
	dir, err := c.dataDir()
	if err != nil {
		return report, err
	}
	log, err := newLog(c.stderr, "text", "warn")
	if err != nil {
		return report, err
	}
	record, err := app.OpenRecord(ctx, app.Config{DataDir: dir, Log: log})
	if err != nil {
		return report, fmt.Errorf("prune: %w", err)
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	policy := record.Policy()
	if report.Rules, err = json.Marshal(policy.Server); err != nil {
		return report, err
	}
	for name, rules := range policy.Agents {
		text, err := json.Marshal(rules)
		if err != nil {
			return report, err
		}
		if report.Agents == nil {
			report.Agents = map[string]json.RawMessage{}
		}
		report.Agents[name] = text
	}
	report.DryRun, report.Removals = !run, []client.Removal{}
	var done retention.Report
	if run {
		done, err = record.Run(ctx, retention.Actor{ID: auth.OwnerID, Kind: auth.KindOwner, Via: "cli"})
	} else {
		done.Removed, err = record.Preview(ctx)
	}
	for _, failure := range done.Failed {
		r := removal(failure.Removal)
		r.Bytes, r.Error = 0, failure.Err.Error()
		report.Removals = append(report.Removals, r)
	}
	for _, r := range done.Removed {
		report.Removals = append(report.Removals, removal(r))
	}
	sum := retention.Sum(done.Removed)
	report.Totals = client.RetentionTotals{Executions: sum.Executions, Logs: sum.Logs, Bytes: sum.Bytes, Failed: len(done.Failed), Spared: len(done.Spared)}
	return report, err
}

func removal(r retention.Removal) client.Removal {
	out := client.Removal{
		ExecutionID: r.ID, AgentType: r.Agent, EndedAt: r.Ended, What: "execution",
		Rule: string(r.Rule), Limit: r.Limit, Own: r.Own, Bytes: r.Bytes,
	}
	if !r.Rule.Whole() {
		out.What = "logs"
	}
	return out
}

func (c *command) tellRetention(report client.Retention) error {
	rules, err := describeRules(report)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stderr, rules)
	if len(report.Removals) > 0 {
		t := &table{}
		t.add("ID", "AGENT", "ENDED", "SIZE", "GOES", "WHY")
		for _, r := range report.Removals {
			why := r.Rule + " " + r.Limit
			if r.Own {
				why += " (the agent's)"
			}
			if r.Error != "" {
				why += ": " + r.Error
			}
			t.add(r.ExecutionID, r.AgentType, r.EndedAt.Local().Format(time.DateTime), bytesText(r.Bytes), r.What, why)
		}
		if err := t.print(c, c.stdout); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(c.stdout, retentionSummary(report))
	if err == nil && report.DryRun && report.Totals.Executions+report.Totals.Logs > 0 {
		fmt.Fprintf(c.stderr, "nothing was removed; claudeops prune%s --yes does it now\n", c.dataFlag())
	}
	return err
}

func retentionSummary(report client.Retention) string {
	t := report.Totals
	verb := "removed"
	if report.DryRun {
		verb = "would go"
	}
	if t.Executions+t.Logs+t.Failed == 0 {
		if report.DryRun {
			return "nothing would go"
		}
		return "nothing was removed"
	}
	text := fmt.Sprintf("%s, and the log of %s: %s %s", count(t.Executions, "execution", "executions"), count(t.Logs, "other", "others"), bytesText(t.Bytes), verb)
	if t.Failed > 0 {
		text += fmt.Sprintf("; %s could not be removed and will be tried again", count(t.Failed, "execution", "executions"))
	}
	if t.Spared > 0 {
		text += fmt.Sprintf("; %s spared, pinned meanwhile", count(t.Spared, "execution", "executions"))
	}
	return text
}

// describeRules says by which rules.
func describeRules(report client.Retention) (string, error) {
	var own []string
	var server retention.Rules
	if err := json.Unmarshal(report.Rules, &server); err != nil {
		return "", fmt.Errorf("read the rules of retention: %w", err)
	}
	for name, text := range report.Agents {
		var rules retention.Rules
		if err := json.Unmarshal(text, &rules); err != nil {
			return "", fmt.Errorf("read the rules of retention of %s: %w", name, err)
		}
		if described := rules.Describe(); len(described) > 0 {
			own = append(own, neutral(name)+": "+strings.Join(described, ", "))
		}
	}
	slices.Sort(own)
	all := server.Describe()
	if len(all) == 0 {
		all = []string{"everything is kept"}
	}
	return "rules: " + strings.Join(append([]string{strings.Join(all, ", ")}, own...), "; "), nil
}
