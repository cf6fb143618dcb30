package supervisor

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/rundir"
	"github.com/claudeops/claudeops/protocol"
)

// Trimmer is a journal.Store that can give up log lines.
type Trimmer interface {
	// Trim takes the log events up to upTo out of the journal of an execution that has ended, leaves
	// every other event, and gives how many bytes that freed. It may be repeated.
	Trim(ctx context.Context, id string, upTo uint64) (freed int64, err error)
}

// The steps of a removal, in order, as Options.Reached is told of them. What dies at any of them is
// made good: by the next start where the execution is marked, else by the next removal.
const (
	StepMarked         = "marked"          // the next start looks at the execution
	StepJournalRemoved = "journal-removed" // its directory is gone
	StepIndexRemoved   = "index-removed"   // nothing knows it any more but the mark
	StepTrimmed        = "trimmed"         // its log lines are gone
	StepTrimNoted      = "trim-noted"      // and a file beside its journal says so
)

func (s *Supervisor) reached(step string) {
	if s.options.Reached != nil {
		s.options.Reached(step)
	}
}

func (s *Supervisor) changed(id string) {
	if s.options.Changed != nil {
		s.options.Changed(id)
	}
}

// enterKeeping is enter for what may also be done before Start: retention works without a server.
func (s *Supervisor) enterKeeping() (done func(), err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state == stopped {
		return nil, fault.New(protocol.Unavailable, "the server is shutting down; try again in a moment")
	}
	s.work.Add(1)
	return s.work.Done, nil
}

// keepingAlone makes what pins, trims and removes one execution a sequence.
func (s *Supervisor) keepingAlone(ctx context.Context, id string) (leave func(), err error) {
	return s.keeping.enter(ctx, claimKey{key: id})
}

// Pin has retention leave an execution alone, or not any more, and gives its record. It is durable
// when it returns. Codes of its errors: not_found, and unavailable when it could not be stored.
func (s *Supervisor) Pin(ctx context.Context, id, by string, pinned bool) (execution.Record, error) {
	done, err := s.enter()
	if err != nil {
		return execution.Record{}, err
	}
	defer done()
	if err := checkID(id); err != nil {
		return execution.Record{}, err
	}
	leave, err := s.keepingAlone(ctx, id)
	if err != nil {
		return execution.Record{}, err
	}
	defer leave()
	rec, err := s.Get(ctx, id)
	if err != nil {
		return rec, err
	}
	if err := s.storePin(id, by, pinned); err != nil {
		return rec, err
	}
	if l := s.find(id); l != nil {
		l.mu.Lock()
		l.record.Pinned = pinned
		l.mu.Unlock()
		s.indexer.mark(l, false)
		// It may have ended under us: then this is after the write that knew nothing of the pin.
		s.catchIndexUp(ctx)
		s.recent.forget(id)
		return s.view(l)
	}
	if rec, err = s.options.Index.Get(ctx, id); err == nil && rec.Pinned != pinned {
		rec.Pinned = pinned
		err = s.options.Index.Put(ctx, []execution.Record{rec})
	}
	s.recent.forget(id)
	if s.indexer.check(err) != nil {
		return rec, err
	}
	return rec, nil
}

func (s *Supervisor) storePin(id, by string, pinned bool) error {
	dir, err := s.options.Store.Dir(id)
	if err != nil {
		return err
	}
	if pinned {
		var already bool
		if already, err = rundir.Pinned(dir, id); err == nil && !already {
			err = rundir.WritePin(dir, rundir.Pin{By: by, At: time.Now().UTC().Truncate(time.Millisecond)})
		}
	} else {
		err = rundir.RemovePin(dir)
	}
	if err == nil {
		return nil
	}
	why := datadir.Explain(err)
	if why == "" {
		why = "the server's log says why"
	}
	s.log.Error("a pin could not be stored", "executionId", id, "error", err)
	return fault.Wrap(protocol.Unavailable, err, "the pin of %s could not be stored: %s", id, why)
}

