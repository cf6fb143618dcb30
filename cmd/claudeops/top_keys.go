package main

import "unicode/utf8"

// key is a key that was pressed: a character, or one of those below.
type key rune

const (
	keyUp key = -1 - iota
	keyDown
	keyLeft
	keyRight
	keyHome
	keyEnd
	keyPageUp
	keyPageDown
	keyEscape
	keyOther // a sequence of no use here
)

// parseKeys reads the keys in what a terminal sent. rest is the beginning of a sequence whose end has
// not come; final says that it will not, so that a lone escape is the key.
func parseKeys(b []byte, final bool) (keys []key, rest []byte) {
	for len(b) > 0 {
		if b[0] != 0x1b {
			if !utf8.FullRune(b) && !final {
				return keys, b
			}
			r, n := utf8.DecodeRune(b)
			keys, b = append(keys, key(r)), b[n:]
			continue
		}
		k, n := parseSequence(b)
		if n == 0 {
			if !final {
				return keys, b
			}
			keys, b = append(keys, keyEscape), b[1:]
			continue
		}
		keys, b = append(keys, k), b[n:]
	}
	return keys, nil
}

// parseSequence reads an escape sequence, 0 bytes when it is not whole.
func parseSequence(b []byte) (key, int) {
	if len(b) < 2 {
		return 0, 0
	}
	if b[1] != '[' && b[1] != 'O' {
		return keyEscape, 1
	}
	for i := 2; i < len(b); i++ {
		c := b[i]
		if c < 0x40 || c > 0x7e {
			if c < 0x20 || c > 0x3f || i > 32 {
				return keyOther, i // not a sequence after all
			}
			continue
		}
		return sequenceKey(c, string(b[2:i])), i + 1
	}
	return 0, 0
}

func sequenceKey(last byte, parameters string) key {
	switch last {
	case 'A':
		return keyUp
	case 'B':
		return keyDown
	case 'C':
		return keyRight
	case 'D':
		return keyLeft
	case 'H':
		return keyHome
	case 'F':
		return keyEnd
	case '~':
		switch parameters {
		case "1", "7":
			return keyHome
		case "4", "8":
			return keyEnd
		case "5":
			return keyPageUp
		case "6":
			return keyPageDown
		}
	}
	return keyOther
}
