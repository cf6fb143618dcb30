package index

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// scanBuffer is how much of a journal is read at a time. A longer event gets a longer buffer.
const scanBuffer = 256 << 10

// logPrefix begins nearly every line of a journal; what begins so need not be decoded.
var logPrefix = []byte(`{"type":"` + execution.TypeLog + `"`)

// Lifecycle calls fn for every event but execution:log that follows from, in order. line is valid
// during the call only and ends in '\n'; at is the position after it. It gives the position where
// the journal ends.
func Lifecycle(ctx context.Context, r journal.Reader, from journal.Position, fn func(line []byte, e *execution.Event, at journal.Position) error) (journal.Position, error) {
	end, err := r.Head()
	if err != nil {
		return from, fmt.Errorf("find the journal's end: %w", err)
	}
	buf := make([]byte, scanBuffer)
	at := from
	for at.Seq < end.Seq {
		if err := ctx.Err(); err != nil {
			return at, err
		}
		n, next, gap, err := r.Read(at, end, buf)
		if short := (*journal.ErrShortBuffer)(nil); errors.As(err, &short) {
			buf = make([]byte, short.Need)
			continue
		}
		if err != nil {
			return at, fmt.Errorf("read the journal after event %d: %w", at.Seq, err)
		}
		if gap != nil {
			at = next
			continue
		}
		if n == 0 {
			break
		}
		if err := eachEvent(buf[:n], at, fn); err != nil {
			return at, err
		}
		at = next
	}
	return end, nil
}

func eachEvent(lines []byte, at journal.Position, fn func([]byte, *execution.Event, journal.Position) error) error {
	for len(lines) > 0 {
		line := lines
		if i := bytes.IndexByte(lines, '\n'); i >= 0 {
			line = lines[:i+1]
		}
		lines = lines[len(line):]
		at.Seq++
		at.Offset += int64(len(line))
		if bytes.HasPrefix(line, logPrefix) {
			continue
		}
		var e execution.Event
		// What is damaged and not yet under a checksum is as good as lost: the rest still counts.
		if json.Unmarshal(line, &e) != nil || e.Type == execution.TypeLog {
			continue
		}
		if err := fn(line, &e, at); err != nil {
			return err
		}
	}
	return nil
}

// Fold makes the record of an execution from its journal.
func Fold(ctx context.Context, r journal.Reader) (execution.Record, error) {
	var rec execution.Record
	_, err := Lifecycle(ctx, r, journal.Position{}, func(_ []byte, e *execution.Event, _ journal.Position) error {
		rec.Apply(e)
		return nil
	})
	return rec, err
}
