// Package pricing knows what the tokens of a model cost: from a dated table that is part of the
// program, and from a file that replaces or adds models. It estimates only; what an agent itself says
// that it has cost comes before any estimate. It keeps no state and adds up nothing over time.
package pricing

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

//go:embed prices.json
var embedded []byte

// Table is what models cost from some day on.
type Table struct {
	// Date is the day whose prices these are, as 2026-10-24: the later one of the program's and the file's.
	Date string
	// WebSearch is the price of one web search that a model makes.
	WebSearch protocol.MicroUSD

	models map[string]Price
	own    map[string]bool // models whose price is the file's
}

// Price is what a million tokens of each kind cost.
type Price struct {
	Rates
	// Above replaces the rates for requests with a long prompt; nil where all cost the same.
	Above *Above
}

// Rates are prices of a million tokens.
type Rates struct {
	Input, Output, CacheWrite5m, CacheWrite1h, CacheRead protocol.MicroUSD
}

// Above holds the rates of requests whose prompt, cached tokens included, has more than Prompt tokens.
type Above struct {
	Prompt int64
	Rates
}

// Default is the program's own table.
func Default() *Table {
	t, err := parse(embedded)
	if err != nil {
		panic("pricing: the program's own prices: " + err.Error()) // a test reads them
	}
	return t
}

// FileName is the file in a data directory that is used where no other is named.
const FileName = "prices.json"

// InDataDir is the path of the price file in a data directory, empty when it has none.
func InDataDir(dir string) string {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return path
}

// Open gives the program's table with the models of the file at path in place of its own. An empty
// path gives the program's table alone. The error names the file, and what is wrong where in it; the
// table is then the program's.
func Open(path string) (*Table, error) {
	t := Default()
	if path == "" {
		return t, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return t, fmt.Errorf("read prices: %w", err)
	}
	changes, err := parse(text)
	if err != nil {
		return t, fmt.Errorf("read prices: %s: %w", path, err)
	}
	t.Date = max(t.Date, changes.Date)
	if changes.WebSearch != 0 {
		t.WebSearch = changes.WebSearch
	}
	for model, price := range changes.models {
		t.models[model], t.own[model] = price, true
	}
	return t, nil
}

// Price gives the price of a model. The id may be as a provider writes it: see Normalize.
func (t *Table) Price(model string) (price Price, known bool) {
	price, known = t.models[Normalize(model)]
	return price, known
}

// Cost is what a request costs that has used these tokens of a model; false when its price is not
// known. Requests are to be priced one by one: a long prompt may have another price.
func (t *Table) Cost(model string, tokens protocol.Tokens) (protocol.MicroUSD, bool) {
	price, known := t.Price(model)
	return price.Cost(tokens), known
}

