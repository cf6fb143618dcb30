package client

import (
	"context"
	"encoding/json"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// patience is how long a link waits for a subscriber whose queue is full before it leaves the rest
// to the server, with nobody else on the link and with others.
const (
	patienceAlone  = time.Second
	patienceShared = 50 * time.Millisecond
)

// dispatcher hands what comes over one link to whom it concerns. It is used by the goroutine that
// reads the link.
type dispatcher struct {
	c        *Client
	link     link
	ctx      context.Context
	messages int // events seen
}

// frame takes one frame apart. Runs of events of one execution stay together, so that a batch costs
// one hand-over.
func (d *dispatcher) frame(frame []byte) error {
	var h header
	var run eventRun
	for len(frame) > 0 {
		line, rest := nextLine(frame)
		end := len(frame) - len(rest)
		if len(line) == 0 {
			if err := d.flush(&run); err != nil {
				return err
			}
			frame = rest
			continue
		}
		if err := readHeader(line, &h); err != nil {
			return &CloseError{Code: protocol.CloseProtocol, Reason: "the server sent what is not JSON: " + err.Error()}
		}
		if !h.event() {
			if err := d.flush(&run); err != nil {
				return err
			}
			d.control(&h, line)
			frame = rest
			continue
		}
		d.messages++
		if run.count > 0 && (run.id != h.executionID || run.last+1 != h.seq || run.terminal) {
			if err := d.flush(&run); err != nil {
				return err
			}
		}
		if run.count == 0 {
			run = eventRun{id: h.executionID, first: h.seq, lines: frame[:0], lifecycle: true}
		}
		run.lines = run.lines[:len(run.lines)+end]
		run.last = h.seq
		run.count++
		run.terminal = protocol.IsTerminalType(h.kind)
		if h.kind == protocol.TypeLog {
			run.lifecycle = false
		} else {
			d.c.watch.event(d.c, line)
		}
		frame = rest
	}
	return d.flush(&run)
}

// eventRun is a run of consecutive events of one execution.
type eventRun struct {
	id          string
	lines       []byte // the events with their newlines, as in the frame
	first, last uint64
	count       int
	lifecycle   bool // no log event among them
	terminal    bool // the last one ends the execution
}

// flush hands a run on.
func (d *dispatcher) flush(run *eventRun) error {
	if run.count == 0 {
		return nil
	}
	full, err := d.c.deliver(*run)
	run.count = 0
	for _, sub := range full {
		d.waitFor(sub)
	}
	return err
}

// deliver queues a run for the execution's subscribers and gives those whose queue is then full.
func (c *Client) deliver(run eventRun) (full []*subscriber, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[run.id]
	if t == nil || t.phase == idle {
		return nil, nil
	}
	if run.first > t.pos+1 {
		return nil, c.holeLocked(t, run)
	}
	t.anchored = true
	if run.last <= t.pos {
		if run.terminal {
			// Seen before, and the last there is.
			t.ended = true
			for sub := range t.subscribers {
				if sub.last >= run.last {
					c.endLocked(sub, nil)
				}
			}
		}
		return nil, nil
	}
	t.pos, t.ended = run.last, run.terminal
	t.holes = 0
	for sub := range t.subscribers {
		if sub.over || sub.lagging || run.last <= sub.last || run.first > sub.last+1 {
			continue
		}
		lines := run.lines
		if skip := sub.last + 1 - run.first; skip > 0 {
			lines = skipLines(lines, skip)
		}
		sub.last = run.last
		sub.queue = append(sub.queue, item{lines: lines, terminal: run.terminal})
		sub.bytes += len(lines)
		poke(sub.ready)
		if run.terminal {
			c.endLocked(sub, nil)
		} else if sub.bytes > c.cfg.maxBuffer {
			full = append(full, sub)
		}
	}
	return full, nil
}

// holeLocked meets a run that leaves events out. An event of the feed of all executions may be ahead
// of this execution's own; what is in flight of a subscription that was replaced may be too. Anything
// else is asked for again: first on this link, then on a new one, and if the server leaves it out
// even then, that is told as a gap.
func (c *Client) holeLocked(t *topic, run eventRun) error {
	if t.phase == asked || (len(c.watch.watchers) > 0 && run.lifecycle) {
		return nil
	}
	if t.holeAt != t.pos {
		t.holeAt, t.holes = t.pos, 0
	}
	t.holes++
	switch t.holes {
	case 1:
		t.phase = idle
		poke(c.resync)
		return nil
	case 2:
		return errRestart
	default:
		t.holes = 0
		c.gapLocked(t, t.pos+1, run.first-1, "missing")
		return nil
	}
}

func (c *Client) gapLocked(t *topic, from, to uint64, reason string) {
	t.anchored = true
	if to <= t.pos {
		return
	}
	t.pos = to
	for sub := range t.subscribers {
		if sub.over || sub.lagging || to <= sub.last {
			continue
		}
		sub.queue = append(sub.queue, item{gap: &GapError{ExecutionID: t.id, From: max(from, sub.last+1), To: to, Reason: reason}})
		sub.last = to
		poke(sub.ready)
	}
}

// waitFor lets the link wait for a subscriber, which makes the server wait by TCP's own means. Past
// the patience the subscriber is marked as lagging: the server is then told to stop, and asked again
// once the subscriber has taken everything.
func (d *dispatcher) waitFor(sub *subscriber) {
	c := d.c
	timer := time.NewTimer(c.patience())
	defer timer.Stop()
	for {
		c.mu.Lock()
		free := sub.over || sub.bytes <= c.cfg.maxBuffer/2
		c.mu.Unlock()
		if free {
			return
		}
		select {
		case <-sub.emptied:
			continue
		case <-timer.C:
			c.mu.Lock()
			if !sub.over && len(sub.queue) > 0 {
				sub.lagging = true
				poke(c.resync)
			}
			c.mu.Unlock()
			return
		case <-d.ctx.Done():
			return
		}
	}
}

// patience is how long others can be kept waiting now.
func (c *Client) patience() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inCall > 0 || len(c.topics) > 1 || len(c.watch.watchers) > 0 || len(c.system.watchers) > 0 {
		return patienceShared
	}
	return patienceAlone
}

