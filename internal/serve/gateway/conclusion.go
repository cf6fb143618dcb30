package gateway

import (
	"context"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/protocol"
)

// An execution's last event ends every reader of it. Where damage has taken that event from the journal,
// readers would wait for ever: they are told what is missing, up to the end that the record knows, and
// then the record, which says how the execution ended.

// damagedReason is what a gap says that no retention has made.
const damagedReason = "damaged"

// lostEnd is what stands for a lost end: the record behind a gap that reaches up to it.
func (l *live) lostEnd(ctx context.Context, id string, gap *journal.Gap) []byte {
	rec, err := l.executions.Get(ctx, id)
	if err != nil || !rec.Terminal || rec.Head > gap.To {
		return nil
	}
	return encode(protocol.ExecutionStatus{Type: protocol.TypeExecutionStatus, Record: rec})
}

// missingEnd is the gap between where a reader stands, who has all that is stored, and the end of an
// execution that has ended. There is none as long as the journal has more, or its end.
func missingEnd(rec *execution.Record, at uint64, stored func() (journal.Position, error)) (*journal.Gap, error) {
	if !rec.Terminal || at >= rec.Head {
		return nil, nil
	}
	head, err := stored() // the record may be ahead of what the reader was told
	if err != nil || head.Seq > at {
		return nil, err
	}
	return &journal.Gap{From: at + 1, To: rec.Head, Reason: damagedReason}, nil
}

// conclude gives what a reader is told who has all that is stored and whose execution has ended all the
// same; nil for all others. It is asked when a reader first comes to the end of what is stored: an
// execution that ends after that brings its end.
func (l *live) conclude(ctx context.Context, id string, sub *feed.Sub) (lines []byte, gap *journal.Gap) {
	rec, err := l.executions.Get(ctx, id)
	if err != nil {
		return nil, nil
	}
	gap, err = missingEnd(&rec, sub.Seq(), sub.Stored)
	if err != nil || gap == nil {
		return nil, nil
	}
	l.log.Error("the end of a journal is missing; its readers are told", "executionId", id, "from", gap.From, "to", gap.To)
	return append(encode(gapMessage(id, gap)), encode(protocol.ExecutionStatus{Type: protocol.TypeExecutionStatus, Record: rec})...), gap
}
