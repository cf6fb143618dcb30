package pricing_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/run/pricing"
	"github.com/claudeops/claudeops/protocol"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"claude-sonnet-5":                              "claude-sonnet-5",
		"claude-sonnet-4-5-20250929":                   "claude-sonnet-4-5",
		"claude-sonnet-4-5-20250929[1m]":               "claude-sonnet-4-5",
		"claude-opus-5-5[1m]":                          "claude-opus-5-5",
		"claude-haiku-4-5@20251001":                    "claude-haiku-4-5",
		"us.anthropic.claude-sonnet-4-5-20250929-v1:0": "claude-sonnet-4-5",
		"anthropic/claude-opus-4-8-latest":             "claude-opus-4-8",
		" Claude-Sonnet-5 ":                            "claude-sonnet-5",
		"claude-opus-4-5":                              "claude-opus-4-5", // its version is no date
		"20260115":                                     "20260115",
		"gpt-5-vision":                                 "gpt-5-vision",
		"[1m]":                                         "",
		"":                                             "",
	} {
		if got := pricing.Normalize(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

func TestTable_Cost(t *testing.T) {
	t.Parallel()
	table := pricing.Default()
	million := protocol.Tokens{Input: 1e6, Output: 1e6, CacheRead: 1e6, CacheWrite: 2e6, CacheWrite1h: 1e6}
	for name, c := range map[string]struct {
		model  string
		tokens protocol.Tokens
		want   protocol.MicroUSD
	}{
		"each kind":               {"claude-sonnet-4-5", million, 3_000_000 + 15_000_000 + 300_000 + 3_750_000 + 6_000_000},
		"opus":                    {"claude-opus-5-5[1m]", million, 4_000_000 + 20_000_000 + 200_000 + 5_000_000 + 8_000_000},
		"rounds half up":          {"claude-opus-4-8", protocol.Tokens{CacheRead: 1}, 1},
		"rounds down":             {"claude-sonnet-5", protocol.Tokens{CacheRead: 2}, 0},
		"short prompt":            {"claude-haiku-5-5", protocol.Tokens{Input: 50_000, CacheRead: 30_000, CacheWrite: 20_000, Output: 1000}, 5_000 + 300 + 2_500 + 500},
		"long prompt":             {"claude-haiku-5-5", protocol.Tokens{Input: 50_001, CacheRead: 30_000, CacheWrite: 20_000, Output: 1000}, 25_001 + 1_500 + 12_500 + 2_500},
		"nothing":                 {"claude-opus-5", protocol.Tokens{}, 0},
		"nonsense is never money": {"claude-opus-5", protocol.Tokens{Input: -5, CacheWrite: 1, CacheWrite1h: 2}, 20},
		"too much":                {"claude-opus-5", protocol.Tokens{Input: math.MaxInt64, Output: math.MaxInt64}, math.MaxInt64},
	} {
		if got, known := table.Cost(c.model, c.tokens); got != c.want || !known {
			t.Errorf("%s: %v, %v; want %v", name, got, known, c.want)
		}
	}
	if cost, known := table.Cost("claude-nobody", million); cost != 0 || known {
		t.Errorf("a model without a price costs %v, %v", cost, known)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	t.Parallel()
	table, err := pricing.Open(write(t, `{"date": "2027-01-01", "models": {"claude-sonnet-5-20260101": {"input": 1, "output": 2}, "gpt-5": {"input": 1.25, "output": 10, "cacheRead": 0.125}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if price, known := table.Price("claude-sonnet-5"); !known || price.Input != 1_000_000 || price.CacheWrite1h != 1_000_000 || price.CacheRead != 1_000_000 || !table.FromFile("claude-sonnet-5") {
		t.Errorf("the file's price does not count: %+v", price)
	}
	if price, known := table.Price("gpt-5"); !known || price.CacheRead != 125_000 {
		t.Errorf("the file's own model: %+v, %v", price, known)
	}
	if price, known := table.Price("claude-opus-5"); !known || price.Input != 5_000_000 || table.FromFile("claude-opus-5") {
		t.Errorf("what the file does not name is the program's: %+v, %v", price, known)
	}
	if table.Date != "2027-01-01" || table.WebSearch != 10_000 || len(table.Models()) != len(pricing.Default().Models())+1 {
		t.Errorf("%s, %v, %v", table.Date, table.WebSearch, table.Models())
	}
	if _, err := pricing.Open(""); err != nil {
		t.Error(err)
	}
}

// TestOpen_refuses: the error names the file, and what is wrong where.
func TestOpen_refuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                                  "empty",
		`{`:                                 "line 1",
		"{\n\"date\": 5}":                   "line 2",
		`{"date": "2026-01-01", "pric": 1}`: `"pric"`,
		`{"date": "yesterday"}`:             "2026-10-24",
		`{"models": {}}`:                    "date",
		`{"date": "2026-01-01"} {}`:         "more than one",
		`{"date": "2026-01-01", "models": {"m": {"input": 1}}}`:                                                  "models.m needs input and output",
		`{"date": "2026-01-01", "models": {"m": {"input": -1, "output": 1}}}`:                                    "models.m.input",
		`{"date": "2026-01-01", "models": {"m": {"input": 1, "output": 1e9}}}`:                                   "models.m.output",
		`{"date": "2026-01-01", "models": {"m": {"input": 1, "output": 1}, "m[1m]": {"input": 1, "output": 1}}}`: "same model",
		`{"date": "2026-01-01", "models": {"m": {"input": 1, "output": 1, "above": {"input": 1, "output": 1}}}}`: "models.m.above.prompt",
	} {
		path := write(t, text)
		if _, err := pricing.Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := pricing.Open(filepath.Join(t.TempDir(), "none.json")); err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("a missing file: %v", err)
	}
}
