package agent

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
	"time"
)

var durationPattern = regexp.MustCompile(`^(?:([0-9]+)d)?((?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))*)$`)

// parseDuration reads Go's durations and whole days: "90s", "1h30m", "250ms", "2d", "1d12h".
func parseDuration(text string) (time.Duration, error) {
	const how = `write a number with a unit, like 30s, 10m, 1h30m or 2d`
	if text == "0" {
		return 0, nil
	}
	m := durationPattern.FindStringSubmatch(text)
	if m == nil || text == "" {
		return 0, fmt.Errorf("%q is not a duration: %s", clip(text), how)
	}
	var days time.Duration
	if m[1] != "" {
		n, ok := new(big.Int).SetString(m[1], 10)
		if !ok || len(m[1]) > 8 || n.Int64() > int64(math.MaxInt64/(24*time.Hour)) {
			return 0, fmt.Errorf("%q is longer than can be counted: %s", clip(text), how)
		}
		days = time.Duration(n.Int64()) * 24 * time.Hour
	}
	if m[2] == "" {
		return days, nil
	}
	rest, err := time.ParseDuration(m[2])
	if err != nil || rest > math.MaxInt64-days {
		return 0, fmt.Errorf("%q is longer than can be counted: %s", clip(text), how)
	}
	return days + rest, nil
}

var sizePattern = regexp.MustCompile(`^([0-9]{1,20}(?:\.[0-9]{1,9})?)[ ]?([A-Za-z]*)$`)

var sizeUnits = map[string]int64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// parseSize reads a number of bytes, plain or with a unit: 1048576, 512MB (10^6), 1GiB (2^30), 1.5GiB.
func parseSize(text string) (int64, error) {
	const how = `write bytes, or a number with kB, MB, GB, KiB, MiB or GiB, like 512MB or 1GiB`
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size: %s", clip(text), how)
	}
	unit, ok := sizeUnits[strings.ToLower(m[2])]
	if !ok {
		return 0, fmt.Errorf("%q has the unknown unit %q: %s", clip(text), m[2], how)
	}
	amount, ok := new(big.Rat).SetString(m[1])
	if !ok {
		return 0, fmt.Errorf("%q is not a size: %s", clip(text), how)
	}
	amount.Mul(amount, new(big.Rat).SetInt64(unit))
	if !amount.IsInt() {
		return 0, fmt.Errorf("%q is not a whole number of bytes: %s", clip(text), how)
	}
	if !amount.Num().IsInt64() {
		return 0, fmt.Errorf("%q is more than can be counted: %s", clip(text), how)
	}
	return amount.Num().Int64(), nil
}

// clip shortens text that is quoted in a message.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut] + "…"
}
