// Package logtext turns journaled events back into the text an agent wrote: the bytes of its
// stdout and stderr, in the order they were recorded, exactly. It reads what the runner writes and
// keeps no state: every event gives its own bytes.
package logtext

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
)

var (
	logStart      = []byte(`{"type":"execution:log",`)
	progressStart = []byte(`{"type":"execution:progress",`)
	streamKey     = []byte(`,"stream":"`)
	messageKey    = []byte(`","message":"`)
	partialField  = []byte(`,"partial":true`)
	rawKey        = []byte(`,"raw":"`)
	dataKey       = []byte(`,"data":`)
	commandKey    = []byte(`{"command":"`)
	kindKey       = []byte(`,"data":{"kind":"`)
)

// Append adds to dst what the agent wrote for one event, which may end in '\n' or not. Events that
// are not the agent's own output add nothing: what the runner says (stream agent) and every other
// type, but for a progress event that a line of stdout brought about.
//
// Of an agent whose output is a conversation (package transcript) it adds what people read of it in
// place of the messages that its program wrote; AppendRaw gives those.
func Append(dst, event []byte) []byte { return appendEvent(dst, event, false) }

// AppendRaw adds to dst the bytes that the agent's program wrote for one event, as Append does where
// they are all there is.
func AppendRaw(dst, event []byte) []byte { return appendEvent(dst, event, true) }

func appendEvent(dst, event []byte, raw bool) []byte {
	switch {
	case bytes.HasPrefix(event, logStart):
		if out, ok := appendLog(dst, event, raw); ok {
			return out
		}
	case !bytes.HasPrefix(event, progressStart) && !mayBe(event):
		return dst
	}
	return appendSlow(dst, event, raw)
}

// AppendAll adds what the agent wrote for several events, each a line.
func AppendAll(dst, events []byte) []byte { return appendAll(dst, events, false) }

// AppendAllRaw is AppendAll with AppendRaw.
func AppendAllRaw(dst, events []byte) []byte { return appendAll(dst, events, true) }

func appendAll(dst, events []byte, raw bool) []byte {
	for len(events) > 0 {
		n := bytes.IndexByte(events, '\n') + 1
		if n == 0 {
			n = len(events)
		}
		dst = appendEvent(dst, events[:n], raw)
		events = events[n:]
	}
	return dst
}

// mayBe reports whether an event not laid out as the runner does could still be of the agent's text.
func mayBe(event []byte) bool {
	return !bytes.HasPrefix(event, []byte(`{"type":"`)) && len(bytes.TrimSpace(event)) > 0
}

// appendLog reads a log event as the runner lays it out. ok is false for any other layout.
func appendLog(dst, event []byte, raw bool) (_ []byte, ok bool) {
	i := bytes.Index(event, streamKey)
	if i < 0 {
		return dst, false
	}
	rest := event[i+len(streamKey):]
	i = bytes.Index(rest, messageKey)
	if i < 0 || i > 8 {
		return dst, false
	}
	if string(rest[:i]) == string(execution.Agent) {
		if !bytes.Contains(rest, kindKey) {
			return dst, true
		}
		return dst, false // a part of a conversation: read it in full
	}
	rest = rest[i+len(messageKey):]
	start := len(dst)
	dst, rest, ok = appendUnescaped(dst, rest)
	if !ok {
		return dst[:start], false
	}
	end := byte('\n')
	if r, found := bytes.CutPrefix(rest, partialField); found {
		rest, end = r, 0
	}
	if r, found := bytes.CutPrefix(rest, rawKey); found {
		i := bytes.IndexByte(r, '"')
		if i < 0 {
			return dst[:start], false
		}
		decoded, err := base64.StdEncoding.AppendDecode(dst[:start], r[:i])
		if err != nil {
			return dst[:start], false
		}
		dst, rest = decoded, r[i+1:]
	}
	if r, found := bytes.CutPrefix(rest, dataKey); found {
		data := bytes.TrimSuffix(bytes.TrimRight(r, "\r\n"), []byte("}"))
		if bytes.HasPrefix(data, commandKey) {
			text := append([]byte(nil), dst[start:]...)
			dst = append(append(dst[:start], commandPrefix(data, text)...), text...)
		}
	} else if len(rest) == 0 || rest[0] != '}' {
		return dst[:start], false
	}
	if end != 0 {
		dst = append(dst, end)
	}
	return dst, true
}

