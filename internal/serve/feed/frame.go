package feed

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// Frame is a run of events as the journal has them, shared by all who are at the live edge. It must
// not be changed, and not be used after Offer returned unless Keep was called.
type Frame struct {
	buf      []byte // headroom, then lines
	headroom int
	From, To journal.Position
	Ends     bool // its last event ends the execution

	kept   atomic.Bool
	plain  []byte
	packed []byte
	once   [2]sync.Once
}

// Lines are the events, each ended by '\n'.
func (f *Frame) Lines() []byte { return f.buf[f.headroom:] }

// Keep lets the caller go on using the frame's bytes after Offer has returned.
func (f *Frame) Keep() { f.kept.Store(true) }

// Plain gives the transport's form of the frame, made once by seal from headroom and lines.
func (f *Frame) Plain(seal func(buf []byte) []byte) []byte {
	f.once[0].Do(func() { f.plain = seal(f.buf) })
	return f.plain
}

// Packed gives the transport's compressed form, made once, when first wanted.
func (f *Frame) Packed(pack func(lines []byte) []byte) []byte {
	f.once[1].Do(func() { f.packed = pack(f.Lines()) })
	return f.packed
}

var frameBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

func takeBuffer(n int) []byte {
	b := *frameBuffers.Get().(*[]byte)
	if cap(b) < n {
		b = make([]byte, n, max(n, min(2*n, MaxFrame+1<<10)))
	}
	return b[:n]
}

func giveBuffer(b []byte) {
	if cap(b) <= MaxFrame+1<<10 {
		frameBuffers.Put(&b)
	}
}

var typePrefix = []byte(`{"type":"`)

// EndsExecution reports whether the last of some whole events is one of the three that end an
// execution. Events are written with their type first.
func EndsExecution(lines []byte) bool {
	if n := len(lines); n > 0 && lines[n-1] == '\n' {
		lines = lines[:n-1]
	}
	last := lines[bytes.LastIndexByte(lines, '\n')+1:]
	rest, ok := bytes.CutPrefix(last, typePrefix)
	if !ok {
		return false
	}
	name, _, ok := bytes.Cut(rest, []byte{'"'})
	return ok && execution.IsTerminalType(string(name))
}
