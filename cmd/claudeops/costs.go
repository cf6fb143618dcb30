package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

type costsFlags struct {
	by, agent    string
	since, until string
	timezone     string
	csv          bool
}

var costsBy = []string{"day", "agent", "model", "trigger", "user"}

func (c *command) costsCommand() *cobra.Command {
	f := &costsFlags{}
	cmd := &cobra.Command{
		Use:   "costs",
		Short: "Sum what executions have cost",
		Long: `Sums what executions have cost, by the day on which they were queued, or by agent, model, kind of trigger
or user. NOTIONAL is what subscriptions pay for: nobody is charged it, and it is not part of USD.`,
		Example: "  claudeops costs --since 30d\n  claudeops costs --by model --since 2026-01-01 --csv > costs.csv",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.costs(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.by, "by", "day", "what is summed by: `key` is day, agent, model, trigger or user")
	flags.StringVar(&f.agent, "agent", "", "only executions of this `agent`")
	flags.StringVar(&f.since, "since", "", "only executions queued at this `time` or later: 2h, 3d, 2026-01-31, 14:00, 2026-01-31T14:00:00Z")
	flags.StringVar(&f.until, "until", "", "only executions queued before this `time`")
	flags.StringVar(&f.timezone, "timezone", "", "time `zone` of days, such as Europe/Berlin (default UTC)")
	flags.BoolVar(&f.csv, "csv", false, "a table with commas, for spreadsheets")
	_ = cmd.RegisterFlagCompletionFunc("by", completeWords(costsBy...))
	_ = cmd.RegisterFlagCompletionFunc("agent", c.completeAgent)
	return cmd
}

func (c *command) costs(ctx context.Context, f *costsFlags) error {
	if !slices.Contains(costsBy, f.by) {
		return usageError("--by %s: is none of %s", f.by, strings.Join(costsBy, ", "))
	}
	if f.csv && c.json {
		return usageError("--csv and --json can't both be had")
	}
	now := time.Now()
	if f.timezone != "" {
		zone, err := time.LoadLocation(f.timezone)
		if err != nil {
			return usageError("--timezone %s: is no time zone such as Europe/Berlin or UTC", f.timezone)
		}
		now = now.In(zone)
	}
	query := client.CostQuery{By: f.by, AgentType: f.agent, Timezone: f.timezone}
	var err error
	if query.Since, err = moment("--since", f.since, now); err != nil {
		return err
	}
	if query.Until, err = moment("--until", f.until, now); err != nil {
		return err
	}
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	report, err := cl.Costs(ctx, query)
	if err != nil {
		return err
	}
	switch {
	case c.json:
		return newLines(c.stdout).object(report)
	case f.csv:
		return c.costsCSV(report)
	}
	t := &table{}
	t.add(strings.ToUpper(f.by), "USD", "NOTIONAL", "RUNS", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE", "")
	for _, e := range report.Entries {
		note := ""
		if e.EstimatedUSD > 0 {
			note = "estimated: " + usdText(e.EstimatedUSD)
		}
		if e.UnreportedRuns > 0 {
			note = strings.TrimPrefix(note+", "+strconv.FormatInt(e.UnreportedRuns, 10)+" not reported", ", ")
		}
		t.add(e.Key, usdText(e.USD), usdText(e.NotionalUSD), fmt.Sprint(e.Runs),
			fmt.Sprint(e.Tokens.Input), fmt.Sprint(e.Tokens.Output), fmt.Sprint(e.Tokens.CacheRead), fmt.Sprint(e.Tokens.CacheWrite), note)
	}
	if err := t.print(c, c.stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "\ntotal $%s, notional $%s\n", usdText(report.TotalUSD), usdText(report.TotalNotionalUSD))
	return err
}

// usdText writes an amount with two digits behind the point, or as many as it has.
func usdText(usd float64) string { return protocol.FromUSD(usd).String() }

// costsCSV writes what the server gives spreadsheets: keys that would be a formula get an apostrophe.
func (c *command) costsCSV(report client.CostReport) error {
	w := csv.NewWriter(c.stdout)
	if err := w.Write([]string{"key", "usd", "runs", "notional_usd", "estimated_usd", "unreported_runs", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"}); err != nil {
		return err
	}
	for _, e := range report.Entries {
		key := e.Key
		if key != "" && strings.ContainsRune("=+-@\t\r\n|%", rune(key[0])) {
			key = "'" + key
		}
		err := w.Write([]string{key, usdText(e.USD), fmt.Sprint(e.Runs), usdText(e.NotionalUSD), usdText(e.EstimatedUSD), fmt.Sprint(e.UnreportedRuns),
			fmt.Sprint(e.Tokens.Input), fmt.Sprint(e.Tokens.Output), fmt.Sprint(e.Tokens.CacheRead), fmt.Sprint(e.Tokens.CacheWrite)})
		if err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
