package supervisor

import (
	"slices"
	"strings"

	"github.com/claudeops/claudeops/internal/run/agent"
)

// maxNearest is how many names are offered for one that does not exist.
const maxNearest = 3

// nearest gives the names most like the one asked for, best first; none when nothing is alike.
func nearest(asked string, definitions []*agent.Definition) []string {
	type candidate struct {
		name     string
		distance int
	}
	var candidates []candidate
	asked = strings.ToLower(asked)
	if len(asked) > 64 { // no name is longer
		return nil
	}
	for _, d := range definitions {
		distance := editDistance(asked, d.Name)
		contained := len(asked) >= 3 && strings.Contains(d.Name, asked)
		if contained || distance <= max(2, len(d.Name)/3) {
			candidates = append(candidates, candidate{d.Name, distance})
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	var names []string
	for _, c := range candidates[:min(maxNearest, len(candidates))] {
		names = append(names, c.name)
	}
	return names
}

// editDistance is how many bytes must be changed, added or removed to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
