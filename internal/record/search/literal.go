package search

import (
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
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
	case '"', '\\', '<', '>', '&', '\u2028', '\u2029', utf8.RuneError:
		return false
	}
	return r >= ' '
}

// alone reports whether r has no other case, not even beyond ASCII.
func alone(r rune) bool { return unicode.SimpleFold(r) == r }

// longest gives the longest part of text that can be looked for, none if there is no such part.
// canFold tells, for folded text, which runes an ASCII comparison finds in all their cases.
func longest(text []rune, folded bool, canFold func(rune) bool) (literal, bool) {
	best := literal{folded: folded}
	start := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && plainInJSON(text[i]) && (!folded || canFold(text[i])) {
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
