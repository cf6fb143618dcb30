package journal

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// Every writer of events puts the fields in the order {"type":…,"executionId":…,"seq":…,"timestamp":…
// and log events go on with "level" and "stream". What is read often is read from that prefix
// without a JSON decoder; another order is valid too, only slower.

const (
	typeKey   = `{"type":"`
	idKey     = `","executionId":"`
	seqKey    = `","seq":`
	timeKey   = `,"timestamp":"`
	levelKey  = `","level":"`
	streamKey = `","stream":"`
)

// Seq is the seq of an event, whole or only its beginning up to and with the comma after the seq.
func Seq(line []byte) (uint64, bool) {
	if _, _, rest, ok := splitHead(line); ok {
		if seq, _, ok := leadingSeq(line, rest); ok {
			return seq, true
		}
	}
	head, ok := decodeHead(line)
	return head.seq, ok
}

// TypeOf is the type of an event, "" when the line is not an event. The answer to a line in the
// usual order of fields allocates nothing for the known types.
func TypeOf(line []byte) string {
	if eventType, _, rest, ok := splitHead(line); ok {
		if _, _, ok := leadingSeq(line, rest); ok {
			return knownType(eventType)
		}
	}
	head, _ := decodeHead(line)
	return head.eventType
}

// splitHead finds the type, the execution's id and where the seq begins.
func splitHead(line []byte) (eventType, id []byte, rest int, ok bool) {
	if !hasPrefix(line, typeKey) {
		return nil, nil, 0, false
	}
	n := bytes.IndexByte(line[len(typeKey):], '"')
	if n <= 0 {
		return nil, nil, 0, false
	}
	at := len(typeKey) + n
	eventType = line[len(typeKey):at]
	if !hasPrefix(line[at:], idKey) {
		return nil, nil, 0, false
	}
	at += len(idKey)
	if len(line) < at+execution.IDLength+len(seqKey) {
		return nil, nil, 0, false
	}
	id = line[at : at+execution.IDLength]
	at += execution.IDLength
	if !hasPrefix(line[at:], seqKey) || bytes.IndexByte(eventType, '\\') >= 0 {
		return nil, nil, 0, false
	}
	return eventType, id, at + len(seqKey), true
}

// leadingSeq reads the digits at line[at:], and gives where they end. What follows must be there
// and must be a comma or the end of the object, else the number may have been torn.
func leadingSeq(line []byte, at int) (seq uint64, end int, ok bool) {
	i := at
	for ; i < len(line); i++ {
		d := line[i] - '0'
		if d > 9 {
			break
		}
		if i-at == 19 { // 10^19 and more may not fit
			return 0, 0, false
		}
		seq = seq*10 + uint64(d)
	}
	if seq == 0 || line[at] == '0' || i == len(line) || (line[i] != ',' && line[i] != '}') {
		return 0, 0, false
	}
	return seq, i, true
}

// head is what the journal knows of an event.
type head struct {
	eventType string
	id        string
	seq       uint64
	at        time.Time
}

// decodeHead reads the head with a JSON decoder, whatever the order of the fields. The line must
// be one whole JSON object.
func decodeHead(line []byte) (head, bool) {
	var fields struct {
		Type        string `json:"type"`
		ExecutionID string `json:"executionId"`
		Seq         uint64 `json:"seq"`
		Timestamp   string `json:"timestamp"`
	}
	if err := json.Unmarshal(line, &fields); err != nil || fields.Type == "" || fields.Seq == 0 {
		return head{}, false
	}
	at, _ := time.Parse(time.RFC3339, fields.Timestamp)
	return head{fields.Type, fields.ExecutionID, fields.Seq, at}, true
}

// knownType gives a type of the contract without allocating.
func knownType(eventType []byte) string {
	if string(eventType) == execution.TypeLog {
		return execution.TypeLog // nearly all are
	}
	for i := range protocol.EventSpecs {
		if known := protocol.EventSpecs[i].Type; string(eventType) == known {
			return known
		}
	}
	return string(eventType)
}

func hasPrefix(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && string(line[:len(prefix)]) == prefix
}

// Mask says which levels and streams occur in a run of events, so that whoever looks for one can
// pass over the blocks that have none.
type Mask uint32

// The bits of a Mask. MaskOther stands for every event that is not a log event. A log event whose
// level or stream could not be told from its prefix sets all bits of MaskLogs.
const (
	MaskDebug Mask = 1 << iota
	MaskInfo
	MaskWarn
	MaskError
	MaskStdout
	MaskStderr
	MaskAgent
	MaskOther

	MaskLogs = MaskOther - 1
)

// logMask reads level and stream at rest, the place after the seq, in the log event line.
func logMask(line []byte, rest int) Mask {
	const toLevel = len(timeKey) + len(execution.TimeFormat)
	if len(line) < rest+toLevel+len(levelKey)+len(`debug`)+len(streamKey)+len(`stdout"`) {
		return MaskLogs
	}
	at := rest + toLevel
	if string(line[at:at+len(levelKey)]) != levelKey {
		return MaskLogs
	}
	at += len(levelKey)
	var mask Mask
	switch {
	case string(line[at:at+4]) == "info":
		mask, at = MaskInfo, at+4
	case string(line[at:at+4]) == "warn":
		mask, at = MaskWarn, at+4
	case string(line[at:at+5]) == "error":
		mask, at = MaskError, at+5
	case string(line[at:at+5]) == "debug":
		mask, at = MaskDebug, at+5
	default:
		return MaskLogs
	}
	if string(line[at:at+len(streamKey)]) != streamKey {
		return MaskLogs
	}
	at += len(streamKey)
	switch {
	case string(line[at:at+6]) == "stdout":
		return mask | MaskStdout
	case string(line[at:at+6]) == "stderr":
		return mask | MaskStderr
	case string(line[at:at+5]) == "agent":
		return mask | MaskAgent
	default:
		return MaskLogs
	}
}

// unixMs is the time of an event in Unix milliseconds, 0 when it has none that can be read.
func unixMs(line []byte) int64 {
	if _, _, rest, ok := splitHead(line); ok {
		if _, rest, ok = leadingSeq(line, rest); ok && hasPrefix(line[rest:], timeKey) {
			at := rest + len(timeKey)
			if len(line) > at+len(execution.TimeFormat) && line[at+len(execution.TimeFormat)] == '"' {
				if ms, ok := parseTime(line[at : at+len(execution.TimeFormat)]); ok {
					return ms
				}
			}
		}
	}
	if h, ok := decodeHead(line); ok && !h.at.IsZero() {
		return h.at.UnixMilli()
	}
	return 0
}

// parseTime reads execution.TimeFormat; time.Parse would need a string.
func parseTime(b []byte) (unixMs int64, ok bool) {
	const layout = "dddd-dd-ddTdd:dd:dd.dddZ"
	if len(b) != len(layout) {
		return 0, false
	}
	var n [7]int
	field := 0
	for i := range len(layout) {
		if layout[i] != 'd' {
			if b[i] != layout[i] {
				return 0, false
			}
			field++
			continue
		}
		d := b[i] - '0'
		if d > 9 {
			return 0, false
		}
		n[field] = n[field]*10 + int(d)
	}
	return time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*1e6, time.UTC).UnixMilli(), true
}
