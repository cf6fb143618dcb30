package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/protocol"
)

// fillBatch is how many executions one transaction of Fill holds.
const fillBatch = 500

// folded is one journal, read.
type folded struct {
	record execution.Record
	claim  *rundir.Claim
}

// Fill makes the index agree with the journals: executions it does not know are added, those it
// knows as open are read anew, those without a journal are forgotten. Ended ones it trusts, so on a
// complete index it costs a listing, and on an empty one it reads everything. It is needed after
// the machine went down: SQLite may then have lost the last transactions.
func (x *Index) Fill(ctx context.Context, store journal.Store) error {
	err := x.use("fill index", func(f *file) error { return f.fill(ctx, store, x.skipped) })
	if err != nil {
		return err
	}
	return nil
}

// skipped tells of a journal that can't be read. The others matter more than to stop for it.
func (x *Index) skipped(id string, err error) {
	x.log.Error("execution is left out of the index: its journal can't be read", "executionId", id, "error", err)
}

func (f *file) fill(ctx context.Context, store journal.Store, skipped func(id string, err error)) error {
	ids, err := store.IDs(ctx)
	if err != nil {
		return fmt.Errorf("list the journals: %w", err)
	}
	known, err := f.statuses(ctx)
	if err != nil {
		return err
	}
	var missing []string
	for _, id := range ids {
		one, ok := known[id]
		stale := !ok || !one.status.Terminal()
		if !stale {
			// A pin is a promise: it is the one thing about ended executions that is not left to trust.
			if stale, err = pinChanged(store, id, one.pinned); err != nil {
				return err
			}
		}
		if stale {
			missing = append(missing, id)
		}
		delete(known, id)
	}
	if err := f.update(ctx, func(tx *sql.Tx) error { return forget(ctx, tx, known) }); err != nil {
		return err
	}
	return f.readAll(ctx, store, missing, skipped)
}

// standing is what the index says of an execution, as far as Fill must know.
type standing struct {
	status execution.Status
	pinned bool
}

func pinChanged(store journal.Store, id string, pinned bool) (bool, error) {
	dir, err := store.Dir(id)
	if err != nil {
		return false, err
	}
	now, err := rundir.Pinned(dir, id)
	return now != pinned, err
}

func (f *file) statuses(ctx context.Context) (map[string]standing, error) {
	known := make(map[string]standing)
	rows, err := f.read.QueryContext(ctx, `SELECT id, status, pinned FROM executions`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var one standing
		if err := rows.Scan(&id, &one.status, &one.pinned); err != nil {
			return nil, err
		}
		known[id] = one
	}
	return known, rows.Err()
}

