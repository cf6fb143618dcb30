package main

import (
	"strconv"
	"strings"
)

// escapeLength is how many bytes of text, which begins with ESC, are one escape sequence (ECMA-48).
// 0: it is none. whole is false where the text ends before the sequence does.
func escapeLength(text string) (n int, whole bool) {
	if len(text) < 2 {
		return len(text), false
	}
	switch c := text[1]; {
	case c == '[': // CSI: parameters, intermediates, final
		for i := 2; i < len(text); i++ {
			switch b := text[i]; {
			case b >= 0x20 && b <= 0x3f:
			case b >= 0x40 && b <= 0x7e:
				return i + 1, true
			default:
				return 0, true
			}
		}
		return len(text), false
	case c == ']', c == 'P', c == 'X', c == '^', c == '_': // OSC and other strings, up to BEL or ST
		for i := 2; i < len(text); i++ {
			switch {
			case text[i] == 0x07 && c == ']':
				return i + 1, true
			case text[i] == 0x1b && i+1 == len(text):
				return len(text), false
			case text[i] == 0x1b && text[i+1] == '\\':
				return i + 2, true
			case text[i] == 0x1b, text[i] == '\n', text[i] == '\r':
				return 0, true
			}
		}
		return len(text), false
	case c >= 0x20 && c <= 0x2f: // intermediates, final
		for i := 2; i < len(text); i++ {
			if b := text[i]; b < 0x20 || b > 0x2f {
				if b >= 0x30 && b <= 0x7e {
					return i + 1, true
				}
				return 0, true
			}
		}
		return len(text), false
	case c >= 0x30 && c <= 0x7e:
		return 2, true
	}
	return 0, true
}

// longestEscape bounds how much of an unfinished sequence is kept for the next piece of a line.
const longestEscape = 4096

// escapeFilter makes what an agent writes on one stream fit for where it goes. A line may come in
// pieces, and a sequence may be cut between them.
type escapeFilter struct {
	unfinished string
	style      style
}

// strip removes escape sequences: a pipe gets the text alone. end: the line is complete.
func (f *escapeFilter) strip(text string, end bool) string {
	text, f.unfinished = f.unfinished+text, ""
	if strings.IndexByte(text, 0x1b) < 0 {
		return text
	}
	var b strings.Builder
	for text != "" {
		i := strings.IndexByte(text, 0x1b)
		if i < 0 {
			i = len(text)
		}
		b.WriteString(text[:i])
		if text = text[i:]; text == "" {
			break
		}
		n, whole := escapeLength(text)
		switch {
		case !whole && !end && len(text) < longestEscape:
			f.unfinished, text = text, ""
		case !whole, n == 0: // no sequence: as it was written
			b.WriteByte(text[0])
			text = text[1:]
		default:
			text = text[n:]
		}
	}
	return b.String()
}

// show makes text harmless for a terminal. Colours stay where colored says so, each piece with an end
// of its own, so that what is printed next is not affected. What only clears the line, or hides the
// cursor, has no place in a log and is left out; a link keeps its text. Everything else that could act
// on the terminal is made visible.
func (f *escapeFilter) show(text string, colored, end bool) string {
	text, f.unfinished = f.unfinished+text, ""
	var b strings.Builder
	plain := func(part string) {
		if part = neutral(part); part == "" {
			return
		}
		if sgr := f.style.String(); colored && sgr != "" {
			b.WriteString("\x1b[" + sgr + "m" + part + "\x1b[0m")
			return
		}
		b.WriteString(part)
	}
	for text != "" {
		i := strings.IndexByte(text, 0x1b)
		if i < 0 {
			i = len(text)
		}
		plain(text[:i])
		if text = text[i:]; text == "" {
			break
		}
		n, whole := escapeLength(text)
		switch {
		case !whole && !end && len(text) < longestEscape:
			f.unfinished, text = text, ""
			continue
		case !whole, n == 0:
			n = 1
		}
		sequence := text[:n]
		text = text[n:]
		switch {
		case strings.HasPrefix(sequence, "\x1b[") && strings.HasSuffix(sequence, "m"):
			if !f.style.apply(sequence[2 : n-1]) {
				plain(sequence)
			}
		case silent(sequence):
		default:
			plain(sequence)
		}
	}
	return b.String()
}