// Ended gives the executions that retention may touch: those that have ended, are settled and not
// pinned; the last to end first.
func (s *Supervisor) Ended(ctx context.Context) iter.Seq2[index.Ended, error] {
	return func(yield func(index.Ended, error) bool) {
		s.catchIndexUp(ctx)
		for e, err := range s.options.Index.Ended(ctx) {
			_ = s.indexer.check(err)
			if err == nil && s.find(e.ID) != nil {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// untouchable is the answer for an execution that nothing may be taken from.
func untouchable(id, why string) error {
	return fault.New(protocol.Conflict, "execution %s %s, so nothing of it is removed", id, why)
}

// busy is the answer when somebody else works on a journal, to seal it say: the next time is soon enough.
func busy(id string, err error) error {
	if errors.Is(err, journal.ErrLocked) {
		return fault.Wrap(protocol.Conflict, err, "the journal of %s is being worked on; try again later", id)
	}
	return err
}

// settled gives the record of an execution that something may be taken from.
func (s *Supervisor) settled(ctx context.Context, id string) (execution.Record, string, error) {
	dir, err := s.options.Store.Dir(id)
	if err != nil {
		return execution.Record{}, "", err
	}
	if s.find(id) != nil {
		return execution.Record{}, "", untouchable(id, "has not ended")
	}
	rec, err := s.options.Index.Get(ctx, id)
	if s.indexer.check(err) != nil {
		return rec, "", err
	}
	if !rec.Terminal {
		return rec, "", untouchable(id, "has not ended")
	}
	// The file is what counts: the index may have lost a pin to a power loss.
	pinned, err := rundir.Pinned(dir, id)
	if err != nil {
		return rec, "", err
	}
	if pinned {
		return rec, "", untouchable(id, "is pinned")
	}
	return rec, dir, nil
}

// Remove removes an ended execution with everything that belongs to it: from then on it is not_found.
// The code of its error is conflict for one that has not ended or is pinned.
func (s *Supervisor) Remove(ctx context.Context, id string) error {
	done, err := s.enterKeeping()
	if err != nil {
		return err
	}
	defer done()
	leave, err := s.keepingAlone(ctx, id)
	if err != nil {
		return err
	}
	defer leave()
	if _, _, err := s.settled(ctx, id); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // half a removal is nobody's wish
	// Whoever starts next looks at what is marked, and finishes what has lost its journal.
	if err := s.mark(id); err != nil {
		return err
	}
	s.reached(StepMarked)
	removed := s.options.Store.Remove(id)
	if removed != nil {
		if _, err := s.options.Store.Written(id); !isNoJournal(err) {
			return errors.Join(busy(id, removed), s.unmark(id)) // all of it is still there
		}
		if isNoJournal(removed) {
			removed = nil // an earlier removal came so far
		}
	}
	s.changed(id)
	s.reached(StepJournalRemoved)
	err = s.indexer.check(s.options.Index.Remove(ctx, []string{id}))
	s.recent.forget(id)
	if err != nil {
		return errors.Join(removed, err) // the mark stays, and the index has it for the next removal
	}
	s.reached(StepIndexRemoved)
	return errors.Join(removed, s.unmark(id))
}

// RemoveLogs gives up an ended execution's log lines and keeps its record, result and cost. It gives
// how many bytes that freed. The code of its error is conflict for one that has not ended or is pinned.
func (s *Supervisor) RemoveLogs(ctx context.Context, id string) (freed int64, err error) {
	done, err := s.enterKeeping()
	if err != nil {
		return 0, err
	}
	defer done()
	leave, err := s.keepingAlone(ctx, id)
	if err != nil {
		return 0, err
	}
	defer leave()
	store, ok := s.options.Store.(Trimmer)
	if !ok {
		return 0, errors.New("this store keeps log lines for as long as their execution")
	}
	rec, dir, err := s.settled(ctx, id)
	if err != nil || rec.LogsRemovedAt != nil {
		return 0, err
	}
	head, err := s.head(id)
	if err != nil {
		return 0, err
	}
	if freed, err = store.Trim(ctx, id, head.Seq); err != nil {
		return freed, busy(id, err)
	}
	s.changed(id)
	s.reached(StepTrimmed)
	ctx = context.WithoutCancel(ctx)
	now := time.Now().UTC().Truncate(time.Millisecond)
	rec.LogsRemovedAt = &now
	if err := rundir.WriteLogsRemoved(dir, now); err != nil {
		return freed, err
	}
	s.reached(StepTrimNoted)
	err = s.indexer.check(s.options.Index.Put(ctx, []execution.Record{rec}))
	s.recent.forget(id)
	return freed, err
}
