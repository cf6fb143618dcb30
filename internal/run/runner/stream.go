package runner

import (
	"bytes"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
	"github.com/claudeops/claudeops/internal/trust/mask"
)

const (
	readBytes = 256 << 10 // most that one read takes
	// idlePartial is how long an unfinished line waits for its rest before what is there is recorded.
	idlePartial = 150 * time.Millisecond
	// longestPartial is how long an unfinished line that goes on growing is kept back: progress that is
	// redrawn with \r comes without a pause.
	longestPartial = 500 * time.Millisecond
	// idleRelease is how long after a burst its memory is given back.
	idleRelease = time.Second
	// restBytes is what may stay in memory between bursts.
	restBytes = 32 << 10
)

// stream reads one of the agent's outputs to its end and records its lines. One goroutine runs it.
type stream struct {
	name     logline.Stream
	pipe     *os.File // read end, non-blocking
	fd       int
	rec      *recorder
	agent    driver.Agent
	session  *session
	reads    [256]bool     // first bytes of lines the driver wants
	maxLine  int           // longest line it gets
	lastByte *atomic.Int64 // when something came, nanoseconds after began
	began    time.Time
	gone     *atomic.Bool // no process is left that could write

	sightings *sightings
	sighted   time.Duration // when it was last told that something came, after began

	window  []byte        // read and not recorded: the start of a line
	scanned int           // bytes of window known to hold no newline
	waiting time.Duration // since when window holds the start of a line, after began; 0: it does not
	region  region
	started bool          // window goes on with a line whose start is recorded
	level   logline.Level // of the line whose start is recorded
	masked  *mask.Stream  // nil without secrets
	chunk   []byte        // with secrets: what is read, before masking
	burst   bool          // memory beyond restBytes has been touched
	timed   bool          // a read deadline is set
}

func newStream(name logline.Stream, pipe *os.File, fd int, rec *recorder, m *mask.Masker) (*stream, error) {
	r, err := newRegion(readBytes + 2*logline.MaxBytes)
	if err != nil {
		return nil, err
	}
	s := &stream{name: name, pipe: pipe, fd: fd, rec: rec, region: r, window: r.bytes[:0]}
	if m != nil {
		s.masked = m.Stream()
		s.chunk = r.bytes[:readBytes]
		s.window = nil
	}
	return s, nil
}

// attach gives the stream the driver's agent.
func (s *stream) attach(a driver.Agent, first string, maxLine int, session *session) {
	s.agent, s.session, s.maxLine = a, session, maxLine
	for i := range len(first) {
		s.reads[first[i]] = true
	}
}

// run reads until the end of the stream. After gone is set and the read deadline has been moved to
// the past, it takes what is in the pipe and ends, whoever else may hold the other side.
func (s *stream) run() {
	defer s.region.free()
	for {
		n, err := s.read()
		if n > 0 {
			now := time.Since(s.began)
			s.lastByte.Store(int64(now))
			if s.sightings != nil && now-s.sighted > busySighting {
				s.sighted = now
				s.sightings.written()
			}
			s.flushLate(now)
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if s.gone.Load() {
				s.drain()
				s.end()
				return
			}
			s.idle()
		case err != nil: // io.EOF; a pipe has no other
			s.end()
			return
		}
	}
}

// flushLate records the start of a line that has grown for long.
func (s *stream) flushLate(now time.Duration) {
	switch {
	case len(s.window) == 0 || s.waitsForRest():
		s.waiting = 0
	case s.waiting == 0:
		s.waiting = now
	case now-s.waiting > longestPartial:
		s.waiting = 0
		s.idle()
	}
}

// read takes one chunk and records its lines.
func (s *stream) read() (int, error) {
	s.deadline()
	buf := s.space()
	n, err := s.pipe.Read(buf)
	if n > 0 {
		s.take(buf[:n])
	}
	return n, err
}

// deadline sets when the read is to be given up for something else there is to do.
func (s *stream) deadline() {
	var wait time.Duration
	switch {
	case len(s.window) > logline.Unfinished(s.window) && !s.waitsForRest():
		wait = idlePartial
	case s.burst:
		wait = idleRelease
	}
	if wait == 0 {
		if s.timed && !s.gone.Load() {
			_ = s.pipe.SetReadDeadline(time.Time{})
			s.timed = false
		}
	} else {
		_ = s.pipe.SetReadDeadline(time.Now().Add(wait))
		s.timed = true
	}
	if s.gone.Load() { // it may have been set between; its deadline is the one that counts
		_ = s.pipe.SetReadDeadline(time.Unix(1, 0))
	}
}

// space is where the next chunk goes.
func (s *stream) space() []byte {
	if s.masked != nil {
		return s.chunk
	}
	free := s.window[len(s.window):cap(s.window)]
	if len(free) < logline.MaxBytes {
		// Only a long line that the driver waits for gets here.
		s.window = append(make([]byte, 0, 2*cap(s.window)), s.window...)
		free = s.window[len(s.window):cap(s.window)]
	}
	if len(free) > readBytes {
		free = free[:readBytes]
	}
	return free
}

// take adds what was read to the window and records the whole lines in it.
func (s *stream) take(p []byte) {
	if len(p) > restBytes && !s.burst {
		s.burst = true
		growPipe(s.fd)
	}
	if s.masked != nil {
		s.window = s.masked.Append(s.window, p)
	} else {
		s.window = s.window[:len(s.window)+len(p)]
	}
	s.rec.mu.Lock()
	used := s.linesLocked()
	s.rec.flushLocked()
	s.rec.mu.Unlock()
	if used > 0 {
		s.waiting = 0
	}
	s.keep(used)
}

