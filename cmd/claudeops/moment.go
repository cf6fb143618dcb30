package main

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// moment reads a time as people give it: how long ago (90s, 2h, 3d, 1w), a day, a time of today, or
// both, in local time, or RFC 3339. Empty is the zero time.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, ok := howLong(text); ok {
		return now.Add(-ago), nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			year, month, day := now.Date()
			return time.Date(year, month, day, at.Hour(), at.Minute(), at.Second(), 0, now.Location()), nil
		}
	}
	return time.Time{}, usageError("%s %s: is neither how long ago, such as 2h or 3d, nor a time such as 14:00, 2026-01-31 or 2026-01-31T14:00:00Z", flag, text)
}

// howLong reads a duration, in weeks and days too: 90s, 2h, 3d, 1w, 1d12h.
func howLong(text string) (time.Duration, bool) {
	if strings.HasPrefix(text, "+") {
		return 0, false
	}
	var total time.Duration
	rest := text
	for _, unit := range []struct {
		suffix string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		digits, after, ok := strings.Cut(rest, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/unit.length) || time.Duration(n)*unit.length > math.MaxInt64-total {
			return 0, false
		}
		total, rest = total+time.Duration(n)*unit.length, after
	}
	if rest == "" {
		return total, text != ""
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > math.MaxInt64-total {
		return 0, false
	}
	return total + d, true
}
