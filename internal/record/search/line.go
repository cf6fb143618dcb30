package search

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// line is a log event taken apart as far as a search needs it. Its slices point into the journal's
// bytes or into the parser's scratch.
type line struct {
	seq    uint64
	stamp  []byte // as written, which is execution.TimeFormat unless a foreign hand wrote it
	level  execution.Level
	stream execution.Stream
	mask   journal.Mask // the bits of level and stream
}

// parser takes the log events of one execution apart. Those that are laid out as runners do it cost
// a few comparisons; others are decoded as JSON.
type parser struct {
	head    []byte // what each log event begins with, up to the digits of its seq
	scratch []byte
}

func eventHead(id string) []byte {
	return []byte(`{"type":"` + execution.TypeLog + `","executionId":"` + id + `","seq":`)
}

const (
	stampField   = `,"timestamp":"`
	levelField   = `","level":"`
	streamField  = `","stream":"`
	messageField = `","message":"`
	partialField = `,"partial":true`
	rawField     = `,"raw":"`
	stampBytes   = len(execution.TimeFormat)
)

// quick reads all of an event that comes before its message, and says where that begins. It refuses
// whatever a runner would have written in another way.
func (p *parser) quick(text []byte) (l line, message int, ok bool) {
	at := len(p.head)
	if len(text) < at || string(text[:at]) != string(p.head) {
		return l, 0, false
	}
	digits := at
	for ; at < len(text) && text[at]-'0' <= 9 && at-digits < 19; at++ {
		l.seq = l.seq*10 + uint64(text[at]-'0')
	}
	if l.seq == 0 || text[digits] == '0' || !follows(text, at, stampField) {
		return l, 0, false
	}
	at += len(stampField)
	if len(text) < at+stampBytes || text[at+stampBytes-1] != 'Z' || !follows(text, at+stampBytes, levelField) {
		return l, 0, false
	}
	l.stamp = text[at : at+stampBytes]
	at += stampBytes + len(levelField)
	switch {
	case follows(text, at, "info"):
		l.level, l.mask, at = execution.Info, journal.MaskInfo, at+4
	case follows(text, at, "warn"):
		l.level, l.mask, at = execution.Warn, journal.MaskWarn, at+4
	case follows(text, at, "error"):
		l.level, l.mask, at = execution.Error, journal.MaskError, at+5
	case follows(text, at, "debug"):
		l.level, l.mask, at = execution.Debug, journal.MaskDebug, at+5
	default:
		return l, 0, false
	}
	if !follows(text, at, streamField) {
		return l, 0, false
	}
	at += len(streamField)
	switch {
	case follows(text, at, "stdout"):
		l.stream, l.mask, at = execution.Stdout, l.mask|journal.MaskStdout, at+6
	case follows(text, at, "stderr"):
		l.stream, l.mask, at = execution.Stderr, l.mask|journal.MaskStderr, at+6
	case follows(text, at, "agent"):
		l.stream, l.mask, at = execution.Agent, l.mask|journal.MaskAgent, at+5
	default:
		return l, 0, false
	}
	if !follows(text, at, messageField) {
		return l, 0, false
	}
	return l, at + len(messageField), true
}

func follows(text []byte, at int, what string) bool {
	return len(text)-at >= len(what) && string(text[at:at+len(what)]) == what
}

// message gives the JSON string whose inside rest begins with, and where its closing quote stands.
// literal says that it stands in rest as it is. It is not ok for what encoding/json would not read in
// the same way.
func (p *parser) message(rest []byte) (text []byte, quote int, literal, ok bool) {
	quote = bytes.IndexByte(rest, '"')
	if quote < 0 {
		return nil, 0, false, false
	}
	if bytes.IndexByte(rest[:quote], '\\') < 0 {
		return rest[:quote], quote, true, utf8.Valid(rest[:quote])
	}
	text, quote, ok = p.unescape(rest, quote)
	return text, quote, false, ok && utf8.Valid(text)
}

// tail reads what follows a message: whether the line goes on, and the bytes of one that is not UTF-8.
func (p *parser) tail(rest []byte) (partial bool, raw []byte) {
	if follows(rest, 0, partialField) {
		partial, rest = true, rest[len(partialField):]
	}
	if !follows(rest, 0, rawField) {
		return partial, nil
	}
	rest = rest[len(rawField):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return partial, nil
	}
	raw, err := base64.StdEncoding.AppendDecode(nil, rest[:end])
	if err != nil {
		return partial, nil
	}
	return partial, raw
}

// unescape is message for a string with escapes. quote is where the first quote stands.
func (p *parser) unescape(rest []byte, quote int) (text []byte, end int, ok bool) {
	p.scratch = p.scratch[:0]
	for i := 0; ; {
		if quote < i {
			next := bytes.IndexByte(rest[i:], '"')
			if next < 0 {
				return nil, 0, false
			}
			quote = i + next
		}
		n := bytes.IndexByte(rest[i:quote], '\\')
		if n < 0 {
			p.scratch = append(p.scratch, rest[i:quote]...)
			return p.scratch, quote, true
		}
		p.scratch = append(p.scratch, rest[i:i+n]...)
		i += n // at the backslash; the quote comes later, so there is a byte behind it
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
				return nil, 0, false
			}
			p.scratch = utf8.AppendRune(p.scratch, r)
			i += size
			continue
		default:
			return nil, 0, false
		}
		i += 2
	}
}

// unicodeEscape reads \uXXXX, or the two that make a surrogate pair, and says how long it is.
func unicodeEscape(b []byte) (rune, int) {
	high, ok := codeUnit(b)
	switch {
	case !ok:
		return 0, 0
	case high < 0xd800 || high >= 0xe000:
		return high, 6
	case high < 0xdc00:
		if low, ok := codeUnit(b[6:]); ok && low >= 0xdc00 && low < 0xe000 {
			return (high-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
		}
	}
	return utf8.RuneError, 6 // half a pair, as encoding/json reads it
}

func codeUnit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// slow reads an event of any layout. It is not ok for events of other types.
func (p *parser) slow(text []byte) (l line, message []byte, partial bool, raw []byte, ok bool) {
	if journal.TypeOf(text) != execution.TypeLog {
		return line{}, nil, false, nil, false
	}
	var e execution.Event
	if json.Unmarshal(text, &e) != nil || e.Message == nil {
		return line{}, nil, false, nil, false
	}
	l = line{seq: e.Seq, stamp: e.Timestamp.UTC().AppendFormat(nil, execution.TimeFormat), level: e.Level, stream: e.Stream}
	l.mask = levelMask(e.Level) | streamMask(e.Stream)
	return l, []byte(*e.Message), e.Partial, e.Raw, true
}

// levelMask is the level's bit; none for a level there isn't.
func levelMask(l execution.Level) journal.Mask {
	switch l {
	case execution.Debug:
		return journal.MaskDebug
	case execution.Info:
		return journal.MaskInfo
	case execution.Warn:
		return journal.MaskWarn
	case execution.Error:
		return journal.MaskError
	}
	return 0
}

// streamMask is the stream's bit; none for a stream there isn't.
func streamMask(s execution.Stream) journal.Mask {
	switch s {
	case execution.Stdout:
		return journal.MaskStdout
	case execution.Stderr:
		return journal.MaskStderr
	case execution.Agent:
		return journal.MaskAgent
	}
	return 0
}
