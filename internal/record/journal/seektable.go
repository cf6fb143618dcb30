package journal

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A sealed journal is a file in the Zstandard seekable format: frames that can be decoded each on its
// own, and at the end a skippable frame with the size of each. `zstd -d` gives the plain journal back.
//
//	frame …                   a block of the journal, or a part of one longer than maxFrame
//	skippable frame, twice    the trailer: see trailer.go
//	skippable frame           the seek table:
//	                          0 0x184D2A5E  4 size of what follows u32
//	                          for each frame: stored u32, plain u32, low half of XXH64 of the plain bytes u32
//	                          frames u32, descriptor 0x80, 0x8F92EAB1
//
// All numbers are little-endian. The table can be had again from the frames' own headers.
const (
	tableMagic  = 0x184D2A5E
	footerMagic = 0x8F92EAB1
	footerSize  = 9
	skipHeader  = 8 // of a skippable frame: magic and size

	entryHasSum = 0x80 // in the descriptor
	tableEntry  = 12   // bytes, with the checksum
)

// frame is one frame of a sealed journal.
type frame struct {
	at     int64  // in the file
	stored uint32 // bytes there
	plain  uint32 // bytes when decoded; 0 for a skippable frame
	sum    uint32 // low half of XXH64 of the plain bytes; only for writing
}

// appendTable encodes the seek table, the last frame of a file.
func appendTable(b []byte, frames []frame) []byte {
	b = binary.LittleEndian.AppendUint32(b, tableMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frames)*tableEntry+footerSize))
	for _, f := range frames {
		b = binary.LittleEndian.AppendUint32(b, f.stored)
		b = binary.LittleEndian.AppendUint32(b, f.plain)
		b = binary.LittleEndian.AppendUint32(b, f.sum)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frames)))
	b = append(b, entryHasSum)
	return binary.LittleEndian.AppendUint32(b, footerMagic)
}

// readTable reads the seek table at the end of a file. False when there is none, or it can't be right:
// its frames must fill the file up to where it begins.
func readTable(r io.ReaderAt, size int64) ([]frame, bool, error) {
	footer := make([]byte, footerSize)
	if size < footerSize+skipHeader {
		return nil, false, nil
	}
	if _, err := r.ReadAt(footer, size-footerSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	count := int64(binary.LittleEndian.Uint32(footer))
	if binary.LittleEndian.Uint32(footer[5:]) != footerMagic || footer[4]&^0x3 != entryHasSum {
		return nil, false, nil
	}
	length := skipHeader + count*tableEntry + footerSize
	if length > size {
		return nil, false, nil
	}
	b := make([]byte, length)
	if _, err := r.ReadAt(b, size-length); err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	frames, ok := decodeTable(b, size)
	return frames, ok, nil
}

// decodeTable takes a seek table apart, that of a file of so many bytes.
func decodeTable(b []byte, size int64) ([]frame, bool) {
	if len(b) < skipHeader+footerSize || (len(b)-skipHeader-footerSize)%tableEntry != 0 ||
		binary.LittleEndian.Uint32(b) != tableMagic || int64(binary.LittleEndian.Uint32(b[4:])) != int64(len(b)-skipHeader) {
		return nil, false
	}
	begins := size - int64(len(b))
	entries := b[skipHeader : len(b)-footerSize]
	frames := make([]frame, 0, len(entries)/tableEntry)
	at := int64(0)
	for ; len(entries) > 0; entries = entries[tableEntry:] {
		f := frame{at: at, stored: binary.LittleEndian.Uint32(entries), plain: binary.LittleEndian.Uint32(entries[4:]), sum: binary.LittleEndian.Uint32(entries[8:])}
		at += int64(f.stored)
		if f.plain > maxFrame || (f.plain > 0 && f.stored > maxStored) || at > begins {
			return nil, false
		}
		frames = append(frames, f)
	}
	return frames, at == begins
}

// walkFrames finds the frames of a file by their own headers. Where there is no frame it looks for the
// next one: before is what lies in front of the first such place, behind what follows the last. What
// lies between two of them is given up, for nothing says where it belongs.
func walkFrames(r io.ReaderAt, size int64) (before, behind []frame, err error) {
	found, holed := &before, false
	for at := int64(0); at < size; {
		f, ok, err := measureFrame(r, at, size)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			if at, err = nextMagic(r, at+1, size); err != nil {
				return nil, nil, err
			}
			holed = true // if anything follows
			continue
		}
		if holed {
			behind, found, holed = nil, &behind, false
		}
		*found = append(*found, f)
		at += int64(f.stored)
	}
	return before, behind, nil
}

// measureFrame finds out how long the frame is that begins at a place. False when none does.
func measureFrame(r io.ReaderAt, at, size int64) (frame, bool, error) {
	b := make([]byte, min(zstd.HeaderMaxSize, size-at))
	if _, err := r.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
		return frame{}, false, err
	}
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		return frame{}, false, nil
	}
	if h.Skippable {
		length := skipHeader + int64(h.SkippableSize)
		return frame{at: at, stored: uint32(length)}, at+length <= size && length <= 1<<31, nil
	}
	if !h.HasFCS || h.FrameContentSize == 0 || h.FrameContentSize > maxFrame {
		return frame{}, false, nil
	}
	end := at + int64(h.HeaderSize)
	for last := false; !last; {
		var block [3]byte
		if end+3 > size || end-at > maxStored {
			return frame{}, false, nil
		}
		if _, err := r.ReadAt(block[:], end); err != nil && !errors.Is(err, io.EOF) {
			return frame{}, false, err
		}
		header := uint32(block[0]) | uint32(block[1])<<8 | uint32(block[2])<<16
		last = header&1 != 0
		length := int64(header >> 3)
		switch header >> 1 & 3 {
		case 1: // one byte, repeated
			length = 1
		case 3: // reserved
			return frame{}, false, nil
		}
		end += 3 + length
	}
	if h.HasCheckSum {
		end += 4
	}
	if end > size || end-at > maxStored {
		return frame{}, false, nil
	}
	return frame{at: at, stored: uint32(end - at), plain: uint32(h.FrameContentSize)}, true, nil
}

// nextMagic looks for where a frame may begin, or gives the size.
func nextMagic(r io.ReaderAt, from, size int64) (int64, error) {
	const width = 4
	b := make([]byte, 64<<10)
	for from+width <= size {
		n, err := r.ReadAt(b[:min(int64(len(b)), size-from)], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if n < width {
			break
		}
		for i := 0; i+width <= n; i++ {
			switch magic := binary.LittleEndian.Uint32(b[i:]); {
			case magic == 0xFD2FB528, magic == tableMagic, magic == trailerMagic:
				return from + int64(i), nil
			}
		}
		from += int64(n - width + 1)
	}
	return size, nil
}

// sumPlain is how many bytes frames hold.
func sumPlain(frames []frame) int64 {
	sum := int64(0)
	for _, f := range frames {
		sum += int64(f.plain)
	}
	return sum
}
