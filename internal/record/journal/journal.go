// Package journal keeps the truth about executions: for each an append-only file of the very
// messages that go over the wire, one line an event, with a small block index beside it that
// finds any seq at once and shows damage by checksum. It never interprets more of an event than
// its seq and type, holds no execution state, and knows nothing of who writes or reads.
package journal

import (
	"context"
	"errors"
	"fmt"
)

// Errors a store answers with. Each is wrapped with the execution and operation it concerns.
var (
	ErrNotFound = errors.New("no such execution")                       // the id has no journal
	ErrExists   = errors.New("execution exists already")                // Create of an id twice
	ErrLocked   = errors.New("another writer holds the journal")        // one writer at a time
	ErrReadOnly = errors.New("journal can no longer be written safely") // after a failed write or sync
	ErrFuture   = errors.New("cursor is past the end of the journal")   // Locate beyond Head
	ErrSealed   = errors.New("journal is sealed")                       // Append after Seal
	ErrNotEnded = errors.New("execution has not ended")                 // Seal or Trim before the last event
)

// Position is a place between two events: after Seq of them, Offset bytes from the start. The
// zero Position is the start. Offsets count the events' own bytes, however they are stored.
type Position struct {
	Seq    uint64 `json:"seq"`
	Offset int64  `json:"offset"`
}

// BlockEvents is how many events one index entry covers.
const BlockEvents = 1024

// Gap is a run of events, From to To inclusive, that can't be given any more.
type Gap struct {
	From, To uint64
	Reason   string // GapDamaged or GapRetention
}

// Why events are gone.
const (
	GapDamaged   = "damaged"   // the disk, or whatever else altered the files
	GapRetention = "retention" // Trim
)

// Store keeps the journals of one data directory.
type Store interface {
	// Create begins the journal of a new execution and returns its only writer.
	Create(id string) (Writer, error)
	// Append opens an existing journal for writing at its end. It recovers first: a torn or
	// damaged tail is cut, the index completed. ErrLocked while another writer lives, in any process;
	// ErrSealed when the execution has ended and its journal was sealed.
	Append(id string) (Writer, Recovery, error)
	// Open gives a reader. Readers never block writers and may be many.
	Open(id string) (Reader, error)
	// Written reports whether a writer, in any process, holds the journal now.
	Written(id string) (bool, error)
	// IDs lists every execution that has a journal, oldest first.
	IDs(ctx context.Context) ([]string, error)
	// Dir is the directory that belongs to one execution; the journal's own files are in it.
	Dir(id string) (string, error)
	// Remove deletes the execution's directory with everything in it.
	Remove(id string) error
}

// Writer appends to one journal. It is used by one goroutine at a time.
type Writer interface {
	// Head is the position after the last event appended.
	Head() Position
	// Append adds count whole events, each a line ending in '\n', numbered on from Head().Seq+1.
	// When it returns without error the bytes are visible to every reader and survive the death
	// of this process; only Sync makes them survive power loss. After an error nothing of the batch
	// counts: the file is cut back to Head, and if that fails every further call gives ErrReadOnly.
	Append(lines []byte, count int) (Position, error)
	// Sync makes everything appended durable. A failed Sync is final: the writer is then read-only,
	// because the kernel may have dropped the pages it could not write.
	Sync() error
	// Close syncs and gives the journal up. It is safe to call twice.
	Close() error
}

// Reader reads one journal at any position, while it grows or after. It is safe for concurrent use.
type Reader interface {
	// Head is the position after the last whole event stored now. It looks at the file each time.
	Head() (Position, error)
	// Locate finds the position after seq events. ErrFuture past Head. When that place is inside
	// a run of lost events it gives the position after them, and the Gap.
	Locate(seq uint64) (Position, *Gap, error)
	// Read copies whole events that follow at, as many as buf holds and none beyond end, and gives
	// the position after them. end must be a position known to be whole, as Head or a growth notice
	// gives; the zero end means Head. n is 0 at the end. Blocks met for the first time are checked
	// against their checksum; a damaged block is not returned: the Gap says what is missing and next
	// is after it (n is then 0). ErrShortBuffer says how long the next event is when buf is smaller.
	Read(at, end Position, buf []byte) (n int, next Position, gap *Gap, err error)
	// Close gives the files up.
	Close() error
}

// ErrShortBuffer tells that one event is longer than the buffer it should be read into.
type ErrShortBuffer struct{ Need int }

func (e *ErrShortBuffer) Error() string {
	return fmt.Sprintf("the next event needs a buffer of %d bytes", e.Need)
}

// Recovery says what Append had to mend.
type Recovery struct {
	CutBytes int64 // torn or invalid bytes removed from the end
	CutFrom  uint64
	Reason   string // empty when nothing was cut
}
