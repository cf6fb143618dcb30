package websocket

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"
)

// collector keeps what a parser found.
type collector struct {
	found [][]byte
}

func (c *collector) message(p []byte) error {
	c.found = append(c.found, bytes.Clone(p))
	return nil
}
func (c *collector) binary(p []byte) error {
	c.found = append(c.found, append([]byte("pi binary "), p...))
	return nil
}
func (c *collector) ping(p []byte) error {
	c.found = append(c.found, append([]byte("ping "), p...))
	return nil
}
func (c *collector) pong(p []byte) { c.found = append(c.found, append([]byte("pong "), p...)) }

// FuzzParser: whatever comes, in whatever pieces, gives the same messages and the same end; messages
// are UTF-8 and within the limit; errors carry a close code.
func FuzzParser(f *testing.F) {
	f.Add([]byte{0x81, 0x81, 1, 2, 3, 4, 'a' ^ 1}, uint8(1), false)
	f.Add([]byte{0x01, 0x80, 1, 2, 3, 4, 0x80, 0x80, 1, 2, 3, 4}, uint8(3), false)
	f.Add([]byte{0x89, 0x80, 1, 2, 3, 4, 0x88, 0x82, 0, 0, 0, 0, 3, 0xe8}, uint8(2), false)
	f.Add([]byte{0xc1, 0x85, 0, 0, 0, 0, 0x4a, 0x04, 0x00, 0x00, 0x00}, uint8(5), true)
	f.Add([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, uint8(7), false)
	f.Add([]byte{0x82, 0x81, 1, 2, 3, 4, 0xff}, uint8(130), false)
	f.Fuzz(func(t *testing.T, data []byte, step uint8, deflate bool) {
		const limit = 4096
		whole, wholeErr := &collector{}, error(nil)
		p := parser{limit: limit, most: DefaultMaxFragments, deflated: deflate, takes: step >= 128}
		wholeErr = p.feed(bytes.Clone(data), whole)

		pieces, piecesErr := &collector{}, error(nil)
		p = parser{limit: limit, most: DefaultMaxFragments, deflated: deflate, takes: step >= 128}
		n := int(step)%16 + 1
		for b := bytes.Clone(data); len(b) > 0 && piecesErr == nil; b = b[min(n, len(b)):] {
			piecesErr = p.feed(b[:min(n, len(b))], pieces)
		}
		if (wholeErr == nil) != (piecesErr == nil) || wholeErr != nil && wholeErr.Error() != piecesErr.Error() {
			t.Fatalf("whole: %v; in pieces: %v", wholeErr, piecesErr)
		}
		var closeErr *CloseError
		if wholeErr != nil && !errors.As(wholeErr, &closeErr) {
			t.Fatalf("an error without a close code: %v", wholeErr)
		}
		if len(whole.found) != len(pieces.found) {
			t.Fatalf("whole: %d messages; in pieces: %d", len(whole.found), len(pieces.found))
		}
		for i, m := range whole.found {
			if !bytes.Equal(m, pieces.found[i]) {
				t.Fatalf("message %d differs", i)
			}
			if bytes.HasPrefix(m, []byte("pi")) || bytes.HasPrefix(m, []byte("po")) {
				continue
			}
			if len(m) > limit || !utf8.Valid(m) {
				t.Fatalf("message %d: %d bytes, valid %v", i, len(m), utf8.Valid(m))
			}
		}
	})
}
