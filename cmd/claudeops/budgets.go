package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
)

type budgetsFlags struct {
	perDay, perMonth string
	timezone         string
	notional         bool
}

func (c *command) budgetsCommand() *cobra.Command {
	f := &budgetsFlags{}
	cmd := &cobra.Command{
		Use:   "budgets",
		Short: "Show or change what agents may cost",
		Long: `Shows what agents may cost, and have cost, with a forecast for the month. With a flag it changes what all
agents together may cost; what one agent may cost is said by budget in its definition.

From 80 % of a budget on the server warns. Once it is used up, what is new is refused, and what runs
and costs money is ended. What a subscription pays for does not count, unless notional is set.`,
		Example: "  claudeops budgets\n  claudeops budgets --per-day 5 --per-month 50\n  claudeops budgets --per-day none",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.budgets(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.perDay, "per-day", "", "`USD` that all runs queued on one day may cost, or none for no limit")
	flags.StringVar(&f.perMonth, "per-month", "", "`USD` that all runs queued in one month may cost, or none for no limit")
	flags.StringVar(&f.timezone, "timezone", "", "time `zone` of days and months, such as Europe/Berlin (default UTC)")
	flags.BoolVar(&f.notional, "notional", false, "count what subscriptions pay for, too")
	return cmd
}

func (c *command) budgets(cmd *cobra.Command, f *budgetsFlags) error {
	ctx := cmd.Context()
	changed := cmd.Flags().Changed
	limits := client.BudgetLimits{}
	for _, one := range []struct {
		flag, text string
		into       **float64
	}{{"per-day", f.perDay, &limits.PerDay}, {"per-month", f.perMonth, &limits.PerMonth}} {
		if !changed(one.flag) || one.text == "none" {
			continue
		}
		usd, err := strconv.ParseFloat(one.text, 64)
		if err != nil || !(usd >= 0) {
			return usageError("--%s %s: is neither an amount in USD such as 5 or 0.50, nor none", one.flag, one.text)
		}
		*one.into = &usd
	}
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	budgets, err := cl.Budgets(ctx)
	if err != nil {
		return err
	}
	if changed("per-day") || changed("per-month") || changed("timezone") || changed("notional") {
		if budgets, err = c.setBudgets(ctx, cl, budgets.BudgetLimits, limits, f, changed); err != nil {
			return err
		}
	}
	if c.json {
		return newLines(c.stdout).object(budgets)
	}
	return c.printBudgets(budgets)
}

// setBudgets changes what the flags name, and leaves the rest.
func (c *command) setBudgets(ctx context.Context, cl *client.Client, now, next client.BudgetLimits, f *budgetsFlags, changed func(string) bool) (client.Budgets, error) {
	if !changed("per-day") {
		next.PerDay = now.PerDay
	}
	if !changed("per-month") {
		next.PerMonth = now.PerMonth
	}
	next.Timezone, next.Notional = now.Timezone, now.Notional
	if changed("timezone") {
		next.Timezone = f.timezone
	}
	if changed("notional") {
		next.Notional = f.notional
	}
	return cl.SetBudgets(ctx, next)
}

func (c *command) printBudgets(b client.Budgets) error {
	amount := func(usd *float64) string {
		if usd == nil {
			return "no limit"
		}
		return usdText(*usd)
	}
	t := &table{}
	t.add("AGENT", "EACH RUN", "SPENT "+b.Day, "PER DAY", "SPENT "+b.Month, "PER MONTH", "STATE")
	t.add("all", "", usdText(b.SpentDayUSD), amount(b.PerDay), usdText(b.SpentMonthUSD), amount(b.PerMonth), string(b.State))
	for _, a := range b.Agents {
		t.add(a.Agent, amount(a.USD), usdText(a.SpentDayUSD), amount(a.PerDay), usdText(a.SpentMonthUSD), amount(a.PerMonth), string(a.State))
	}
	if err := t.print(c, c.stdout); err != nil {
		return err
	}
	zone := b.Timezone
	if zone == "" {
		zone = "UTC"
	}
	_, err := fmt.Fprintf(c.stdout, "\nUSD, by days in %s; the month will cost $%s if it goes on as it went so far\n", zone, usdText(b.ForecastMonthUSD))
	return err
}