// control takes a message that is no event.
func (d *dispatcher) control(h *header, line []byte) {
	c := d.c
	switch h.kind {
	case protocol.TypeLogsSubscribed:
		c.subscribed(line)
	case protocol.TypeLogsGap:
		var gap protocol.LogsGap
		if json.Unmarshal(line, &gap) == nil {
			c.gap(&gap)
		}
	case protocol.TypeExecutionsSnapshot:
		c.watch.snapshot(c, line)
	case protocol.TypeSystemStatus:
		c.system.sample(c, line)
	case protocol.TypeError:
		if c.calls.answered(h.id, h.kind, line) {
			return
		}
		var refused protocol.Error
		if json.Unmarshal(line, &refused) == nil {
			c.refused(h.id, refusal(&refused))
		}
	case protocol.TypeExecutionStatus:
		if !c.calls.answered(h.id, h.kind, line) {
			c.concluded(line)
		}
	default: // ack, pong; and whatever a later version may add, which is ignored
		c.calls.answered(h.id, h.kind, line)
	}
}

func (c *Client) gap(gap *protocol.LogsGap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.topics[gap.ExecutionID]; t != nil && t.phase != idle && gap.From <= t.pos+1 {
		c.gapLocked(t, max(gap.From, t.pos+1), gap.To, gap.Reason)
	}
}

// concluded takes the record that stands for a lost last event: it ends those who have been told of all
// that is missing before it.
func (c *Client) concluded(line []byte) {
	var m protocol.ExecutionStatus
	if json.Unmarshal(line, &m) != nil || !m.Terminal {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[m.ExecutionID]
	if t == nil || t.phase == idle || t.pos < m.Head {
		return
	}
	t.ended = true
	for sub := range t.subscribers {
		if sub.last >= m.Head {
			c.endLocked(sub, nil)
		}
	}
}

func skipLines(lines []byte, n uint64) []byte {
	for ; n > 0; n-- {
		_, lines = nextLine(lines)
	}
	return lines
}