// keep moves what is not recorded to the front.
func (s *stream) keep(used int) {
	rest := s.window[used:]
	home := s.region.bytes
	if s.masked == nil && cap(s.window) > len(home) && len(rest) <= logline.MaxBytes {
		s.window = append(home[:0], rest...)
	} else if used > 0 {
		s.window = s.window[:copy(s.window, rest)]
	}
	s.scanned = len(s.window)
}

// linesLocked records every whole line of the window, and of a line longer than a message all but its
// last MaxBytes. It gives how many bytes it has dealt with.
func (s *stream) linesLocked() (used int) {
	w := s.window
	nowMs := time.Now().UnixMilli()
	from := s.scanned
	for {
		i := bytes.IndexByte(w[from:], '\n')
		if i < 0 {
			break
		}
		end := from + i
		s.lineLocked(nowMs, w[used:end])
		used, from = end+1, end+1
	}
	if s.waits(w[used:]) {
		return used
	}
	for len(w)-used > logline.MaxBytes {
		n := logline.Cut(w[used:], logline.MaxBytes)
		s.partLocked(nowMs, w[used:used+n])
		used += n
	}
	return used
}

// waits reports whether the start of a line, or all of it, is to be kept for the driver.
func (s *stream) waits(start []byte) bool {
	return s.maxLine > 0 && !s.started && len(start) > 0 && len(start) <= s.maxLine && s.reads[start[0]]
}

func (s *stream) waitsForRest() bool { return s.waits(s.window) }

// lineLocked records a line that is whole, or the end of one.
func (s *stream) lineLocked(nowMs int64, line []byte) {
	if !s.started && len(line) > 0 && s.reads[line[0]] && len(line) <= max(s.maxLine, logline.MaxBytes) {
		if !s.askLocked(line, int64(len(line))+1) {
			s.plainLocked(nowMs, line)
		}
		return
	}
	for len(line) > logline.MaxBytes {
		n := logline.Cut(line, logline.MaxBytes)
		s.partLocked(nowMs, line[:n])
		line = line[n:]
	}
	if !s.rec.admitLocked(int64(len(line))+1, 1) {
		s.started = false
		return
	}
	s.plainLocked(nowMs, line)
}

// askLocked gives a line to the driver. It is false when the line is yet to be recorded.
func (s *stream) askLocked(line []byte, size int64) bool {
	admitted := s.rec.admitLocked(size, 1)
	s.session.muted = !admitted
	done := s.agent.Line(s.name.Name(), line)
	s.session.muted = false
	return done || !admitted
}

// plainLocked records the end of a line, which may be all of it.
func (s *stream) plainLocked(nowMs int64, line []byte) {
	if s.started {
		s.started = false
		s.rec.logLocked(nowMs, s.level, s.name, line, false, nil)
		return
	}
	if len(line) > 0 && line[0] == '{' {
		if data, level, ok := logline.Object(line); ok {
			s.rec.logLocked(nowMs, level, s.name, line, false, data)
			return
		}
	}
	s.rec.logLocked(nowMs, logline.Guess(line), s.name, line, false, nil)
}

// partLocked records the start or middle of a line.
func (s *stream) partLocked(nowMs int64, part []byte) {
	if !s.started {
		s.started = true
		s.level = logline.Guess(part)
	}
	if s.rec.admitLocked(int64(len(part)), 0) {
		s.rec.logLocked(nowMs, s.level, s.name, part, true, nil)
	}
}

// idle records an unfinished line that has waited long enough, and gives memory back after a burst.
func (s *stream) idle() {
	if len(s.window) > 0 && !s.waitsForRest() {
		whole := len(s.window) - logline.Unfinished(s.window)
		if whole > 0 {
			s.rec.record(func() { s.partLocked(time.Now().UnixMilli(), s.window[:whole]) })
			s.keep(whole)
		}
		if len(s.window) == 0 || whole > 0 {
			return
		}
		// Only the start of a rune is left: its rest comes, or the end.
	}
	if s.burst {
		s.burst = false
		shrinkPipe(s.fd)
		if len(s.window) == 0 {
			s.region.release()
			if s.masked != nil {
				s.window = nil
			}
		}
		s.rec.release()
	}
}

// drain takes what the pipe holds now, no more: someone outside may go on writing to it.
func (s *stream) drain() {
	left, err := unix.IoctlGetInt(s.fd, bytesReadable)
	if err != nil {
		return
	}
	for left > 0 {
		buf := s.space()
		n, err := unix.Read(s.fd, buf[:min(len(buf), left)])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			return
		}
		s.take(buf[:n])
		left -= n
	}
}

// end records what is left when no more will come.
func (s *stream) end() {
	_ = s.pipe.Close()
	s.rec.record(func() {
		if s.masked != nil {
			s.window = s.masked.End(s.window)
		}
		used := s.linesLocked()
		rest := s.window[used:]
		if len(rest) == 0 {
			return
		}
		nowMs := time.Now().UnixMilli()
		if s.waits(rest) {
			if !s.askLocked(rest, int64(len(rest))) {
				s.rec.logLocked(nowMs, logline.Guess(rest), s.name, rest, true, nil)
			}
			return
		}
		if !s.started {
			s.started, s.level = true, logline.Guess(rest)
		}
		if s.rec.admitLocked(int64(len(rest)), 1) {
			s.rec.logLocked(nowMs, s.level, s.name, rest, true, nil)
		}
	})
}
