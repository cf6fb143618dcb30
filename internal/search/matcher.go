package search

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"claudeops/internal/execution"
	"claudeops/internal/fault"
	"claudeops/protocol"
)

// maxText is how long a query may be, in bytes.
const maxText = 4 << 10

// matcher decides which lines a query means. It is safe for concurrent use.
type matcher struct {
	query  Query
	plain  []byte // what to find in a message; lower case when folded
	folded bool   // ASCII letters of either case are the same
	regex  *regexp.Regexp

	// hint stands in the journal's bytes of every line that matches, in lower case when hintFolded.
	// It lets whole blocks pass without being taken apart. Empty: there is none.
	hint       []byte
	hintFolded bool
}

func newMatcher(q Query) (*matcher, error) {
	switch {
	case q.Text == "":
		return nil, fault.New(protocol.BadRequest, "query is empty; give the text to look for")
	case len(q.Text) > maxText:
		return nil, fault.New(protocol.BadRequest, "query has %d bytes; it may have %d", len(q.Text), maxText)
	case !utf8.ValidString(q.Text):
		return nil, fault.New(protocol.BadRequest, "query is not UTF-8")
	}
	m := &matcher{query: q}
	if !q.Regex && (q.CaseSensitive || isASCII(q.Text)) {
		m.folded = !q.CaseSensitive
		m.plain = []byte(q.Text)
		if m.folded {
			m.plain = lower(m.plain)
		}
		m.hint, m.hintFolded = literal(m.plain), m.folded
		return m, nil
	}
	pattern := q.Text
	if !q.Regex {
		pattern = regexp.QuoteMeta(pattern)
	}
	if !q.CaseSensitive {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		var bad *syntax.Error
		if !asSyntax(err, &bad) {
			return nil, fault.Wrap(protocol.BadRequest, err, "query is no regular expression")
		}
		return nil, fault.New(protocol.BadRequest, "query is no regular expression: %s in %q", bad.Code, bad.Expr)
	}
	m.regex = re
	if q.CaseSensitive {
		prefix, _ := re.LiteralPrefix()
		m.hint = literal([]byte(prefix))
	}
	return m, nil
}

func asSyntax(err error, into **syntax.Error) bool {
	bad, ok := err.(*syntax.Error)
	*into = bad
	return ok
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func lower(b []byte) []byte {
	out := slices.Clone(b)
	for i, c := range out {
		out[i] = lowerByte(c)
	}
	return out
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// literal gives the longest part of text that JSON writes as it is, whoever encodes it.
func literal(text []byte) []byte {
	var best []byte
	start := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i] >= ' ' && text[i] < 0x7f && !bytes.ContainsRune([]byte(`"\/<>&`), rune(text[i])) {
			continue
		}
		if i-start > len(best) {
			best = text[start:i]
		}
		start = i + 1
	}
	return best
}

// wants reports whether the line's level, stream and time are asked for.
func (m *matcher) wants(l *line) bool {
	if len(m.query.Levels) > 0 && !slices.Contains(m.query.Levels, execution.Level(l.level)) {
		return false
	}
	if len(m.query.Streams) > 0 && !slices.Contains(m.query.Streams, execution.Stream(l.stream)) {
		return false
	}
	if m.query.Since.IsZero() && m.query.Until.IsZero() {
		return true
	}
	at, ok := l.time()
	return ok && !at.Before(m.query.Since) && (m.query.Until.IsZero() || at.Before(m.query.Until))
}

// find gives where the message matches, in bytes. An expression that matches nothing at all, such
// as "a*" in "b", does not count.
func (m *matcher) find(message []byte, all bool) [][2]int {
	var found [][2]int
	if m.regex != nil {
		most := -1
		if !all {
			most = 1
		}
		for _, at := range m.regex.FindAllIndex(message, most) {
			if at[1] > at[0] {
				found = append(found, [2]int{at[0], at[1]})
			}
		}
		return found
	}
	for from := 0; from <= len(message); {
		at := m.index(message[from:])
		if at < 0 {
			break
		}
		found = append(found, [2]int{from + at, from + at + len(m.plain)})
		from += at + len(m.plain)
		if !all {
			break
		}
	}
	return found
}

func (m *matcher) index(b []byte) int {
	if !m.folded {
		return bytes.Index(b, m.plain)
	}
	return indexFold(b, m.plain)
}

// possible gives the place of the next line in text that may match, at or after from: of any byte in
// it. -1 when there is none.
func (m *matcher) possible(text []byte, from int) int {
	if len(m.hint) == 0 {
		if from < len(text) {
			return from
		}
		return -1
	}
	at := 0
	if m.hintFolded {
		at = indexFold(text[from:], m.hint)
	} else {
		at = bytes.Index(text[from:], m.hint)
	}
	if at < 0 {
		return -1
	}
	return from + at
}

// rarity orders bytes by how seldom they stand in logs as journals keep them; the field names and
// timestamps of every line make some letters and all digits frequent.
const frequent = `e0t1"i2on:s3a,m4r-l5u6p7d8g9cvxyqT.ZI{}bhfkw`

// indexFold is bytes.Index for a needle in lower case, ignoring the case of ASCII letters. It looks
// for the needle's rarest byte, in both cases, and compares around it.
func indexFold(text, needle []byte) int {
	if len(needle) == 0 {
		return 0
	}
	if len(needle) > len(text) {
		return -1
	}
	rare, score := 0, -1
	for i, c := range needle {
		s := strings.IndexByte(frequent, c)
		if s < 0 {
			s = len(frequent)
		}
		if s > score {
			rare, score = i, s
		}
	}
	small := needle[rare]
	big := small
	if 'a' <= small && small <= 'z' {
		big = small - ('a' - 'A')
	}
	last := len(text) - len(needle) + rare // the last place where the rare byte can be
	nextSmall, nextBig := -1, -1
	at := rare
	for at <= last {
		if nextSmall < at {
			nextSmall = next(text, at, last, small)
		}
		if big == small {
			nextBig = last + 1
		} else if nextBig < at {
			nextBig = next(text, at, last, big)
		}
		at = min(nextSmall, nextBig)
		if at > last {
			return -1
		}
		start := at - rare
		if equalFold(text[start:start+len(needle)], needle) {
			return start
		}
		at++
	}
	return -1
}

// next gives the first place of c from at to last, or last+1.
func next(text []byte, at, last int, c byte) int {
	if i := bytes.IndexByte(text[at:last+1], c); i >= 0 {
		return at + i
	}
	return last + 1
}

func equalFold(b, small []byte) bool {
	for i, c := range small {
		if lowerByte(b[i]) != c {
			return false
		}
	}
	return true
}

// utf16Ranges turns ranges of bytes into ranges of UTF-16 code units, as browsers count.
func utf16Ranges(message []byte, ranges [][2]int) [][2]int {
	out := make([][2]int, len(ranges))
	units, at := 0, 0
	advance := func(to int) int {
		for at < to {
			r, size := utf8.DecodeRune(message[at:])
			if r > 0xffff {
				units++
			}
			units++
			at += size
		}
		return units
	}
	for i, r := range ranges {
		out[i] = [2]int{advance(r[0]), advance(r[1])}
	}
	return out
}

// String says what is looked for, for logs.
func (m *matcher) String() string {
	kind := "text"
	if m.regex != nil {
		kind = "expression"
	}
	return fmt.Sprintf("%s %.60q", kind, m.query.Text)
}
