// Package mask keeps secrets out of what is stored: it replaces literal values, and what patterns
// match within a line, in a stream of bytes, also where one is cut by the edge of a chunk. It finds
// the values it is given, in the forms that programs write values in (Forms), and what the patterns
// it is given say; it does not guess what looks like a secret.
package mask

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Text stands in the place of a secret.
const Text = "••••••"

// Masker knows the secrets. It holds no state of a stream and can be shared. A nil Masker has none.
type Masker struct {
	literals *literals
	patterns []*pattern
}

// New gives a Masker for literal secrets and for patterns (RE2 syntax), or nil where there are
// neither. Empty secrets are left out. A pattern that CheckPattern refuses is an error.
func New(secrets, patterns []string) (*Masker, error) {
	m := &Masker{literals: newLiterals()}
	for _, expression := range patterns {
		p, err := compile(expression)
		if err != nil {
			return nil, fmt.Errorf("mask what matches %q: %w", expression, err)
		}
		m.patterns = append(m.patterns, p)
	}
	for _, secret := range secrets {
		for _, form := range Forms(secret) {
			m.literals.add(form)
		}
	}
	if m.literals.longest == 0 && len(m.patterns) == 0 {
		return nil, nil
	}
	return m, nil
}

// String gives s with every secret replaced.
func (m *Masker) String(s string) string {
	if m == nil {
		return s
	}
	st := m.Stream()
	return string(st.End(st.Append(nil, []byte(s))))
}

// Stream begins the masking of one stream of bytes.
func (m *Masker) Stream() *Stream { return &Stream{m: m, done: make([]int, len(m.patterns))} }

// Stream masks one stream. Bytes that may be the start of a secret are held back until what
// follows decides.
type Stream struct {
	m       *Masker
	held    []byte // the end of what came, not given out yet
	covered int    // how many bytes at the start of held belong to a secret whose Text is out already
	spans   []span

	left   []byte // the last character given out of a line that goes on; only with patterns
	joined []byte
	done   []int // of each pattern: how many bytes at the start of held belong to a match of its own
}

type span struct{ from, to int }

// Append adds what is certain of held bytes and p to dst, with secrets replaced.
func (s *Stream) Append(dst, p []byte) []byte {
	text := p
	if len(s.held) > 0 {
		s.held = append(s.held, p...)
		text = s.held
	}
	return s.give(dst, text, min(s.m.literals.beginning(text), s.patternBeginning(text)))
}

// End adds what is left to dst: the stream is over, so no secret can follow.
func (s *Stream) End(dst []byte) []byte { return s.give(dst, s.held, len(s.held)) }

// Holds reports whether bytes are held back.
func (s *Stream) Holds() bool { return len(s.held) > s.covered }

// give adds text up to keep to dst and holds the rest.
func (s *Stream) give(dst, text []byte, keep int) []byte {
	spans := s.find(text, keep)
	at := 0
	first := s.covered > 0 // the first span's Text is out already
	covered := max(0, s.covered-keep)
	for _, sp := range spans {
		if sp.from >= keep {
			break
		}
		dst = append(dst, text[at:sp.from]...)
		if !first {
			dst = append(dst, Text...)
		}
		first = false
		at = sp.to
		if sp.to > keep {
			covered = sp.to - keep
		}
	}
	if at < keep {
		dst = append(dst, text[at:keep]...)
	}
	s.pass(text[:keep])
	s.covered = covered
	s.held = append(s.held[:0], text[keep:]...)
	return dst
}

// find lists where secrets are in text, of which all before keep is given out now, overlapping ones as one span, in order.
func (s *Stream) find(text []byte, keep int) []span {
	s.spans = s.spans[:0]
	if s.covered > 0 {
		s.spans = append(s.spans, span{0, s.covered})
	}
	s.findPatterns(text, keep)
	s.spans = s.m.literals.find(text, s.spans)
	if len(s.spans) < 2 {
		return s.spans
	}
	slices.SortFunc(s.spans, func(a, b span) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return b.to - a.to
	})
	merged := s.spans[:1]
	for _, sp := range s.spans[1:] {
		last := &merged[len(merged)-1]
		if sp.from < last.to {
			last.to = max(last.to, sp.to)
		} else {
			merged = append(merged, sp)
		}
	}
	s.spans = merged
	return merged
}

// JSON masks a JSON text: inside its strings, member names included; any other value that holds
// a secret becomes the string Text. text must be valid; so is what comes back.
func (m *Masker) JSON(text []byte) []byte {
	if m == nil {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"':
			end := i + 1
			for text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			out = append(out, m.jsonString(text[i:end+1])...)
			i = end + 1
		case c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
			end := i
			for end < len(text) && !strings.ContainsRune(" \t\r\n,]}:", rune(text[end])) {
				end++
			}
			if word := string(text[i:end]); m.String(word) != word {
				out = append(out, `"`+Text+`"`...)
			} else {
				out = append(out, word...)
			}
			i = end
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// jsonString masks one string literal, with its quotes.
func (m *Masker) jsonString(literal []byte) []byte {
	var s string
	if json.Unmarshal(literal, &s) != nil {
		return []byte(`"` + Text + `"`)
	}
	masked := m.String(s)
	if masked == s {
		return literal
	}
	b, err := json.Marshal(masked)
	if err != nil {
		return []byte(`"` + Text + `"`)
	}
	return b
}
