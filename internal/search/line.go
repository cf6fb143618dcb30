package search

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"claudeops/internal/execution"
)

// line is a log event taken apart as far as a search needs. Its slices point into the journal's bytes
// or into the parser's scratch.
type line struct {
	seq     uint64
	stamp   []byte // as written
	level   []byte
	stream  []byte
	message []byte
}

// parser takes log events apart. Those in the order in which runners write their fields cost a few
// comparisons; others are decoded as JSON.
type parser struct{ scratch []byte }

// parse gives the log event in text, which has no newline. false for events of other types.
func (p *parser) parse(text []byte) (line, bool) {
	if l, ok := p.quick(text); ok {
		return l, true
	}
	if !bytes.Contains(text, []byte(execution.TypeLog)) {
		return line{}, false
	}
	var e execution.Event
	if json.Unmarshal(text, &e) != nil || e.Type != execution.TypeLog || e.Message == nil {
		return line{}, false
	}
	return line{
		seq: e.Seq, stamp: e.Timestamp.UTC().AppendFormat(nil, execution.TimeFormat),
		level: []byte(e.Level), stream: []byte(e.Stream), message: []byte(*e.Message),
	}, true
}

var (
	logHead      = []byte(`{"type":"execution:log","executionId":"`)
	seqField     = []byte(`","seq":`)
	stampField   = []byte(`,"timestamp":"`)
	levelField   = []byte(`","level":"`)
	streamField  = []byte(`","stream":"`)
	messageField = []byte(`","message":"`)
)

func (p *parser) quick(text []byte) (l line, ok bool) {
	rest, ok := bytes.CutPrefix(text, logHead)
	if !ok || len(rest) < execution.IDLength {
		return l, false
	}
	rest, ok = bytes.CutPrefix(rest[execution.IDLength:], seqField)
	if !ok {
		return l, false
	}
	end := bytes.IndexByte(rest, ',')
	if end < 0 {
		return l, false
	}
	seq, err := strconv.ParseUint(string(rest[:end]), 10, 64)
	if err != nil {
		return l, false
	}
	l.seq = seq
	if rest, ok = bytes.CutPrefix(rest[end:], stampField); !ok {
		return l, false
	}
	for _, step := range []struct {
		into *[]byte
		next []byte
	}{{&l.stamp, levelField}, {&l.level, streamField}, {&l.stream, messageField}} {
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return l, false
		}
		*step.into = rest[:end]
		if rest, ok = bytes.CutPrefix(rest[end:], step.next); !ok {
			return l, false
		}
	}
	l.message, ok = p.text(rest)
	return l, ok
}

// text gives the JSON string that begins after its opening quote.
func (p *parser) text(rest []byte) ([]byte, bool) {
	plain := bytes.IndexByte(rest, '"')
	if plain < 0 {
		return nil, false
	}
	if bytes.IndexByte(rest[:plain], '\\') < 0 {
		return rest[:plain], true
	}
	p.scratch = p.scratch[:0]
	for i := 0; i < len(rest); {
		n := bytes.IndexAny(rest[i:], `"\`)
		if n < 0 {
			return nil, false
		}
		p.scratch = append(p.scratch, rest[i:i+n]...)
		i += n
		if rest[i] == '"' {
			return p.scratch, true
		}
		if i+1 >= len(rest) {
			return nil, false
		}
		switch c := rest[i+1]; c {
		case '"', '\\', '/':
			p.scratch = append(p.scratch, c)
		case 'n':
			p.scratch = append(p.scratch, '\n')
		case 't':
			p.scratch = append(p.scratch, '\t')
		case 'r':
			p.scratch = append(p.scratch, '\r')
		case 'b':
			p.scratch = append(p.scratch, '\b')
		case 'f':
			p.scratch = append(p.scratch, '\f')
		case 'u':
			r, size := unicodeEscape(rest[i:])
			if size == 0 {
				return nil, false
			}
			p.scratch = utf8.AppendRune(p.scratch, r)
			i += size
			continue
		default:
			return nil, false
		}
		i += 2
	}
	return nil, false
}

// unicodeEscape reads \uXXXX, or the two that make a surrogate pair, and says how long it is.
func unicodeEscape(b []byte) (rune, int) {
	unit := func(b []byte) (rune, bool) {
		if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
		return rune(n), err == nil
	}
	high, ok := unit(b)
	if !ok {
		return 0, 0
	}
	if high >= 0xd800 && high < 0xdc00 {
		if low, ok := unit(b[6:]); ok && low >= 0xdc00 && low < 0xe000 {
			return (high-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
		}
	}
	if high >= 0xd800 && high < 0xe000 {
		return utf8.RuneError, 6
	}
	return high, 6
}

func (l *line) time() (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, string(l.stamp))
	return t, err == nil
}
