package index

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EndedAfter gives executions that have ended after a moment, or in that millisecond with a higher id,
// pinned or not: the first to end first, as many as limit.
func (x *Index) EndedAfter(ctx context.Context, at time.Time, id string, limit int) (ended []Ended, err error) {
	err = x.use("list ended executions", func(f *file) error {
		ended = nil
		for _, pinned := range []string{
			// Each has an index of its own.
			`SELECT id, agent, ended_at, logs_removed FROM executions WHERE ended_at > 0 AND pinned = 0 AND (ended_at, id) > (?, ?) ORDER BY ended_at, id LIMIT ?`,
			`SELECT id, agent, ended_at, logs_removed FROM executions WHERE pinned = 1 AND ended_at > 0 AND (ended_at, id) > (?, ?) ORDER BY ended_at, id LIMIT ?`,
		} {
			rows, err := f.read.QueryContext(ctx, pinned, at.UnixMilli(), id, limit)
			if err != nil {
				return err
			}
			for rows.Next() {
				var e Ended
				var ms int64
				if err := rows.Scan(&e.ID, &e.Agent, &ms, &e.LogsRemoved); err != nil {
					return errors.Join(err, rows.Close())
				}
				e.At = time.UnixMilli(ms).UTC()
				ended = append(ended, e)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(ended, func(a, b Ended) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return ended[:min(limit, len(ended))], err
}

// SealedThrough is what SetSealedThrough has noted; zero values when it has not, in this file.
func (x *Index) SealedThrough(ctx context.Context) (at time.Time, id string, err error) {
	err = x.use("read up to where journals are sealed", func(f *file) error {
		var value string
		err := f.read.QueryRowContext(ctx, `SELECT value FROM state WHERE name = 'sealed'`).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		first, rest, _ := strings.Cut(value, " ")
		ms, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return nil // not known, which only costs a look at what is sealed
		}
		at, id = time.UnixMilli(ms).UTC(), rest
		return nil
	})
	return at, id, err
}

// SetSealedThrough notes that the journals of all executions that ended up to there are sealed. It is
// kept here because it must go when the index goes: who rebuilds it may have put journals back.
func (x *Index) SetSealedThrough(ctx context.Context, at time.Time, id string) error {
	return x.use("note up to where journals are sealed", func(f *file) error {
		_, err := f.write.ExecContext(ctx, `INSERT INTO state(name, value) VALUES('sealed', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value`,
			fmt.Sprintf("%d %s", at.UnixMilli(), id))
		return err
	})
}
