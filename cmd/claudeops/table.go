package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table prints rows in aligned columns. The last column is cut where the terminal ends.
type table struct {
	rows   [][]string
	colors map[int]func(cell string) string // SGR parameter for a cell of a column, "" for none
}

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = neutral(cells[i])
	}
	t.rows = append(t.rows, cells)
}

func (t *table) print(c *command, w io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	limit := columns(w)
	for n, row := range t.rows {
		var b strings.Builder
		used := 0
		for i, cell := range row {
			last := i == len(row)-1
			if last && limit > 0 && used < limit {
				cell = shorten(cell, limit-used)
			}
			pad := widths[i] - utf8.RuneCountInString(cell) + 2
			used += widths[i] + 2
			switch color := t.colors[i]; {
			case n == 0:
				cell = c.paint(w, bold, cell)
			case color != nil && color(cell) != "":
				cell = c.paint(w, color(cell), cell)
			}
			b.WriteString(cell)
			if !last {
				b.WriteString(strings.Repeat(" ", pad))
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
