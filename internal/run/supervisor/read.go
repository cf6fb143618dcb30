package supervisor

import (
	"context"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/protocol"
)

// Get gives an execution's record as it stands: of one that runs with the journal's head, of one
// that waits with its place in line. The code of its error is not_found when there is none.
func (s *Supervisor) Get(ctx context.Context, id string) (execution.Record, error) {
	if err := checkID(id); err != nil {
		return execution.Record{}, err
	}
	if l := s.find(id); l != nil {
		return s.view(l)
	}
	if rec, ok := s.recent.get(id); ok {
		return rec, nil
	}
	epoch := s.recent.epoch()
	rec, err := s.options.Index.Get(ctx, id)
	_ = s.indexer.check(err)
	if err == nil && rec.Terminal {
		s.recent.put(epoch, rec)
	}
	return rec, err
}

// Describe gives an execution's record as Get does, and the executions that belong to it.
func (s *Supervisor) Describe(ctx context.Context, id string) (execution.Record, error) {
	rec, err := s.Get(ctx, id)
	if err != nil {
		return rec, err
	}
	rec.Children, err = s.options.Index.Children(ctx, id)
	return rec, s.indexer.check(err)
}

// view is the record of an execution as its caller sees it.
func (s *Supervisor) view(l *live) (execution.Record, error) {
	rec := l.snapshot()
	if rec.Status == execution.Queued {
		s.mu.RLock()
		rec.QueuePosition, rec.QueueReason = s.queue.position(l), s.queue.why(l, time.Now())
		s.mu.RUnlock()
	}
	if rec.StartedAt == nil || rec.Terminal {
		return rec, nil
	}
	head, err := s.head(l.id)
	if err != nil {
		return rec, err
	}
	rec.Head = max(rec.Head, head.Seq)
	return rec, nil
}

// List gives a page of the executions that pass the filter, newest first, as they stand now. The
// code of its error is bad_request when the filter is wrong.
func (s *Supervisor) List(ctx context.Context, filter index.Filter) (index.Page, error) {
	behind := s.catchIndexUp(ctx)
	page, err := s.options.Index.List(ctx, filter)
	_ = s.indexer.check(err)
	if err != nil {
		return page, err
	}
	for i := range page.Executions {
		rec := &page.Executions[i]
		l := s.find(rec.ExecutionID)
		if l == nil {
			continue
		}
		// Between the query and now it may have moved on to a status that was not asked for. Then
		// the page shows it as it was.
		if now := l.snapshot(); behind || now.Status == rec.Status {
			if *rec, err = s.view(l); err != nil {
				return index.Page{}, err
			}
		}
	}
	return page, nil
}

// Costs sums what executions have cost.
func (s *Supervisor) Costs(ctx context.Context, filter index.CostFilter) ([]index.Cost, error) {
	s.catchIndexUp(ctx)
	costs, err := s.options.Index.Costs(ctx, filter)
	return costs, s.indexer.check(err)
}

// catchIndexUp stores what is not in the index yet. When that can't be done, on a full disk say,
// it reports that the index is behind: answers go on.
func (s *Supervisor) catchIndexUp(ctx context.Context) (behind bool) {
	if err := s.indexer.flush(ctx); err != nil {
		s.log.Warn("the index is behind", "error", err)
		return true
	}
	return false
}

// Counts gives how many executions wait and how many run.
func (s *Supervisor) Counts() protocol.Executions {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return protocol.Executions{Queued: s.queue.waiting, Running: s.queue.running}
}
