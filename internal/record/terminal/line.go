// Package terminal says what text a terminal shows of an agent's line: carriage returns, backspaces,
// cursor movement within the line and erasing are carried out, colours and titles are left out,
// characters that would be invisible or reorder the text are made visible. The web page has the same
// rules in TypeScript; testdata/lines.json holds both to them. It keeps no more than one line.
package terminal

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Limits of a line. The TypeScript side has the same numbers.
const (
	// MaxUnits is how long a line may become, in UTF-16 code units, before what follows starts another.
	MaxUnits = 1 << 20
	// maxColumn bounds how far the cursor moves beyond the text.
	maxColumn = 1000
	// maxPending bounds an escape sequence that is not complete yet; a longer one is text.
	maxPending = 4096
)

// Line is a terminal of one line. The zero Line is empty and ready.
type Line struct {
	plain []byte // the text while the cursor has only moved forward
	cells []cell // the text once it has not; valid when split
	split bool

	origin, cursor, saved int // columns; movement is relative to origin
	erase                 erasing
	returned              bool   // the carriage was, while the text was not split
	held                  int    // spaces that came since
	pending               []byte // an escape sequence whose end has not come
}

// cell is a column. A character that is wider than one column is followed by cells with r 0.
type cell struct {
	r     rune
	marks string // combining characters, or the rest of a name such as <U+202E>
}

// erasing says whether the text goes when something is written: a line that is erased last, or that
// the carriage was returned on, stays readable until then.
type erasing uint8

const (
	eraseNothing erasing = iota
	eraseOnText          // after a carriage return
	eraseLine            // after an escape sequence that erases
)

// Reset empties the line.
func (l *Line) Reset() {
	*l = Line{plain: l.plain[:0], cells: l.cells[:0], pending: l.pending[:0]}
}

// NewLine empties the line, but for a sequence that is not complete.
func (l *Line) NewLine() {
	pending := l.pending
	l.Reset()
	l.pending = pending
}

// Plain reports whether text is shown as it is.
func Plain(text []byte) bool {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c < ' ' && c != '\t' && c != '\n', c == 0x7f:
			return false
		case c < utf8.RuneSelf:
		case c == 0xc2 && i+1 < len(text) && text[i+1] < 0xa0: // C1
			return false
		case c == 0xd8 && i+1 < len(text) && text[i+1] == 0x9c: // U+061C
			return false
		case c == 0xe2 && i+2 < len(text) && (text[i+1] == 0x80 || text[i+1] == 0x81):
			if r, _ := utf8.DecodeRune(text[i:]); unicode.Is(unicode.Bidi_Control, r) {
				return false
			}
		}
	}
	return true
}

// Write adds text, which must be UTF-8, to the line. A sequence may be cut between two writes.
func (l *Line) Write(text []byte) {
	if len(l.pending) > 0 {
		text = append(l.pending, text...)
		l.pending = nil
	}
	l.write(text, false)
}

// End says that the line is complete: a sequence without an end is text.
func (l *Line) End() {
	if len(l.pending) > 0 {
		text := l.pending
		l.pending = nil
		l.write(text, true)
	}
}

func (l *Line) write(text []byte, last bool) {
	for len(text) > 0 {
		if n := plainRun(text); n > 0 && !l.split {
			if l.returned && text[0] == ' ' {
				l.held++
				text = text[1:]
				continue
			}
			if text[0] == '\n' {
				l.returned = false // the line before stays as it is
			}
			if !l.returned || text[0] != '\t' {
				l.plain = append(l.fresh(), text[:n]...)
				text = text[n:]
				continue
			}
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == 0x1b:
			n, ok := l.escape(text, last)
			if !ok {
				l.pending = append([]byte(nil), text...)
				return
			}
			text = text[n:]
			continue
		case r == 0x9b:
			n, ok := l.csi(text, size, last)
			if !ok {
				l.pending = append([]byte(nil), text...)
				return
			}
			text = text[n:]
			continue
		case r == '\r':
			l.carriageReturn()
		case r == '\b':
			l.toCells()
			l.erase = eraseNothing
			l.move(l.cursor - 1)
		case r == '\t':
			l.tab()
		case r == '\n':
			l.newLine()
		case r < ' ':
			l.put(0x2400+r, "")
		case r == 0x7f:
			l.put('␡', "")
		case r >= 0x80 && r < 0xa0:
			// C1 controls other than CSI show nothing.
		case unicode.Is(unicode.Bidi_Control, r):
			l.put('<', controlName(r)[1:])
		default:
			l.put(r, "")
		}
		text = text[size:]
	}
}

