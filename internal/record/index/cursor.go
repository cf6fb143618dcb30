package index

import (
	"encoding/base64"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// cursorVersion changes when a cursor means something else. Older ones are then refused.
const cursorVersion = 1

// encodeCursor names the last execution of a page. Callers get it as opaque text.
func encodeCursor(id string) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorVersion}, id...))
}

func decodeCursor(cursor string) (id string, err error) {
	bytes, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil && len(bytes) == 1+execution.IDLength && bytes[0] == cursorVersion {
		id = string(bytes[1:])
		// Encoded anew it must be the same: the decoder passes over line ends.
		if execution.ValidateID(id) == nil && encodeCursor(id) == cursor {
			return id, nil
		}
	}
	return "", fault.New(protocol.BadRequest, "cursor %.60q is none that a list gave; leave it out to begin at the newest", cursor).
		With(badField("cursor", "must be the nextCursor of a page, unchanged"))
}

// badField is the shape in which clients find the fields that are wrong.
func badField(name, message string) any {
	type field struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	}
	return struct {
		Fields []field `json:"fields"`
	}{[]field{{name, message}}}
}
