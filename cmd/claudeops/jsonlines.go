package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/claudeops/claudeops/protocol"
)

// lines prints messages as they are, one a line.
type lines struct {
	w      io.Writer
	failed error
}

// newLines prints JSON to w. On a terminal, what could act on it is written as JSON escapes.
func newLines(w io.Writer) *lines {
	if isTerminal(w) {
		w = escapingWriter{w}
	}
	return &lines{w: w}
}

func (l *lines) message(raw []byte) {
	b := make([]byte, 0, len(raw)+1)
	b = append(append(b, protocol.EscapeSeparators(raw)...), '\n')
	if _, err := l.w.Write(b); err != nil && l.failed == nil {
		l.failed = fmt.Errorf("write the output: %w", err)
	}
}

func (l *lines) object(v any) error {
	b, err := encodeLine(v)
	if err != nil {
		return err
	}
	_, err = l.w.Write(b)
	return err
}

func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return protocol.EscapeSeparators(b.Bytes()), err
}

// escapingWriter writes JSON lines to a terminal: control characters, C1 and those that turn the
// direction of writing, which JSON allows in strings, become \u escapes. Each Write is whole lines.
type escapingWriter struct{ w io.Writer }

func (e escapingWriter) Write(p []byte) (int, error) {
	if _, err := e.w.Write(escapeHostile(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func escapeHostile(text []byte) []byte {
	if !bytes.ContainsFunc(text, func(r rune) bool { return r != '\n' && hostile(r) || r == utf8.RuneError }) {
		return text
	}
	var out []byte
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			out = append(out, `\ufffd`...)
		case r == '\n' || !hostile(r):
			out = append(out, text[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[n:]
	}
	return out
}
