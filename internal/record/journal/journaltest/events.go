// Package journaltest holds the suite that every journal.Store must pass, and the events it and
// other tests of journals are fed with. It knows nothing of how a store keeps its events.
package journaltest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// NewID makes the id of a new execution.
func NewID() string {
	return string(bytes.ToLower([]byte(ulid.MustNew(ulid.Now(), rand.Reader).String())))
}

// Line is event seq of an execution: the same bytes each time it is asked for. Lengths, levels and
// streams vary, and every hundredth event is not a log event.
func Line(id string, seq uint64) []byte { return AppendLine(nil, id, seq) }

// AppendLine appends Line(id, seq) to b.
func AppendLine(b []byte, id string, seq uint64) []byte {
	begin := func(eventType string) {
		b = append(b, `{"type":"`...)
		b = append(b, eventType...)
		b = append(b, `","executionId":"`...)
		b = append(b, id...)
		b = append(b, `","seq":`...)
		b = strconv.AppendUint(b, seq, 10)
		b = append(b, `,"timestamp":"`...)
		b = time.UnixMilli(1_750_000_000_000+int64(seq%1e12)*7).UTC().AppendFormat(b, execution.TimeFormat)
	}
	if seq%100 == 1 {
		begin(execution.TypeProgress)
		b = append(b, `","progress":`...)
		b = strconv.AppendUint(b, seq%101, 10)
		return append(b, "}\n"...)
	}
	begin(execution.TypeLog)
	b = append(b, `","level":"`...)
	b = append(b, [...]execution.Level{execution.Debug, execution.Info, execution.Warn, execution.Error}[seq%4]...)
	b = append(b, `","stream":"`...)
	b = append(b, [...]execution.Stream{execution.Stdout, execution.Stderr, execution.Agent}[seq%3]...)
	b = append(b, `","message":"`...)
	for n := range 1 + seq*seq%7 {
		b = strconv.AppendUint(b, seq*(n+1), 10)
		b = append(b, ` of \"quoted\" \\ \u003cé\u003e {\"type\":\"execution:log\"}\n `...)
	}
	return append(b, "\"}\n"...)
}

// Lines is events from to to of an execution, put end to end.
func Lines(id string, from, to uint64) []byte {
	var b []byte
	for seq := from; seq <= to; seq++ {
		b = AppendLine(b, id, seq)
	}
	return b
}

// Fill appends events until the journal's head is seq, in batches of several sizes.
func Fill(w journal.Writer, id string, seq uint64) error {
	sizes := [...]uint64{1, 3, 700, 1024, 5000, 2}
	for i := 0; w.Head().Seq < seq; i++ {
		from := w.Head().Seq + 1
		to := min(seq, from+sizes[i%len(sizes)]-1)
		if _, err := w.Append(Lines(id, from, to), int(to-from+1)); err != nil {
			return fmt.Errorf("append events %d to %d: %w", from, to, err)
		}
	}
	return nil
}
