// Package verify reads every event there is, against its checksum, and tells what is damaged. It reads
// beside whoever writes, mends nothing and changes nothing.
package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"claudeops/internal/execution"
	"claudeops/internal/journal"
)

// Damage is something that is not as it was written.
type Damage struct {
	ExecutionID string `json:"executionId"`
	From        uint64 `json:"from,omitempty"`   // the first event it concerns; 0: none in particular
	To          uint64 `json:"to,omitempty"`     // the last
	File        string `json:"file"`             // where it is
	Offset      int64  `json:"offset,omitempty"` // in the events' own bytes
	Problem     string `json:"problem"`
}

// Report says what was read.
type Report struct {
	Executions int
	Events     uint64
	Bytes      int64 // of events
}

// Options say what to read.
type Options struct {
	Store *journal.Files
	// IDs of the executions to read. None: all.
	IDs []string
	// Open reports whether an execution is known not to have ended: then its last event need not be
	// there.
	Open func(id string) bool
	// Progress, when it is not nil, is called now and then.
	Progress func(done, all int, bytes int64)
	// Damaged is called for each damage, in the order in which it is found.
	Damaged func(Damage)
}

// The names of a journal's files.
const (
	plainName  = "events.ndjson"
	sealedName = "events.zst"
	indexName  = "events.idx"
)

type verifier struct {
	Options
	done, all int
	report    Report
	buf       []byte
}

// Journals reads journals.
func Journals(ctx context.Context, options Options) (Report, error) {
	v := &verifier{Options: options, buf: make([]byte, 4<<20)}
	ids := options.IDs
	if len(ids) == 0 {
		var err error
		if ids, err = options.Store.IDs(ctx); err != nil {
			return v.report, err
		}
	}
	v.all = len(ids)
	for i, id := range ids {
		v.done = i
		v.tell()
		err := v.journal(ctx, id)
		switch {
		case errors.Is(err, journal.ErrNotFound) && len(options.IDs) == 0:
			continue // removed meanwhile
		case ctx.Err() != nil:
			return v.report, context.Cause(ctx)
		case errors.Is(err, journal.ErrNotFound):
			return v.report, err
		case err != nil:
			v.Damaged(Damage{ExecutionID: id, File: v.path(id, v.data(id)), Problem: "it can't be read: " + err.Error()})
		}
		v.report.Executions++
	}
	v.done = len(ids)
	v.tell()
	return v.report, nil
}

func (v *verifier) tell() {
	if v.Progress != nil {
		v.Progress(v.done, v.all, v.report.Bytes)
	}
}

func (v *verifier) path(id, name string) string {
	dir, err := v.Store.Dir(id)
	if err != nil {
		return name
	}
	return filepath.Join(dir, name)
}

// data is the file that holds an execution's events now.
func (v *verifier) data(id string) string {
	if _, err := os.Lstat(v.path(id, plainName)); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(v.path(id, sealedName)); err == nil {
			return sealedName
		}
	}
	return plainName
}

func (v *verifier) journal(ctx context.Context, id string) (err error) {
	// In this order: who has let go of the journal has written its end, and ended what is open.
	open := v.Open != nil && v.Open(id)
	held, err := v.Store.Written(id)
	if err != nil {
		return err
	}
	r, err := v.Store.Open(id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head, err := r.Head()
	if err != nil {
		return err
	}
	last, err := v.read(ctx, id, r, head)
	if err != nil || open || held {
		return err
	}
	if !last {
		v.Damaged(Damage{ExecutionID: id, From: head.Seq + 1, File: v.path(id, v.data(id)), Offset: head.Offset, Problem: "its end is missing: it is not running, and its last event does not end it"})
	}
	return v.files(id, head)
}

// read reads every event up to head, and reports whether the last ends the execution, or may.
func (v *verifier) read(ctx context.Context, id string, r journal.Reader, head journal.Position) (ended bool, err error) {
	for at := (journal.Position{}); at.Seq < head.Seq; {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, next, gap, err := r.Read(at, head, v.buf)
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			v.buf = make([]byte, short.Need)
			continue
		case err != nil:
			return false, err
		case gap != nil:
			if gap.Reason == "damaged" {
				v.Damaged(Damage{id, gap.From, gap.To, v.path(id, v.data(id)), at.Offset, "its bytes are not those that were written"})
			}
			ended = true // which type the last one had can't be known
		case n == 0:
			return false, fmt.Errorf("reading stopped at event %d of %d", at.Seq, head.Seq)
		default:
			ended = endsExecution(v.buf[:n])
		}
		v.report.Events += next.Seq - at.Seq
		v.report.Bytes += next.Offset - at.Offset
		at = next
		v.tell()
	}
	return ended, nil
}

// endsExecution reports whether the last of some events is one that ends an execution.
func endsExecution(events []byte) bool {
	from := len(events) - 1
	for from > 0 && events[from-1] != '\n' {
		from--
	}
	var last struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(events[from:], &last) == nil && execution.IsTerminalType(last.Type)
}

// files looks at what is beside and behind the events of an execution that has ended.
func (v *verifier) files(id string, head journal.Position) error {
	info, err := os.Lstat(v.path(id, plainName))
	if err == nil && info.Size() > head.Offset {
		v.Damaged(Damage{ExecutionID: id, File: v.path(id, plainName), Offset: head.Offset, Problem: fmt.Sprintf("%d bytes after its last event are none", info.Size()-head.Offset)})
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(v.path(id, indexName)); errors.Is(err, fs.ErrNotExist) {
		v.Damaged(Damage{ExecutionID: id, File: v.path(id, indexName), Problem: "its checksums are missing: its events could only be read line by line"})
	}
	return nil
}
