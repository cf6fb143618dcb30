package mask

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxHeld is how many bytes are held back at most because a pattern might go on: what of a match is
// there by then is masked.
const maxHeld = 64 << 10

// pattern finds texts by expression, within one line.
type pattern struct {
	whole *regexp.Regexp
	later *regexp.Regexp // the first match, as group 1, that does not begin with the first character
	begun *regexp.Regexp // the end of a text that a match may go on from, or is complete with; empty when there is none
}

// CheckPattern says what keeps an expression from being used as a pattern, if anything does.
func CheckPattern(expression string) error {
	_, err := compile(expression)
	return err
}

func compile(expression string) (*pattern, error) {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, err
	}
	whole, err := regexp.Compile(expression)
	if err != nil {
		return nil, err
	}
	if canBeEmpty(tree.Simplify()) {
		return nil, errors.New("matches the empty text: say what must be there")
	}
	begun, err := regexp.Compile(`(?:` + beginnings(tree.Simplify()) + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("is too long or too deep to be looked for in output that comes in pieces: %w", err)
	}
	later, err := regexp.Compile(`\A(?s:.)(?s:.*?)(` + expression + `)`)
	if err != nil {
		return nil, err
	}
	return &pattern{whole, later, begun}, nil
}

// canBeEmpty reports whether a match of re may have no characters.
func canBeEmpty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return canBeEmpty(re.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !canBeEmpty(sub) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, canBeEmpty)
	default:
		return true
	}
}

// beginnings gives an expression for all that a match of re can begin with, the empty text and the
// whole match included. Output comes in pieces, and this is how a piece's end is known to be the
// beginning of something. Assertions at its end are taken as given: more is held, and nothing slips by.
func beginnings(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		var b strings.Builder
		for _, r := range re.Rune {
			one := syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags, Rune: []rune{r}}
			b.WriteString("(?:" + one.String())
		}
		return b.String() + strings.Repeat(")?", len(re.Rune))
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return group(re.String()) + "?"
	case syntax.OpCapture, syntax.OpQuest:
		return beginnings(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus:
		return group(re.Sub[0].String()) + "*" + group(beginnings(re.Sub[0]))
	case syntax.OpAlternate:
		all := make([]string, len(re.Sub))
		for i, sub := range re.Sub {
			all[i] = beginnings(sub)
		}
		return strings.Join(all, "|")
	case syntax.OpConcat:
		var b strings.Builder
		for i, sub := range re.Sub {
			b.WriteString(beginnings(sub))
			if i < len(re.Sub)-1 {
				b.WriteString("|" + group(sub.String()) + "(?:")
			}
		}
		return b.String() + strings.Repeat(")", len(re.Sub)-1)
	default: // assertions, and what matches nothing
		return ""
	}
}

func group(expression string) string { return "(?:" + expression + ")" }

// findPatterns adds where patterns match in text, of which all before keep is given out now.
func (s *Stream) findPatterns(text []byte, keep int) {
	for i, p := range s.m.patterns {
		from := s.done[i]
		s.done[i] = 0
		for from < len(text) {
			end := len(text)
			if at := bytes.IndexByte(text[from:], '\n'); at >= 0 {
				end = from + at
			}
			matches := len(s.spans)
			s.matchLine(p, text, from, end)
			for _, match := range s.spans[matches:] {
				if match.from < keep {
					s.done[i] = max(0, match.to-keep)
				}
			}
			from = end + 1
		}
	}
}

// matchLine adds the matches in text between two places in a line.
func (s *Stream) matchLine(p *pattern, text []byte, from, end int) {
	for from < end {
		line, before := s.line(text, from, end)
		found := p.whole.FindAllIndex(line, -1)
		if len(found) == 0 {
			return
		}
		if found[0][0] >= before {
			for _, at := range found {
				s.spans = append(s.spans, span{from + at[0] - before, from + at[1] - before})
			}
			return
		}
		// The character before is only to be looked at. What matches from it on is not there.
		at := p.later.FindSubmatchIndex(line)
		if at == nil {
			return
		}
		s.spans = append(s.spans, span{from + at[2] - before, from + at[3] - before})
		from += at[3] - before
	}
}

// patternBeginning finds from where on text may belong to a match that is not over yet.
func (s *Stream) patternBeginning(text []byte) int {
	if len(s.m.patterns) == 0 {
		return len(text)
	}
	// A rune of which only the first bytes have come may be the next of a match.
	end := len(text)
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				end -= n
			}
			break
		}
	}
	keep := end
	last := bytes.LastIndexByte(text[:end], '\n') + 1
	for i, p := range s.m.patterns {
		from := min(max(last, s.done[i]), end)
		line, before := s.line(text, from, end)
		if at := p.begun.FindIndex(line); at != nil {
			keep = min(keep, from+max(0, at[0]-before))
		}
	}
	if len(text)-keep > maxHeld {
		return len(text)
	}
	return keep
}

// line gives text from one place to another within a line, behind the character before it, for
// assertions to look at, and how long that is.
func (s *Stream) line(text []byte, from, to int) (line []byte, before int) {
	left := s.left
	if from > 0 {
		_, n := utf8.DecodeLastRune(text[:from])
		left = text[from-n : from]
		if left[0] == '\n' {
			left = nil
		}
	}
	if len(left) == 0 {
		return text[from:to], 0
	}
	s.joined = append(append(s.joined[:0], left...), text[from:to]...)
	return s.joined, len(left)
}

// pass remembers what is given out as far as patterns need it.
func (s *Stream) pass(given []byte) {
	if len(s.m.patterns) == 0 || len(given) == 0 {
		return
	}
	s.left = s.left[:0]
	if _, n := utf8.DecodeLastRune(given); given[len(given)-1] != '\n' {
		s.left = append(s.left, given[len(given)-n:]...)
	}
}
