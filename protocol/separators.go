package protocol

import (
	"bytes"
	"unicode/utf8"
)

// HasSeparator reports whether text holds U+0085, U+2028 or U+2029: readers that split text into
// lines the Unicode way take them for line ends.
func HasSeparator(text []byte) bool {
	return bytes.Contains(text, []byte("\u2028")) || bytes.Contains(text, []byte("\u2029")) || bytes.Contains(text, []byte("\u0085"))
}

// EscapeSeparators gives JSON in which U+0085, U+2028 and U+2029 are \u escapes. JSON holds them in
// strings alone, so its meaning stays. The answer is the argument itself where there are none.
func EscapeSeparators(json []byte) []byte {
	if !HasSeparator(json) {
		return json
	}
	return AppendEscapingSeparators(make([]byte, 0, len(json)+64), json)
}

// AppendEscapingSeparators appends JSON, or the inside of a JSON string, as EscapeSeparators gives it.
// It needs three times the room at most.
func AppendEscapingSeparators(dst, json []byte) []byte {
	for len(json) > 0 {
		r, size := utf8.DecodeRune(json)
		switch r {
		case 0x85:
			dst = append(dst, `\u0085`...)
		case 0x2028:
			dst = append(dst, `\u2028`...)
		case 0x2029:
			dst = append(dst, `\u2029`...)
		default:
			dst = append(dst, json[:size]...)
		}
		json = json[size:]
	}
	return dst
}
