package schedule

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/protocol"
)

// stepOne does what is due of one schedule, and says when something is again; zero when nothing is.
// An error is one that passes: the same is tried again.
func (s *Scheduler) stepOne(ctx context.Context, key Key, schedule *agent.Schedule, now time.Time) (next time.Time, err error) {
	spec := specOf(schedule)
	st := s.states[key]
	if st == nil || st.gone || st.spec != spec {
		// New, back, or another: due times count from now on.
		if err := s.record(key, entry{Type: typeSeen, Spec: spec}, now); err != nil {
			return time.Time{}, err
		}
		st = s.states[key]
	}
	// What was begun before a crash is finished first, whatever the policies say now.
	if !st.starting.IsZero() {
		if err := s.start(ctx, key, schedule, st, st.starting, now); err != nil {
			return time.Time{}, err
		}
	}
	if st.paused || !schedule.Enabled {
		return time.Time{}, nil
	}
	if len(st.waiting) > 0 {
		if err := s.startWaiting(ctx, key, schedule, st, now); err != nil {
			return time.Time{}, err
		}
	}
	due, next := dueTimes(key, schedule, st.cursor, now)
	if err := s.take(ctx, key, schedule, st, due, now); err != nil {
		return time.Time{}, err
	}
	return next, nil
}

// dueTimes gives what is due after a time up to now, and when the next begins.
func dueTimes(key Key, schedule *agent.Schedule, after, now time.Time) (due []time.Time, next time.Time) {
	at := after
	for {
		at = schedule.Cron.Next(at, schedule.Zone)
		if at.IsZero() {
			return due, time.Time{}
		}
		if begin := at.Add(delay(key, schedule, at)); begin.After(now) {
			return due, begin
		}
		due = append(due, at)
	}
}

// delay is how much later than its due time a run begins, always as much for the same.
func delay(key Key, schedule *agent.Schedule, due time.Time) time.Duration {
	if schedule.Jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d/%d", key.Agent, key.N, due.Unix())
	return time.Duration(h.Sum64() % uint64(schedule.Jitter))
}

// take runs or skips each of the due times, in order.
func (s *Scheduler) take(ctx context.Context, key Key, schedule *agent.Schedule, st *state, due []time.Time, now time.Time) error {
	missed := 0 // the first so many
	for missed < len(due) && now.Sub(due[missed])-delay(key, schedule, due[missed]) > onTime {
		missed++
	}
	if missed > 0 && schedule.Missed != agent.MissedAll {
		drop := missed
		if schedule.Missed == agent.MissedLatest && missed == len(due) {
			drop-- // it is the latest
		}
		if drop > 0 {
			if err := s.skip(key, due[:drop], s.missedReason(key, schedule), now); err != nil {
				return err
			}
			due, missed = due[drop:], missed-drop
		}
	}
	for i, at := range due {
		if err := s.fire(ctx, key, schedule, st, at, i < missed && schedule.Missed == agent.MissedAll, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scheduler) missedReason(key Key, schedule *agent.Schedule) string {
	reason := "missed: the server was not running, or its clock was set"
	if why := s.failed[key]; why != "" {
		reason = "missed: it could not be started: " + why
	}
	if schedule.Missed == agent.MissedLatest {
		reason += "; only the latest is run"
	}
	return reason
}

// skip records that due times give no run.
func (s *Scheduler) skip(key Key, due []time.Time, reason string, now time.Time) error {
	e := entry{Type: typeDue, Due: due[0], Outcome: Skipped, Reason: reason}
	if len(due) > 1 {
		last := due[len(due)-1]
		e.Until, e.Count = &last, len(due)
	}
	return s.record(key, e, now)
}

// fire runs one due time, unless the run of an earlier one goes on.
func (s *Scheduler) fire(ctx context.Context, key Key, schedule *agent.Schedule, st *state, due time.Time, catchUp bool, now time.Time) error {
	busy := len(st.waiting) > 0
	if !busy && st.last != "" {
		running, err := s.options.Runs.Running(ctx, st.last)
		if err != nil {
			return err
		}
		busy = running
	}
	overlap := schedule.Overlap
	if catchUp && overlap == agent.OverlapSkip {
		overlap = agent.OverlapQueue // all are to run: one after the other
	}
	switch {
	case !busy:
		return s.begin(ctx, key, schedule, st, due, now)
	case overlap == agent.OverlapSkip:
		return s.skip(key, []time.Time{due}, "the run before ("+st.last+") goes on", now)
	case overlap == agent.OverlapReplace:
		for len(st.waiting) > 0 {
			if err := s.skip(key, st.waiting[:1], "replaced by the run that is due at "+due.Format(time.RFC3339), now); err != nil {
				return err
			}
		}
	}
	if err := s.record(key, entry{Type: typeDue, Due: due, Outcome: Waiting, Reason: "the run before (" + st.last + ") goes on"}, now); err != nil {
		return err
	}
	if overlap == agent.OverlapReplace {
		return s.startWaiting(ctx, key, schedule, st, now)
	}
	return nil
}

// startWaiting starts the first that waits for the end of an earlier run, once that has ended.
func (s *Scheduler) startWaiting(ctx context.Context, key Key, schedule *agent.Schedule, st *state, now time.Time) error {
	if st.last != "" {
		running, err := s.options.Runs.Running(ctx, st.last)
		if err != nil {
			return err
		}
		if running {
			if schedule.Overlap != agent.OverlapReplace {
				return nil
			}
			err := s.options.Runs.Cancel(ctx, st.last, "replaced by the run that is due at "+st.waiting[0].Format(time.RFC3339))
			if err != nil && passes(err) {
				return err
			}
			return nil
		}
	}
	return s.begin(ctx, key, schedule, st, st.waiting[0], now)
}

// begin notes that a due time is about to give a run before it does, so that after a crash nothing
// else becomes of it.
func (s *Scheduler) begin(ctx context.Context, key Key, schedule *agent.Schedule, st *state, due time.Time, now time.Time) error {
	if err := s.record(key, entry{Type: typeDue, Due: due, Outcome: starting}, now); err != nil {
		return err
	}
	return s.start(ctx, key, schedule, st, due, now)
}

// start starts the run of a due time, or finds the one that an earlier server has started for it.
func (s *Scheduler) start(ctx context.Context, key Key, schedule *agent.Schedule, st *state, due time.Time, now time.Time) error {
	request := Request{Agent: key.Agent, Key: fmt.Sprintf("schedule %s %s", key, due.UTC().Format(time.RFC3339))}
	if schedule != nil {
		request.Parameters = schedule.Parameters
	}
	rec, err := s.options.Runs.Start(ctx, request)
	switch {
	case err == nil:
		return s.record(key, entry{Type: typeDue, Due: due, Outcome: Started, ExecutionID: rec.ExecutionID}, now)
	case fault.CodeOf(err) == protocol.Conflict:
		// The key stands for a run with other parameters: the definition has changed since.
		return s.record(key, entry{Type: typeDue, Due: due, Outcome: Started, Reason: "started before the definition changed"}, now)
	case passes(err):
		return err
	default:
		s.log.Error("a scheduled run was refused", "schedule", key.String(), "due", due, "error", err)
		return s.skip(key, []time.Time{due}, "it was refused: "+fault.Message(err), now)
	}
}