// controlName is what a character is shown as that can't be seen itself.
func controlName(r rune) string {
	const digits = "0123456789ABCDEF"
	return "<U+" + string([]byte{digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15]}) + ">"
}

// plainRun counts the bytes at the start of text that are shown as they are, whatever column they are in.
func plainRun(text []byte) int {
	for i, c := range text {
		if c < ' ' && c != '\t' && c != '\n' || c >= 0x7f {
			if c >= 0xc3 && c != 0xd8 && c != 0xe2 || c >= 0x80 && c < 0xc2 {
				continue
			}
			return i
		}
	}
	return len(text)
}

// toCells turns the plain text into cells.
func (l *Line) toCells() {
	if l.split {
		return
	}
	l.split = true
	l.cells, l.cursor = l.cells[:0], 0
	for rest := l.plain; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		if r == '\t' {
			l.tab()
		} else if r == '\n' {
			l.newLine()
		} else if unicode.Is(unicode.Bidi_Control, r) {
			l.put('<', controlName(r)[1:])
		} else {
			l.put(r, "")
		}
	}
	l.plain = l.plain[:0]
	if l.returned {
		l.erase, l.cursor, l.returned = eraseOnText, l.held, false
	}
}

// fresh is the plain text that the next text is added to: none of it when the carriage was returned.
func (l *Line) fresh() []byte {
	if l.returned {
		l.returned, l.plain = false, l.plain[:0]
		for range l.held {
			l.plain = append(l.plain, ' ')
		}
	}
	return l.plain
}

func (l *Line) carriageReturn() {
	if !l.split && bytes.IndexByte(l.plain, '\n') < 0 {
		l.returned, l.held = true, 0
		return
	}
	l.toCells()
	if l.erase == eraseNothing {
		l.erase = eraseOnText
	}
	l.cursor = l.origin
}

// newLine begins another line: messages of several lines are one line of the log.
func (l *Line) newLine() {
	l.erase = eraseNothing
	l.cells = append(l.cells, cell{r: '\n'})
	l.origin = len(l.cells)
	l.cursor = l.origin
}

// put writes a character at the cursor; rest is what is shown with it in the same cell.
func (l *Line) put(r rune, rest string) {
	if !l.split && rest == "" {
		l.plain = utf8.AppendRune(l.fresh(), r)
		return
	}
	l.toCells() // a name is one cell
	width := runeWidth(r)
	if l.erase != eraseNothing {
		if r == ' ' {
			l.cursor++
			return
		}
		l.eraseNow()
	}
	if width == 0 {
		if at := l.lead(l.cursor - 1); at >= l.origin && at < len(l.cells) {
			l.cells[at].marks += string(r)
			return
		}
		width = 1
	}
	l.fill(l.cursor)
	for i := range width {
		l.unjoin(l.cursor + i)
		if l.cursor+i == len(l.cells) {
			l.cells = append(l.cells, cell{})
		}
		l.cells[l.cursor+i] = cell{}
	}
	l.cells[l.cursor] = cell{r, rest}
	l.cursor += width
}

// tab goes to the next column that is a multiple of eight. At the end of the text it stays a tab, as
// the text has it.
func (l *Line) tab() {
	if l.erase != eraseNothing || l.cursor != len(l.cells) {
		l.move(l.cursor + 8 - (l.cursor-l.origin)%8)
		return
	}
	width := 8 - (l.cursor-l.origin)%8
	l.cells = append(l.cells, cell{r: '\t'})
	for range width - 1 {
		l.cells = append(l.cells, cell{})
	}
	l.cursor += width
}

// eraseNow carries out what carriageReturn and sequences that erase have put off.
func (l *Line) eraseNow() {
	l.erase = eraseNothing
	l.cells = l.cells[:min(l.origin, len(l.cells))]
}

