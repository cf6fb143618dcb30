package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
)

// source is one file of an execution, open.
type source struct {
	file  *os.File
	limit int64
}

func (t *taker) copyExecution(ctx context.Context, id string) (_ *Execution, err error) {
	e, head, err := t.look(ctx, id)
	if err != nil {
		return nil, err
	}
	dir, err := t.store.Dir(id)
	if err != nil {
		return nil, err
	}
	sources, err := openSources(dir, e.Ended, head)
	defer func() {
		for _, s := range sources {
			err = errors.Join(err, s.file.Close())
		}
	}()
	if err != nil {
		return nil, err
	}
	if old := t.old[id]; old != nil && !t.Full {
		e.Dir = old.Dir
		err := t.copySources(e, sources, old.Files)
		if !errors.Is(err, errOther) {
			return e, errors.Join(err, unchanged(dir, sources))
		}
		// The journal does not go on from what the earlier backup has: its end was cut off since.
		e.Files, e.Dir = nil, fmt.Sprintf("%s~%d", id, t.next.Number)
	} else if t.old[id] != nil {
		e.Dir = fmt.Sprintf("%s~%d", id, t.next.Number)
	}
	return e, errors.Join(t.copySources(e, sources, nil), unchanged(dir, sources))
}

// look finds where an execution stands.
func (t *taker) look(ctx context.Context, id string) (e *Execution, head journal.Position, err error) {
	r, err := t.store.Open(id)
	if err != nil {
		return nil, head, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if head, err = r.Head(); err != nil {
		return nil, head, err
	}
	e = &Execution{ID: id, Head: head.Seq}
	if e.Ended, err = journal.Ended(r, head); e.Ended {
		err = t.letGo(ctx, id)
	}
	return e, head, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// letGo waits until the runner of an execution that has its last event has closed the journal, and with
// that completed its index. Whoever holds it for longer seals it, and the index is complete.
func (t *taker) letGo(ctx context.Context, id string) error {
	const (
		patience = 2 * time.Second
		pause    = 5 * time.Millisecond
	)
	dir, err := t.store.Dir(id)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; {
		held, err := t.store.Written(id)
		if err != nil || !held || exists(filepath.Join(dir, rundir.SealingFile)) || time.Now().After(deadline) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// openSources opens the files that belong to a backup, the journal up to head.
func openSources(dir string, ended bool, head journal.Position) (sources []source, err error) {
	names := rundir.BackedUp()
	if ended {
		if names, err = endedFiles(dir); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			if name == rundir.JournalFile {
				return sources, errChanged // it was sealed, or removed
			}
			continue
		}
		if err != nil {
			return sources, err
		}
		sources = append(sources, source{file: f, limit: head.Offset})
		if name != rundir.JournalFile {
			info, err := f.Stat()
			if err != nil {
				return sources, err
			}
			sources[len(sources)-1].limit = info.Size()
		}
	}
	if ended && !slices.Contains(names, rundir.JournalFile) && !slices.Contains(names, rundir.SealedFile) {
		return sources, errChanged
	}
	return sources, nil
}

// endedFiles are the names of an ended execution's files that belong to a backup.
func endedFiles(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, notFound(err)
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && belongs(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	if slices.Contains(names, rundir.JournalFile) {
		// What is being sealed is not the truth yet.
		names = slices.DeleteFunc(names, func(name string) bool { return name == rundir.SealedFile })
	}
	return names, nil
}

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.Join(journal.ErrNotFound, err)
	}
	return err
}

// unchanged makes sure that the files that were copied are still those of the execution: then they
// belong together.
func unchanged(dir string, sources []source) error {
	for _, s := range sources {
		name := filepath.Base(s.file.Name())
		now, err := os.Lstat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, errChanged)
		}
		if err != nil {
			return err
		}
		then, err := s.file.Stat()
		if err != nil {
			return err
		}
		if !os.SameFile(now, then) || then.Size() < s.limit {
			return fmt.Errorf("%s: %w", name, errChanged)
		}
	}
	return nil
}

// copySources copies files, going on from what an earlier backup has of them.
func (t *taker) copySources(e *Execution, sources []source, earlier []File) error {
	if err := makeDir(filepath.Join(t.Target, executionsName, e.dir())); err != nil {
		return errors.Join(errTarget, err)
	}
	for _, s := range sources {
		name := filepath.Base(s.file.Name())
		var known File
		if i := slices.IndexFunc(earlier, func(f File) bool { return f.Name == name }); i >= 0 {
			known = earlier[i]
			if info, err := os.Lstat(e.path(t.Target, name)); err != nil || info.Size() < known.Bytes {
				return errOther // what is there is less than it should be
			}
		}
		f, err := t.copy(s.file, s.limit, e.path(t.Target, name), known)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		e.Files = append(e.Files, f)
	}
	return nil
}
