// Package cron reads when something is due: cron expressions of five fields, their short forms, and
// intervals. It gives due times in a time zone, right over daylight saving, and says in words what an
// expression means. It starts nothing and keeps no state.
package cron

import (
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // zones are known where the system has none installed

	"github.com/netresearch/go-cron"
)

// searchYears is how far ahead a due time is looked for: 29 February comes once in eight years where
// a century is skipped, on a given weekday once in forty.
const searchYears = 45

var parser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom | cron.DowNth | cron.DowLast | cron.DomL | cron.DomW).
	WithMaxSearchYears(searchYears)

// short are the names of whole expressions.
var short = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
	"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

// MinInterval is the shortest interval, which is that of the five fields too.
const MinInterval = time.Minute

// Expression is when something is due. The zero value is never due.
type Expression struct {
	text  string
	every time.Duration // an interval, counted from the Unix epoch; 0 for fields

	fields   *cron.SpecSchedule
	anyHour  bool // the hour is not restricted: due by the hour that passes, not by the clock's face
	anyDom   bool
	anyDow   bool
	dom, dow string // as written
}

var everyPattern = regexp.MustCompile(`^@?every\s+(\S+)$`)

// Parse reads an expression: five fields (minute, hour, day of month, month, day of week), @hourly,
// @daily, @midnight, @weekly, @monthly, @yearly, or every and a duration. A day is due when the day of
// month or the day of week fits, where both are restricted, as crontab has it.
func Parse(text string) (Expression, error) {
	e := Expression{text: strings.Join(strings.Fields(text), " ")}
	if m := everyPattern.FindStringSubmatch(e.text); m != nil {
		d, err := duration(m[1])
		if err != nil {
			return Expression{}, err
		}
		if d < MinInterval || d%time.Second != 0 {
			return Expression{}, fmt.Errorf("%q: an interval has whole seconds and is %v at least", m[1], MinInterval)
		}
		e.every = d
		return e, nil
	}
	spec := e.text
	switch {
	case spec == "":
		return Expression{}, errors.New("is empty: give minute, hour, day of month, month and day of week, like 30 2 * * 1-5")
	case spec == "@reboot":
		return Expression{}, errors.New("@reboot is no time: run it from the system's own start, with claudeops run")
	case strings.HasPrefix(spec, "@"):
		long, ok := short[strings.ToLower(spec)]
		if !ok {
			return Expression{}, fmt.Errorf("there is no %s: there are @hourly, @daily, @weekly, @monthly, @yearly and every 90m", spec)
		}
		spec = long
	case strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ="):
		return Expression{}, errors.New("the time zone stands beside it, as timezone: Europe/Berlin")
	}
	fields := strings.Fields(spec)
	if len(fields) != 5 {
		return Expression{}, fmt.Errorf("%q has %d fields, not 5: minute, hour, day of month, month, day of week, like 30 2 * * 1-5", e.text, len(fields))
	}
	for _, field := range fields {
		if strings.Contains(","+field+",", ",,") {
			return Expression{}, fmt.Errorf("%q: in %s a value is missing beside a comma", e.text, field)
		}
	}
	parsed, err := parser.Parse(spec)
	if err != nil {
		return Expression{}, fmt.Errorf("%q: %w", e.text, err)
	}
	s, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Expression{}, fmt.Errorf("%q is not made of five fields", e.text)
	}
	s.Location = time.UTC // of the clock's face; the zone comes later
	e.fields, e.dom, e.dow = s, fields[2], fields[4]
	e.anyHour = unrestricted(fields[1])
	e.anyDom, e.anyDow = unrestricted(fields[2]), unrestricted(fields[4])
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Expression{}, fmt.Errorf("%q never comes: there is no such day", e.text)
	}
	return e, nil
}

func unrestricted(field string) bool { return field == "*" || field == "?" || field == "*/1" }

// String is the expression as it was written.
func (e Expression) String() string { return e.text }

