// Package websocket is the connection layer of RFC 6455 and 7692 for a server whose readers are
// many and whose senders share prebuilt frames. It owns the handshake, strict parsing of what
// clients send, and writing without ever waiting on the caller's goroutine. It knows nothing of
// the messages inside.
//
// A connection at rest is one parked goroutine and no buffer: the reader waits for the socket to
// become readable before it takes a buffer, and a writer exists only while the socket is full.
package websocket

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Headroom is the room, in bytes, that a frame's header needs at most in front of its payload.
const Headroom = 10

// Seal puts a text frame's header right in front of the payload that begins at buf[Headroom] and
// gives the whole frame, without copying the payload.
func Seal(buf []byte) []byte { return seal(buf, 0x80|byte(ws.OpText)) }

// SealDeflated is Seal for a payload that Deflate made.
func SealDeflated(buf []byte) []byte { return seal(buf, 0x80|0x40|byte(ws.OpText)) }

func seal(buf []byte, first byte) []byte {
	n := len(buf) - Headroom
	switch {
	case n < 126:
		frame := buf[Headroom-2:]
		frame[0], frame[1] = first, byte(n)
		return frame
	case n <= 0xffff:
		frame := buf[Headroom-4:]
		frame[0], frame[1] = first, 126
		binary.BigEndian.PutUint16(frame[2:], uint16(n))
		return frame
	default:
		frame := buf[Headroom-10:]
		frame[0], frame[1] = first, 127
		binary.BigEndian.PutUint64(frame[2:], uint64(n))
		return frame
	}
}

// Text makes a text frame of a payload, copying it.
func Text(payload []byte) []byte {
	buf := make([]byte, Headroom, Headroom+len(payload))
	return Seal(append(buf, payload...))
}

// Binary makes a binary frame of a payload, copying it.
func Binary(payload []byte) []byte {
	buf := make([]byte, Headroom, Headroom+len(payload))
	return seal(append(buf, payload...), 0x80|byte(ws.OpBinary))
}

func control(op ws.OpCode, payload []byte) []byte {
	frame := make([]byte, 2, 2+len(payload))
	frame[0], frame[1] = 0x80|byte(op), byte(len(payload))
	return append(frame, payload...)
}

func closeFrame(code int, reason string) []byte {
	const room = 125 - 2
	if len(reason) > room {
		cut := room
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	body := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reason)), uint16(code))
	return control(ws.OpClose, append(body, reason...))
}

// CloseError says with which code a connection ends, and why. Errors in what a client sent are
// given in this form, and the code is sent to it.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string { return fmt.Sprintf("websocket: close %d: %s", e.Code, e.Reason) }

func violation(code int, format string, args ...any) error {
	return &CloseError{Code: code, Reason: fmt.Sprintf(format, args...)}
}
