package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// schemaVersion is kept in the file's user_version. A file of any other version is rebuilt, never
// migrated: the journals hold everything.
const schemaVersion = 5

// The columns are what lists filter, sort and sum by; record is the whole record as JSON. It comes
// last so that scans over the others need not touch its pages. Ids sort by creation.
const schema = `
CREATE TABLE executions (
	id             TEXT NOT NULL PRIMARY KEY,
	agent          TEXT NOT NULL,
	status         TEXT NOT NULL,
	queued_at      INTEGER NOT NULL, -- Unix milliseconds
	ended_at       INTEGER NOT NULL, -- Unix milliseconds; 0: it has not
	pinned         INTEGER NOT NULL, -- 1: retention leaves it alone
	logs_removed   INTEGER NOT NULL, -- 1: retention has taken its log lines
	trigger_kind   TEXT NOT NULL,
	user           TEXT NOT NULL,    -- on whose behalf it was started
	parent         TEXT NOT NULL,    -- id of the execution it belongs to; empty: none
	parent_why     TEXT NOT NULL,
	cost           INTEGER NOT NULL, -- millionths of a US dollar
	estimated      INTEGER NOT NULL, -- 1: cost is an estimate
	notional       INTEGER NOT NULL, -- 1: a subscription pays for it
	unreported     INTEGER NOT NULL, -- 1: its agent reports no cost
	input          INTEGER NOT NULL, -- tokens
	output         INTEGER NOT NULL,
	cache_read     INTEGER NOT NULL,
	cache_write    INTEGER NOT NULL,
	cache_write_1h INTEGER NOT NULL, -- the part of cache_write that is kept for an hour
	tags           TEXT NOT NULL,    -- each between separators; empty when there are none
	search         TEXT NOT NULL,    -- lower case; what a text filter looks in
	record         TEXT NOT NULL
);
CREATE INDEX executions_by_status ON executions(status, id, queued_at);
CREATE INDEX executions_by_agent ON executions(agent, id, queued_at);
CREATE INDEX executions_by_agent_status ON executions(agent, status, id, queued_at);
CREATE INDEX executions_by_time ON executions(queued_at, agent, trigger_kind, user, status, cost, estimated, notional, unreported, input, output, cache_read, cache_write, cache_write_1h); -- all that costs need
CREATE INDEX executions_by_parent ON executions(parent, id, parent_why) WHERE parent <> '';
CREATE INDEX executions_by_end ON executions(ended_at, id, agent, logs_removed) WHERE ended_at > 0 AND pinned = 0; -- all that retention needs
CREATE INDEX executions_pinned ON executions(id) WHERE pinned = 1;
-- The parts of a cost that each model has. Their sum is the execution's cost.
CREATE TABLE models (
	execution_id   TEXT NOT NULL,
	model          TEXT NOT NULL,
	cost           INTEGER NOT NULL, -- millionths of a US dollar
	input          INTEGER NOT NULL, -- tokens
	output         INTEGER NOT NULL,
	cache_read     INTEGER NOT NULL,
	cache_write    INTEGER NOT NULL,
	cache_write_1h INTEGER NOT NULL,
	PRIMARY KEY (execution_id, model)
) WITHOUT ROWID;
CREATE TABLE claims (
	user         TEXT NOT NULL,
	key          TEXT NOT NULL,
	request      TEXT NOT NULL, -- hash of what was asked for
	execution_id TEXT NOT NULL,
	PRIMARY KEY (user, key)
) WITHOUT ROWID;
CREATE INDEX claims_by_execution ON claims(execution_id);
CREATE TABLE state (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;
`

// file is the open database: one connection that writes, a few that read.
type file struct {
	write *sql.DB
	read  *sql.DB
}

func (f *file) close() error { return errors.Join(f.read.Close(), f.write.Close()) }

// readers is how many queries are answered side by side. Each costs up to cacheKiB of memory.
const (
	readers  = 4
	cacheKiB = 2048
)

// unusableError is why a file has to be set aside.
type unusableError struct{ reason error }

func (e *unusableError) Error() string { return e.reason.Error() }
func (e *unusableError) Unwrap() error { return e.reason }

