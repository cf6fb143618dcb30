package acp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// rpc is the client's side of JSON-RPC 2.0, one message a line. It is used as an Agent is.
type rpc struct {
	send  func([]byte) error
	last  int64
	calls map[int64]func(result json.RawMessage, err *rpcError)
}

// envelope is any message.
type envelope struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
}

type rpcError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func (e *rpcError) Error() string {
	if len(e.Data) > 0 && string(e.Data) != "null" {
		return fmt.Sprintf("%s (%d): %s", e.Message, e.Code, e.Data)
	}
	return fmt.Sprintf("%s (%d)", e.Message, e.Code)
}

// Codes of JSON-RPC and of the protocol.
const (
	methodNotFound = -32601
	authRequired   = -32000
)

func (r *rpc) write(m map[string]any) {
	m["jsonrpc"] = "2.0"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(m) == nil {
		_ = r.send(b.Bytes()) // an agent that does not read any more tells so by its end
	}
}

// call sends a request; then is called with its answer.
func (r *rpc) call(method string, params any, then func(result json.RawMessage, err *rpcError)) {
	r.last++
	r.calls[r.last] = then
	r.write(map[string]any{"id": r.last, "method": method, "params": params})
}

func (r *rpc) notify(method string, params any) {
	r.write(map[string]any{"method": method, "params": params})
}

func (r *rpc) reply(id json.RawMessage, result any) {
	r.write(map[string]any{"id": id, "result": result})
}

func (r *rpc) refuse(id json.RawMessage, code int, message string) {
	r.write(map[string]any{"id": id, "error": map[string]any{"code": code, "message": message}})
}

// answered hands an answer to who waits for it. It is false when nobody does.
func (r *rpc) answered(m *envelope) bool {
	var id int64
	if json.Unmarshal(m.ID, &id) != nil {
		return false
	}
	then, ok := r.calls[id]
	if !ok {
		return false
	}
	delete(r.calls, id)
	then(m.Result, m.Error)
	return true
}

// readJSON reads into v what it can: a field of an unexpected type is left out, the others are read.
func readJSON(raw []byte, v any) bool {
	err := json.Unmarshal(raw, v)
	var wrong *json.UnmarshalTypeError
	return err == nil || errors.As(err, &wrong) && wrong.Field != ""
}
