package search

import (
	"bytes"
	"encoding/binary"
)

// finder finds the next place of any of several needles in a text. It is used by one goroutine.
type finder struct {
	needles []needle
	text    []byte
	tuned   bool

	controls bool // C1 controls are found too
	c1       int  // where one was found last
}

func newFinder(literals []literal, controls bool) *finder {
	f := &finder{controls: controls}
	for _, l := range literals {
		f.needles = append(f.needles, newNeedle(l))
	}
	return f
}

// begin sets the text. The first text also decides which bytes are looked for.
func (f *finder) begin(text []byte) {
	f.text, f.c1 = text, -1
	if !f.tuned && len(text) > 0 {
		f.tuned = true
		counts := count(text)
		for i := range f.needles {
			f.needles[i].tune(counts, min(len(text), sampleBytes))
		}
	}
	for i := range f.needles {
		n := &f.needles[i]
		n.at, n.small, n.big = -1, -1, -1
	}
}

// next gives the first place at or after from where a needle begins; the text's length when there is
// none. from never goes back. Without needles every place is one.
func (f *finder) next(from int) int {
	if len(f.needles) == 0 {
		return min(from, len(f.text))
	}
	nearest := len(f.text)
	for i := range f.needles {
		n := &f.needles[i]
		if n.at < from {
			n.seek(f.text, from)
		}
		nearest = min(nearest, n.at)
	}
	if f.controls {
		if f.c1 < from {
			f.c1 = nextC1(f.text, from)
		}
		nearest = min(nearest, f.c1)
	}
	return nearest
}

// nextC1 gives the first place at or after from where a C1 control stands, or the text's length.
func nextC1(text []byte, from int) int {
	for ; ; from++ {
		if from = indexFrom(text, from, 0xc2); from+1 >= len(text) {
			return len(text)
		}
		if text[from+1] < 0xa0 {
			return from
		}
	}
}

// literal is text to find as it is, or in either case of its ASCII letters.
type literal struct {
	text   string // in lower case when folded
	folded bool
}

// needle is a literal in the hands of a finder. It looks for one of its bytes, the one that is
// seldom in the text, with the fastest that Go has, bytes.IndexByte, and compares around it.
type needle struct {
	text []byte
	// fold has the bit that parts the cases of a letter, for each byte of text that is a folded one.
	fold []byte
	// word and wordFold are the first eight bytes of both; fewer bytes are compared when there are
	// fewer, which mask says.
	word, wordFold, mask uint64

	rare       int  // the place in text of the byte that is looked for
	lower      byte // that byte
	upper      byte // its other case, or the same
	at         int  // where the needle was found last
	small, big int  // the next places of lower and upper
}

const caseBit = 'a' - 'A'

func newNeedle(l literal) needle {
	n := needle{text: []byte(l.text), fold: make([]byte, len(l.text)), at: -1, small: -1, big: -1}
	for i, c := range n.text {
		if l.folded && 'a' <= c && c <= 'z' {
			n.fold[i] = caseBit
		}
	}
	var text, fold, mask [8]byte
	for i := range copy(text[:], n.text) {
		fold[i], mask[i] = n.fold[i], 0xff
	}
	n.word, n.wordFold, n.mask = binary.LittleEndian.Uint64(text[:]), binary.LittleEndian.Uint64(fold[:]), binary.LittleEndian.Uint64(mask[:])
	n.choose(0)
	return n
}

func (n *needle) choose(i int) {
	n.rare, n.lower = i, n.text[i]
	n.upper = n.lower &^ n.fold[i]
}

// sampleBytes is how much of a text is looked at to learn which bytes are rare in its like.
const sampleBytes = 32 << 10

func count(text []byte) *[256]int {
	var counts [256]int
	for _, c := range text[:min(len(text), sampleBytes)] {
		counts[c]++
	}
	return &counts
}

// tune chooses the byte to look for by what that costs: each time it is found, and each pass over
// the text, of which a letter of either case takes two.
func (n *needle) tune(counts *[256]int, size int) {
	const bytesPerHit = 200 // looked through in the time that one find takes
	best := -1
	for i, c := range n.text {
		cost := counts[c]*bytesPerHit + size
		if n.fold[i] != 0 {
			cost += counts[c&^caseBit]*bytesPerHit + size
		}
		if best < 0 || cost < best {
			best = cost
			n.choose(i)
		}
	}
}

// seek sets at to the first place at or after from.
func (n *needle) seek(text []byte, from int) {
	last := len(text) - len(n.text) + n.rare // the last place where the rare byte can be
	for at := from + n.rare; at <= last; at++ {
		if n.small < at {
			n.small = indexFrom(text, at, n.lower)
		}
		hit := n.small
		if n.upper != n.lower {
			if n.big < at {
				n.big = indexFrom(text, at, n.upper)
			}
			hit = min(hit, n.big)
		}
		if hit > last {
			break
		}
		if at = hit; n.is(text[at-n.rare:]) {
			n.at = at - n.rare
			return
		}
	}
	n.at = len(text)
}

// indexFrom gives the first place of c at or after from, or the text's length.
func indexFrom(text []byte, from int, c byte) int {
	if i := bytes.IndexByte(text[from:], c); i >= 0 {
		return from + i
	}
	return len(text)
}

// is reports whether text begins with the needle. It is as long at least.
func (n *needle) is(text []byte) bool {
	if len(text) < 8 {
		return n.same(text, 0)
	}
	if (binary.LittleEndian.Uint64(text)|n.wordFold)&n.mask != n.word {
		return false
	}
	return len(n.text) <= 8 || n.same(text, 8)
}

func (n *needle) same(text []byte, from int) bool {
	for i := from; i < len(n.text); i++ {
		if text[i]|n.fold[i] != n.text[i] {
			return false
		}
	}
	return true
}
