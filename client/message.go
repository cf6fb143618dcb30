package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/claudeops/claudeops/protocol"
)

// Message is one event as it stands in the journal and came over the wire.
type Message struct {
	Type        string
	ExecutionID string
	Seq         uint64
	Raw         []byte // the JSON object, without a newline; must not be changed
}

// Event decodes the message.
func (m Message) Event() (protocol.Event, error) {
	var e protocol.Event
	if err := json.Unmarshal(m.Raw, &e); err != nil {
		return e, fmt.Errorf("event %d of %s: %w", m.Seq, m.ExecutionID, err)
	}
	return e, nil
}

// header is what has to be known of a message to hand it on.
type header struct {
	kind        string
	id          string
	executionID string
	seq         uint64

	// same is how the last line began, up to its seq: most lines begin as the one before.
	same []byte
}

// event reports whether the message is a journaled one.
func (h *header) event() bool {
	return h.seq > 0 && h.executionID != "" && strings.HasPrefix(h.kind, "execution:")
}

// kinds are the event types, so that reading one allocates nothing.
var kinds = func() map[string]string {
	m := map[string]string{}
	for _, spec := range protocol.EventSpecs {
		m[spec.Type] = spec.Type
	}
	return m
}()

// readHeader looks at a message just far enough. Events as the server writes them begin with type,
// executionId and seq in this order and cost no JSON decoding; anything else is decoded.
func readHeader(line []byte, h *header) error {
	if len(h.same) > 0 {
		if rest, ok := bytes.CutPrefix(line, h.same); ok {
			if seq, rest, ok := cutNumber(rest); ok && len(rest) > 0 && (rest[0] == ',' || rest[0] == '}') {
				h.seq = seq
				return nil
			}
		}
	}
	if rest, ok := bytes.CutPrefix(line, []byte(`{"type":"`)); ok {
		if kind, rest, ok := cutString(rest); ok {
			if known, isEvent := kinds[string(kind)]; isEvent {
				if rest, ok := bytes.CutPrefix(rest, []byte(`,"executionId":"`)); ok {
					if id, rest, ok := cutString(rest); ok {
						if rest, ok := bytes.CutPrefix(rest, []byte(`,"seq":`)); ok {
							begin := line[:len(line)-len(rest)]
							if seq, rest, ok := cutNumber(rest); ok && len(rest) > 0 && (rest[0] == ',' || rest[0] == '}') {
								h.kind, h.id, h.seq, h.same = known, "", seq, begin
								if h.executionID != string(id) {
									h.executionID = string(id)
								}
								return nil
							}
						}
					}
				}
			}
		}
	}
	var m struct {
		Type        string `json:"type"`
		ID          string `json:"id"`
		ExecutionID string `json:"executionId"`
		Seq         uint64 `json:"seq"`
	}
	if err := json.Unmarshal(line, &m); err != nil {
		var other *json.UnmarshalTypeError
		if errors.As(err, &other) {
			*h = header{} // of a later version; what it means can't be known
			return nil
		}
		return err
	}
	*h = header{kind: m.Type, id: m.ID, executionID: m.ExecutionID, seq: m.Seq}
	return nil
}

// cutString cuts a JSON string without escapes, whose opening quote is gone already.
func cutString(b []byte) (text, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '"')
	if i < 0 || i > 128 || bytes.IndexByte(b[:i], '\\') >= 0 {
		return nil, nil, false
	}
	return b[:i], b[i+1:], true
}

func cutNumber(b []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		n = n*10 + uint64(b[i]-'0')
		i++
	}
	return n, b[i:], i > 0 && i < 17
}

// nextLine cuts the first line off a frame.
func nextLine(frame []byte) (line, rest []byte) {
	if i := bytes.IndexByte(frame, '\n'); i >= 0 {
		return frame[:i], frame[i+1:]
	}
	return frame, nil
}