// fill writes spaces up to a column.
func (l *Line) fill(to int) {
	for len(l.cells) < to {
		l.cells = append(l.cells, cell{r: ' '})
	}
}

// lead is the cell in which the character of a column begins.
func (l *Line) lead(at int) int {
	for at > 0 && at < len(l.cells) && l.cells[at].r == 0 {
		at--
	}
	return at
}

// unjoin makes spaces of the character that reaches into a column, before a part of it is overwritten.
func (l *Line) unjoin(at int) {
	if at >= len(l.cells) {
		return
	}
	from, to := l.lead(at), at+1
	for to < len(l.cells) && l.cells[to].r == 0 {
		to++
	}
	if to-from > 1 {
		for i := from; i < to; i++ {
			l.cells[i] = cell{r: ' '}
		}
	}
}

// move puts the cursor in a column.
func (l *Line) move(to int) {
	l.cursor = min(max(to, l.origin), max(len(l.cells), l.origin+maxColumn))
}

// leaveRow is called when the cursor goes to another row: what stands here stays, what comes is
// written behind it.
func (l *Line) leaveRow() {
	l.toCells()
	if l.erase == eraseLine {
		l.eraseNow()
	}
	l.erase = eraseNothing
	for _, c := range l.cells[min(l.origin, len(l.cells)):] {
		if c.r != ' ' && c.r != 0 && c.r != '\t' {
			l.origin = len(l.cells) + 1
			break
		}
	}
	l.cells = l.cells[:min(l.origin, len(l.cells))]
	l.fill(l.origin)
	l.cursor = l.origin
}

// clearScreen puts off the erasing of all there is.
func (l *Line) clearScreen() {
	l.toCells()
	l.origin, l.cursor = 0, 0
	l.erase = eraseLine
}

// escape reads the sequence that text begins with, and gives its length; ok is false when it is not
// complete.
func (l *Line) escape(text []byte, last bool) (n int, ok bool) {
	if len(text) < 2 {
		return 1, last
	}
	switch text[1] {
	case '[':
		return l.csi(text, 2, last)
	case ']', 'P', 'X', '^', '_':
		return stringEnd(text, 2, last)
	}
	i := 1
	for i < len(text) && text[i] >= 0x20 && text[i] <= 0x2f {
		i++
	}
	if i == len(text) {
		return i, last
	}
	if c := text[i]; c < 0x30 || c > 0x7e {
		return i, true
	}
	if i == 1 {
		switch text[i] {
		case '7':
			l.toCells()
			l.saved = l.cursor - l.origin
		case '8':
			l.toCells()
			l.moveSoft(l.saved)
		case 'c':
			l.clearScreen()
		case 'D', 'E', 'M':
			l.leaveRow()
		}
	}
	return i + 1, true
}

// stringEnd gives where the string sequence ends whose body begins at from. One that never ends
// swallows nothing: a log must not be able to hide its own rest.
func stringEnd(text []byte, from int, last bool) (n int, ok bool) {
	for i := from; i < len(text); i++ {
		switch text[i] {
		case 0x07:
			return i + 1, true
		case 0x9c:
			if text[i-1] == 0xc2 {
				return i + 1, true
			}
		case 0x1b:
			switch {
			case i+1 < len(text) && text[i+1] == '\\':
				return i + 2, true
			case i+1 == len(text) && !last && i < maxPending:
				return 0, false
			}
			return from, true
		}
	}
	if last || len(text) > maxPending {
		return from, true
	}
	return 0, false
}

// moveSoft moves relative to the origin. What was to be erased by text after a carriage return stays:
// the agent means to change a part of it.
func (l *Line) moveSoft(column int) {
	if l.erase == eraseOnText {
		l.erase = eraseNothing
	}
	l.move(l.origin + column)
}

