// Package verify reads every event there is, against its checksum, and tells what is damaged. It reads
// beside whoever writes, mends nothing and changes nothing.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
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

type verifier struct {
	Options
	done, all int
	report    Report
	buf       []byte
}

// Journals reads journals.
func Journals(ctx context.Context, options Options) (Report, error) {
	v := &verifier{Options: options, buf: make([]byte, 64<<10)}
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
	if _, err := os.Lstat(v.path(id, rundir.JournalFile)); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(v.path(id, rundir.SealedFile)); err == nil {
			return rundir.SealedFile
		}
	}
	return rundir.JournalFile
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
	return v.read(ctx, id, r, !open && !held)
}

// read checks every event there is. settled says that nobody writes any more.
func (v *verifier) read(ctx context.Context, id string, r journal.Reader, settled bool) (err error) {
	report, err := v.Store.Verify(ctx, id)
	if err != nil {
		return err
	}
	v.report.Events += report.Events
	v.report.Bytes += report.Bytes
	file := v.path(id, v.data(id))
	for _, gap := range report.Damaged {
		at, _, err := r.Locate(gap.From - 1)
		if err != nil && !errors.Is(err, journal.ErrFuture) {
			return err
		}
		v.Damaged(Damage{id, gap.From, gap.To, file, at.Offset, "its bytes are not those that were written"})
	}
	if !settled {
		return nil // what a writer has not synced has no checksum, and may be half written
	}
	if report.Unindexed > 0 {
		v.Damaged(Damage{ExecutionID: id, File: v.path(id, rundir.BlockIndexFile), Problem: fmt.Sprintf("checksums are missing: %d of %d blocks could only be read line by line", report.Unindexed, report.Blocks)})
	}
	if report.Torn > 0 {
		v.Damaged(Damage{ExecutionID: id, File: file, Offset: report.Bytes, Problem: fmt.Sprintf("%d bytes after its last event are none", report.Torn)})
	}
	if report.Mended != "" {
		v.Damaged(Damage{ExecutionID: id, File: file, Problem: report.Mended + "; every event can be read"})
	}
	ended := len(report.Damaged) > 0 && report.Damaged[len(report.Damaged)-1].To == report.Events // which type it had can't be known
	if !ended {
		if ended, err = v.endsWell(r, report.Events); err != nil {
			return err
		}
	}
	if !ended {
		v.Damaged(Damage{ExecutionID: id, From: report.Events + 1, File: file, Offset: report.Bytes, Problem: "its end is missing: it is not running, and its last event does not end it"})
	}
	return nil
}

// endsWell reports whether the last event is one that ends an execution.
func (v *verifier) endsWell(r journal.Reader, head uint64) (bool, error) {
	if head == 0 {
		return false, nil
	}
	at, gap, err := r.Locate(head - 1)
	if err != nil || gap != nil {
		return gap != nil, err
	}
	for {
		n, _, _, err := r.Read(at, journal.Position{}, v.buf)
		var short *journal.ErrShortBuffer
		if errors.As(err, &short) {
			v.buf = make([]byte, short.Need)
			continue
		}
		return execution.IsTerminalType(journal.TypeOf(v.buf[:n])), err
	}
}
