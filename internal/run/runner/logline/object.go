package logline

import (
	"bytes"
	"unicode/utf8"
)

// MaxObjectBytes is how long a line may be to be looked at as JSON: its text is stored twice, as
// the message and as data.
const MaxObjectBytes = 16 << 10

// maxDepth is how deep objects and arrays may nest for a line to pass; readers have limits too.
const maxDepth = 64

// Object looks at a line that starts with '{'. Where all of it is one valid JSON object it gives
// the object's text, ready to be an event's data, and the level it claims: a level, severity or lvl
// of its own, by name or by pino's and bunyan's number.
func Object(line []byte) (text []byte, level Level, ok bool) {
	if len(line) < 2 || len(line) > MaxObjectBytes || line[0] != '{' {
		return nil, Info, false
	}
	text = bytes.TrimRight(line, " \t\r")
	if text[len(text)-1] != '}' {
		return nil, Info, false
	}
	c := checker{s: text}
	if !c.object(0) || c.i != len(text) || c.high && !utf8.Valid(text) {
		return nil, Info, false
	}
	return text, c.level, true
}

// checker walks over JSON text and says whether it is valid.
type checker struct {
	s     []byte
	i     int
	high  bool // a byte from 0x80 was met
	found bool
	level Level
}

func (c *checker) space() {
	for c.i < len(c.s) && (c.s[c.i] == ' ' || c.s[c.i] == '\t' || c.s[c.i] == '\r' || c.s[c.i] == '\n') {
		c.i++
	}
}

// object is at '{'.
func (c *checker) object(depth int) bool {
	if depth >= maxDepth {
		return false
	}
	c.i++
	c.space()
	if c.i < len(c.s) && c.s[c.i] == '}' {
		c.i++
		return true
	}
	for {
		c.space()
		from := c.i + 1
		if !c.text() {
			return false
		}
		key := c.s[from : c.i-1]
		c.space()
		if c.i >= len(c.s) || c.s[c.i] != ':' {
			return false
		}
		c.i++
		c.space()
		value := c.i
		if !c.value(depth) {
			return false
		}
		if depth == 0 && !c.found {
			c.claim(key, c.s[value:c.i])
		}
		c.space()
		if c.i >= len(c.s) {
			return false
		}
		c.i++
		switch c.s[c.i-1] {
		case ',':
		case '}':
			return true
		default:
			return false
		}
	}
}

// claim takes the level from a member of the outermost object, where it is one.
func (c *checker) claim(key, value []byte) {
	switch string(key) {
	case "level", "severity", "lvl", "levelname", "log.level":
	default:
		return
	}
	if len(value) > 2 && value[0] == '"' {
		c.level, c.found = levelName(value[1 : len(value)-1])
		return
	}
	if string(key) != "level" || len(value) != 2 || value[1] != '0' {
		return
	}
	switch value[0] {
	case '1', '2':
		c.level, c.found = Debug, true
	case '3':
		c.level, c.found = Info, true
	case '4':
		c.level, c.found = Warn, true
	case '5', '6':
		c.level, c.found = Error, true
	}
}

func (c *checker) array(depth int) bool {
	if depth >= maxDepth {
		return false
	}
	c.i++
	c.space()
	if c.i < len(c.s) && c.s[c.i] == ']' {
		c.i++
		return true
	}
	for {
		c.space()
		if !c.value(depth) {
			return false
		}
		c.space()
		if c.i >= len(c.s) {
			return false
		}
		c.i++
		switch c.s[c.i-1] {
		case ',':
		case ']':
			return true
		default:
			return false
		}
	}
}

func (c *checker) value(depth int) bool {
	if c.i >= len(c.s) {
		return false
	}
	switch ch := c.s[c.i]; {
	case ch == '"':
		return c.text()
	case ch == '{':
		return c.object(depth + 1)
	case ch == '[':
		return c.array(depth + 1)
	case ch == 't':
		return c.word("true")
	case ch == 'f':
		return c.word("false")
	case ch == 'n':
		return c.word("null")
	default:
		return c.number()
	}
}

func (c *checker) word(w string) bool {
	if len(c.s)-c.i < len(w) || string(c.s[c.i:c.i+len(w)]) != w {
		return false
	}
	c.i += len(w)
	return true
}

// text is at a string's opening quote.
func (c *checker) text() bool {
	if c.i >= len(c.s) || c.s[c.i] != '"' {
		return false
	}
	c.i++
	for {
		c.i += clean(c.s[c.i:], c.stopAtHigh())
		if c.i >= len(c.s) {
			return false
		}
		switch ch := c.s[c.i]; {
		case ch == '"':
			c.i++
			return true
		case ch == '\\':
			if !c.escape() {
				return false
			}
		case ch >= utf8.RuneSelf:
			c.high = true
		default:
			return false // a bare control character
		}
	}
}

// stopAtHigh makes clean stop at the first byte from 0x80 only.
func (c *checker) stopAtHigh() uint64 {
	if c.high {
		return 0
	}
	return highs
}

// escape is at a backslash.
func (c *checker) escape() bool {
	if c.i+1 >= len(c.s) {
		return false
	}
	switch c.s[c.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.i += 2
		return true
	case 'u':
		if len(c.s)-c.i < 6 {
			return false
		}
		for _, h := range c.s[c.i+2 : c.i+6] {
			if (h < '0' || h > '9') && (h < 'a' || h > 'f') && (h < 'A' || h > 'F') {
				return false
			}
		}
		c.i += 6
		return true
	}
	return false
}

func (c *checker) digits() bool {
	from := c.i
	for c.i < len(c.s) && c.s[c.i] >= '0' && c.s[c.i] <= '9' {
		c.i++
	}
	return c.i > from
}

func (c *checker) number() bool {
	if c.s[c.i] == '-' {
		c.i++
	}
	if c.i < len(c.s) && c.s[c.i] == '0' {
		c.i++
	} else if !c.digits() {
		return false
	}
	if c.i < len(c.s) && c.s[c.i] == '.' {
		c.i++
		if !c.digits() {
			return false
		}
	}
	if c.i < len(c.s) && (c.s[c.i] == 'e' || c.s[c.i] == 'E') {
		c.i++
		if c.i < len(c.s) && (c.s[c.i] == '+' || c.s[c.i] == '-') {
			c.i++
		}
		return c.digits()
	}
	return true
}
