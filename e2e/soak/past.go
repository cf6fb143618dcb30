package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// retention is how long a house keeps what has ended. The zero retention keeps everything.
type retention struct {
	logs, executions time.Duration // from their ends
}

// retentionInterval is how often the server looks at what is not to be kept any more.
const retentionInterval = 15 * time.Second

func (r retention) flags() []string {
	if r == (retention{}) {
		return nil
	}
	return []string{
		"--retention-logs-age", r.logs.String(), "--retention-executions-age", r.executions.String(),
		"--retention-interval", retentionInterval.String(),
	}
}

// checkPast reads executions of earlier rounds again: what is kept must be what it was, and what is not
// kept any more must be told, and be old. Some of this round are pinned, and must stay whole for good.
func (s *site) checkPast(ctx context.Context, now []*run, t *totals) {
	const looks = 6
	recent := map[string]bool{}
	for _, r := range now {
		recent[r.id] = true
	}
	var past []*run
	s.mu.Lock()
	for id, r := range s.runs {
		if !recent[id] && !r.ended.IsZero() {
			past = append(past, r)
		}
	}
	s.mu.Unlock()
	rand.Shuffle(len(past), func(i, j int) { past[i], past[j] = past[j], past[i] })
	for _, r := range past[:min(looks, len(past))] {
		if err := s.readAgain(ctx, r); err != nil {
			t.wrong("%s (%s), %v after its end, pinned %v: %v", r.id, r.plan.agent, time.Since(r.ended).Round(time.Second), r.pinned, err)
		}
	}
	if s.retention != (retention{}) && len(now) > 0 && now[0].id != "" && !now[0].ended.IsZero() {
		if _, err := s.control.Pin(ctx, now[0].id); err != nil {
			t.wrong("pin %s: %v", now[0].id, err)
		}
		now[0].pinned = true
	}
}

func (s *site) readAgain(ctx context.Context, r *run) error {
	got, next, missing, last := newDigest(), uint64(1), uint64(0), ""
	for m, err := range s.control.History(ctx, protocol.Cursor{ExecutionID: r.id}) {
		var gap *client.GapError
		switch {
		case errors.As(err, &gap):
			if gap.From != next || gap.Reason != "retention" {
				return fmt.Errorf("told %w where event %d is due", gap, next)
			}
			missing += gap.To + 1 - gap.From
			next = gap.To + 1
		case client.CodeOf(err) == protocol.NotFound:
			if old := s.retention.executions; r.pinned || old == 0 || time.Since(r.ended) < old {
				return errors.New("it is not there any more")
			}
			return nil
		case err != nil:
			return err
		case m.Seq != next:
			return fmt.Errorf("event %d came where %d is due", m.Seq, next)
		default:
			got.add(m.Raw)
			next, last = next+1, m.Type
		}
	}
	old := s.retention.logs
	switch {
	case !execution.IsTerminalType(last) || next != r.kept.events+1:
		return fmt.Errorf("it ends with %q before event %d, and had %d", last, next, r.kept.events)
	case missing == 0 && !got.equal(r.kept):
		return errors.New("it is not what it was")
	case missing > 0 && (r.pinned || old == 0 || time.Since(r.ended) < old):
		return fmt.Errorf("%d events are missing", missing)
	}
	return nil
}
