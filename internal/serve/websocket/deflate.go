package websocket

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Both ways of permessage-deflate work without context takeover, so that one compressed form of a
// frame serves every reader and a connection holds no window.

var deflateTail = []byte{0, 0, 0xff, 0xff}

// How hard to press: frames that many readers share are worth more work than those of one who
// catches up.
const (
	LevelShared  = 5
	LevelCatchUp = 1
)

var deflaters = map[int]*sync.Pool{
	LevelShared:  {New: func() any { return newDeflater(LevelShared) }},
	LevelCatchUp: {New: func() any { return newDeflater(LevelCatchUp) }},
}

func newDeflater(level int) *flate.Writer {
	w, err := flate.NewWriter(io.Discard, level)
	if err != nil {
		panic("websocket: deflate level: " + err.Error()) // the levels are constants above
	}
	return w
}

// Deflate appends the compressed form of a whole message's payload to dst.
func Deflate(dst, payload []byte, level int) []byte {
	pool := deflaters[level]
	w := pool.Get().(*flate.Writer)
	defer pool.Put(w)
	buf := bytes.NewBuffer(dst)
	w.Reset(buf)
	// Writes to a bytes.Buffer do not fail.
	_, _ = w.Write(payload)
	_ = w.Flush()
	return bytes.TrimSuffix(buf.Bytes(), deflateTail)
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(bytes.NewReader(nil)) }}

// inflate gives the payload that b compresses, never more than limit bytes of it.
func inflate(b []byte, limit int64) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	// The second tail is an empty final block: the reader then ends cleanly.
	source := io.MultiReader(bytes.NewReader(b), bytes.NewReader(deflateTail), bytes.NewReader([]byte{1, 0, 0, 0xff, 0xff}))
	if err := r.(flate.Resetter).Reset(source, nil); err != nil {
		return nil, violation(1002, "compressed data is broken")
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, limit+1))
	switch {
	case n > limit:
		return nil, violation(1009, "a message may have %d bytes at most", limit)
	case err != nil:
		return nil, violation(1007, "compressed data is broken")
	}
	return out.Bytes(), nil
}
