package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/claudeops/claudeops/internal/execution"
)

// Usage is the room a journal takes up.
type Usage struct {
	Plain     int64 // bytes of its events, those taken out by Trim included
	Stored    int64 // bytes of the journal's files: plain or sealed, and the index
	Sealed    bool
	TrimmedTo uint64 // log events up to this one were taken out
}

// Usage measures a journal. It works beside a writer, and reads no event.
func (f *Files) Usage(id string) (Usage, error) {
	u, err := f.usage(id)
	if err != nil {
		return Usage{}, fmt.Errorf("measure execution %s: %w", shown(id), err)
	}
	return u, nil
}

func (f *Files) usage(id string) (u Usage, err error) {
	if err := execution.ValidateID(id); err != nil {
		return Usage{}, err
	}
	plain, found, err := f.sizeOf(id, dataName)
	if err != nil {
		return Usage{}, err
	}
	u.Plain, u.Stored = plain, plain
	if !found {
		s, err := f.openSealed(id, sealedName)
		if err != nil {
			return Usage{}, notFound(err)
		}
		u = Usage{Plain: s.size, Stored: s.stored, Sealed: true, TrimmedTo: s.trailer.trimmedTo}
		if err := s.Close(); err != nil {
			return Usage{}, err
		}
	}
	others := []string{indexName, tempName}
	if found {
		others = append(others, sealedName) // left by a sealing that was interrupted
	}
	for _, name := range others {
		size, _, err := f.sizeOf(id, name)
		if err != nil {
			return Usage{}, err
		}
		u.Stored += size
	}
	return u, nil
}

// sizeOf is the size of one of a journal's files, false when there is none.
func (f *Files) sizeOf(id, name string) (int64, bool, error) {
	file, err := f.layer.Open(id + "/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	size, err := file.Size()
	return size, true, errors.Join(err, file.Close())
}

// Report is what Verify has found.
type Report struct {
	Events  uint64 // the journal's last seq
	Blocks  uint64 // that were read
	Bytes   int64  // of events, as they were before anything was taken out
	Damaged []Gap  // events that can't be given any more, except those taken out by Trim
	Trimmed uint64 // log events that Trim has taken out
	Sealed  bool
	// Unindexed: so many blocks have no checksum, and were judged by the look of their lines. That is
	// ordinary for what a live writer has not synced yet.
	Unindexed uint64
	Torn      int64  // bytes after the last whole event: a write under way, or one that a crash cut short
	Mended    string // what of the files could be made up for, empty when nothing was wrong
}

// Verify reads a journal from its beginning to its end and checks every block. It changes nothing, and
// works beside a writer.
func (f *Files) Verify(ctx context.Context, id string) (Report, error) {
	report, err := f.verify(ctx, id)
	if err != nil {
		return Report{}, fmt.Errorf("verify execution %s: %w", shown(id), err)
	}
	return report, nil
}

func (f *Files) verify(ctx context.Context, id string) (_ Report, err error) {
	if err := execution.ValidateID(id); err != nil {
		return Report{}, err
	}
	v, err := f.newView(id) // one that has checked nothing yet
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	size, err := v.src.Size()
	if err != nil {
		return Report{}, err
	}
	head, err := v.Head()
	if err != nil {
		return Report{}, err
	}
	report := Report{Events: head.Seq, Blocks: (head.Seq + BlockEvents - 1) / BlockEvents, Bytes: head.Offset, Torn: max(0, size-head.Offset)}
	if v.sealed != nil {
		report.Sealed = true
		if v.sealed.mended {
			report.Mended = "the seek table of the sealed file was damaged, and was made again from its frames"
		}
	}
	if err := v.refresh(head.Seq / BlockEvents); err != nil {
		return Report{}, err
	}
	v.mu.Lock()
	for i := range v.blocks {
		if v.blocks[i].built {
			report.Unindexed++
		}
	}
	if v.endLocked().Seq < head.Seq && v.tail.at().Seq < head.Seq {
		report.Unindexed++
	}
	v.mu.Unlock()
	r := &reader{files: f, view: v}
	buf := make([]byte, maxFrame)
	for at := (Position{}); at.Seq < head.Seq; {
		if err := context.Cause(ctx); err != nil {
			return Report{}, err
		}
		n, next, gap, err := r.Read(at, head, buf)
		if short := (*ErrShortBuffer)(nil); errors.As(err, &short) {
			buf = make([]byte, short.Need)
			continue
		}
		switch {
		case err != nil:
			return Report{}, err
		case gap == nil && n == 0:
			return Report{}, fmt.Errorf("reading stopped after event %d of %d", at.Seq, head.Seq)
		case gap == nil:
		case gap.Reason == GapRetention:
			report.Trimmed += gap.To - gap.From + 1
		case len(report.Damaged) > 0 && report.Damaged[len(report.Damaged)-1].To+1 == gap.From:
			report.Damaged[len(report.Damaged)-1].To = gap.To
		default:
			report.Damaged = append(report.Damaged, *gap)
		}
		at = next
	}
	return report, nil
}
