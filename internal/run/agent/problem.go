package agent

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a definition file, and what to do about it.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; 0 when the whole file is meant
	Column  int    `json:"column,omitempty"`
	Field   string `json:"field,omitempty"` // dotted: "stop.grace", "parameters.properties.path.type"
	Message string `json:"message"`
	// Warning says that the definition can be run all the same.
	Warning bool `json:"warning,omitempty"`
}

func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Field != "" {
		b.WriteString(p.Field)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// nearest gives the known name that wrong was probably meant to be, or "". It looks through case
// and separators first ("idle_timeout" is idleTimeout), then at the edit distance.
func nearest(wrong string, known []string) string {
	folded := fold(wrong)
	best, bestDistance := "", 1+max(1, len(folded)/3)
	for _, name := range known {
		if fold(name) == folded {
			return name
		}
		if d := distance(folded, fold(name), bestDistance); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

func fold(name string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))
}

// distance counts the edits (insert, delete, replace, swap of neighbours) from a to b. It may
// stop early with any number that is at least limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 128 || len(b) > 128 {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