// silent reports whether a sequence says nothing to the reader of a log: erase in line, the cursor
// shown or hidden, bracketed paste, and the beginning and end of a link.
func silent(sequence string) bool {
	switch sequence {
	case "\x1b[K", "\x1b[0K", "\x1b[1K", "\x1b[2K", "\x1b[?25l", "\x1b[?25h", "\x1b[?2004l", "\x1b[?2004h", "\x1b(B":
		return true
	}
	return strings.HasPrefix(sequence, "\x1b]8;")
}

// style is what SGR sequences have set. Concealed text is no part of it: a log hides nothing.
type style struct {
	bold, dim, italic, blink, inverse, strike bool
	underline                                 string // "", "4", "21", "4:3"
	foreground, background, underlineColor    string // parameters, "" for the default
}

func (s style) String() string {
	var parts []string
	for _, part := range []struct {
		set  bool
		text string
	}{
		{s.bold, "1"}, {s.dim, "2"}, {s.italic, "3"}, {s.underline != "", s.underline}, {s.blink, "5"}, {s.inverse, "7"}, {s.strike, "9"},
		{s.foreground != "", s.foreground}, {s.background != "", s.background}, {s.underlineColor != "", s.underlineColor},
	} {
		if part.set {
			parts = append(parts, part.text)
		}
	}
	return strings.Join(parts, ";")
}

// apply carries out the parameters of one SGR sequence. It reports false for what is no SGR, such as
// one with private parameters.
func (s *style) apply(parameters string) bool {
	if strings.Trim(parameters, "0123456789;:") != "" {
		return false
	}
	list := strings.Split(parameters, ";")
	for i := 0; i < len(list); i++ {
		first, sub, hasSub := strings.Cut(list[i], ":")
		code, err := strconv.Atoi(first)
		if first == "" {
			code, err = 0, nil
		}
		if err != nil {
			continue
		}
		switch {
		case code == 0:
			*s = style{}
		case code == 1:
			s.bold = true
		case code == 2:
			s.dim = true
		case code == 3:
			s.italic = true
		case code == 4 && sub == "0", code == 24:
			s.underline = ""
		case code == 4 && hasSub:
			s.underline = "4:" + sub
		case code == 4, code == 21:
			s.underline = strconv.Itoa(code)
		case code == 5, code == 6:
			s.blink = true
		case code == 7:
			s.inverse = true
		case code == 9:
			s.strike = true
		case code == 22:
			s.bold, s.dim = false, false
		case code == 23:
			s.italic = false
		case code == 25:
			s.blink = false
		case code == 27:
			s.inverse = false
		case code == 29:
			s.strike = false
		case code >= 30 && code <= 37, code >= 90 && code <= 97:
			s.foreground = first
		case code == 39:
			s.foreground = ""
		case code >= 40 && code <= 47, code >= 100 && code <= 107:
			s.background = first
		case code == 49:
			s.background = ""
		case code == 59:
			s.underlineColor = ""
		case code == 38, code == 48, code == 58:
			text := list[i]
			if !hasSub {
				n := colorParameters(list[i+1:])
				text = strings.Join(list[i:i+1+n], ";")
				if i += n; n == 0 {
					continue
				}
			}
			switch code {
			case 38:
				s.foreground = text
			case 48:
				s.background = text
			default:
				s.underlineColor = text
			}
		}
	}
	return true
}

// colorParameters is how many parameters after 38, 48 or 58 belong to the colour.
func colorParameters(rest []string) int {
	switch {
	case len(rest) >= 2 && rest[0] == "5":
		return 2
	case len(rest) >= 4 && rest[0] == "2":
		return 4
	}
	return 0
}
