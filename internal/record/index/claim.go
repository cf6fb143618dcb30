package index

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/claudeops/claudeops/internal/record/datadir"
)

// Claim ties a caller's idempotency key to the one execution it made. Its truth is a file beside
// the execution's journal, so it lasts exactly as long as the execution.
type Claim struct {
	User        string `json:"user"`
	Key         string `json:"key"`
	Request     string `json:"request"` // hash of what was asked for; it may have held secrets
	ExecutionID string `json:"executionId"`
}

const claimName = "claim.json"

// WriteClaim puts the claim into the execution's directory, durably.
func WriteClaim(dir string, claim Claim) error {
	text, err := json.Marshal(claim)
	if err != nil {
		return fmt.Errorf("encode the claim of %s: %w", claim.ExecutionID, err)
	}
	return datadir.WriteFile(filepath.Join(dir, claimName), append(text, '\n'))
}

// ReadClaim gives the claim in the directory of execution id, nil when there is none.
func ReadClaim(dir, id string) (*Claim, error) {
	text, err := os.ReadFile(filepath.Join(dir, claimName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the claim of %s: %w", id, err)
	}
	var claim Claim
	if err := json.Unmarshal(text, &claim); err != nil {
		return nil, fmt.Errorf("read the claim of %s: %w", id, err)
	}
	claim.ExecutionID = id
	return &claim, nil
}

// Claimed gives the claim of a user's key.
func (x *Index) Claimed(ctx context.Context, user, key string) (claim Claim, known bool, err error) {
	claim = Claim{User: user, Key: key}
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
func addClaim(ctx context.Context, tx *sql.Tx, claim Claim) (bool, error) {
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
