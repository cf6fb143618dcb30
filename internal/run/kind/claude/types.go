package claude

import (
	"maps"
	"slices"
)

// Types lists what the driver reads and what each becomes, for the documentation.
func Types() [][2]string {
	var rows [][2]string
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		rows = append(rows, [2]string{"" + name, handlers[name].becomes})
	}
	return rows
}
