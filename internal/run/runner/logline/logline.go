// Package logline turns lines of an agent's output into execution:log events, encoded by hand, and
// guesses what a line says of itself: its level, whether it is a JSON object. It is the hot path of
// a runner: nothing here allocates per line, does I/O, or knows where lines come from.
package logline

import (
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// MaxBytes is how long a message may be; longer lines become several events, all but the last partial.
const MaxBytes = 64 << 10

// Level is an execution.Level as an index.
type Level uint8

// The levels. The zero Level is Info: what says nothing of itself.
const (
	Info Level = iota
	Debug
	Warn
	Error
	levels
)

// Stream is an execution.Stream as an index.
type Stream uint8

// The streams.
const (
	Stdout Stream = iota
	Stderr
	Agent
	streams
)

var levelNames = [levels]execution.Level{Info: execution.Info, Debug: execution.Debug, Warn: execution.Warn, Error: execution.Error}
var streamNames = [streams]execution.Stream{Stdout: execution.Stdout, Stderr: execution.Stderr, Agent: execution.Agent}

// Name is how events write the level.
func (l Level) Name() execution.Level { return levelNames[l] }

// Name is how events write the stream.
func (s Stream) Name() execution.Stream { return streamNames[s] }

// LevelOf is the index of an execution.Level; anything unknown is Info.
func LevelOf(level execution.Level) Level {
	for i, name := range levelNames {
		if name == level {
			return Level(i)
		}
	}
	return Info
}

// Encoder appends the execution:log events of one execution. It is used by one goroutine at a time.
type Encoder struct {
	// line is the text of an event up to its message: head, seq, then tail for stream, level and ms.
	line   []byte
	head   int // where seq starts in line
	tail   int // where seq ends in line
	seq    uint64
	ms     int64
	stream Stream
	level  Level
	stamp  []byte // ms as text
}

// NewEncoder makes the encoder for execution id, which must be a valid id: it is written as it is.
func NewEncoder(id string) *Encoder {
	e := &Encoder{line: make([]byte, 0, 256), ms: -1}
	e.line = append(e.line, `{"type":"execution:log","executionId":"`...)
	e.line = append(e.line, id...)
	e.line = append(e.line, `","seq":`...)
	e.head = len(e.line)
	e.tail = e.head
	return e
}

// Overhead is more than an event needs beside its message and data.
const Overhead = 384

// Bound is more than the event of a message and data of those lengths can need: each byte may
// become \u00XX, and the base64 of all comes on top; separators in the data become escapes.
func Bound(message, data int) int {
	return Overhead + 6*message + (message+2)/3*4 + 3*data
}

// Append adds one event, '\n' included, to dst. message is what the agent wrote, whatever bytes
// that is, without a newline; data is a valid JSON text on one line, or empty. now must be the
// time in milliseconds since 1970.
func (e *Encoder) Append(dst []byte, seq uint64, nowMs int64, level Level, stream Stream, message []byte, partial bool, data []byte) []byte {
	if need := Bound(len(message), len(data)); cap(dst)-len(dst) < need {
		dst = append(make([]byte, 0, max(2*cap(dst), len(dst)+need)), dst...)
	}
	if nowMs != e.ms || stream != e.stream || level != e.level || e.tail == e.head {
		e.prepare(seq, nowMs, level, stream)
	} else if seq != e.seq {
		e.number(seq)
	}
	dst = append(dst, e.line...)
	start := len(dst)
	dst, ok := appendEscaped(dst, message)
	if ok {
		dst = append(dst, '"')
	} else {
		dst = appendReplaced(dst[:start], message)
		dst = append(dst, '"')
	}
	if partial {
		dst = append(dst, `,"partial":true`...)
	}
	if !ok {
		dst = append(dst, `,"raw":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, message)
		dst = append(dst, '"')
	}
	if len(data) > 0 {
		dst = append(dst, `,"data":`...)
		if protocol.HasSeparator(data) {
			dst = protocol.AppendEscapingSeparators(dst, data)
		} else {
			dst = append(dst, data...)
		}
	}
	return append(dst, '}', '\n')
}

// prepare writes line anew.
func (e *Encoder) prepare(seq uint64, nowMs int64, level Level, stream Stream) {
	if nowMs != e.ms || e.stamp == nil {
		e.ms = nowMs
		e.stamp = time.UnixMilli(nowMs).UTC().AppendFormat(e.stamp[:0], execution.TimeFormat)
	}
	e.level, e.stream, e.seq = level, stream, seq
	e.line = strconv.AppendUint(e.line[:e.head], seq, 10)
	e.tail = len(e.line)
	e.line = append(e.line, `,"timestamp":"`...)
	e.line = append(e.line, e.stamp...)
	e.line = append(e.line, `","level":"`...)
	e.line = append(e.line, levelNames[level]...)
	e.line = append(e.line, `","stream":"`...)
	e.line = append(e.line, streamNames[stream]...)
	e.line = append(e.line, `","message":"`...)
}

// number puts seq into line: by counting the digits up where it is the next one.
func (e *Encoder) number(seq uint64) {
	if seq == e.seq+1 {
		for i := e.tail - 1; i >= e.head; i-- {
			if e.line[i] != '9' {
				e.line[i]++
				e.seq = seq
				return
			}
			e.line[i] = '0'
		}
	}
	e.prepare(seq, e.ms, e.level, e.stream)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	lows  = ones * 0x20
	quots = ones * '"'
	backs = ones * '\\'
)

// control marks, by its high bit, each byte of x that a JSON string can't hold as it is. Marks
// above the lowest one may be false (a borrow runs on), so only whether there is one and where the
// lowest is may be believed. Bytes from 0x80 are not marked.
func control(x uint64) uint64 {
	q, b := x^quots, x^backs
	return ((x-lows)&^x | (q-ones)&^q | (b-ones)&^b) & highs
}

// appendEscaped appends message as the inside of a JSON string. dst must have room for it (Bound).
// It gives ok false when message is not UTF-8; what it appended is then of no use.
func appendEscaped(dst, message []byte) (_ []byte, ok bool) {
	high := uint64(highs) // bytes from 0x80 are looked for until all is known to be UTF-8
	rest := message
	for {
		n := clean(rest, high)
		dst = append(dst, rest[:n]...)
		if n == len(rest) {
			return dst, true
		}
		c := rest[n]
		if c >= utf8.RuneSelf {
			rest = rest[n:]
			if !utf8.Valid(rest) {
				return dst, false
			}
			if protocol.HasSeparator(rest) {
				return appendReplaced(dst, rest), true
			}
			high = 0
			continue
		}
		dst = appendControl(dst, c)
		rest = rest[n+1:]
	}
}

// clean counts the bytes at the start of s that can be copied as they are; with high 0, those from
// 0x80 count among them.
func clean(s []byte, high uint64) int {
	i := 0
	for ; len(s)-i >= 32; i += 32 {
		w := s[i : i+32 : i+32]
		a, b := binary.LittleEndian.Uint64(w), binary.LittleEndian.Uint64(w[8:])
		c, d := binary.LittleEndian.Uint64(w[16:]), binary.LittleEndian.Uint64(w[24:])
		if control(a)|control(b)|control(c)|control(d)|(a|b|c|d)&high != 0 {
			break
		}
	}
	for ; len(s)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		if m := control(x) | x&high; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(s); i++ {
		c := s[i]
		if c < 0x20 || c == '"' || c == '\\' || c >= 0x80 && high != 0 {
			break
		}
	}
	return i
}

const hex = "0123456789abcdef"

func appendControl(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\t':
		return append(dst, '\\', 't')
	case '\r':
		return append(dst, '\\', 'r')
	case '\n':
		return append(dst, '\\', 'n')
	default:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}

// appendReplaced is appendEscaped for what is not UTF-8, where each byte that is not becomes U+FFFD,
// and for what has line separators of Unicode, which become escapes.
func appendReplaced(dst, message []byte) []byte {
	for i := 0; i < len(message); {
		c := message[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(message[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, "\uFFFD"...)
			} else {
				dst = protocol.AppendEscapingSeparators(dst, message[i:i+size])
			}
			i += size
			continue
		case c < 0x20 || c == '"' || c == '\\':
			dst = appendControl(dst, c)
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

// Cut gives the longest start of s, at most n bytes, that does not part a rune: where the bytes
// just before n begin a rune that goes on beyond it, the cut is before them.
func Cut(s []byte, n int) int {
	if len(s) <= n {
		return len(s)
	}
	for i := n; i > n-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(s[i]) {
			if i == n {
				return n
			}
			if r, size := utf8.DecodeRune(s[i:]); (r != utf8.RuneError || size > 1) && i+size > n {
				return i
			}
			return n
		}
	}
	return n
}

// Unfinished counts the bytes at the end of s that begin a rune whose rest is still to come.
func Unfinished(s []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(s); back++ {
		tail := s[len(s)-back:]
		if utf8.RuneStart(tail[0]) {
			if tail[0] >= utf8.RuneSelf && !utf8.FullRune(tail) {
				return back
			}
			return 0
		}
	}
	return 0
}
