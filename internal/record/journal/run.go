package journal

import (
	"bytes"
	"encoding/json"

	"github.com/claudeops/claudeops/internal/execution"
)

// format tells events of one execution from anything else.
type format struct {
	id  string
	log []byte // what each log event begins with, up to the digits of its seq
}

func newFormat(id string) *format {
	return &format{id, []byte(typeKey + execution.TypeLog + idKey + id + seqKey)}
}

// stop says why a run of events ended.
type stop uint8

const (
	stopMax     stop = iota // as many as were asked for
	stopEnd                 // the bytes end where an event ends
	stopPartial             // the bytes end inside an event
	stopInvalid             // what follows is not the next event
)

// run is a number of whole events found at the start of some bytes.
type run struct {
	bytes  int
	events uint64
	last   int // where the last event begins
	mask   Mask
	stop   stop
}

// check is how hard an event is looked at.
type check uint8

const (
	quick  check = iota // id, seq and both ends: enough for bytes just made, or guarded by a checksum
	strict              // every byte of it must be JSON: for what a crash may have left
)

// run counts the events at the start of buf that are numbered on from first, max at most.
func (f *format) run(buf []byte, first, max uint64, how check) run {
	var r run
	for r.events < max {
		rest := buf[r.bytes:]
		if len(rest) == 0 {
			r.stop = stopEnd
			return r
		}
		n, mask, s := f.event(rest, first+r.events, how)
		if s != stopMax {
			r.stop = s
			return r
		}
		r.last = r.bytes
		r.bytes += n
		r.events++
		r.mask |= mask
	}
	return r
}

// sureRun is run, without a last event that may have swallowed another: one that has lost its newline
// looks whole, but is not JSON. Of those before the last, each is vouched for by the one after it.
func (f *format) sureRun(buf []byte, first, max uint64, how check) run {
	r := f.run(buf, first, max, how)
	if r.events == 0 || how == strict || plausible(buf[r.last:r.bytes], strict) {
		return r
	}
	if r.events > 1 {
		r = f.run(buf[:r.last], first, r.events-1, how)
	} else {
		r = run{}
	}
	r.stop = stopInvalid
	return r
}

// event measures the event that b begins with, its newline included, if it is the one numbered seq.
// The answer stopMax means that it is.
func (f *format) event(b []byte, seq uint64, how check) (n int, mask Mask, s stop) {
	if len(b) > len(f.log) && string(b[:len(f.log)]) == string(f.log) {
		if got, at, ok := leadingSeq(b, len(f.log)); ok {
			if got != seq {
				return 0, 0, stopInvalid
			}
			nl := bytes.IndexByte(b[at:], '\n')
			if nl < 0 {
				return 0, 0, f.unfinished(b)
			}
			n = at + nl + 1
			if !plausible(b[:n], how) {
				return 0, 0, stopInvalid
			}
			return n, logMask(b[:n], at), stopMax
		}
	}
	nl := bytes.IndexByte(b, '\n')
	if nl < 0 {
		return 0, 0, f.unfinished(b)
	}
	n = nl + 1
	got, ok := f.seqOf(b[:n])
	if !ok || got != seq || !plausible(b[:n], how) {
		return 0, 0, stopInvalid
	}
	mask = MaskOther
	if TypeOf(b[:n]) == execution.TypeLog {
		mask = MaskLogs
	}
	return n, mask, stopMax
}

// unfinished tells a line still being written from bytes that can never become one.
func (f *format) unfinished(b []byte) stop {
	if b[0] != '{' || bytes.IndexByte(b, 0) >= 0 {
		return stopInvalid
	}
	return stopPartial
}

// seqOf is the seq of a line, if that is an event of this execution.
func (f *format) seqOf(line []byte) (uint64, bool) {
	if _, id, rest, ok := splitHead(line); ok {
		if seq, _, ok := leadingSeq(line, rest); ok {
			return seq, string(id) == f.id
		}
	}
	h, ok := decodeHead(line)
	return h.seq, ok && h.id == f.id
}

// plausible looks at what lies between the prefix and the newline. Lost pages read as zeros.
func plausible(line []byte, how check) bool {
	if how == strict {
		return json.Valid(line)
	}
	return len(line) > 2 && line[len(line)-2] == '}' && bytes.IndexByte(line, 0) < 0
}