// damageError is damage that SQLite did not report as such.
type damageError struct{ reason error }

func (e *damageError) Error() string { return e.reason.Error() }
func (e *damageError) Unwrap() error { return e.reason }

// isDamage tells damage of the file from every other failure: of those, a full disk or a lock, a
// rebuild would mend nothing.
func isDamage(err error) bool {
	if damage := (*damageError)(nil); errors.As(err, &damage) {
		return true
	}
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		code := e.Code() & 0xff // without the extension
		return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB || code == sqlite3.SQLITE_FORMAT
	}
	return false
}

// isFull tells a disk without room, which SQLite does not say in the words of the system.
func isFull(err error) bool {
	e := (*sqlite.Error)(nil)
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL
}

// openFile opens or makes the database at path. *unusableError when it has to be set aside.
func openFile(path string) (*file, error) {
	// SQLite makes its files with the umask's mode, and its -wal and -shm with that of the database.
	private, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	err = errors.Join(private.Chmod(0o600), private.Close())
	if err != nil {
		return nil, fmt.Errorf("open index: make it private: %w", err)
	}
	write, err := sql.Open("sqlite", dataSource(path, "journal_mode(WAL)"))
	if err != nil {
		return nil, fmt.Errorf("open index %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	if err := prepareSchema(write); err != nil {
		err = fmt.Errorf("open index %s: %w", path, err)
		if isDamage(err) {
			err = &unusableError{err}
		}
		return nil, errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", dataSource(path, "query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open index %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(1) // the memory of the others is given back at rest
	return &file{write: write, read: read}, nil
}

// dataSource names the file as a URI, so that no character of the path means anything. Losing the
// last transactions to a power loss is allowed (synchronous NORMAL): see Fill.
func dataSource(path, pragma string) string {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", pragma, "synchronous(NORMAL)", fmt.Sprintf("cache_size(-%d)", cacheKiB), "temp_store(MEMORY)",
	}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}).String()
}

// prepareSchema makes the tables of a new file, and checks those of an old one.
func prepareSchema(db *sql.DB) error {
	ctx := context.Background()
	var version, tables int
	if err := db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	if version == 0 && tables == 0 {
		return createSchema(ctx, db)
	}
	if version != schemaVersion {
		return &unusableError{fmt.Errorf("it has version %d, this program writes version %d", version, schemaVersion)}
	}
	for _, query := range []string{
		`SELECT ` + columns + ` FROM executions LIMIT 1`,
		`SELECT execution_id, model, cost, input, output, cache_read, cache_write, cache_write_1h FROM models LIMIT 1`,
		`SELECT user, key, request, execution_id FROM claims LIMIT 1`,
		`SELECT name, value FROM state LIMIT 1`,
	} {
		rows, err := db.QueryContext(ctx, query)
		if err == nil {
			rows.Next()
			err = errors.Join(rows.Err(), rows.Close())
		}
		if e := (*sqlite.Error)(nil); errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_ERROR {
			return &unusableError{err} // a table or a column is missing
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func createSchema(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

func asidePath(path string) string { return path + ".aside" }

// SQLite keeps a log and its map beside the database, by name.
const (
	logSuffix = "-wal"
	mapSuffix = "-shm"
)

// setAside moves the database away with its log, over whatever was set aside before.
func setAside(path string) error {
	aside := asidePath(path)
	if err := removeFile(aside); err != nil {
		return err
	}
	for _, part := range []string{"", logSuffix, mapSuffix} {
		if err := os.Rename(path+part, aside+part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set index %s aside: %w", path, err)
		}
	}
	return nil
}

// install puts a closed database, which has no log, in the place of another. The other's log must
// go first: SQLite would take it for the new one's.
func install(fresh, path string) error {
	err := errors.Join(removeAny(path+logSuffix), removeAny(path+mapSuffix))
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return fmt.Errorf("install index %s: %w", path, err)
	}
	return nil
}

func removeFile(path string) error {
	if err := errors.Join(removeAny(path), removeAny(path+logSuffix), removeAny(path+mapSuffix)); err != nil {
		return fmt.Errorf("remove index %s: %w", path, err)
	}
	return nil
}

func removeAny(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
