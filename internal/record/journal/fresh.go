package journal

import (
	"bytes"
	"errors"
	"io"
)

// readFresh reads a block that nobody has checked yet, when all of it is asked for and fits, and
// checks it in the reader's own buffer: to check first and read then would be to fetch its bytes
// twice. It is not done for any other block.
func (v *view) readFresh(at, end Position, buf []byte) (n int, next Position, gap *Gap, done bool, err error) {
	number := at.Seq / BlockEvents
	if at.Seq%BlockEvents != 0 || end.Seq < at.Seq+BlockEvents {
		return 0, at, nil, false, nil
	}
	v.mu.Lock()
	if number >= uint64(len(v.blocks)) {
		v.mu.Unlock()
		return 0, at, nil, false, nil
	}
	b, start := v.blocks[number], v.startLocked(number)
	v.mu.Unlock()
	size := b.end - start.Offset
	if b.state != unchecked || b.built || b.irregular || b.lost > 0 || at != start || size <= 0 || size > int64(len(buf)) {
		return 0, at, nil, false, nil
	}
	buf = buf[:size]
	got, err := guarded(v.src).ReadAt(buf, at.Offset)
	if got < len(buf) && err != nil && !errors.Is(err, io.EOF) {
		return 0, at, nil, true, v.readError(at, err)
	}
	b.state = damaged // bytes that are gone are damage too
	if got == len(buf) && checksum(0, buf) == b.data {
		b.state = sound
	}
	v.mu.Lock()
	if number < uint64(len(v.blocks)) && v.blocks[number].entry == b.entry {
		v.blocks[number].state = b.state
	}
	v.mu.Unlock()
	next = Position{at.Seq + BlockEvents, b.end}
	if b.state == damaged {
		return 0, next, &Gap{at.Seq + 1, next.Seq, GapDamaged}, true, nil
	}
	seq, ok := v.format.seqOf(buf[:bytes.IndexByte(buf, '\n')+1])
	if !ok || seq != at.Seq+1 || bytes.Count(buf, newline) != BlockEvents || buf[size-1] != '\n' {
		return 0, at, nil, true, v.misplaced(at)
	}
	return len(buf), next, nil, true, nil
}
