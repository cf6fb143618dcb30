package index

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
)

// Difference is something that an index and a journal do not agree on.
type Difference struct {
	ExecutionID string
	Problem     string
}

// Compare reads the index at path beside whoever uses it, and tells each execution that it does not
// know as its journal has it. Of executions that have not ended only that they are known: their
// records move. It changes nothing. fs.ErrNotExist when there is no index; ErrVersion when it is one
// of another version, which the next server makes anew.
func Compare(ctx context.Context, store journal.Store, path string, differs func(Difference)) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("compare the index with the journals: %w", err)
	}
	db, err := sql.Open("sqlite", dataSource(path, "query_only(1)"))
	if err != nil {
		return fmt.Errorf("compare index %s with the journals: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	err = errors.Join(compare(ctx, store, &file{read: db}, differs), db.Close())
	if err != nil {
		if isDamage(err) {
			err = errors.Join(ErrDamaged, err)
		}
		return fmt.Errorf("compare index %s with the journals: %w", path, err)
	}
	return nil
}

// ErrVersion tells that an index is of another version than this program writes.
var ErrVersion = errors.New("the index is of another version")

func compare(ctx context.Context, store journal.Store, f *file, differs func(Difference)) error {
	var version int
	if err := f.read.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version != schemaVersion {
		return fmt.Errorf("%w: it has version %d, this program writes version %d", ErrVersion, version, schemaVersion)
	}
	var verdict string
	if err := f.read.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &damageError{errors.New(verdict)}
	}
	// The index first: what comes to it from now on has a journal.
	known, err := f.statuses(ctx)
	if err != nil {
		return err
	}
	ids, err := store.IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		delete(known, id)
		problem, err := compareOne(ctx, store, f, id)
		if errors.Is(err, journal.ErrNotFound) {
			continue // removed meanwhile
		}
		if err != nil {
			if ctx.Err() != nil || isDamage(err) {
				return err
			}
			problem = "its journal can't be read: " + err.Error()
		}
		if problem != "" {
			differs(Difference{id, problem})
		}
	}
	for id := range known {
		if _, err := f.record(ctx, id); err == nil {
			differs(Difference{id, "the index has it, and it has no journal"})
		}
	}
	return nil
}

// compareOne says how the index differs from a journal, empty when it does not.
func compareOne(ctx context.Context, store journal.Store, f *file, id string) (problem string, err error) {
	// The index first: it follows the journal, so what it has the journal has, too.
	indexed, err := f.record(ctx, id)
	unknown := errors.Is(err, sql.ErrNoRows)
	if err != nil && !unknown {
		return "", err
	}
	folded, err := foldOne(ctx, store, id)
	if err != nil || folded == nil {
		return "", err
	}
	if unknown || !indexed.Terminal {
		// It may have been made, or have ended, since.
		if indexed, err = f.record(ctx, id); errors.Is(err, sql.ErrNoRows) && folded.record.Terminal {
			return "the index does not know it", nil
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return "", err
		}
		if !folded.record.Terminal || !indexed.Terminal {
			return "", nil // on its way to the index, which is read anew when the server starts
		}
	}
	want, err := json.Marshal(folded.record)
	if err != nil {
		return "", err
	}
	got, err := json.Marshal(indexed)
	if err != nil || bytes.Equal(want, got) {
		return "", err
	}
	return fmt.Sprintf("the index has another record of it: %s, head %d, and its journal says %s, head %d",
		indexed.Status, indexed.Head, folded.record.Status, folded.record.Head), nil
}

func (f *file) record(ctx context.Context, id string) (rec execution.Record, err error) {
	var text []byte
	if err := f.read.QueryRowContext(ctx, `SELECT record FROM executions WHERE id = ?`, id).Scan(&text); err != nil {
		return rec, err
	}
	return rec, decodeRecord(text, &rec)
}
