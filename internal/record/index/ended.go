package index

import (
	"context"
	"iter"
	"math"
	"time"
)

// Ended is what retention has to know of an ended execution.
type Ended struct {
	ID          string
	Agent       string
	At          time.Time
	LogsRemoved bool
}

// endedPage is how many rows one query of Ended gives: between two of them others may write.
const endedPage = 1000

// Ended gives the executions that have ended and are not pinned, the last to end first; of those that
// ended in one millisecond the youngest first.
func (x *Index) Ended(ctx context.Context) iter.Seq2[Ended, error] {
	return func(yield func(Ended, error) bool) {
		at, id := int64(math.MaxInt64), ""
		for {
			page, err := x.endedBefore(ctx, at, id)
			if err != nil {
				yield(Ended{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < endedPage {
				return
			}
			last := page[len(page)-1]
			at, id = last.At.UnixMilli(), last.ID
		}
	}
}

func (x *Index) endedBefore(ctx context.Context, at int64, id string) (page []Ended, err error) {
	err = x.use("list ended executions", func(f *file) error {
		page = make([]Ended, 0, endedPage)
		rows, err := f.read.QueryContext(ctx, `SELECT id, agent, ended_at, logs_removed FROM executions
			WHERE ended_at > 0 AND pinned = 0 AND (ended_at, id) < (?, ?) ORDER BY ended_at DESC, id DESC LIMIT ?`, at, id, endedPage)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e Ended
			var ms int64
			if err := rows.Scan(&e.ID, &e.Agent, &ms, &e.LogsRemoved); err != nil {
				return err
			}
			e.At = time.UnixMilli(ms).UTC()
			page = append(page, e)
		}
		return rows.Err()
	})
	return page, err
}

// Pinned counts the executions that are pinned.
func (x *Index) Pinned(ctx context.Context) (n int, err error) {
	err = x.use("count pinned executions", func(f *file) error {
		return f.read.QueryRowContext(ctx, `SELECT count(*) FROM executions WHERE pinned = 1`).Scan(&n)
	})
	return n, err
}