// csi reads a control sequence whose parameters begin at from.
func (l *Line) csi(text []byte, from int, last bool) (n int, ok bool) {
	i := from
	for i < len(text) && text[i] >= 0x20 && text[i] <= 0x3f {
		i++
	}
	if i == len(text) {
		if last || len(text) > maxPending {
			return i, true
		}
		return 0, false
	}
	final := text[i]
	if final < 0x40 || final > 0x7e {
		return i, true // broken: what follows is text again
	}
	params := text[from:i]
	if final == 'm' || len(params) > 0 && params[0] > ';' || bytes.IndexFunc(params, func(r rune) bool { return r < '0' }) >= 0 {
		return i + 1, true // colours, and what is private to some terminals
	}
	l.control(final, params)
	return i + 1, true
}

func (l *Line) control(final byte, params []byte) {
	first := number(params)
	count := min(max(first, 1), maxColumn)
	switch final {
	case 'C', 'a':
		l.toCells()
		l.moveSoft(l.cursor - l.origin + count)
	case 'D':
		l.toCells()
		l.moveSoft(l.cursor - l.origin - count)
	case 'G', '`':
		l.toCells()
		l.moveSoft(count - 1)
	case 'A', 'B', 'E', 'F', 'H', 'f', 'd', 'e', 'S', 'T':
		l.leaveRow()
	case 'J':
		switch {
		case first >= 2:
			l.clearScreen()
		case first == 0:
			l.eraseRight()
		}
	case 'K':
		l.toCells()
		switch first {
		case 0:
			l.eraseRight()
		case 1:
			l.blank(l.origin, l.cursor+1)
		case 2:
			l.erase = eraseLine
		}
	case 'X':
		l.toCells()
		l.soft()
		l.blank(l.cursor, l.cursor+count)
	case 'P':
		l.toCells()
		l.soft()
		if l.cursor < len(l.cells) {
			end := min(l.cursor+count, len(l.cells))
			l.unjoin(l.cursor)
			l.unjoin(end)
			l.cells = append(l.cells[:l.cursor], l.cells[end:]...)
		}
	case '@':
		l.toCells()
		l.soft()
		if l.cursor < len(l.cells) {
			l.unjoin(l.cursor)
			tail := append([]cell(nil), l.cells[l.cursor:]...)
			l.cells = l.cells[:l.cursor]
			l.fill(l.cursor + count)
			l.cells = append(l.cells, tail...)
		}
	case 's':
		l.toCells()
		l.saved = l.cursor - l.origin
	case 'u':
		l.toCells()
		l.moveSoft(l.saved)
	}
}

func (l *Line) soft() {
	if l.erase == eraseOnText {
		l.erase = eraseNothing
	}
}

// eraseRight erases from the cursor on. At the start of the line that waits for the next text.
func (l *Line) eraseRight() {
	l.toCells()
	if l.cursor <= l.origin {
		l.erase = eraseLine
		return
	}
	l.soft()
	if l.cursor < len(l.cells) {
		l.unjoin(l.cursor)
		l.cells = l.cells[:l.cursor]
	}
}

func (l *Line) blank(from, to int) {
	to = min(to, len(l.cells))
	for i := from; i < to; i++ {
		l.unjoin(i)
		l.cells[i] = cell{r: ' '}
	}
}

// number is the first parameter of a sequence; 0 when there is none.
func number(params []byte) int {
	n := 0
	for _, c := range params {
		if c < '0' || c > '9' {
			break
		}
		n = min(n*10+int(c-'0'), 1<<20)
	}
	return n
}

// Append adds the text that is shown to dst.
func (l *Line) Append(dst []byte) []byte {
	if !l.split {
		return append(dst, l.plain...)
	}
	for _, c := range l.cells {
		if c.r != 0 {
			dst = append(utf8.AppendRune(dst, c.r), c.marks...)
		}
	}
	return dst
}

// Full reports whether the line has MaxUnits.
func (l *Line) Full() bool {
	if !l.split {
		return len(l.plain) >= MaxUnits && units(l.plain) >= MaxUnits
	}
	if len(l.cells) < MaxUnits/2 {
		return false
	}
	return units(l.Append(nil)) >= MaxUnits
}

func units(text []byte) int {
	n := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r > 0xffff {
			n++
		}
		n++
		text = text[size:]
	}
	return n
}

// Text is what is shown of a whole line.
func Text(raw string) string {
	if Plain([]byte(raw)) {
		return raw
	}
	var l Line
	l.Write([]byte(raw))
	l.End()
	return string(l.Append(nil))
}
