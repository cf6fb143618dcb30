package acp

import (
	"maps"
	"slices"
)

// Types lists what the driver reads and what each becomes, for the documentation.
func Types() [][2]string {
	var rows [][2]string
	for _, name := range slices.Sorted(maps.Keys(updates)) {
		rows = append(rows, [2]string{"session/update " + name, updates[name].becomes})
	}
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		rows = append(rows, [2]string{"" + name, requests[name].becomes})
	}
	return rows
}
