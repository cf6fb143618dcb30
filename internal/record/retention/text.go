package retention

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// UnlimitedText is what says that there is no bound.
const UnlimitedText = "unlimited"

const day = 24 * time.Hour

// FormatAge writes an age as it can be given: 30d, 12h, 90m.
func FormatAge(d time.Duration) string {
	switch {
	case d < 0:
		return UnlimitedText
	case d >= day:
		text := fmt.Sprintf("%dd", d/day)
		if rest := d % day; rest > 0 {
			text += FormatAge(rest)
		}
		return text
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// FormatCount writes a number of executions as it can be given.
func FormatCount(n int64) string {
	if n < 0 {
		return UnlimitedText
	}
	return strconv.FormatInt(n, 10)
}

// FormatSize writes a number of bytes as it can be given: 10GiB, 512MiB, 1000B.
func FormatSize(n int64) string {
	if n < 0 {
		return UnlimitedText
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	unit := 0
	for n >= 1<<10 && n%(1<<10) == 0 && unit < len(units)-1 {
		n >>= 10
		unit++
	}
	return strconv.FormatInt(n, 10) + units[unit]
}

// Describe writes the bounds there are, one a line, nothing when there are none: "logs.age 30d".
func (r Rules) Describe() []string {
	var all []string
	add := func(rule Rule, set bool, text string) {
		if set {
			all = append(all, string(rule)+" "+text)
		}
	}
	add(LogsAge, r.LogsAge.Set, FormatAge(r.LogsAge.Limit))
	add(LogsSize, r.LogsSize.Set, FormatSize(r.LogsSize.Limit))
	add(ExecutionsAge, r.ExecutionsAge.Set, FormatAge(r.ExecutionsAge.Limit))
	add(ExecutionsCount, r.ExecutionsCount.Set, FormatCount(r.ExecutionsCount.Limit))
	return all
}
