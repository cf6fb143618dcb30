package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
	"github.com/claudeops/claudeops/protocol"
)

const (
	batchBytes  = 512 << 10 // a batch goes to the journal at this size, or when a chunk has been read
	batchRegion = 1 << 20   // holds such a batch and the longest event of a plain line on top
)

// recorder numbers events, encodes them and appends them to the journal. Everything is recorded
// under its lock; what is durable is told to audience.
type recorder struct {
	id       string
	audience *audience
	// lost is called once when the journal can no longer be written.
	lost func(error)

	mu     sync.Mutex
	writer journal.Writer
	enc    *logline.Encoder
	region region
	batch  []byte           // events not appended yet
	count  int              // how many
	head   journal.Position // of the journal, as appended
	life   []lifeEvent      // in batch or appended, not durable yet
	broken error            // why nothing is recorded any more
	ended  bool             // the last event is recorded

	limit        int64 // of admitted; 0 is none
	admitted     int64 // bytes of output recorded
	truncated    bool
	droppedLines int64
	droppedBytes int64

	heard func(line []byte) string // what to say of a line of the agent's; nil: nothing

	stalled   atomic.Bool // the journal has no room
	abort     chan struct{}
	abortOnce sync.Once

	sync syncer
}

// lifeEvent is an event other than a log line.
type lifeEvent struct {
	seq  uint64
	line []byte // with its '\n'
	at   journal.Position
	kind string
}

func newRecorder(id string, w journal.Writer, limit int64, interval time.Duration, a *audience, lost func(error)) (*recorder, error) {
	region, err := newRegion(batchRegion)
	if err != nil {
		return nil, err
	}
	r := &recorder{id: id, audience: a, lost: lost, writer: w, enc: logline.NewEncoder(id), region: region, batch: region.bytes[:0],
		head: w.Head(), limit: limit, abort: make(chan struct{})}
	r.sync.start(r, interval)
	return r, nil
}

// nextLocked is the seq of the next event.
func (r *recorder) nextLocked() uint64 { return r.head.Seq + uint64(r.count) + 1 }

// admitLocked counts output against the limit and says whether it is to be recorded. The output
// that would pass the limit and all after it is not; lines counts the newlines in it.
func (r *recorder) admitLocked(bytes, lines int64) bool {
	if r.limit <= 0 {
		return true
	}
	if !r.truncated {
		if r.admitted+bytes <= r.limit {
			r.admitted += bytes
			return true
		}
		r.truncated = true
		r.truncationLocked()
	}
	r.droppedBytes += bytes
	r.droppedLines += lines
	return false
}

// truncationLocked tells how much was not recorded up to now.
func (r *recorder) truncationLocked() {
	lines, bytes, limit := r.droppedLines, r.droppedBytes, r.limit
	r.addLocked(&execution.Event{Type: execution.TypeTruncated, DroppedLines: &lines, DroppedBytes: &bytes, Limit: &limit})
}

// logLocked adds a log event to the batch.
func (r *recorder) logLocked(nowMs int64, level logline.Level, stream logline.Stream, message []byte, partial bool, data []byte) {
	if r.broken != nil || r.ended {
		return
	}
	if len(r.batch) >= batchBytes {
		r.flushLocked()
		if r.broken != nil {
			return
		}
	}
	r.batch = r.enc.Append(r.batch, r.nextLocked(), nowMs, level, stream, message, partial, data)
	r.count++
	if r.heard != nil && stream != logline.Agent {
		if text := r.heard(message); text != "" {
			r.logLocked(nowMs, logline.Warn, logline.Agent, []byte(text), false, nil)
		}
	}
}

