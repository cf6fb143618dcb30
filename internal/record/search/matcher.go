package search

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/protocol"
)

// MaxText is how long a query may be, in bytes.
const MaxText = 4 << 10

// matcher decides which lines a query means. It is safe for concurrent use.
type matcher struct {
	plain *needle        // what to find in a message; nil: regex says
	regex *regexp.Regexp // nil: plain says

	literals []literal // every line that matches holds one of these as it is; none: unknown
	exact    bool      // a message that holds the one literal matches

	levels, streams journal.Mask // of which a line must have one each
	since, until    []byte       // in execution.TimeFormat, which sorts as it reads; nil: open
}

func newMatcher(q Query) (*matcher, error) {
	switch {
	case q.Text == "":
		return nil, fault.New(protocol.BadRequest, "query is empty; give the text to look for")
	case len(q.Text) > MaxText:
		return nil, fault.New(protocol.BadRequest, "query has %d bytes; it may have %d", len(q.Text), MaxText)
	case !utf8.ValidString(q.Text):
		return nil, fault.New(protocol.BadRequest, "query is not UTF-8")
	}
	q.Text = norm.NFC.String(q.Text)
	m := &matcher{since: stampOf(q.Since), until: stampOf(q.Until)}
	if err := m.filter(q.Levels, q.Streams); err != nil {
		return nil, err
	}
	if !q.Regex && (q.CaseSensitive || foldsInASCII(q.Text)) {
		l := literal{q.Text, !q.CaseSensitive}
		if l.folded {
			l.text = string(lower([]byte(l.text)))
		}
		n := newNeedle(l)
		m.plain = &n
		required := requiredText(q.Text, l.folded)
		m.exact = len(required) == 1 && required[0] == l
		m.literals = prefilter(required)
		return m, nil
	}
	pattern := q.Text
	switch {
	case !q.Regex:
		pattern = foldedPattern(q.Text)
	case !q.CaseSensitive:
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		var bad *syntax.Error
		if errors.As(err, &bad) {
			return nil, fault.Wrap(protocol.BadRequest, err, "query is no regular expression: %s in %q", bad.Code, strings.TrimPrefix(bad.Expr, "(?i)"))
		}
		return nil, fault.Wrap(protocol.BadRequest, err, "query is no regular expression")
	}
	m.regex = re
	if !q.Regex {
		m.literals = prefilter(requiredText(q.Text, true))
		return m, nil
	}
	if tree, err := syntax.Parse(pattern, syntax.Perl); err == nil {
		m.literals = prefilter(required(tree.Simplify()))
	}
	return m, nil
}

// filter says which levels and streams are wanted.
func (m *matcher) filter(levels []execution.Level, streams []execution.Stream) error {
	for _, l := range levels {
		bit := levelMask(l)
		if bit == 0 {
			return fault.New(protocol.BadRequest, "level %.40q is none of debug, info, warn, error", l)
		}
		m.levels |= bit
	}
	for _, s := range streams {
		bit := streamMask(s)
		if bit == 0 {
			return fault.New(protocol.BadRequest, "stream %.40q is none of stdout, stderr, agent", s)
		}
		m.streams |= bit
	}
	return nil
}

// inBlock reports whether events with this mask can hold a line that is wanted.
func (m *matcher) inBlock(mask journal.Mask) bool {
	return mask&journal.MaskLogs != 0 &&
		(m.levels == 0 || mask&m.levels != 0) && (m.streams == 0 || mask&m.streams != 0)
}

// wants reports whether the line's level, stream and time are asked for.
func (m *matcher) wants(l *line) bool {
	if m.levels != 0 && l.mask&m.levels == 0 || m.streams != 0 && l.mask&m.streams == 0 {
		return false
	}
	return (m.since == nil || string(l.stamp) >= string(m.since)) && (m.until == nil || string(l.stamp) < string(m.until))
}

// stampOf writes an instant as events do. One between two milliseconds becomes the later: of events,
// which have whole ones, the same are before and after it.
func stampOf(t time.Time) []byte {
	switch {
	case t.IsZero():
		return nil
	case t.UTC().Year() > 9999:
		return []byte("9999-12-31T23:59:59.999Z")
	case t.UTC().Year() < 0:
		return []byte("0000-01-01T00:00:00.000Z")
	}
	if whole := t.Truncate(time.Millisecond); whole.Before(t) {
		t = whole.Add(time.Millisecond)
	}
	return t.UTC().AppendFormat(nil, execution.TimeFormat)
}

// foldsInASCII reports whether a byte-wise comparison that folds the letters A to Z finds text in
// all the cases it can have.
func foldsInASCII(text string) bool {
	for _, r := range text {
		if r >= utf8.RuneSelf && !alone(r) {
			return false
		}
	}
	return true
}

// foldedPattern is the expression for plain text in any case. ASCII letters fold among themselves.
func foldedPattern(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z':
			b.WriteString("[" + strings.ToLower(string(r)) + strings.ToUpper(string(r)) + "]")
		case r < utf8.RuneSelf:
			b.WriteString(regexp.QuoteMeta(string(r)))
		default:
			b.WriteString("(?i:" + string(r) + ")")
		}
	}
	return b.String()
}

func lower(b []byte) []byte {
	out := slices.Clone(b)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + caseBit
		}
	}
	return out
}

// matches reports whether the text of a line matches.
func (m *matcher) matches(message []byte) bool {
	message = composed(message)
	if m.regex == nil {
		n := *m.plain // a needle remembers where it was
		n.seek(message, 0)
		return n.at < len(message)
	}
	at := m.regex.FindIndex(message)
	return at != nil && (at[1] > at[0] || len(m.findIn(message)) > 0)
}

// find gives where the text of a line matches, in bytes. Characters that are canonically equivalent
// are the same.
func (m *matcher) find(message []byte) [][2]int {
	if isComposed(message) {
		return m.findIn(message)
	}
	found := m.findIn(norm.NFC.Bytes(message))
	if len(found) == 0 {
		return nil
	}
	// Each piece that is composed by itself lies between two places that are known in both forms.
	var own, other []int // where pieces begin, in message and in its composed form
	for at, size := 0, 0; at < len(message); {
		own, other = append(own, at), append(other, size)
		n := norm.NFC.NextBoundary(message[at:], true)
		size += len(norm.NFC.Bytes(message[at : at+n]))
		at += n
	}
	for i, r := range found {
		from, _ := slices.BinarySearch(other, r[0]+1)
		to, exact := slices.BinarySearch(other, r[1])
		end := len(message)
		if exact || to < len(own) {
			end = own[to]
		}
		found[i] = [2]int{own[from-1], end}
	}
	return found
}

// isComposed reports whether text is in normal form C. Nearly all text is.
func isComposed(text []byte) bool {
	for _, c := range text {
		if c >= 0xcc { // no character below U+0300 composes
			return norm.NFC.IsNormal(text)
		}
	}
	return true
}

func composed(text []byte) []byte {
	if isComposed(text) {
		return text
	}
	return norm.NFC.Bytes(text)
}

func (m *matcher) findIn(message []byte) [][2]int {
	var found [][2]int
	if m.regex != nil {
		for _, at := range m.regex.FindAllIndex(message, -1) {
			if at[1] > at[0] {
				found = append(found, [2]int{at[0], at[1]})
			}
		}
		return found
	}
	n := *m.plain
	for from := 0; ; from = n.at + len(n.text) {
		n.seek(message, from)
		if n.at == len(message) {
			return found
		}
		found = append(found, [2]int{n.at, n.at + len(n.text)})
	}
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
