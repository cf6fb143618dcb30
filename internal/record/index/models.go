package index

import (
	"cmp"
	"context"
	"database/sql"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// UnknownModel stands for the model of a cost that names none.
const UnknownModel = "unknown"

// putModels stores each model's part of a record's cost, over what was known of it.
func putModels(ctx context.Context, tx *sql.Tx, r *execution.Record) error {
	if r.CostReported == nil && r.Cost == 0 {
		return nil // it has told of no cost, so there is nothing to replace either
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM models WHERE execution_id = ?`, r.ExecutionID); err != nil {
		return err
	}
	for model, part := range modelParts(r) {
		_, err := tx.ExecContext(ctx, `INSERT INTO models(execution_id, model, cost, input, output, cache_read, cache_write, cache_write_1h) VALUES(?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ExecutionID, model, int64(part.cost), part.tokens.Input, part.tokens.Output, part.tokens.CacheRead, part.tokens.CacheWrite, part.tokens.CacheWrite1h)
		if err != nil {
			return err
		}
	}
	return nil
}

// modelPart is what one model has of a cost.
type modelPart struct {
	cost   protocol.MicroUSD
	tokens execution.Tokens
}

// modelParts divides a record's cost among models. What no model is said to have is that of the
// record's own, so that the parts add up to the whole.
func modelParts(r *execution.Record) map[string]modelPart {
	parts := make(map[string]modelPart, len(r.Models)+1)
	rest := protocol.FromUSD(r.Cost)
	for model, c := range r.Models {
		model = cmp.Or(model, UnknownModel)
		part := parts[model]
		part.cost += protocol.FromUSD(c.USD)
		part.tokens = part.tokens.Plus(c.Tokens)
		parts[model] = part
		rest -= protocol.FromUSD(c.USD)
	}
	own := cmp.Or(r.Model, UnknownModel)
	part := parts[own]
	if len(r.Models) == 0 && r.Tokens != nil {
		part.tokens = *r.Tokens
	}
	if part.cost += rest; rest != 0 || len(r.Models) == 0 {
		parts[own] = part
	}
	return parts
}

// Children lists the executions that belong to another, oldest first.
func (x *Index) Children(ctx context.Context, id string) (children []protocol.Relative, err error) {
	err = x.use("list the children of "+id, func(f *file) error {
		children = nil
		rows, err := f.read.QueryContext(ctx, `SELECT id, parent_why FROM executions WHERE parent = ? AND parent <> '' ORDER BY id`, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var child protocol.Relative
			if err := rows.Scan(&child.ExecutionID, &child.Why); err != nil {
				return err
			}
			children = append(children, child)
		}
		return rows.Err()
	})
	return children, err
}
