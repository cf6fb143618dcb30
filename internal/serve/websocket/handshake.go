package websocket

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// HandshakeError says why a request is no opening handshake (RFC 6455, 4.2.1) that can be accepted,
// in the form of the HTTP answer it gets.
type HandshakeError struct {
	Status  int
	Header  http.Header // goes with the answer; nil: nothing
	Message string
}

func (e *HandshakeError) Error() string { return "websocket handshake: " + e.Message }

func badHandshake(message string) *HandshakeError {
	return &HandshakeError{Status: http.StatusBadRequest, Message: message}
}

// CheckHandshake judges an opening handshake while the connection is still HTTP's, so that a client
// that is refused can go on using it. Nil: Upgrade will accept it.
func CheckHandshake(r *http.Request) *HandshakeError {
	keys, versions := r.Header.Values("Sec-WebSocket-Key"), r.Header.Values("Sec-WebSocket-Version")
	switch {
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return &HandshakeError{Status: http.StatusHTTPVersionNotSupported, Message: "a WebSocket needs HTTP/1.1"}
	case r.Method != http.MethodGet:
		return &HandshakeError{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {http.MethodGet}}, Message: "a WebSocket is opened with GET"}
	case !headerHas(r.Header, "Upgrade", "websocket") || !headerHas(r.Header, "Connection", "upgrade"):
		return &HandshakeError{Status: http.StatusUpgradeRequired, Header: http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}},
			Message: "this is a WebSocket: connect with Upgrade: websocket, or use GET /api/events"}
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		// Its bytes would be read as frames. They are not waited for.
		return &HandshakeError{Status: http.StatusBadRequest, Header: http.Header{"Connection": {"close"}}, Message: "an opening handshake must not have a body"}
	case len(versions) != 1 || versions[0] != "13":
		return &HandshakeError{Status: http.StatusUpgradeRequired, Header: http.Header{"Sec-Websocket-Version": {"13"}}, Message: "the WebSocket version must be 13"}
	case len(keys) != 1:
		return badHandshake("there must be exactly one Sec-WebSocket-Key")
	}
	if key, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(key) != 16 {
		return badHandshake("Sec-WebSocket-Key must be 16 bytes in base64")
	}
	if _, ok := parseExtensions(r.Header.Values("Sec-WebSocket-Extensions")); !ok {
		return badHandshake("Sec-WebSocket-Extensions is malformed")
	}
	for _, protocol := range listElements(r.Header.Values("Sec-WebSocket-Protocol")) {
		if !isToken(protocol) {
			return badHandshake("Sec-WebSocket-Protocol is malformed")
		}
	}
	return nil
}

// headerHas reports whether a list header holds a token, on whichever of its lines.
func headerHas(h http.Header, name, token string) bool {
	for _, element := range listElements(h.Values(name)) {
		if strings.EqualFold(element, token) {
			return true
		}
	}
	return false
}

// listElements are the elements of a list header that is not quoted, empty ones left out (RFC 9110, 5.6.1).
func listElements(lines []string) []string {
	var all []string
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			if element = strings.Trim(element, " \t"); element != "" {
				all = append(all, element)
			}
		}
	}
	return all
}

// extension is one offer of Sec-WebSocket-Extensions.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	valued      bool // a value was given, empty or not
}

// parseExtensions reads the header by the grammar of RFC 6455, 9.1. ok is false for what does not
// conform to it: the handshake must then fail.
func parseExtensions(lines []string) (all []extension, ok bool) {
	for _, line := range lines {
		s := scanner{rest: line}
		for {
			s.space()
			if s.rest == "" {
				break
			}
			if s.take(',') {
				continue
			}
			e, ok := s.extension()
			if !ok {
				return nil, false
			}
			all = append(all, e)
			if s.space(); s.rest != "" && !s.take(',') {
				return nil, false
			}
		}
	}
	return all, true
}

// scanner reads a header's value from the left.
type scanner struct{ rest string }

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *scanner) take(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) token() string {
	n := 0
	for n < len(s.rest) && tokenByte(s.rest[n]) {
		n++
	}
	token := s.rest[:n]
	s.rest = s.rest[n:]
	return token
}

func (s *scanner) extension() (e extension, ok bool) {
	if e.name = s.token(); e.name == "" {
		return e, false
	}
	for s.space(); s.take(';'); s.space() {
		s.space()
		p := param{name: s.token()}
		if p.name == "" {
			return e, false
		}
		if s.space(); s.take('=') {
			s.space()
			p.valued = true
			if p.value, ok = s.value(); !ok {
				return e, false
			}
		}
		e.params = append(e.params, p)
	}
	return e, true
}

// value is a token, or a quoted string that holds one.
func (s *scanner) value() (string, bool) {
	if !s.take('"') {
		value := s.token()
		return value, value != ""
	}
	var value strings.Builder
	for s.rest != "" {
		c := s.rest[0]
		s.rest = s.rest[1:]
		switch {
		case c == '"':
			return value.String(), isToken(value.String())
		case c == '\\':
			if s.rest == "" {
				return "", false
			}
			c, s.rest = s.rest[0], s.rest[1:]
		}
		value.WriteByte(c)
	}
	return "", false
}

func isToken(text string) bool {
	s := scanner{rest: text}
	return text != "" && s.token() == text
}

// tokenByte reports whether c may stand in a token (RFC 9110, 5.6.2).
func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// acceptDeflate answers an offer of permessage-deflate, always without context takeover. An offer that
// RFC 7692, 7.1 has declined (an unknown parameter, one given twice, an invalid value) is declined, and
// one that asks for a smaller window than deflate's own: we would have to compress twice.
func acceptDeflate(offer extension) (answer string, ok bool) {
	if !strings.EqualFold(offer.name, "permessage-deflate") {
		return "", false
	}
	answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	seen := map[string]bool{}
	for _, p := range offer.params {
		if seen[p.name] {
			return "", false
		}
		seen[p.name] = true
		switch p.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if p.valued {
				return "", false
			}
		case "client_max_window_bits":
			if p.valued && !windowBits(p.value) {
				return "", false
			}
		case "server_max_window_bits":
			if p.value != "15" {
				return "", false
			}
			answer += "; server_max_window_bits=15"
		default:
			return "", false
		}
	}
	return answer, true
}

// windowBits reports whether text is a number from 8 to 15 without leading zeros.
func windowBits(text string) bool {
	switch text {
	case "8", "9", "10", "11", "12", "13", "14", "15":
		return true
	}
	return false
}