// Next gives the first due time after t, in zone. A time that daylight saving leaves out is due once,
// at the end of the gap; of one that comes twice the first counts. Where the hour is *, time passes
// as it does: both of the hours that have one name are due. The zero time when there is none.
func (e Expression) Next(t time.Time, zone *time.Location) time.Time {
	switch {
	case e.every > 0:
		step := int64(e.every / time.Second)
		k := floorDiv(t.Unix(), step) + 1
		return time.Unix(k*step, 0).In(zone)
	case e.fields == nil:
		return time.Time{}
	}
	// The clock's face runs ahead of t by no more than a shift of the zone, so begin before it.
	const widest = 26 * time.Hour // Samoa left a whole day out
	if begin, end := t.In(zone).ZoneBounds(); begin.IsZero() || t.Sub(begin) > widest {
		// Far from any shift the face and the time go together.
		face := e.fields.Next(onFace(t.In(zone)))
		if at := withOffsetAt(face, t, zone); !face.IsZero() && (end.IsZero() || at.Before(end.Add(-widest))) {
			return at
		}
	}
	face := onFace(t.In(zone)).Add(-widest)
	var best time.Time
	for {
		face = e.fields.Next(face)
		if face.IsZero() {
			return best
		}
		if !best.IsZero() && face.After(onFace(best).Add(widest)) {
			return best
		}
		for _, at := range e.instants(face, zone) {
			if at.After(t) && (best.IsZero() || at.Before(best)) {
				best = at
			}
		}
	}
}

// NextN gives the next n due times after t, fewer when there are no more.
func (e Expression) NextN(t time.Time, zone *time.Location, n int) []time.Time {
	var list []time.Time
	for range n {
		if t = e.Next(t, zone); t.IsZero() {
			break
		}
		list = append(list, t)
	}
	return list
}

// onFace is what the clock shows at t, as if it were UTC.
func onFace(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// instants gives when the clock of a zone shows face: once, twice, or, where it never does, the end
// of the gap.
func (e Expression) instants(face time.Time, zone *time.Location) []time.Time {
	at := time.Date(face.Year(), face.Month(), face.Day(), face.Hour(), face.Minute(), face.Second(), 0, zone)
	begin, end := at.ZoneBounds()
	if shown := onFace(at); !shown.Equal(face) {
		if shown.After(face) {
			return []time.Time{begin.In(zone)}
		}
		return []time.Time{end.In(zone)}
	}
	times := []time.Time{at}
	if other := withOffsetAt(face, begin.Add(-time.Second), zone); !begin.IsZero() && other.Before(begin) {
		times = []time.Time{other, at}
	} else if !end.IsZero() {
		if other := withOffsetAt(face, end, zone); !other.Before(end) {
			times = []time.Time{at, other}
		}
	}
	if e.anyHour {
		return times
	}
	return times[:1]
}

// withOffsetAt is when the clock shows face with the offset that the zone has at another time.
func withOffsetAt(face, at time.Time, zone *time.Location) time.Time {
	_, offset := at.In(zone).Zone()
	return face.Add(-time.Duration(offset) * time.Second).In(zone)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// duration reads 90m, 1h30m, 2d.
func duration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	var d time.Duration
	if ok {
		n, err := time.ParseDuration(days + "h")
		if err != nil || n > 10_000*time.Hour {
			return 0, fmt.Errorf("%q is not an interval, like 90m, 6h or 2d", text)
		}
		d = n * 24
	} else {
		rest = text
	}
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil {
			return 0, fmt.Errorf("%q is not an interval, like 90m, 6h or 2d", text)
		}
		d += more
	}
	return d, nil
}

// star is the bit by which the parser notes that a field was not restricted.
const star = 1 << 63

// values lists the numbers of a field.
func values(field uint64) []int {
	var list []int
	for field &^= star; field != 0; field &= field - 1 {
		list = append(list, bits.TrailingZeros64(field))
	}
	return list
}
