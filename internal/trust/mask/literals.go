package mask

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// literals finds texts that are known beforehand, in one pass: a filter of their first four bytes
// says almost everywhere that none of them begins there.
type literals struct {
	long    map[uint32][][]byte // texts of four bytes or more, by their first four
	filter  [1 << 10]uint64     // a bit for the hash of each key of long
	short   [][]byte            // the others
	begun   map[string]bool     // what any text begins with, up to three bytes
	longest int
	known   map[string]bool
}

func newLiterals() *literals {
	return &literals{long: map[uint32][][]byte{}, begun: map[string]bool{}, known: map[string]bool{}}
}

func (l *literals) add(text string) {
	if text == "" || l.known[text] {
		return
	}
	l.known[text] = true
	l.longest = max(l.longest, len(text))
	for n := 1; n < 4 && n < len(text); n++ {
		l.begun[text[:n]] = true
	}
	if len(text) < 4 {
		l.short = append(l.short, []byte(text))
		return
	}
	key := binary.LittleEndian.Uint32([]byte(text))
	l.long[key] = append(l.long[key], []byte(text))
	l.filter[hash(key)>>6] |= 1 << (hash(key) & 63)
}

// hash gives 16 bits.
func hash(key uint32) uint32 { return key * 2654435761 >> 16 }

// at gives the texts that share their first four bytes with text, which has four at least.
func (l *literals) at(text []byte) [][]byte {
	key := binary.LittleEndian.Uint32(text)
	if h := hash(key); l.filter[h>>6]&(1<<(h&63)) == 0 {
		return nil
	}
	return l.long[key]
}

// find adds where the texts are in text.
func (l *literals) find(text []byte, spans []span) []span {
	if len(l.long) > 0 {
		for i := 0; i+4 <= len(text); i++ {
			for _, one := range l.at(text[i:]) {
				if bytes.HasPrefix(text[i:], one) {
					spans = append(spans, span{i, i + len(one)})
				}
			}
		}
	}
	for _, one := range l.short {
		for at := 0; at < len(text); {
			i := bytes.Index(text[at:], one)
			if i < 0 {
				break
			}
			spans = append(spans, span{at + i, at + i + len(one)})
			at += i + 1
		}
	}
	return spans
}

// beginning finds where the longest end of text starts that one of the texts may go on from.
func (l *literals) beginning(text []byte) int {
	for i := max(0, len(text)-l.longest+1); i < len(text); i++ {
		tail := text[i:]
		if len(tail) < 4 {
			if l.begun[string(tail)] {
				return i
			}
			continue
		}
		if slices.ContainsFunc(l.at(tail), func(one []byte) bool { return len(tail) < len(one) && bytes.HasPrefix(one, tail) }) {
			return i
		}
	}
	return len(text)
}