// Models lists the models whose price is known, in order.
func (t *Table) Models() []string {
	names := make([]string, 0, len(t.models))
	for name := range t.models {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// FromFile reports whether a model's price is that of the file, not the program's.
func (t *Table) FromFile(model string) bool { return t.own[Normalize(model)] }

// Cost is what one request costs, rounded to the nearest millionth of a dollar.
func (p Price) Cost(tokens protocol.Tokens) protocol.MicroUSD {
	rates := p.Rates
	if p.Above != nil && tokens.Input+tokens.CacheRead+tokens.CacheWrite > p.Above.Prompt {
		rates = p.Above.Rates
	}
	sum := new(big.Int)
	for _, part := range []struct {
		tokens int64
		rate   protocol.MicroUSD
	}{
		{tokens.Input, rates.Input},
		{tokens.Output, rates.Output},
		{tokens.CacheRead, rates.CacheRead},
		{tokens.CacheWrite - tokens.CacheWrite1h, rates.CacheWrite5m},
		{tokens.CacheWrite1h, rates.CacheWrite1h},
	} {
		sum.Add(sum, new(big.Int).Mul(big.NewInt(max(0, part.tokens)), big.NewInt(int64(part.rate))))
	}
	sum.Add(sum, big.NewInt(500_000)).Div(sum, big.NewInt(1_000_000))
	if !sum.IsInt64() {
		return math.MaxInt64
	}
	return protocol.MicroUSD(sum.Int64())
}

// Normalize gives the id under which a model has its price: without what a provider puts before it
// ("us.anthropic.", "anthropic/"), and without the mark of a longer context ("[1m]"), a version of the
// provider's ("-v1:0"), a date ("-20260115", "@20260115") and "-latest" behind it.
func Normalize(model string) string {
	id := strings.ToLower(strings.TrimSpace(model))
	id = id[strings.LastIndexByte(id, '/')+1:]
	if i := strings.Index(id, "anthropic."); i >= 0 {
		id = id[i+len("anthropic."):]
	}
	id = strings.TrimSuffix(id, "[1m]")
	if i := strings.LastIndex(id, "-v"); i > 0 && strings.ContainsRune(id[i:], ':') && strings.Trim(id[i+2:], "0123456789:") == "" {
		id = id[:i]
	}
	id = strings.TrimSuffix(id, "-latest")
	if i := len(id) - len("-20260115"); i > 0 && (id[i] == '-' || id[i] == '@') && strings.Trim(id[i+1:], "0123456789") == "" {
		id = id[:i]
	}
	return id
}

// The file's form. Amounts are USD: of a million tokens, and of one web search.
type (
	fileTable struct {
		Date      string               `json:"date"`
		WebSearch *float64             `json:"webSearch"`
		Models    map[string]filePrice `json:"models"`
	}
	filePrice struct {
		fileRates
		Above *fileAbove `json:"above"`
	}
	fileRates struct {
		Input        *float64 `json:"input"`
		Output       *float64 `json:"output"`
		CacheWrite5m *float64 `json:"cacheWrite5m"`
		CacheWrite1h *float64 `json:"cacheWrite1h"`
		CacheRead    *float64 `json:"cacheRead"`
	}
	fileAbove struct {
		Prompt int64 `json:"prompt"`
		fileRates
	}
)

// maxPrice is far above any price; more is taken for another unit.
const maxPrice = 100_000 // USD

func parse(text []byte) (*Table, error) {
	var f fileTable
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&f)
	if err == nil && d.More() {
		err = errors.New("more than one JSON object")
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty; it needs an object with date and models")
		}
		return nil, fmt.Errorf("line %d: %w", line(text, err, d.InputOffset()), err)
	}
	if _, err := time.Parse(time.DateOnly, f.Date); err != nil {
		return nil, fmt.Errorf("date must be the day of these prices, like 2026-10-24, not %.40q", f.Date)
	}
	t := &Table{Date: f.Date, models: make(map[string]Price, len(f.Models)), own: make(map[string]bool)}
	if t.WebSearch, err = amount("webSearch", f.WebSearch, 0); err != nil {
		return nil, err
	}
	for name, p := range f.Models {
		id := Normalize(name)
		if _, twice := t.models[id]; twice || id == "" {
			return nil, fmt.Errorf("models: %q is the same model as another entry, or none", name)
		}
		price := Price{}
		if price.Rates, err = p.rates("models." + name); err != nil {
			return nil, err
		}
		if p.Above != nil {
			if p.Above.Prompt <= 0 {
				return nil, fmt.Errorf("models.%s.above.prompt must be the number of prompt tokens above which these prices hold, 1 or more", name)
			}
			rates, err := p.Above.rates("models." + name + ".above")
			if err != nil {
				return nil, err
			}
			price.Above = &Above{p.Above.Prompt, rates}
		}
		t.models[id] = price
	}
	return t, nil
}

// rates checks the prices. Only input and output are required: where a provider has no price of its
// own for the cache, writing to it and reading from it cost what input costs.
func (f fileRates) rates(where string) (r Rates, err error) {
	if f.Input == nil || f.Output == nil {
		return r, fmt.Errorf("%s needs input and output, each in USD for a million tokens", where)
	}
	for _, field := range []struct {
		name  string
		value *float64
		into  *protocol.MicroUSD
	}{
		{"input", f.Input, &r.Input}, {"output", f.Output, &r.Output}, {"cacheWrite5m", f.CacheWrite5m, &r.CacheWrite5m},
		{"cacheWrite1h", f.CacheWrite1h, &r.CacheWrite1h}, {"cacheRead", f.CacheRead, &r.CacheRead},
	} {
		if *field.into, err = amount(where+"."+field.name, field.value, r.Input); err != nil {
			return r, err
		}
	}
	return r, nil
}

func amount(where string, usd *float64, otherwise protocol.MicroUSD) (protocol.MicroUSD, error) {
	if usd == nil {
		return otherwise, nil
	}
	if !(*usd >= 0 && *usd <= maxPrice) {
		return 0, fmt.Errorf("%s must be an amount in USD from 0 to %d, not %v", where, maxPrice, *usd)
	}
	return protocol.FromUSD(*usd), nil
}

// line is where in the text an error is.
func line(text []byte, err error, offset int64) int {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
		offset = kind.Offset
	}
	return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n"))
}
