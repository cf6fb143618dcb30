package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// HeadFile is the name, in the data directory, of the file that says which entry is the last. It shows
// that entries were cut off at the end, and goes on with the chain when the record was rotated.
const HeadFile = "audit.head"

// genesis is what the first entry holds in place of the hash of the one before.
var genesis = strings.Repeat("0", 2*sha256.Size)

// link is the end of the chain: the last entry's number, and the hash of its line.
type link struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// chained is an entry as it stands in the file.
type chained struct {
	Entry
	Seq  uint64 `json:"seq"`  // 1, 2, 3 … over all files
	Prev string `json:"prev"` // SHA-256 of the line before, without its newline, also over rotation
}

func hashOf(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// next gives an entry's line, without its newline, and the link that it makes the end of the chain.
func (end link) next(e Entry) ([]byte, link, error) {
	line, err := json.Marshal(chained{Entry: e, Seq: end.Seq + 1, Prev: end.Hash})
	if err != nil {
		return nil, end, err
	}
	line = plain(line)
	return line, link{end.Seq + 1, hashOf(line)}, nil
}

// plain escapes what a terminal would act on and what would mislead a reader: control characters of C1
// and those that change the direction of text.
func plain(line []byte) []byte {
	acts := func(r rune) bool {
		return r >= 0x7f && r <= 0x9f || r == 0x061c || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x2069 || r == 0xfeff
	}
	if bytes.IndexFunc(line, acts) < 0 {
		return line
	}
	out := make([]byte, 0, len(line)+16)
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		if acts(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, line[:n]...)
		}
		line = line[n:]
	}
	return out
}

// headWidth is how many bytes the head takes: always as many, so that it is replaced in one write.
const headWidth = 128

// errHead says that the head is no note of the chain's end.
var errHead = errors.New("does not hold the end of the audit log's chain")

// readHead gives the end of the chain as it was last noted; the zero link when none was. A file without
// text was made by a server that was killed before its first note.
func readHead(path string) (end link, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return link{}, nil
	}
	if err != nil {
		return link{}, err
	}
	if text = bytes.Trim(text, " \n\x00"); len(text) == 0 {
		return link{}, nil
	}
	if err := json.Unmarshal(text, &end); err != nil || len(end.Hash) != len(genesis) {
		return link{}, fmt.Errorf("%s %w", path, errHead)
	}
	return end, nil
}

func writeHead(f *os.File, end link) error {
	text, err := json.Marshal(end)
	if err != nil {
		return err
	}
	text = append(text, bytes.Repeat([]byte(" "), headWidth-1-len(text))...)
	_, err = f.WriteAt(append(text, '\n'), 0)
	return err
}

// lastLine gives the last whole line of a file, without its newline, and how many bytes after it are the
// beginning of one that a crash has cut off.
func lastLine(f *os.File) (line []byte, torn int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	const step = 64 << 10
	var tail []byte
	for at := info.Size(); at > 0; {
		n := min(step, at)
		at -= n
		piece := make([]byte, n)
		if _, err := f.ReadAt(piece, at); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		tail = append(piece, tail...)
		end := bytes.LastIndexByte(tail, '\n')
		if end < 0 {
			continue
		}
		if start := bytes.LastIndexByte(tail[:end], '\n'); start >= 0 || at == 0 {
			return tail[start+1 : end], int64(len(tail) - end - 1), nil
		}
	}
	return nil, int64(len(tail)), nil
}
