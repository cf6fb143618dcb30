package index

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

const upsert = `
INSERT INTO executions(id, agent, status, queued_at, ended_at, pinned, logs_removed, cost, estimated, input, output, cache_read, cache_write, tags, parent, search, record)
VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(id) DO UPDATE SET agent = excluded.agent, status = excluded.status, queued_at = excluded.queued_at,
	ended_at = excluded.ended_at, pinned = excluded.pinned, logs_removed = excluded.logs_removed,
	cost = excluded.cost, estimated = excluded.estimated, input = excluded.input, output = excluded.output,
	cache_read = excluded.cache_read, cache_write = excluded.cache_write, tags = excluded.tags, parent = excluded.parent, search = excluded.search, record = excluded.record`

// Put stores records, all or none, over what was known of the same executions.
func (x *Index) Put(ctx context.Context, records []execution.Record) error {
	if len(records) == 0 {
		return nil
	}
	return x.use(fmt.Sprintf("index %d executions", len(records)), func(f *file) error {
		return f.update(ctx, func(tx *sql.Tx) error { return putAll(ctx, tx, records) })
	})
}

// Add stores a new execution and, unless it is nil, the claim it was made under. The code of its
// error is conflict when the claim's key is taken.
func (x *Index) Add(ctx context.Context, rec execution.Record, claim *Claim) error {
	return x.use("index execution "+rec.ExecutionID, func(f *file) error {
		return f.update(ctx, func(tx *sql.Tx) error {
			if claim != nil {
				added, err := addClaim(ctx, tx, *claim)
				if err != nil {
					return err
				}
				if !added {
					return fault.New(protocol.Conflict, "idempotency key %.100q is in use; send another key for another request", claim.Key)
				}
			}
			return putAll(ctx, tx, []execution.Record{rec})
		})
	})
}

// Remove forgets executions and their claims.
func (x *Index) Remove(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return x.use(fmt.Sprintf("forget %d executions", len(ids)), func(f *file) error {
		return f.update(ctx, func(tx *sql.Tx) error {
			for _, id := range ids {
				if _, err := tx.ExecContext(ctx, `DELETE FROM executions WHERE id = ?`, id); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, `DELETE FROM claims WHERE execution_id = ?`, id); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// update runs fn in a transaction of its own.
func (f *file) update(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := f.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = errors.Join(err, undo)
		}
		return err
	}
	return tx.Commit()
}

func putAll(ctx context.Context, tx *sql.Tx, records []execution.Record) error {
	statement, err := tx.PrepareContext(ctx, upsert)
	if err != nil {
		return err
	}
	defer statement.Close()
	for i := range records {
		r := records[i]
		// The place in the line belongs to the moment it is asked for, and so does what holds it up.
		r.QueuePosition, r.QueueReason = 0, ""
		text, err := json.Marshal(&r)
		if err != nil {
			return fmt.Errorf("encode the record of %s: %w", r.ExecutionID, err)
		}
		var tokens execution.Tokens
		if r.Tokens != nil {
			tokens = *r.Tokens
		}
		_, err = statement.ExecContext(ctx, r.ExecutionID, r.AgentType, string(r.Status), r.QueuedAt.UnixMilli(),
			endedAt(&r), r.Pinned, r.LogsRemovedAt != nil, r.Cost, r.CostEstimated, tokens.Input, tokens.Output, tokens.CacheRead, tokens.CacheWrite,
			tagText(r.Tags), parentOf(&r), searchText(&r), string(text))
		if err != nil {
			return err
		}
	}
	return nil
}

func endedAt(r *execution.Record) int64 {
	if !r.Terminal || r.EndedAt == nil {
		return 0
	}
	return max(1, r.EndedAt.UnixMilli()) // 0 is for those that have not
}

// fieldSeparator keeps a text filter from finding the end of one thing and the beginning of the next.
const fieldSeparator = "\x1f"

// tagText is what a filter for a tag looks in: each tag between separators.
func tagText(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return fieldSeparator + strings.Join(tags, fieldSeparator) + fieldSeparator
}

func parentOf(r *execution.Record) string {
	if r.Parent == nil {
		return ""
	}
	return r.Parent.ExecutionID
}

// searchText is what a text filter looks in, lower case.
func searchText(r *execution.Record) string {
	lines := []string{r.ExecutionID, r.AgentType, r.Reason, r.Error, r.ProgressMessage}
	for _, tag := range r.Tags {
		lines = append(lines, "#"+tag)
	}
	var config any
	if len(r.Config) > 0 && json.Unmarshal(r.Config, &config) == nil {
		lines = appendParameters(lines, "", config)
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
	return strings.ToLower(strings.Join(lines, fieldSeparator))
}

// appendParameters writes each value as name=value, the way it is given on the command line.
func appendParameters(lines []string, name string, value any) []string {
	switch v := value.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for key := range v {
			names = append(names, key)
		}
		slices.Sort(names)
		for _, key := range names {
			inner := key
			if name != "" {
				inner = name + "." + key
			}
			lines = appendParameters(lines, inner, v[key])
		}
		return lines
	case []any:
		for _, element := range v {
			lines = appendParameters(lines, name, element)
		}
		return lines
	case string:
		return append(lines, name+"="+v)
	case nil:
		return append(lines, name+"=null")
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return lines
		}
		return append(lines, name+"="+string(text))
	}
}
