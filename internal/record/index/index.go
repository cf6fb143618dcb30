// Package index owns the read model: a SQLite file that answers lists, filters and sums over
// executions. It is filled from lifecycle events and can be rebuilt from the journals at any time,
// so it is never the truth, never holds log lines, and a damaged file is set aside, not mourned.
package index

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// ErrDamaged tells that the file itself is broken. Renew makes a new one from the journals.
var ErrDamaged = errors.New("the index file is damaged")

var errClosed = errors.New("the index is closed")

// Index is one open read model. It is safe for concurrent use; one process at a time writes.
type Index struct {
	path string
	log  *slog.Logger

	// renewing serializes the makers of a new file.
	renewing sync.Mutex

	mu     sync.RWMutex // held for reading during every query, for writing while the file is changed
	file   *file
	broken error // why no query is answered: closed, or being renewed
}

// Option changes how an index is opened.
type Option func(*Index)

// WithLog says where it is told that a file was set aside. The default is nowhere.
func WithLog(log *slog.Logger) Option { return func(x *Index) { x.log = log } }

// Open opens the file at path, or makes an empty one. What can't be used (damaged, or of another
// version, older or newer) is set aside as path.aside and an empty one made; Complete then gives
// false and Fill fills it.
func Open(path string, options ...Option) (*Index, error) {
	x := newIndex(path, options)
	f, err := openFile(path)
	if unusable := (*unusableError)(nil); errors.As(err, &unusable) {
		x.log.Warn("index set aside; it is rebuilt from the journals", "path", path, "aside", asidePath(path), "reason", err)
		if err := setAside(path); err != nil {
			return nil, err
		}
		f, err = openFile(path)
	}
	if err != nil {
		return nil, err
	}
	x.file = f
	return x, nil
}

func newIndex(path string, options []Option) *Index {
	x := &Index{path: path, log: slog.New(slog.DiscardHandler)}
	for _, option := range options {
		option(x)
	}
	return x
}

// Close gives the file up. It is safe to call twice.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.file == nil {
		x.broken = errClosed
		return nil
	}
	err := x.file.close()
	x.file, x.broken = nil, errClosed
	if err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// use runs fn with the open file.
func (x *Index) use(operation string, fn func(f *file) error) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.broken != nil {
		return fmt.Errorf("%s: %w", operation, x.broken)
	}
	err := fn(x.file)
	if err == nil {
		return nil
	}
	if isFull(err) {
		err = errors.Join(syscall.ENOSPC, err)
	}
	if isDamage(err) {
		err = errors.Join(ErrDamaged, err)
		return fmt.Errorf("%s: %w", operation, fault.Wrap(protocol.Unavailable, err, "the index of executions is damaged and has to be rebuilt from the journals; try again in a moment"))
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// Complete reports whether the index knows every execution there is a journal of, and the boot of
// the machine under which that was last made sure.
func (x *Index) Complete(ctx context.Context) (boot string, complete bool, err error) {
	err = x.use("read the index's state", func(f *file) error {
		err := f.read.QueryRowContext(ctx, `SELECT value FROM state WHERE name = 'complete'`).Scan(&boot)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		complete = err == nil
		return err
	})
	return boot, complete, err
}

// SetComplete notes that the index knows every execution, as of this boot of the machine.
func (x *Index) SetComplete(ctx context.Context, boot string) error {
	return x.use("note that the index is complete", func(f *file) error {
		_, err := f.write.ExecContext(ctx, `INSERT INTO state(name, value) VALUES('complete', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value`, boot)
		return err
	})
}

// Check reads the whole file and gives ErrDamaged when it is not sound. It takes time in
// proportion to the file's size.
func (x *Index) Check(ctx context.Context) error {
	return x.use("check index", func(f *file) error {
		var verdict string
		if err := f.read.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return &damageError{errors.New(verdict)}
		}
		return nil
	})
}

// Get gives one record. The code of its error is not_found when the index does not know the id.
func (x *Index) Get(ctx context.Context, id string) (execution.Record, error) {
	var rec execution.Record
	err := x.use("get execution "+id, func(f *file) error {
		var text []byte
		err := f.read.QueryRowContext(ctx, `SELECT record FROM executions WHERE id = ?`, id).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return NotFound(id)
		}
		if err != nil {
			return err
		}
		return decodeRecord(text, &rec)
	})
	return rec, err
}

// NotFound is what an unknown execution is answered with.
func NotFound(id string) error {
	return fault.New(protocol.NotFound, "there is no execution %.40q; list what there is with GET /api/executions or claudeops ps --all", id)
}

// Open executions are those that have not ended, oldest first.
func (x *Index) Open(ctx context.Context) (ids []string, err error) {
	err = x.use("list open executions", func(f *file) error {
		ids = ids[:0]
		rows, err := f.read.QueryContext(ctx, `SELECT id FROM executions WHERE status IN ('queued', 'running', 'cancelling') ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}

// LastID is the newest execution's id, empty when there is none.
func (x *Index) LastID(ctx context.Context) (id string, err error) {
	err = x.use("find the newest execution", func(f *file) error {
		var last sql.NullString
		err := f.read.QueryRowContext(ctx, `SELECT max(id) FROM executions`).Scan(&last)
		id = last.String
		return err
	})
	return id, err
}

func decodeRecord(text []byte, rec *execution.Record) error {
	if err := json.Unmarshal(text, rec); err != nil {
		return &damageError{fmt.Errorf("decode record: %w", err)}
	}
	return nil
}
