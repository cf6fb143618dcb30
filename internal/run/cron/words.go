package cron

import (
	"fmt"
	"strings"
	"time"
)

// Words say in plain English when the expression is due, such as "02:30 every weekday". What words
// would make longer than the expression is given as written.
func (e Expression) Words() string {
	switch {
	case e.every > 0:
		return "every " + span(e.every)
	case e.fields == nil:
		return "never"
	}
	times, days := e.timeWords(), e.dayWords()
	if months := e.monthWords(); months != "" {
		if days == "every day" {
			days += " in " + months
		} else {
			days += " of " + months
		}
	}
	if strings.HasPrefix(times, "every") || strings.HasPrefix(times, "hourly") {
		if days == "every day" {
			return times
		}
		return times + ", " + strings.TrimPrefix(days, "every ")
	}
	return times + " " + days
}

func span(d time.Duration) string {
	unit := func(n int64, name string) string {
		if n == 1 {
			return name
		}
		return fmt.Sprintf("%d %ss", n, name)
	}
	switch {
	case d%(24*time.Hour) == 0:
		return unit(int64(d/(24*time.Hour)), "day")
	case d%time.Hour == 0:
		return unit(int64(d/time.Hour), "hour")
	case d%time.Minute == 0:
		return unit(int64(d/time.Minute), "minute")
	default:
		return unit(int64(d/time.Second), "second")
	}
}

func (e Expression) timeWords() string {
	minutes, hours := values(e.fields.Minute), values(e.fields.Hour)
	const most = 6
	if len(hours) == 24 {
		switch step := stepOf(minutes, 60); {
		case len(minutes) == 60:
			return "every minute"
		case step > 1:
			return fmt.Sprintf("every %d minutes", step)
		case len(minutes) == 1:
			return fmt.Sprintf("hourly at :%02d", minutes[0])
		case len(minutes) <= most:
			return "hourly at " + list(minutes, func(n int) string { return fmt.Sprintf(":%02d", n) })
		}
		return "hourly at minutes " + list(minutes, func(n int) string { return fmt.Sprint(n) })
	}
	if len(minutes)*len(hours) <= most {
		var times []string
		for _, hour := range hours {
			for _, minute := range minutes {
				times = append(times, fmt.Sprintf("%02d:%02d", hour, minute))
			}
		}
		return join(times)
	}
	between := "in the hours " + list(hours, func(n int) string { return fmt.Sprint(n) })
	if first, last := hours[0], hours[len(hours)-1]; last-first == len(hours)-1 {
		between = fmt.Sprintf("from %02d:00 to %02d:59", first, last)
	} else if step := stepOf(hours, 24); step > 1 && len(minutes) == 1 {
		return fmt.Sprintf("every %d hours at :%02d", step, minutes[0])
	}
	switch step := stepOf(minutes, 60); {
	case len(minutes) == 60:
		return "every minute " + between
	case step > 1:
		return fmt.Sprintf("every %d minutes %s", step, between)
	case len(minutes) == 1:
		return fmt.Sprintf("hourly at :%02d %s", minutes[0], between)
	default:
		return "hourly at minutes " + list(minutes, func(n int) string { return fmt.Sprint(n) }) + " " + between
	}
}

// stepOf is the distance of values that are spread evenly over a whole, 0 when they are not.
func stepOf(values []int, whole int) int {
	if len(values) < 2 || values[0] != 0 || whole%len(values) != 0 {
		return 0
	}
	step := whole / len(values)
	for i, v := range values {
		if v != i*step {
			return 0
		}
	}
	return step
}

var dayNames = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}

func (e Expression) dayWords() string {
	var ways []string
	if !e.anyDom {
		if len(e.fields.DomConstraints) > 0 {
			ways = append(ways, domWords(e.dom))
		} else {
			ways = append(ways, "on day "+list(values(e.fields.Dom), func(n int) string { return fmt.Sprint(n) }))
		}
	}
	if !e.anyDow {
		switch days := values(e.fields.Dow & 0x7f); {
		case len(e.fields.DowConstraints) > 0:
			ways = append(ways, "on "+e.dow)
		case len(days) == 7:
			ways = append(ways, "every day")
		case len(days) == 5 && days[0] == 1 && days[4] == 5:
			ways = append(ways, "every weekday")
		case len(days) == 2 && days[0] == 0 && days[1] == 6:
			ways = append(ways, "every Saturday and Sunday")
		default:
			if days[0] == 0 && len(days) > 1 {
				days = append(days[1:], 0) // a week begins on Monday
			}
			ways = append(ways, "every "+list(days, func(n int) string { return dayNames[n] }))
		}
	}
	switch len(ways) {
	case 0:
		return "every day"
	case 1:
		if !e.anyDom {
			return ways[0] + e.ofEveryMonth()
		}
		return ways[0]
	default:
		return ways[0] + e.ofEveryMonth() + " and " + ways[1]
	}
}

func (e Expression) ofEveryMonth() string {
	if len(values(e.fields.Month)) == 12 {
		return " of the month"
	}
	return ""
}

func domWords(field string) string {
	switch strings.ToUpper(field) {
	case "L":
		return "on the last day"
	case "LW":
		return "on the last weekday"
	default:
		return "on day " + field
	}
}

func (e Expression) monthWords() string {
	months := values(e.fields.Month)
	if len(months) == 12 {
		return ""
	}
	return list(months, func(n int) string { return time.Month(n).String() })
}

// list writes values, three in a row or more as a range.
func list(values []int, name func(int) string) string {
	var parts []string
	for i := 0; i < len(values); {
		j := i
		for j+1 < len(values) && values[j+1] == values[j]+1 {
			j++
		}
		if j-i >= 2 {
			parts = append(parts, name(values[i])+"–"+name(values[j]))
		} else {
			for k := i; k <= j; k++ {
				parts = append(parts, name(values[k]))
			}
		}
		i = j + 1
	}
	return join(parts)
}

func join(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}
