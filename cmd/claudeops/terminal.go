package main

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns is how wide the terminal is, 0 when it is none.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// colored says whether w gets colours.
func (c *command) colored(w io.Writer) bool {
	switch c.color {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func (c *command) paint(w io.Writer, sgr, text string) string {
	if text == "" || !c.colored(w) {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

// neutral makes text harmless on a terminal: what could move the cursor, change colours, titles or
// the clipboard, or turn the direction of writing is shown as what it is. The result is one line.
func neutral(text string) string {
	if !strings.ContainsFunc(text, hostile) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !hostile(r):
			b.WriteRune(r)
		case r == 0x7f:
			b.WriteRune('␡')
		case r < 0x20:
			b.WriteRune('␀' + r) // Unicode has a picture of each
		default:
			b.WriteString("‹U+")
			b.WriteString(strings.ToUpper(hex(r)))
			b.WriteString("›")
		}
	}
	return b.String()
}

func hostile(r rune) bool {
	if r == '\t' {
		return false
	}
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c: // direction
		return true
	case r == 0x2028, r == 0x2029: // line and paragraph separator
		return true
	case r >= 0xe0000 && r <= 0xe007f: // tags: invisible text
		return true
	}
	return false
}

func hex(r rune) string {
	const digits = "0123456789abcdef"
	text := ""
	for ; r > 0; r >>= 4 {
		text = string(digits[r&15]) + text
	}
	for len(text) < 4 {
		text = "0" + text
	}
	return text
}

// lastSegment is what a terminal would show of a line that returns to its beginning: what was
// written last.
func lastSegment(text string) string {
	text = strings.TrimRight(text, "\r")
	if i := strings.LastIndexByte(text, '\r'); i >= 0 {
		return text[i+1:]
	}
	return text
}
