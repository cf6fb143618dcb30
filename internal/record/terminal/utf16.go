package terminal

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Decode gives the text of a line that was written as UTF-16, as some programs do on other systems;
// ok is false for any other. raw are the line's bytes as the agent wrote them, split at the byte 0x0a:
// one byte of a line end belongs to the next line.
func Decode(raw []byte) (text []byte, ok bool) {
	big := false
	switch {
	case len(raw) >= 2 && raw[0] == 0xff && raw[1] == 0xfe:
		raw = raw[2:]
	case len(raw) >= 2 && raw[0] == 0xfe && raw[1] == 0xff:
		raw, big = raw[2:], true
	default:
		if len(raw) < 4 || bytes.IndexByte(raw, 0) < 0 {
			return nil, false
		}
		var nul [2]int
		for i, c := range raw {
			if c == 0 {
				nul[i%2]++
			}
		}
		switch half := len(raw) / 2; {
		case nul[0] == 0 && nul[1]*2 >= half:
		case nul[1] == 0 && nul[0]*2 >= half:
			big = true
		default:
			return nil, false
		}
	}
	units := make([]uint16, 0, len(raw)/2)
	for i := 0; i+1 < len(raw); i += 2 {
		low, high := raw[i], raw[i+1]
		if big {
			low, high = high, low
		}
		units = append(units, uint16(high)<<8|uint16(low))
	}
	for _, r := range utf16.Decode(units) {
		text = utf8.AppendRune(text, r)
	}
	return text, true
}
