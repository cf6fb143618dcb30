package app

import (
	"context"
	"os"
	"path/filepath"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/sealer"
)

// openSealer makes what seals the journals of executions that have ended, and has it hear of each.
func (a *App) openSealer() {
	if a.config.SealAfter < 0 {
		return
	}
	a.sealer = sealer.New(sealer.Options{
		Seal: a.store.SealSlowly,
		Backlog: func(ctx context.Context, after sealer.Ended, limit int) ([]sealer.Ended, error) {
			ended, err := a.index.EndedAfter(ctx, after.At, after.ID, limit)
			all := make([]sealer.Ended, len(ended))
			for i, e := range ended {
				all[i] = sealer.Ended{ID: e.ID, At: e.At}
			}
			return all, err
		},
		Through: func(ctx context.Context) (sealer.Ended, error) {
			at, id, err := a.index.SealedThrough(ctx)
			return sealer.Ended{ID: id, At: at}, err
		},
		SetThrough: func(ctx context.Context, e sealer.Ended) error { return a.index.SetSealedThrough(ctx, e.At, e.ID) },
		// Whatever still has its mark there, the supervisor may want to add to.
		Held: func(id string) bool {
			_, err := os.Lstat(filepath.Join(a.dir.Active(), id))
			return err == nil
		},
		Frames: func() int64 { return a.gateway.Frames() },
		After:  a.config.SealAfter,
		Log:    a.log,
	})
	a.supervisor.Lifecycle(func(_ []byte, e *execution.Event, rec execution.Record) {
		if e.Terminal() {
			a.sealer.Ended(sealer.Ended{ID: rec.ExecutionID, At: e.Timestamp.Time})
		}
	})
}

// sealed gives what the metrics say of sealing; nil when nothing is sealed.
func (a *App) sealed() func() sealer.Stats {
	if a.sealer == nil {
		return nil
	}
	return a.sealer.Stats
}