func forget(ctx context.Context, tx *sql.Tx, gone map[string]standing) error {
	for id := range gone {
		if err := removeOne(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// readAll folds the journals side by side and stores them batch after batch, in the order of ids:
// where two executions claim one key, the older keeps it.
func (f *file) readAll(ctx context.Context, store journal.Store, ids []string, skipped func(id string, err error)) error {
	for len(ids) > 0 {
		batch := ids[:min(fillBatch, len(ids))]
		ids = ids[len(batch):]
		results := make([]*folded, len(batch))
		group, reading := errgroup.WithContext(ctx)
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, id := range batch {
			group.Go(func() error {
				result, err := foldOne(reading, store, id)
				if reading.Err() != nil {
					return reading.Err()
				}
				if err != nil {
					skipped(id, err)
					return nil
				}
				results[i] = result
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if err := f.update(ctx, func(tx *sql.Tx) error { return putFolded(ctx, tx, results) }); err != nil {
			return err
		}
	}
	return nil
}

// foldOne gives nil for a journal that holds no event: its execution was never accepted.
func foldOne(ctx context.Context, store journal.Store, id string) (*folded, error) {
	rec, claim, err := Read(ctx, store, id)
	if err != nil || rec.ExecutionID == "" {
		return nil, err
	}
	return &folded{rec, claim}, nil
}

// Read makes an execution's record and claim anew from what is in its directory: the journal, and the
// files beside it that say what no event does. The record of a journal without any event is empty.
func Read(ctx context.Context, store journal.Store, id string) (rec execution.Record, claim *rundir.Claim, err error) {
	r, err := store.Open(id)
	if err != nil {
		return rec, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if rec, err = Fold(ctx, r); err != nil || rec.ExecutionID == "" {
		return rec, nil, err
	}
	dir, err := store.Dir(id)
	if err != nil {
		return rec, nil, err
	}
	if rec.Pinned, err = rundir.Pinned(dir, id); err != nil {
		return rec, nil, err
	}
	if rec.LogsRemovedAt, err = rundir.LogsRemoved(dir, id); err != nil {
		return rec, nil, err
	}
	claim, err = rundir.ReadClaim(dir, id)
	return rec, claim, err
}

func putFolded(ctx context.Context, tx *sql.Tx, results []*folded) error {
	var records []execution.Record
	for _, result := range results {
		if result == nil {
			continue
		}
		records = append(records, result.record)
		if result.claim != nil {
			if _, err := addClaim(ctx, tx, *result.claim); err != nil {
				return err
			}
		}
	}
	if len(records) == 0 {
		return nil
	}
	return putAll(ctx, tx, records)
}

// Rebuild makes the index at path anew from the journals, in place of what is there. Nobody may
// have it open. Killed in the middle, it leaves the old one as it was.
func Rebuild(ctx context.Context, store journal.Store, path string, options ...Option) error {
	fresh, err := newIndex(path, options).build(ctx, store)
	if err != nil {
		return fmt.Errorf("rebuild index %s: %w", path, err)
	}
	return install(fresh, path)
}

func freshPath(path string) string { return path + ".new" }

// build makes a new file beside the index, complete and closed, and gives its path.
func (x *Index) build(ctx context.Context, store journal.Store) (path string, err error) {
	path = freshPath(x.path)
	if err := removeFile(path); err != nil {
		return "", err
	}
	f, err := openFile(path)
	if err != nil {
		return "", err
	}
	err = f.fill(ctx, store, x.skipped)
	if err == nil {
		_, err = f.write.ExecContext(ctx, `INSERT INTO state(name, value) VALUES('complete', '')`)
	}
	err = errors.Join(err, f.close())
	if err != nil {
		return "", errors.Join(err, removeFile(path))
	}
	return path, nil
}

// Renew replaces a damaged file by a new one made from the journals, while the index is open.
// Until it is done every query is answered with code unavailable.
func (x *Index) Renew(ctx context.Context, store journal.Store) error {
	x.renewing.Lock()
	defer x.renewing.Unlock()
	x.mu.Lock()
	if x.broken == errClosed {
		x.mu.Unlock()
		return fmt.Errorf("renew index: %w", errClosed)
	}
	x.broken = fault.New(protocol.Unavailable, "the index of executions is being rebuilt from the journals; try again in a moment")
	x.mu.Unlock()

	fresh, err := x.build(ctx, store)

	x.mu.Lock()
	defer x.mu.Unlock()
	if x.broken == errClosed {
		return fmt.Errorf("renew index: %w", errors.Join(errClosed, removeFile(freshPath(x.path))))
	}
	if err == nil {
		err = x.replaceLocked(fresh)
	}
	if err != nil {
		x.broken = fault.Wrap(protocol.Unavailable, errors.Join(ErrDamaged, err), "the index of executions could not be rebuilt from the journals; the server's log says why")
		return fmt.Errorf("renew index: %w", err)
	}
	x.broken = nil
	return nil
}

func (x *Index) replaceLocked(fresh string) error {
	if x.file != nil {
		// What closing a damaged file says does not matter any more.
		_ = x.file.close()
		x.file = nil
		if err := setAside(x.path); err != nil {
			return err
		}
	}
	if err := install(fresh, x.path); err != nil {
		return err
	}
	f, err := openFile(x.path)
	if err != nil {
		return err
	}
	x.file = f
	return nil
}