// commandPrefix is what stood before message in the line whose log event has this data.
func commandPrefix(data, message []byte) string {
	if bytes.Equal(data, bytes.TrimRight(message, " \t\r")) {
		return "" // a line that is itself that JSON
	}
	var d struct {
		Command string `json:"command"`
	}
	if json.Unmarshal(data, &d) != nil {
		return ""
	}
	switch d.Command {
	case "debug", "warning", "error", "group", "endgroup":
		return "::" + d.Command + "::"
	}
	return ""
}

// appendUnescaped adds the JSON string that starts s, after its opening quote, and gives what
// follows its closing one.
func appendUnescaped(dst, s []byte) (_, rest []byte, ok bool) {
	for {
		quote := bytes.IndexByte(s, '"')
		if quote < 0 {
			return dst, s, false
		}
		back := bytes.IndexByte(s[:quote], '\\')
		if back < 0 {
			return append(dst, s[:quote]...), s[quote+1:], true
		}
		dst = append(dst, s[:back]...)
		s = s[back+1:]
		if len(s) == 0 {
			return dst, s, false
		}
		c := s[0]
		s = s[1:]
		switch c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, size := rune4(s)
			if size == 0 {
				return dst, s, false
			}
			s = s[size:]
			if utf16.IsSurrogate(r) {
				low, n := rune(0), 0
				if len(s) > 1 && s[0] == '\\' && s[1] == 'u' {
					low, n = rune4(s[2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError && n > 0 {
					s = s[2+n:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, s, false
		}
	}
}

// rune4 reads four hexadecimal digits.
func rune4(s []byte) (r rune, size int) {
	if len(s) < 4 {
		return 0, 0
	}
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, 0
		}
		r = r<<4 | rune(c)
	}
	return r, 4
}

// appendSlow reads any layout.
func appendSlow(dst, event []byte, raw bool) []byte {
	var e execution.Event
	if json.Unmarshal(event, &e) != nil {
		return dst
	}
	switch {
	case e.Type == execution.TypeProgress:
		var d struct {
			Line *string `json:"line"`
		}
		if json.Unmarshal(e.Data, &d) == nil && d.Line != nil {
			dst = append(append(dst, *d.Line...), '\n')
		}
		return dst
	case e.Type == execution.TypeLog && e.Stream == execution.Agent:
		return appendSaid(dst, &e, raw)
	case e.Type != execution.TypeLog || e.Stream != execution.Stdout && e.Stream != execution.Stderr:
		return dst
	}
	message := e.Raw
	if message == nil && e.Message != nil {
		message = []byte(*e.Message)
	}
	dst = append(dst, commandPrefix(e.Data, message)...)
	dst = append(dst, message...)
	if !e.Partial {
		dst = append(dst, '\n')
	}
	return dst
}

// appendSaid adds a part of a conversation: its text, or the message it was made of.
func appendSaid(dst []byte, e *execution.Event, raw bool) []byte {
	var d struct {
		Kind string          `json:"kind"`
		Raw  json.RawMessage `json:"raw"`
	}
	if json.Unmarshal(e.Data, &d) != nil || d.Kind == "" {
		return dst
	}
	switch {
	case raw && len(d.Raw) > 0:
		return append(append(dst, d.Raw...), '\n')
	case raw || d.Kind == "raw" || e.Message == nil || *e.Message == "":
		return dst
	}
	return append(append(dst, *e.Message...), '\n')
}
