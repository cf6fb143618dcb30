package cron_test

import (
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/run/cron"
)

func parse(t testing.TB, text string) cron.Expression {
	t.Helper()
	e, err := cron.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestNext is the table of hard cases: what crontab's manual says and what daylight saving does.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ cron, zone, after, want string }{
		{"30 2 * * 1-5", "Europe/Berlin", "2026-11-27T02:30:00+01:00", "2026-11-30T02:30:00+01:00 2026-12-01T02:30:00+01:00"},
		{"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"},
		{"0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00Z 2026-05-31T00:00:00Z"},
		{"0 0 1 * 1", "UTC", "2026-06-01T00:00:00Z", "2026-06-08T00:00:00Z 2026-06-15T00:00:00Z 2026-06-22T00:00:00Z 2026-06-29T00:00:00Z 2026-07-01T00:00:00Z"},
		{"0 0 * * 7", "UTC", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z 2026-12-06T00:00:00Z"},
		{"0 0 * * 5-7", "UTC", "2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z 2026-11-28T00:00:00Z 2026-11-29T00:00:00Z 2026-12-04T00:00:00Z"},
		{"0 0 * * sun,MON", "UTC", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z 2026-11-30T00:00:00Z 2026-12-06T00:00:00Z"},
		{"*/25 3 * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T03:00:00Z 2026-01-01T03:25:00Z 2026-01-01T03:50:00Z 2026-01-02T03:00:00Z"},
		{"5/20 3 * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T03:05:00Z 2026-01-01T03:25:00Z 2026-01-01T03:45:00Z"},
		{"0 0 l * *", "UTC", "2027-02-01T00:00:00Z", "2027-02-28T00:00:00Z 2027-03-31T00:00:00Z"},
		{"0 9 * * mon#1", "UTC", "2026-11-30T00:00:00Z", "2026-12-07T09:00:00Z 2027-01-04T09:00:00Z"},
		{"@weekly", "UTC", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"},
		{"@Daily", "Asia/Tokyo", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00+09:00"},
		{"every 90m", "UTC", "2026-01-01T00:00:01Z", "2026-01-01T01:30:00Z 2026-01-01T03:00:00Z"},
		{"@every 1d", "UTC", "1969-12-30T12:00:00Z", "1969-12-31T00:00:00Z 1970-01-01T00:00:00Z"},

		// Spring: 02:00 to 03:00 is left out. Once, at the end of the gap.
		{"30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00+01:00", "2027-03-28T03:00:00+02:00 2027-03-29T02:30:00+02:00"},
		{"*/20 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00+01:00", "2027-03-28T03:00:00+02:00 2027-03-29T02:00:00+02:00"},
		{"30 2,3 * * *", "Europe/Berlin", "2027-03-27T12:00:00+01:00", "2027-03-28T03:00:00+02:00 2027-03-28T03:30:00+02:00 2027-03-29T02:30:00+02:00"},
		{"30 2 * * *", "America/New_York", "2027-03-13T12:00:00-05:00", "2027-03-14T03:00:00-04:00 2027-03-15T02:30:00-04:00"},
		{"*/30 * * * *", "Europe/Berlin", "2027-03-28T01:00:00+01:00", "2027-03-28T01:30:00+01:00 2027-03-28T03:00:00+02:00 2027-03-28T03:30:00+02:00"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00 2026-10-05T02:15:00+11:00"},
		{"0 0 * * *", "America/Santiago", "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00 2026-09-07T00:00:00-03:00"}, // midnight itself is left out
		{"0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00 2011-12-31T12:00:00+14:00"},    // and a whole day

		// Autumn: 02:00 to 03:00 comes twice. The first counts.
		{"30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00+02:00", "2027-10-31T02:30:00+02:00 2027-11-01T02:30:00+01:00"},
		{"30 2 * * *", "Europe/Berlin", "2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"},
		{"30 2 * * *", "Europe/Berlin", "2027-10-31T02:10:00+01:00", "2027-11-01T02:30:00+01:00"},
		{"0 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00+02:00", "2027-10-31T02:00:00+02:00 2027-11-01T02:00:00+01:00"},
		{"45 1 * * *", "Australia/Lord_Howe", "2027-04-03T12:00:00+11:00", "2027-04-04T01:45:00+11:00 2027-04-05T01:45:00+10:30"},
		// Where every hour counts, both do.
		{"0 * * * *", "Europe/Berlin", "2027-10-31T00:30:00Z", "2027-10-31T02:00:00+01:00 2027-10-31T03:00:00+01:00"},
		{"0 * * * *", "Europe/Berlin", "2027-10-30T23:30:00Z", "2027-10-31T02:00:00+02:00 2027-10-31T02:00:00+01:00 2027-10-31T03:00:00+01:00"},
		{"*/30 * * * *", "Europe/Berlin", "2027-10-31T02:15:00+02:00", "2027-10-31T02:30:00+02:00 2027-10-31T02:00:00+01:00 2027-10-31T02:30:00+01:00 2027-10-31T03:00:00+01:00"},
	} {
		e := parse(t, tt.cron)
		after, err := time.Parse(time.RFC3339, tt.after)
		if err != nil {
			t.Fatal(err)
		}
		wanted := strings.Fields(tt.want)
		var got []string
		for _, at := range e.NextN(after, zone(t, tt.zone), len(wanted)) {
			got = append(got, at.Format(time.RFC3339))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s in %s after %s is due\n%s, want\n%s", tt.cron, tt.zone, tt.after, strings.Join(got, " "), tt.want)
		}
	}
}

// TestNext_year walks through a year minute by minute, with clocks that show every minute once at
// least, and demands what the clock's face says.
func TestNext_year(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"} {
		for text, due := range map[string]func(time.Time) bool{
			"30 2 * * *":    func(t time.Time) bool { return t.Hour() == 2 && t.Minute() == 30 },
			"0 0 * * 1-5":   func(t time.Time) bool { return t.Hour() == 0 && t.Minute() == 0 && t.Weekday()%6 != 0 },
			"15 1 1,15 * *": func(t time.Time) bool { return t.Hour() == 1 && t.Minute() == 15 && (t.Day() == 1 || t.Day() == 15) },
		} {
			loc := zone(t, name)
			e := parse(t, text)
			begin := time.Date(2027, 1, 1, 0, 0, 0, 0, loc)
			var want []time.Time
			shown := map[string]bool{}
			// A minute that the clock leaves out is looked at when the gap ends.
			last := begin.Add(-time.Minute)
			for at := begin; at.Year() == 2027; at = at.Add(time.Minute) {
				_, before := last.Zone()
				_, now := at.Zone()
				for skipped := now - before; skipped > 0; skipped -= 60 {
					face := at.UTC().Add(time.Duration(now-skipped) * time.Second)
					if due(face) && (len(want) == 0 || !want[len(want)-1].Equal(at)) {
						want = append(want, at)
					}
				}
				if face := at.Format("01-02 15:04"); due(at) && !shown[face] {
					shown[face] = true
					if len(want) == 0 || !want[len(want)-1].Equal(at) {
						want = append(want, at)
					}
				}
				last = at
			}
			at := begin.Add(-time.Second)
			for i, wanted := range want {
				if at = e.Next(at, loc); !at.Equal(wanted) {
					t.Fatalf("%s in %s: due time %d is %v, want %v", text, name, i, at, wanted)
				}
			}
			if next := e.Next(at, loc); next.Year() != 2028 {
				t.Errorf("%s in %s is due at %v too", text, name, next)
			}
		}
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "is empty", "* * * *": "has 4 fields, not 5", "0 0 0 * * *": "has 6 fields", "60 * * * *": "60", "* 24 * * *": "24",
		"* * 0 * *": "0", "* * * 13 *": "13", "* * * * 8": "8", "0 0 30 2 *": "never comes", "0 0 31 4,6 *": "never comes",
		"@reboot": "no time", "@often": "there is no @often", "TZ=UTC 0 0 * * *": "timezone:", "CRON_TZ=UTC 0 0 * * *": "timezone:",
		"every": "5", "every 1s": "1m0s at least", "every x": "not an interval", "every -5m": "at least", "a b c d e": "",
		"*/0 * * * *": "", "5-1-2 * * * *": "", "1, * * * *": "beside a comma",
	} {
		if e, err := cron.Parse(text); err == nil {
			t.Errorf("%q is taken: %v", text, e.NextN(time.Unix(0, 0), time.UTC, 2))
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"30 2 * * 1-5":    "02:30 every weekday",
		"0 0 * * *":       "00:00 every day",
		"0 8,20 * * *":    "08:00 and 20:00 every day",
		"*/15 * * * *":    "every 15 minutes",
		"* * * * *":       "every minute",
		"0 * * * *":       "hourly at :00",
		"@hourly":         "hourly at :00",
		"0 9 * * 1,3":     "09:00 every Monday and Wednesday",
		"0 9 * * 0,6":     "09:00 every Saturday and Sunday",
		"0 9 1 * *":       "09:00 on day 1 of the month",
		"0 9 l * *":       "09:00 on the last day of the month",
		"0 9 1 1 *":       "09:00 on day 1 of January",
		"0 9 * 6-8 *":     "09:00 every day in June–August",
		"0 9 1 * 1":       "09:00 on day 1 of the month and every Monday",
		"*/10 8-17 * * *": "every 10 minutes from 08:00 to 17:59",
		"0 */6 * * *":     "00:00, 06:00, 12:00 and 18:00 every day",
		"0 */2 * * *":     "every 2 hours at :00",
		"every 90m":       "every 90 minutes",
		"every 1d":        "every day",
		"*/5 * * * 1-5":   "every 5 minutes, weekday",
	} {
		if got := parse(t, text).Words(); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("30 2 * * 1-5")
	f.Add("every 90m")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := cron.Parse(text)
		if err != nil {
			return
		}
		now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
		if next := e.Next(now, time.UTC); !next.After(now) || e.Words() == "" {
			t.Fatalf("%q is due at %v, in words %q", text, next, e.Words())
		}
	})
}
