package main

import (
	"fmt"
	"io"
	"strings"
)

// table prints rows in aligned columns. On a terminal the rows fit its width: wide columns are
// shortened, then the optional ones left out, then the rest shortened further. The first is always whole.
type table struct {
	rows     [][]string
	optional []int                            // columns that may be left out, the first of them first
	colors   map[int]func(cell string) string // SGR parameter for a cell of a column, "" for none
}

const (
	columnGap   = 2
	comfortable = 16 // columns are shortened to this before any is left out
	narrowest   = 4  // and to this when there is none left to leave out
	leftOut     = -1
)

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = flat(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// widths are the columns' widths, within a limit unless that is 0; leftOut for a column without room.
func (t *table) widths(limit int) []int {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], displayWidth(cell))
		}
	}
	if limit <= 0 {
		return widths
	}
	optional := t.optional
	for last := len(widths) - 1; ; {
		excess, widest := -columnGap-limit, 0
		for i, width := range widths {
			if width == leftOut {
				continue
			}
			excess += width + columnGap
			if i > 0 && (widest == 0 || width >= widths[widest]) {
				widest = i
			}
		}
		switch {
		case excess <= 0, widest == 0:
			return widths
		case widths[widest] > comfortable:
			widths[widest]--
		case len(optional) > 0:
			widths[optional[0]], optional = leftOut, optional[1:]
		case widths[widest] > narrowest:
			widths[widest]--
		default:
			widths[last] = leftOut
			last--
		}
	}
}

func (t *table) print(c *command, w io.Writer) error {
	widths := t.widths(columns(w))
	for n, row := range t.rows {
		var b strings.Builder
		for i, cell := range row {
			if widths[i] == leftOut {
				continue
			}
			shown := clip(cell, widths[i])
			pad := strings.Repeat(" ", widths[i]-displayWidth(shown)+columnGap)
			switch color := t.colors[i]; {
			case n == 0:
				shown = c.paint(w, bold, shown)
			case color != nil && color(cell) != "":
				shown = c.paint(w, color(cell), shown)
			}
			b.WriteString(shown + pad)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}
