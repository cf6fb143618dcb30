package search

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// An event's JSON holds most text as it is. Where every line that matches must hold some such text,
// that text is looked for in the journal's bytes, and only the lines that have it are taken apart.
// Such text is called required. Who encodes events is package logline, and encoding/json; what they
// escape does not count.

// maxLiterals bounds how many texts are looked for at once: each is a pass over the bytes.
const maxLiterals = 16

// plainInJSON reports whether whoever encodes events writes r as it is.
func plainInJSON(r rune) bool {
	switch r {
	case '"', '\\', '<', '>', '&', '\u0085', '\u2028', '\u2029', utf8.RuneError:
		return false
	}
	return r >= ' ' && (r < 0x7f || r >= 0xa0)
}

// asStored reports whether a character that is shown stands so in the journal: the pictures of control
// characters do not, nor what has more than one composed form.
func asStored(r rune) bool {
	return (r < 0x2400 || r > 0x2421) && (r < utf8.RuneSelf || len(norm.NFD.PropertiesString(string(r)).Decomposition()) <= 2*utf8.UTFMax && utf8.RuneCount(norm.NFD.PropertiesString(string(r)).Decomposition()) <= 2)
}

// special are what the events hold of lines that are shown otherwise than they are stored: escape
// sequences and NUL, backspaces, lines in parts, bytes that are not UTF-8, and C1 controls, which begin
// with 0xc2. Every such line is looked at as a terminal shows it.
var special = []string{`\u00`, `\b`, partialField, rawField}

// controlNames is all that is shown of characters which can't be seen themselves.
const controlNames = "<U+061C><U+200E><U+200F><U+202A><U+202B><U+202C><U+202D><U+202E><U+2066><U+2067><U+2068><U+2069>"

// singletons are characters that compose into one other each, and what that may be looked for as.
var singletons = [...]struct{ from, to string }{{"\u212a", "kK"}, {"\u212b", "åÅ"}, {"\u2126", "ωΩ"}, {"\u037e", ";"}, {"\u1fef", "`"}}

// prefilter gives the texts of which an event must hold one for its line to match; none: any event.
func prefilter(required []literal) []literal {
	if len(required) == 0 {
		return nil
	}
	var all []literal
	for _, l := range required {
		name := controlNames
		if l.folded {
			name = strings.ToLower(name)
		}
		if strings.Contains(name, l.text) {
			return nil
		}
		all = append(all, l)
		// The same characters, stored in the other form.
		if apart := norm.NFD.String(l.text); apart != l.text {
			all = append(all, literal{apart, l.folded})
		}
		for _, single := range singletons {
			if strings.ContainsAny(l.text, single.to) {
				all = append(all, literal{text: single.from})
			}
		}
	}
	if len(all) > maxLiterals {
		return nil
	}
	for _, text := range special {
		all = append(all, literal{text: text})
	}
	return all
}

// alone reports whether r has no other case, not even beyond ASCII.
func alone(r rune) bool { return unicode.SimpleFold(r) == r }

// longest gives the longest part of text that can be looked for, none if there is no such part.
// canFold tells, for folded text, which runes an ASCII comparison finds in all their cases.
func longest(text []rune, folded bool, canFold func(rune) bool) (literal, bool) {
	best := literal{folded: folded}
	start := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && plainInJSON(text[i]) && asStored(text[i]) && (!folded || canFold(text[i])) {
			continue
		}
		if part := string(text[start:i]); len(part) > len(best.text) {
			best.text = part
		}
		start = i + 1
	}
	if folded {
		best.text = string(lower([]byte(best.text)))
	}
	return best, best.text != ""
}

// requiredText is the required text of a plain query. The letters A to Z fold among themselves.
func requiredText(text string, folded bool) []literal {
	l, ok := longest([]rune(text), folded, func(r rune) bool { return r < utf8.RuneSelf || alone(r) })
	if !ok {
		return nil
	}
	return []literal{l}
}

// required gives texts of which every match of the expression holds one at least; none when there
// are no such texts.
func required(re *syntax.Regexp) []literal {
	switch re.Op {
	case syntax.OpLiteral:
		// (?i)k also matches the Kelvin sign, and (?i)s the long s.
		l, ok := longest(re.Rune, re.Flags&syntax.FoldCase != 0, func(r rune) bool {
			return alone(r) || r < utf8.RuneSelf && r != 'k' && r != 'K' && r != 's' && r != 'S'
		})
		if !ok {
			return nil
		}
		return []literal{l}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []literal
		for _, sub := range re.Sub {
			if these := required(sub); better(these, best) {
				best = these
			}
		}
		return best
	case syntax.OpAlternate:
		var all []literal
		for _, sub := range re.Sub {
			these := required(sub)
			if len(these) == 0 || len(all)+len(these) > maxLiterals {
				return nil
			}
			all = append(all, these...)
		}
		return all
	}
	return nil
}

// better reports whether fewer lines are likely to hold one of these texts.
func better(these, those []literal) bool {
	if len(these) == 0 || len(those) == 0 {
		return len(these) > 0
	}
	shortest := func(all []literal) int {
		least := len(all[0].text)
		for _, l := range all {
			least = min(least, len(l.text))
		}
		return least
	}
	if a, b := shortest(these), shortest(those); a != b {
		return a > b
	}
	return len(these) < len(those)
}
