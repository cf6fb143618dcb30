package gateway_test

import (
	"context"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/schedule"
	"github.com/claudeops/claudeops/protocol"
)

// noSchedules is a server whose agents have none.
type noSchedules struct{}

func (noSchedules) List() []schedule.Schedule { return []schedule.Schedule{} }
func (noSchedules) Occurrences(time.Time, time.Time) ([]schedule.Occurrence, error) {
	return []schedule.Occurrence{}, nil
}
func (noSchedules) Pause(k schedule.Key, _ string) error  { return noSchedule(k) }
func (noSchedules) Resume(k schedule.Key, _ string) error { return noSchedule(k) }
func (noSchedules) Run(_ context.Context, k schedule.Key, _ string) (execution.Record, error) {
	return execution.Record{}, noSchedule(k)
}

func noSchedule(k schedule.Key) error { return fault.New(protocol.NotFound, "no schedule %s", k) }
