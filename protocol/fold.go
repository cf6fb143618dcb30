package protocol

import (
	"slices"
	"time"
)

// Apply folds one event into the record. Events must come in order. An event whose seq the record
// has already seen is ignored, and of what follows the last event only its seq is taken, so that
// applying a part twice does no harm. What the record's pointers, slices and maps refer to is never
// changed: a copy of the record stays as it is.
//
// applyEvent of the TypeScript client folds alike. The cases that both must agree on are in
// testdata/folds.
func (r *Record) Apply(e *Event) {
	if e.Seq <= r.Head {
		return
	}
	r.Head = e.Seq
	if r.Terminal {
		return
	}
	if r.Status == "" {
		r.ExecutionID, r.Status = e.ExecutionID, StatusQueued
	}
	switch e.Type {
	case TypeQueued:
		r.AgentType, r.QueuedAt, r.Config = e.AgentType, e.Timestamp.Time, e.Config
		r.Trigger = deref(e.Trigger)
		r.StartedBy = r.Trigger.User
		if e.StartedBy != "" {
			r.StartedBy = e.StartedBy
		}
		r.Tags, r.Parent, r.Attempt, r.NotBefore = e.Tags, e.Parent, e.Attempt, instant(e.NotBefore)
	case TypeStarted:
		if r.Status == StatusQueued {
			r.Status = StatusRunning
		}
		r.AgentType, r.StartedAt = orElse(r.AgentType, e.AgentType), instant(&e.Timestamp)
		r.Command, r.Workdir, r.PID, r.Host, r.Worker = e.Command, e.Workdir, e.PID, e.Host, e.Worker
		r.NotBefore, r.QueuePosition, r.QueueReason = nil, 0, ""
	case TypeProgress:
		r.Progress, r.ProgressMessage = e.Progress, deref(e.Message)
	case TypeSession:
		r.SessionID, r.SessionAgent = e.SessionID, e.Agent
	case TypeCost:
		r.applyCost(e)
	case TypeApproval:
		r.PendingApprovals = append(r.pendingBut(e.RequestID), PendingApproval{
			RequestID: e.RequestID, Seq: e.Seq, AskedAt: e.Timestamp, ExpiresAt: e.ExpiresAt,
			Kind: orElse(e.Kind, ApprovalTool), Title: e.Title, Tool: e.Tool, Input: e.Input, Options: e.Options,
		})
	case TypeApproved, TypeDenied:
		r.PendingApprovals = r.pendingBut(e.RequestID)
	case TypeTruncated:
		r.DroppedLines, r.DroppedBytes = deref(e.DroppedLines), deref(e.DroppedBytes)
	case TypeCompleted, TypeFailed, TypeCancelled:
		r.end(e)
	}
}

func (r *Record) applyCost(e *Event) {
	reported := e.Reported == nil || *e.Reported
	r.CostReported = &reported
	if e.USD != nil {
		r.Cost = roundUSD(*e.USD)
	}
	r.Tokens, r.Model, r.Models = e.Tokens, e.Model, e.Models
	r.CostEstimated, r.CostNotional = deref(e.Estimated), deref(e.Notional)
}

// pendingBut copies the pending approvals but one.
func (r *Record) pendingBut(requestID string) []PendingApproval {
	kept := slices.DeleteFunc(slices.Clone(r.PendingApprovals), func(p PendingApproval) bool { return p.RequestID == requestID })
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// end applies what the three last events have in common. Each has the fields of its own; the others
// are empty in it.
func (r *Record) end(e *Event) {
	r.Status, r.Terminal, r.EndedAt = StatusAfter(e.Type), true, instant(&e.Timestamp)
	r.NotBefore, r.QueuePosition, r.QueueReason, r.PendingApprovals = nil, 0, "", nil
	r.Result, r.Artifacts, r.Survivors = e.Result, e.Artifacts, e.Survivors
	r.Error, r.CancelledBy = e.Error, e.By
	r.Reason, r.ResetsAt = e.Reason, instant(e.ResetsAt)
	r.ExitCode, r.Signal = e.ExitCode, e.Signal
	// An estimate that is repeated stays one; another amount is the agent's own last word.
	if e.Cost != nil && roundUSD(*e.Cost) != r.Cost {
		r.Cost, r.CostEstimated = roundUSD(*e.Cost), false
	}
	r.DurationMs, r.ProcessesReaped = deref(e.DurationMs), deref(e.ProcessesReaped)
}

func instant(t *Time) *time.Time {
	if t == nil {
		return nil
	}
	at := t.Time
	return &at
}

// deref gives the zero value for nil.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
