package journal

import (
	"encoding/binary"
	"errors"
	"io"
)

// A sealed journal's trailer says of which execution it is, how long the journal was, and what
// retention has taken out of it. It stands in a skippable frame, twice: without it, what was taken out
// would look like damage.
//
//	 0 0x184D2A5D  4 size of what follows u32
//	 8 "COJZ"  12 version u16  14 zero u16
//	16 events u64     of the journal, those taken out included
//	24 size i64       of the journal in bytes, as it was before anything was taken out
//	32 trimmed u64    log events up to this one were taken out
//	40 kept i64       bytes that were left of the blocks up to there: the first frames hold them
//	48 blocks u32     so many blocks those are
//	52 for each of them varints: bytes kept, bytes it had, its Mask
//	   CRC32C u32 of all from 8 on, into which the execution's id is mixed
//
// A block of which something was taken out is kept as the events that are left, each where it was in
// the order, and between them one line {"type":"logs:gap",…} for each run that is gone.
const (
	trailerMagic   = 0x184D2A5D
	trailerVersion = 1
	trailerFixed   = 44 // bytes from the name to the blocks, without the header of the frame
)

// trailer is what a sealed file knows of itself.
type trailer struct {
	events    uint64
	size      int64
	trimmedTo uint64
	kept      int64
	blocks    []trimmedBlock
}

// trimmedBlock is a block of which log events may have been taken out.
type trimmedBlock struct {
	kept  int64 // end of what is left of it, among what is left of all
	end   int64 // where it ended in the journal
	mask  Mask  // what occurred in it
	count uint16
}

func appendTrailer(b []byte, t *trailer, key uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, trailerMagic)
	b = binary.LittleEndian.AppendUint32(b, 0)
	at := len(b)
	b = append(b, "COJZ"...)
	b = binary.LittleEndian.AppendUint16(b, trailerVersion)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, t.events)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.size))
	b = binary.LittleEndian.AppendUint64(b, t.trimmedTo)
	b = binary.LittleEndian.AppendUint64(b, uint64(t.kept))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.blocks)))
	var kept, end int64
	for _, block := range t.blocks {
		b = binary.AppendUvarint(b, uint64(block.kept-kept))
		b = binary.AppendUvarint(b, uint64(block.end-end))
		b = binary.AppendUvarint(b, uint64(block.mask))
		kept, end = block.kept, block.end
	}
	b = binary.LittleEndian.AppendUint32(b, checksum(key, b[at:]))
	binary.LittleEndian.PutUint32(b[at-4:], uint32(len(b)-at))
	return b
}

// decodeTrailer is false when b is not the trailer, frame and all, of that execution's journal.
func decodeTrailer(b []byte, key uint32) (trailer, bool) {
	if len(b) < skipHeader+trailerFixed+4 || binary.LittleEndian.Uint32(b) != trailerMagic {
		return trailer{}, false
	}
	b = b[skipHeader:]
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if string(b[:4]) != "COJZ" || binary.LittleEndian.Uint16(b[4:]) != trailerVersion || checksum(key, body) != sum {
		return trailer{}, false
	}
	t := trailer{
		events:    binary.LittleEndian.Uint64(b[8:]),
		size:      int64(binary.LittleEndian.Uint64(b[16:])),
		trimmedTo: binary.LittleEndian.Uint64(b[24:]),
		kept:      int64(binary.LittleEndian.Uint64(b[32:])),
	}
	count := binary.LittleEndian.Uint32(b[40:])
	rest := body[trailerFixed:]
	if t.size < 0 || t.kept < 0 || t.trimmedTo > t.events || uint64(count)*3 > uint64(len(rest)) || uint64(count) > (t.events+BlockEvents-1)/BlockEvents {
		return trailer{}, false
	}
	t.blocks = make([]trimmedBlock, 0, count)
	last := trimmedBlock{}
	for i := range uint64(count) {
		var fields [3]uint64
		for j := range fields {
			v, n := binary.Uvarint(rest)
			if n <= 0 || v > 1<<62 {
				return trailer{}, false
			}
			fields[j], rest = v, rest[n:]
		}
		last.kept, last.end, last.mask = last.kept+int64(fields[0]), last.end+int64(fields[1]), Mask(fields[2])
		last.count = uint16(min(BlockEvents, t.events-i*BlockEvents))
		if last.kept < 0 || last.end < 0 || last.end > t.size || last.kept > t.kept {
			return trailer{}, false
		}
		t.blocks = append(t.blocks, last)
	}
	return t, len(rest) == 0 && last.kept == t.kept
}

// readTrailer looks for the trailer among the frames of a file. False when there is none that is whole.
func readTrailer(r io.ReaderAt, frames []frame, key uint32) (trailer, bool, error) {
	const most = 256 << 20 // bytes: more blocks than any journal has
	for i := len(frames) - 1; i >= 0; i-- {
		f := frames[i]
		if f.plain > 0 || f.stored > most {
			continue
		}
		b := make([]byte, f.stored)
		if _, err := r.ReadAt(b, f.at); err != nil && !errors.Is(err, io.EOF) {
			return trailer{}, false, err
		}
		if t, ok := decodeTrailer(b, key); ok {
			return t, true, nil
		}
	}
	return trailer{}, false, nil
}

// end is the position after the last event of the trimmed blocks.
func (t *trailer) end() Position {
	if len(t.blocks) == 0 {
		return Position{}
	}
	last := t.blocks[len(t.blocks)-1]
	return Position{uint64(len(t.blocks)-1)*BlockEvents + uint64(last.count), last.end}
}
