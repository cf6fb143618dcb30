package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/internal/run/pricing"
)

func (c *command) pricesCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "prices",
		Short: "Show what models cost, as estimates count it",
		Long: `Shows what a million tokens of each model cost in USD, as estimates count it while an agent runs. What the
agent itself says at its end takes the place of an estimate.

The prices are those of the program, with the models of prices.json in the data directory in place of
its own:

  {"date": "2026-10-24", "models": {"claude-sonnet-5": {"input": 2, "output": 10,
    "cacheWrite5m": 2.5, "cacheWrite1h": 4, "cacheRead": 0.2}}}

A server reads the file for each execution anew.`,
		Example: "  claudeops prices\n  claudeops prices --file new-prices.json --json",
		RunE:    func(*cobra.Command, []string) error { return c.prices(file) },
	}
	cmd.Flags().StringVar(&file, "file", "", "JSON `file` with prices in place of prices.json in the data directory")
	return cmd
}

func (c *command) prices(file string) error {
	data, err := c.dataDir()
	if err != nil {
		return err
	}
	file = cmp.Or(file, pricing.InDataDir(data))
	prices, err := pricing.Open(file)
	if err != nil {
		return err
	}
	if c.json {
		return c.pricesJSON(prices)
	}
	t := &table{}
	t.add("MODEL", "INPUT", "OUTPUT", "WRITE 5M", "WRITE 1H", "READ", "")
	row := func(model string, r pricing.Rates, note string) {
		t.add(model, r.Input.String(), r.Output.String(), r.CacheWrite5m.String(), r.CacheWrite1h.String(), r.CacheRead.String(), note)
	}
	for _, model := range prices.Models() {
		price, _ := prices.Price(model)
		note := ""
		if prices.FromFile(model) {
			note = "from " + file
		}
		row(model, price.Rates, note)
		if above := price.Above; above != nil {
			row("", above.Rates, fmt.Sprintf("above %d prompt tokens", above.Prompt))
		}
	}
	if err := t.print(c, c.stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "\nUSD for a million tokens, as of %s; a web search costs %s\n", prices.Date, prices.WebSearch)
	return err
}

func (c *command) pricesJSON(prices *pricing.Table) error {
	type rates struct {
		Input        float64 `json:"input"`
		Output       float64 `json:"output"`
		CacheWrite5m float64 `json:"cacheWrite5m"`
		CacheWrite1h float64 `json:"cacheWrite1h"`
		CacheRead    float64 `json:"cacheRead"`
	}
	usd := func(r pricing.Rates) rates {
		return rates{r.Input.USD(), r.Output.USD(), r.CacheWrite5m.USD(), r.CacheWrite1h.USD(), r.CacheRead.USD()}
	}
	type above struct {
		Prompt int64 `json:"prompt"`
		rates
	}
	type price struct {
		rates
		Above *above `json:"above,omitempty"`
	}
	out := struct {
		Date      string           `json:"date"`
		WebSearch float64          `json:"webSearch"`
		Models    map[string]price `json:"models"`
	}{prices.Date, prices.WebSearch.USD(), map[string]price{}}
	for _, model := range prices.Models() {
		p, _ := prices.Price(model)
		one := price{rates: usd(p.Rates)}
		if p.Above != nil {
			one.Above = &above{p.Above.Prompt, usd(p.Above.Rates)}
		}
		out.Models[model] = one
	}
	return (&lines{w: c.stdout}).object(out)
}
