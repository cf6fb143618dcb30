package protocol_test

import (
	"math"
	"testing"

	"github.com/claudeops/claudeops/protocol"
)

func TestMicroUSD(t *testing.T) {
	t.Parallel()
	for usd, want := range map[float64]struct {
		micros protocol.MicroUSD
		text   string
	}{
		0: {0, "0.00"}, 0.5: {500_000, "0.50"}, 0.1 + 0.2: {300_000, "0.30"}, 1.005: {1_005_000, "1.005"},
		-0.25: {-250_000, "-0.25"}, 0.000001: {1, "0.000001"}, 0.0000004: {0, "0.00"}, 999_999_999.999999: {999_999_999_999_999, "999999999.999999"},
		math.NaN(): {0, "0.00"}, math.Inf(1): {math.MaxInt64, "9223372036854.775807"}, math.Inf(-1): {math.MinInt64, "-9223372036854.775808"},
	} {
		got := protocol.FromUSD(usd)
		if got != want.micros || got.String() != want.text {
			t.Errorf("%v USD are %d, %q; want %d, %q", usd, got, got, want.micros, want.text)
		}
		if math.Abs(usd) < 1e9 && protocol.FromUSD(got.USD()) != got {
			t.Errorf("%v does not come back: %v", usd, got.USD())
		}
	}
}