// addLocked adds any other event to the batch.
func (r *recorder) addLocked(e *execution.Event) {
	if r.broken != nil || r.ended {
		return
	}
	e.ExecutionID, e.Seq, e.Timestamp = r.id, r.nextLocked(), execution.At(time.Now())
	line, err := encode(e)
	if err != nil {
		// Only a driver's raw JSON can be wrong; it is told, and the event left out.
		r.logLocked(time.Now().UnixMilli(), logline.Warn, logline.Agent, fmt.Appendf(nil, "an event of type %s could not be recorded: %v", e.Type, err), false, nil)
		return
	}
	r.batch = append(r.batch, line...)
	r.count++
	r.ended = e.Terminal()
	r.life = append(r.life, lifeEvent{seq: e.Seq, line: line, kind: e.Type,
		at: journal.Position{Seq: e.Seq, Offset: r.head.Offset + int64(len(r.batch))}})
}

// encode gives an event's line, with its '\n'.
func encode(e *execution.Event) ([]byte, error) {
	var b lineBuffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	return protocol.EscapeSeparators(b), nil
}

type lineBuffer []byte

func (b *lineBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// flushLocked appends the batch to the journal. It returns when that has been done: while there is
// no room it keeps the batch and tries again, and whoever wants to record waits, the agent with it
// once its pipe is full. Nothing is told that is not stored.
func (r *recorder) flushLocked() {
	if r.count == 0 || r.broken != nil {
		return
	}
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		head, err := r.writer.Append(r.batch, r.count)
		if err == nil {
			r.head = head
			break
		}
		if !roomMayCome(err) {
			r.breakLocked(err)
			return
		}
		if !r.stalled.Swap(true) {
			r.audience.stalled(err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-r.abort:
			timer.Stop()
			r.breakLocked(err)
			return
		}
	}
	if r.stalled.Swap(false) {
		r.audience.stalled(nil)
	}
	r.batch, r.count = r.region.bytes[:0], 0
	r.audience.grew(r.head)
	r.sync.wanted(len(r.life) > 0)
}

// roomMayCome tells whether a write may work later, unchanged.
func roomMayCome(err error) bool {
	if errors.Is(err, journal.ErrReadOnly) {
		return false
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EINTR) ||
		errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ENOBUFS)
}

// breakLocked gives the journal up.
func (r *recorder) breakLocked(err error) {
	if r.broken != nil {
		return
	}
	r.broken = fmt.Errorf("the journal can no longer be written: %w", err)
	r.batch, r.count, r.life = r.region.bytes[:0], 0, nil
	r.lost(r.broken)
}

// record runs f under the lock and appends what it added.
func (r *recorder) record(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	r.flushLocked()
}

// note adds a log event of what the runner has to say.
func (r *recorder) note(level logline.Level, format string, args ...any) {
	r.record(func() {
		r.logLocked(time.Now().UnixMilli(), level, logline.Agent, fmt.Appendf(nil, format, args...), false, nil)
	})
}

// finish records the last event, after the final count of what was dropped, and returns when it is
// durable.
func (r *recorder) finish(e *execution.Event) error {
	r.record(func() {
		if r.truncated {
			r.truncationLocked()
		}
		r.addLocked(e)
	})
	r.sync.stop()
	return r.makeDurable()
}

// makeDurable syncs what has been appended and tells it.
func (r *recorder) makeDurable() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken == nil {
		if err := r.writer.Sync(); err != nil {
			r.breakLocked(err)
		}
	}
	if r.broken != nil {
		return r.broken
	}
	r.durableLocked(r.head)
	return nil
}

// durableLocked tells the events up to at, which are durable now.
func (r *recorder) durableLocked(at journal.Position) {
	n := 0
	for n < len(r.life) && r.life[n].seq <= at.Seq {
		n++
	}
	if n > 0 {
		r.audience.durable(r.life[:n])
		r.life = append([]lifeEvent(nil), r.life[n:]...)
	}
}

// giveUp ends waiting for room: what is not stored by then never will be.
func (r *recorder) giveUp() { r.abortOnce.Do(func() { close(r.abort) }) }

// release gives memory back that only load needs.
func (r *recorder) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.batch) == 0 {
		r.region.release()
	}
}
