package execution

import "time"

// Apply folds one event into the record. Events must come in order; an event whose seq the record
// has already seen is ignored, so replaying a part twice does no harm.
func (r *Record) Apply(e *Event) {
	if e.Seq <= r.Head {
		return
	}
	r.Head = e.Seq
	at := e.Timestamp.Time
	switch e.Type {
	case TypeQueued:
		r.ExecutionID = e.ExecutionID
		r.AgentType = e.AgentType
		r.Status = Queued
		r.QueuedAt = at
		r.Config = e.Config
		if e.Trigger != nil {
			r.Trigger = *e.Trigger
		}
	case TypeStarted:
		r.Status = Running
		r.StartedAt = &at
		r.Command, r.Workdir, r.PID, r.Host = e.Command, e.Workdir, e.PID, e.Host
	case TypeProgress:
		r.Progress = e.Progress
		r.ProgressMessage = ""
		if e.Message != nil {
			r.ProgressMessage = *e.Message
		}
	case TypeCost:
		if e.USD != nil {
			r.Cost = *e.USD
		}
		r.Tokens, r.Model = e.Tokens, e.Model
		r.CostEstimated = e.Estimated != nil && *e.Estimated
	case TypeTruncated:
		if e.DroppedLines != nil {
			r.DroppedLines = *e.DroppedLines
		}
		if e.DroppedBytes != nil {
			r.DroppedBytes = *e.DroppedBytes
		}
	case TypeCompleted:
		r.Status = Completed
		r.Result = e.Result
		r.end(e, at)
	case TypeFailed:
		r.Status = Failed
		r.Error = e.Error
		r.end(e, at)
	case TypeCancelled:
		r.Status = Cancelled
		r.CancelledBy = e.By
		r.end(e, at)
	}
}

func (r *Record) end(e *Event, at time.Time) {
	r.Terminal = true
	r.EndedAt = &at
	r.QueuePosition = 0
	r.Reason, r.ExitCode, r.Signal = e.Reason, e.ExitCode, e.Signal
	if e.Cost != nil {
		r.Cost, r.CostEstimated = *e.Cost, false
	}
	if e.DurationMs != nil {
		r.DurationMs = *e.DurationMs
	}
	if e.ProcessesReaped != nil {
		r.ProcessesReaped = *e.ProcessesReaped
	}
}
