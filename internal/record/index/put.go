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
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/protocol"
)

// columns of executions, in the order in which putAll gives their values.
const columns = `id, agent, status, queued_at, ended_at, pinned, logs_removed, trigger_kind, user, parent, parent_why,
	cost, estimated, notional, unreported, input, output, cache_read, cache_write, cache_write_1h, tags, search, record`

var upsert = `INSERT INTO executions(` + columns + `) VALUES(` + strings.Repeat(`?, `, strings.Count(columns, `,`)) + `?)
	ON CONFLICT(id) DO UPDATE SET ` + replaced()

// replaced sets every column but id to the value that was to be inserted.
func replaced() string {
	names := strings.Split(columns, `,`)[1:]
	for i, name := range names {
		name = strings.TrimSpace(name)
		names[i] = name + ` = excluded.` + name
	}
	return strings.Join(names, `, `)
}

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
func (x *Index) Add(ctx context.Context, rec execution.Record, claim *rundir.Claim) error {
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
				if err := removeOne(ctx, tx, id); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// removeOne forgets one execution with all that belongs to it.
func removeOne(ctx context.Context, tx *sql.Tx, id string) error {
	for _, statement := range []string{
		`DELETE FROM executions WHERE id = ?`, `DELETE FROM models WHERE execution_id = ?`, `DELETE FROM claims WHERE execution_id = ?`,
	} {
		if _, err := tx.ExecContext(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
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
		// The place in the line belongs to the moment it is asked for, and so does what holds it up;
		// which children there are is asked of their own rows.
		r.QueuePosition, r.QueueReason, r.Children = 0, "", nil
		text, err := json.Marshal(&r)
		if err != nil {
			return fmt.Errorf("encode the record of %s: %w", r.ExecutionID, err)
		}
		var tokens execution.Tokens
		if r.Tokens != nil {
			tokens = *r.Tokens
		}
		var parent protocol.Relative
		if r.Parent != nil {
			parent = *r.Parent
		}
		unreported := r.CostReported != nil && !*r.CostReported
		_, err = statement.ExecContext(ctx, r.ExecutionID, r.AgentType, string(r.Status), r.QueuedAt.UnixMilli(), endedAt(&r), r.Pinned, r.LogsRemovedAt != nil,
			r.Trigger.Kind, r.Trigger.User, parent.ExecutionID, string(parent.Why),
			int64(protocol.FromUSD(r.Cost)), r.CostEstimated, r.CostNotional, unreported,
			tokens.Input, tokens.Output, tokens.CacheRead, tokens.CacheWrite, tokens.CacheWrite1h,
			tagText(r.Tags), searchText(&r), string(text))
		if err != nil {
			return err
		}
		if err := putModels(ctx, tx, &r); err != nil {
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
