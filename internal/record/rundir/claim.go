package rundir

import (
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

// WriteClaim puts the claim into the execution's directory, durably.
func WriteClaim(dir string, claim Claim) error {
	text, err := json.Marshal(claim)
	if err != nil {
		return fmt.Errorf("encode the claim of %s: %w", claim.ExecutionID, err)
	}
	return datadir.WriteFile(filepath.Join(dir, ClaimFile), append(text, '\n'))
}

// ReadClaim gives the claim in the directory of execution id, nil when there is none.
func ReadClaim(dir, id string) (*Claim, error) {
	text, err := os.ReadFile(filepath.Join(dir, ClaimFile))
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
