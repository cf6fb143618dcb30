package app

import (
	"context"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/schedule"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// triggerSchedule is the trigger of what a schedule starts.
const triggerSchedule = "schedule"

// scheduledRuns starts what is due through the supervisor, on behalf of the owner.
type scheduledRuns struct{ *supervisor.Supervisor }

func (r scheduledRuns) Start(ctx context.Context, request schedule.Request) (execution.Record, error) {
	user := request.User
	if user == "" {
		user = auth.OwnerID
	}
	rec, _, err := r.Execute(ctx, supervisor.Request{
		AgentType: request.Agent, Config: request.Parameters, IdempotencyKey: request.Key,
		Trigger: execution.Trigger{Kind: triggerSchedule, User: user, Manual: request.Manual},
	})
	return rec, err
}

func (r scheduledRuns) Running(ctx context.Context, id string) (bool, error) {
	rec, err := r.Get(ctx, id)
	if fault.CodeOf(err) == protocol.NotFound {
		return false, nil // retention has taken it
	}
	return err == nil && !rec.Terminal, err
}

func (r scheduledRuns) Cancel(ctx context.Context, id, reason string) error {
	_, err := r.Supervisor.Cancel(ctx, id, auth.OwnerID, reason)
	return err
}

func (a *App) openSchedules() (err error) {
	a.schedules, err = schedule.Open(schedule.Options{
		DataDir: a.dir.Path(), Catalogue: a.catalogue, Runs: scheduledRuns{a.supervisor}, Log: a.log,
	})
	return err
}

// startSchedules begins to start what is due. What waits for the end of an earlier run is looked at
// when one ends.
func (a *App) startSchedules() {
	a.endsScheduled = a.supervisor.Lifecycle(func(_ []byte, e *execution.Event, rec execution.Record) {
		if e.Terminal() && rec.Trigger.Kind == triggerSchedule {
			a.schedules.Wake()
		}
	})
	a.schedules.Start()
}

func (a *App) stopSchedules() error {
	if a.endsScheduled != nil {
		a.endsScheduled()
	}
	return a.schedules.Stop()
}
