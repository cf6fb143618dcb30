package index

import (
	"context"
	"database/sql"
	"errors"

	"github.com/claudeops/claudeops/internal/record/rundir"
)

// Claimed gives the claim of a user's key.
func (x *Index) Claimed(ctx context.Context, user, key string) (claim rundir.Claim, known bool, err error) {
	claim = rundir.Claim{User: user, Key: key}
	err = x.use("look up idempotency key", func(f *file) error {
		err := f.read.QueryRowContext(ctx, `SELECT request, execution_id FROM claims WHERE user = ? AND key = ?`, user, key).Scan(&claim.Request, &claim.ExecutionID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		known = err == nil
		return err
	})
	return claim, known, err
}

// addClaim reports whether the key was free, or the same execution's already.
func addClaim(ctx context.Context, tx *sql.Tx, claim rundir.Claim) (bool, error) {
	result, err := tx.ExecContext(ctx, `
		INSERT INTO claims(user, key, request, execution_id) VALUES(?, ?, ?, ?)
		ON CONFLICT(user, key) DO UPDATE SET request = excluded.request WHERE execution_id = excluded.execution_id`,
		claim.User, claim.Key, claim.Request, claim.ExecutionID)
	if err != nil {
		return false, err
	}
	changed, err := result.RowsAffected()
	return changed == 1, err
}
