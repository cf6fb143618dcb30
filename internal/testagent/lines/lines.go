// Package lines is what the test agent writes and the tests read back: lines that carry their number
// and a checksum over it and their text, so that one that was lost, doubled, reordered or changed
// shows. It is used by tests and benchmarks alone.
package lines

import (
	"fmt"
	"hash/crc32"
	"strconv"
)

const filler = "the quick brown fox jumps over the lazy dog and finds the log on the other side as it was left there; "

// Append writes line n of a run with this seed: size bytes without the newline, or as many as it
// takes at least. sent is the moment it is written, in nanoseconds since 1970, 0 to leave it out.
func Append(dst []byte, seed, n uint64, size int, sent int64) []byte {
	start := len(dst)
	dst = append(dst, "n="...)
	dst = strconv.AppendUint(dst, n, 10)
	if sent != 0 {
		dst = append(dst, " at="...)
		dst = strconv.AppendInt(dst, sent, 10)
	}
	dst = append(dst, ' ')
	const tail = len(" crc=00000000")
	for i := int(n % 7); len(dst)-start+tail < size; {
		room := size - tail - (len(dst) - start)
		part := filler[i:]
		dst = append(dst, part[:min(room, len(part))]...)
		i = 0
	}
	sum := checksum(seed, dst[start:])
	dst = append(dst, " crc="...)
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, digits[sum>>shift&15])
	}
	return dst
}

// Line is what Parse finds.
type Line struct {
	N    uint64
	Sent int64 // nanoseconds since 1970, 0 when the line does not say
}

// Parse reads a line back, and fails if it is not exactly what Append made.
func Parse(text []byte, seed uint64) (Line, error) {
	var l Line
	const tail = len(" crc=00000000")
	if len(text) < tail+len("n=1") || string(text[:2]) != "n=" {
		return l, fmt.Errorf("not one of ours: %.80q", text)
	}
	body, end := text[:len(text)-tail], text[len(text)-tail:]
	if string(end[:5]) != " crc=" {
		return l, fmt.Errorf("no checksum at the end: %.200q", text)
	}
	want, err := strconv.ParseUint(string(end[5:]), 16, 32)
	if err != nil {
		return l, fmt.Errorf("checksum %q: %w", end[5:], err)
	}
	if got := checksum(seed, body); got != uint32(want) {
		return l, fmt.Errorf("checksum is %08x, want %08x: %.200q", got, want, text)
	}
	i := 2
	for ; i < len(body) && body[i] >= '0' && body[i] <= '9'; i++ {
		l.N = l.N*10 + uint64(body[i]-'0')
	}
	if rest := body[i:]; len(rest) > 4 && string(rest[:4]) == " at=" {
		for i = 4; i < len(rest) && rest[i] >= '0' && rest[i] <= '9'; i++ {
			l.Sent = l.Sent*10 + int64(rest[i]-'0')
		}
	}
	return l, nil
}

func checksum(seed uint64, body []byte) uint32 {
	return crc32.ChecksumIEEE(body) ^ uint32(seed) ^ uint32(seed>>32)
}
