package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// The index file is a header and then one entry for each block of BlockEvents events, so that the
// entry of any seq is found by arithmetic. The last entry may be of a block that is not full yet, as
// of the last sync; it is written anew in the same place until the block is full. All numbers are little-endian.
//
//	header   0 "COJX"  4 version u16  6 zero u16  8 BlockEvents u32  12 CRC32C u32 of 0–12 and the execution's id
//	entry    0 end i64   offset in the journal of the end of the block
//	         8 time i64  of the block's last event, Unix milliseconds, 0 when unknown
//	        16 data u32  CRC32C of the block's bytes
//	        20 mask u32  Mask
//	        24 count u16 events numbered in the block: BlockEvents, or fewer in the last
//	        26 lost u16  so many at its beginning can't be trusted; bit 15: not every byte belongs to an event
//	        28 self u32  CRC32C of 0–28, the block's number and the execution's id
//
// An entry is written when its bytes have been synced, so a wrong checksum means bytes that were
// altered, never bytes that power loss took. The index holds nothing that the journal does not: it
// may be lost and is then built again.
const (
	indexMagic   = "COJX"
	indexVersion = 1
	headerSize   = 16
	entrySize    = 32

	irregularBit = 1 << 15
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(sum uint32, b []byte) uint32 { return crc32.Update(sum, castagnoli, b) }

// entry is what the index knows of one block.
type entry struct {
	end       int64
	lastMs    int64 // Unix milliseconds
	data      uint32
	mask      Mask
	count     uint16
	lost      uint16
	irregular bool // holds bytes that belong to no event, or lacks events: must be read line by line
}

func (e *entry) full() bool { return e.count == BlockEvents }

// indexKey is mixed into every checksum of an index file, so that the index of another execution,
// or an entry in another's place, is not taken for a good one.
func indexKey(id string) uint32 { return checksum(0, []byte(id)) }

func encodeHeader(key uint32) []byte {
	h := make([]byte, headerSize)
	copy(h, indexMagic)
	binary.LittleEndian.PutUint16(h[4:], indexVersion)
	binary.LittleEndian.PutUint32(h[8:], BlockEvents)
	binary.LittleEndian.PutUint32(h[12:], checksum(key, h[:12]))
	return h
}

// validHeader refuses a header of another version, block size or execution.
func validHeader(h []byte, key uint32) bool {
	return len(h) >= headerSize && string(h[:headerSize]) == string(encodeHeader(key))
}

func entryKey(key uint32, block uint64) uint32 {
	// Golden-ratio step: neighbours differ in many bits.
	return key ^ uint32(block)*0x9E3779B9 ^ uint32(block>>32)
}

// appendEntry encodes the entry of the numbered block.
func appendEntry(b []byte, e *entry, key uint32, block uint64) []byte {
	at := len(b)
	flags := e.lost
	if e.irregular {
		flags |= irregularBit
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(e.end))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.lastMs))
	b = binary.LittleEndian.AppendUint32(b, e.data)
	b = binary.LittleEndian.AppendUint32(b, uint32(e.mask))
	b = binary.LittleEndian.AppendUint16(b, e.count)
	b = binary.LittleEndian.AppendUint16(b, flags)
	return binary.LittleEndian.AppendUint32(b, checksum(entryKey(key, block), b[at:]))
}

// decodeEntry is false when b is not the entry of the numbered block.
func decodeEntry(b []byte, key uint32, block uint64) (entry, bool) {
	if len(b) < entrySize || binary.LittleEndian.Uint32(b[28:]) != checksum(entryKey(key, block), b[:28]) {
		return entry{}, false
	}
	flags := binary.LittleEndian.Uint16(b[26:])
	e := entry{
		end:       int64(binary.LittleEndian.Uint64(b)),
		lastMs:    int64(binary.LittleEndian.Uint64(b[8:])),
		data:      binary.LittleEndian.Uint32(b[16:]),
		mask:      Mask(binary.LittleEndian.Uint32(b[20:])),
		count:     binary.LittleEndian.Uint16(b[24:]),
		lost:      flags &^ irregularBit,
		irregular: flags&irregularBit != 0,
	}
	ok := e.end >= 0 && e.count >= 1 && e.count <= BlockEvents && e.lost <= e.count
	return e, ok
}

// slotOffset is where the entry of the numbered block lies in the index file.
func slotOffset(block uint64) int64 { return headerSize + int64(block)*entrySize }
