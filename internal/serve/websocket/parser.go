package websocket

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// DefaultMaxFragments is the most frames one message may be split into. Honest clients use one; the
// bound keeps a message of a million empty fragments from costing more than its bytes.
const DefaultMaxFragments = 1024

// handler receives what a parser finds.
type handler interface {
	message(payload []byte) error // a whole text message, inflated, valid UTF-8; payload is reused
	binary(payload []byte) error  // a whole binary message, inflated
	ping(payload []byte) error
	pong(payload []byte)
}

// parser takes a client's bytes in pieces of any size and hands whole messages on. Between pieces
// it holds only the unfinished frame. Every error is a *CloseError.
type parser struct {
	limit    int64 // bytes of one message, before and after inflating
	most     int   // fragments of one message
	deflated bool  // permessage-deflate was agreed
	takes    bool  // binary messages too

	header  [ws.MaxHeaderSize]byte
	got     int // bytes of header read
	need    int // bytes the header has, known once got >= 2
	inFrame bool

	op        ws.OpCode
	fin       bool
	mask      [4]byte
	length    int64 // of the current frame's payload
	read      int64 // of it, read so far
	control   []byte
	message   []byte // data frames so far, unmasked
	checked   int    // how much of message is known to be UTF-8
	fragments int    // 0 outside a message
	packed    bool   // the message is compressed
	bytes     bool   // the message is binary
}

// feed consumes data, whose bytes it changes.
func (p *parser) feed(data []byte, h handler) error {
	for len(data) > 0 {
		if !p.inFrame {
			var err error
			if data, err = p.readHeader(data); err != nil {
				return err
			}
			if !p.inFrame {
				return nil
			}
		}
		take := min(int64(len(data)), p.length-p.read)
		piece := data[:take]
		data = data[take:]
		ws.Cipher(piece, p.mask, int(p.read&3))
		p.read += take
		if p.op.IsControl() {
			p.control = append(p.control, piece...)
		} else if err := p.grow(piece); err != nil {
			return err
		}
		if p.read == p.length {
			if err := p.endFrame(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parser) readHeader(data []byte) ([]byte, error) {
	for len(data) > 0 {
		if p.got < 2 {
			p.header[p.got] = data[0]
			p.got++
			data = data[1:]
			if p.got == 2 {
				if err := p.checkStart(); err != nil {
					return nil, err
				}
			}
			continue
		}
		n := copy(p.header[p.got:p.need], data)
		p.got += n
		data = data[n:]
		if p.got == p.need {
			return data, p.startFrame()
		}
	}
	return data, nil
}

// checkStart judges the first two bytes, before anything else of the frame is read.
func (p *parser) checkStart() error {
	first, second := p.header[0], p.header[1]
	p.fin = first&0x80 != 0
	p.op = ws.OpCode(first & 0x0f)
	rsv1 := first&0x40 != 0
	switch {
	case first&0x30 != 0:
		return violation(1002, "reserved bits are set")
	case second&0x80 == 0:
		return violation(1002, "a client's frames must be masked")
	case p.op == ws.OpBinary && !p.takes:
		return violation(1003, "only text is understood here")
	case p.op.IsReserved():
		return violation(1002, "reserved opcode")
	case p.op.IsControl():
		if !p.fin || second&0x7f > 125 || rsv1 {
			return violation(1002, "a control frame must be whole, uncompressed and at most 125 bytes")
		}
	case p.op == ws.OpContinuation:
		if p.fragments == 0 || rsv1 {
			return violation(1002, "continuation of nothing")
		}
	default:
		if p.fragments != 0 {
			return violation(1002, "a new message inside another")
		}
		if rsv1 && !p.deflated {
			return violation(1002, "compressed without agreement")
		}
		p.packed, p.bytes = rsv1, p.op == ws.OpBinary
	}
	p.need = 2 + 4
	switch second & 0x7f {
	case 126:
		p.need += 2
	case 127:
		p.need += 8
	}
	return nil
}

func (p *parser) startFrame() error {
	length := int64(p.header[1] & 0x7f)
	at := 2
	switch length {
	case 126:
		length = int64(binary.BigEndian.Uint16(p.header[2:]))
		at += 2
		if length < 126 {
			return violation(1002, "length is not in its shortest form")
		}
	case 127:
		wide := binary.BigEndian.Uint64(p.header[2:])
		at += 8
		if wide>>63 != 0 || wide <= 0xffff {
			return violation(1002, "invalid length")
		}
		length = int64(wide)
	}
	copy(p.mask[:], p.header[at:])
	if !p.op.IsControl() {
		// Refused by its header: nothing of it is read or allocated.
		if length > p.limit-int64(len(p.message)) {
			return violation(1009, "a message may have %d bytes at most", p.limit)
		}
		p.fragments++
		if p.fragments > p.most {
			return violation(1009, "a message may have %d fragments at most", p.most)
		}
	}
	p.length, p.read = length, 0
	p.got, p.need = 0, 0
	p.inFrame = true
	return nil
}

// grow adds to the message. What was announced may never come, so memory follows what did.
func (p *parser) grow(piece []byte) error {
	p.message = append(p.message, piece...)
	if p.packed || p.bytes {
		return nil
	}
	valid, rest := validPrefix(p.message[p.checked:])
	if !valid {
		return violation(1007, "text is not UTF-8")
	}
	p.checked = len(p.message) - rest
	return nil
}

func (p *parser) endFrame(h handler) error {
	p.inFrame = false
	switch p.op {
	case ws.OpPing:
		payload := p.control
		p.control = nil
		return h.ping(payload)
	case ws.OpPong:
		payload := p.control
		p.control = nil
		h.pong(payload)
		return nil
	case ws.OpClose:
		return p.closed()
	}
	if !p.fin {
		return nil
	}
	message := p.message
	if p.packed {
		inflated, err := inflate(message, p.limit)
		if err != nil {
			return err
		}
		message = inflated
		p.checked = len(message)
		if !p.bytes && !utf8.Valid(message) {
			p.checked = -1
		}
	}
	whole, bytes := p.bytes || p.checked == len(message), p.bytes
	p.message, p.checked, p.fragments, p.packed = nil, 0, 0, false
	if bytes {
		return h.binary(message)
	}
	if !whole {
		return violation(1007, "text is not UTF-8")
	}
	return h.message(message)
}

// closed reads the client's close frame: the error it gives is the answer to send.
func (p *parser) closed() error {
	switch {
	case len(p.control) == 0:
		return &CloseError{Code: 1000}
	case len(p.control) == 1:
		return violation(1002, "close code has one byte")
	}
	code := binary.BigEndian.Uint16(p.control)
	reason := string(p.control[2:])
	if !utf8.ValidString(reason) {
		return violation(1007, "close reason is not UTF-8")
	}
	allowed := code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code <= 4999
	if !allowed {
		return violation(1002, "close code %d may not be sent", code)
	}
	return &CloseError{Code: int(code), Reason: ""}
}

// validPrefix reports whether b can begin valid UTF-8, and how many bytes at its end are a rune
// that is not whole yet.
func validPrefix(b []byte) (valid bool, rest int) {
	if utf8.Valid(b) {
		return true, 0
	}
	for rest = 1; rest < utf8.UTFMax && rest <= len(b); rest++ {
		tail := b[len(b)-rest:]
		if utf8.RuneStart(tail[0]) {
			return !utf8.FullRune(tail) && utf8.Valid(b[:len(b)-rest]), rest
		}
	}
	return false, 0
}
