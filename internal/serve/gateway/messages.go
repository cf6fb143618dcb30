package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/internal/trust/exactjson"
	"github.com/claudeops/claudeops/protocol"
)

// caller is who sent a message, and by which way.
type caller struct {
	principal auth.Principal
	trigger   string // execution.Trigger's kind
	via       string // the transport
	address   string
}

// receiver is where the answers to a caller's messages go, and what follows its subscriptions.
type receiver interface {
	answer(message any)
	subscribeLogs(id, executionID string, start feed.Start) error
	unsubscribeLogs(executionID string)
	subscribeExecutions(id string, f *executionsFilter) error
	unsubscribeExecutions()
	subscribeSystem(interval time.Duration) error
	unsubscribeSystem()
	searchLogs(req *protocol.Request) error
}

// messageLines gives the messages of a frame, each without its newline.
func messageLines(frame []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(frame) {
			line = bytes.TrimSpace(line)
			if len(line) > 0 && !yield(line) {
				return
			}
		}
	}
}

// dispatch carries one message out and answers it. Whatever is wrong with it is answered with an
// error; the connection lives on.
func (l *live) dispatch(ctx context.Context, c caller, to receiver, line []byte) {
	req, err := decodeRequest(line)
	if err == nil {
		err = l.carryOut(ctx, c, to, req)
	}
	if err != nil {
		if fault.CodeOf(err) == protocol.Internal {
			l.log.Error("message failed", "type", req.Type, "executionId", req.ExecutionID, "error", err)
		}
		to.answer(l.errorMessage(req.ID, err))
	}
}

// decodeRequest reads a message and checks what its type requires.
func decodeRequest(line []byte) (*protocol.Request, error) {
	req := &protocol.Request{}
	if err := exactjson.Unmarshal(line, req); err != nil {
		req = &protocol.Request{ID: requestID(line), Type: req.Type}
		return req, fault.New(protocol.BadRequest, "%s", explainJSON(err))
	}
	if req.Type == "" {
		return req, fault.New(protocol.BadRequest, `a message needs a "type", such as "ping"`)
	}
	if _, known := protocol.MessagePermission[req.Type]; !known {
		return req, fault.New(protocol.UnknownType, "there is no message type %.60q", req.Type)
	}
	for _, spec := range protocol.RequestSpecs {
		if spec.Type != req.Type {
			continue
		}
		for _, field := range spec.Required {
			if !present(req, field) {
				return req, fault.New(protocol.BadRequest, "%s needs %q", req.Type, field)
			}
		}
	}
	if err := withinBounds(req); err != nil {
		return req, err
	}
	if req.ExecutionID != "" {
		if err := execution.ValidateID(req.ExecutionID); err != nil {
			return req, fault.New(protocol.BadRequest, "executionId: %s", err)
		}
	}
	return req, nil
}

// Bounds of what callers write, the same over every transport.
const (
	maxReason    = 2000 // characters
	maxAgentName = 200  // bytes; an agent's own name is shorter
	maxRequestID = 200  // bytes
)

// withinBounds refuses fields that are longer than REST takes them.
func withinBounds(req *protocol.Request) error {
	for _, field := range []struct {
		name      string
		got, most int
	}{
		{"reason", utf8.RuneCountInString(req.Reason), maxReason}, {"idempotencyKey", len(req.IdempotencyKey), maxIdempotencyKey},
		{"agentType", len(req.AgentType), maxAgentName}, {"requestId", len(req.RequestID), maxRequestID},
	} {
		if field.got > field.most {
			return fault.New(protocol.BadRequest, "%s: may have %d characters, has %d", field.name, field.most, field.got)
		}
	}
	return nil
}

func present(req *protocol.Request, field string) bool {
	switch field {
	case "token":
		return req.Token != ""
	case "agentType":
		return req.AgentType != ""
	case "executionId":
		return req.ExecutionID != ""
	case "query":
		return req.Query != ""
	default:
		return true
	}
}

// requestID finds the id of a message that is otherwise unreadable, so that its sender can tell
// which one it was.
func requestID(line []byte) string {
	var only struct {
		ID any `json:"id"`
	}
	_ = json.Unmarshal(line, &only)
	id, _ := only.ID.(string)
	return id
}

// explainJSON says what is wrong with a message in the words of its fields.
func explainJSON(err error) string {
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return fmt.Sprintf("field %q can't be a %s", wrongType.Field, wrongType.Value)
	case errors.As(err, &wrongType):
		return "a message must be a JSON object, got a " + wrongType.Value
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON: %s at byte %d", strings.TrimPrefix(syntax.Error(), "json: "), syntax.Offset)
	default:
		return err.Error()
	}
}

func (l *live) carryOut(ctx context.Context, c caller, to receiver, req *protocol.Request) error {
	if need := protocol.MessagePermission[req.Type]; !slices.ContainsFunc(need, c.principal.Can) {
		err := fault.New(protocol.Forbidden, "%s needs the permission %s, which this credential does not have", req.Type, strings.Join(need, " or "))
		l.record(c, "message.refused", req.ExecutionID, req.Type, err)
		return err
	}
	readable := readingOf(l.executions, c.principal)
	ack := protocol.Ack{Type: protocol.TypeAck, ID: req.ID, ExecutionID: req.ExecutionID}
	switch req.Type {
	case protocol.TypeAuth:
		return fault.New(protocol.Conflict, "this connection is authenticated already; open another for another credential")
	case protocol.TypePing:
		to.answer(protocol.Pong{Type: protocol.TypePong, ID: req.ID, Timestamp: req.Timestamp, ServerTime: execution.At(time.Now())})
		return nil
	case protocol.TypeExecute:
		return l.execute(ctx, c, to, req)
	case protocol.TypeCancel:
		rec, err := acting(ctx, l.executions, c.principal, req.ExecutionID, protocol.PermCancel)
		if err == nil {
			rec, err = l.executions.Cancel(ctx, req.ExecutionID, c.principal.ID, req.Reason)
		}
		l.record(c, "execution.cancel", req.ExecutionID, req.Reason, err)
		if err != nil {
			return err
		}
		ack.Status = rec.Status
	case protocol.TypeStatus:
		rec, err := readable.Get(ctx, req.ExecutionID)
		if err != nil {
			return err
		}
		to.answer(protocol.ExecutionStatus{Type: protocol.TypeExecutionStatus, ID: req.ID, Record: rec})
		return nil
	case protocol.TypeInput:
		rec, err := acting(ctx, l.executions, c.principal, req.ExecutionID, inputPermission(req.RequestID, req.Decision))
		if err != nil {
			return err
		}
		rec, err = l.executions.Input(ctx, rec.ExecutionID, supervisor.Input{RequestID: req.RequestID, Decision: req.Decision, Scope: req.Scope,
			Text: req.Text, EOF: req.EOF, By: c.principal.ID, Via: c.trigger})
		l.record(c, "execution.input", req.ExecutionID, inputDetail(req.RequestID, req.Decision, req.EOF), err)
		if err != nil {
			return err
		}
		ack.Status = rec.Status
	case protocol.TypeLogsSubscribe:
		start, err := startOf(req)
		if err == nil {
			err = readable.check(ctx, req.ExecutionID)
		}
		if err != nil {
			return err
		}
		return to.subscribeLogs(req.ID, req.ExecutionID, start)
	case protocol.TypeLogsUnsubscribe:
		to.unsubscribeLogs(req.ExecutionID)
	case protocol.TypeExecutionsSubscribe:
		filter, err := filterOf(c.principal, req.AgentType, req.Status)
		if err != nil {
			return err
		}
		return to.subscribeExecutions(req.ID, filter)
	case protocol.TypeExecutionsUnsubscribe:
		to.unsubscribeExecutions()
	case protocol.TypeSystemSubscribe:
		interval, err := l.systemInterval(req.IntervalMs)
		if err != nil {
			return err
		}
		to.answer(ack)
		return to.subscribeSystem(interval)
	case protocol.TypeSystemUnsubscribe:
		to.unsubscribeSystem()
	case protocol.TypeLogsSearch:
		if err := readable.check(ctx, req.ExecutionID); err != nil {
			return err
		}
		return to.searchLogs(req)
	default:
		return fault.New(protocol.UnknownType, "there is no message type %.60q", req.Type)
	}
	to.answer(ack)
	return nil
}

func (l *live) execute(ctx context.Context, c caller, to receiver, req *protocol.Request) error {
	switch req.OnDisconnect {
	case "", "continue", "cancel":
	default:
		return fault.New(protocol.BadRequest, `onDisconnect must be "continue" or "cancel", not %.40q`, req.OnDisconnect)
	}
	var rec execution.Record
	var existing bool
	err := mayExecute(c.principal, req.AgentType)
	if err == nil {
		request := requestOf(l.auth, c.principal, c.trigger)
		request.AgentType, request.Config, request.Tags, request.IdempotencyKey = req.AgentType, req.Config, req.Tags, req.IdempotencyKey
		request.EndWithCaller = req.OnDisconnect == "cancel"
		rec, existing, err = l.executions.Execute(ctx, request)
	}
	l.record(c, "execution.create", rec.ExecutionID, "agent "+strconv.Quote(req.AgentType), err)
	if err != nil {
		return err
	}
	if req.OnDisconnect == "cancel" && !existing {
		l.users.endWithCaller(c.principal.ID, rec.ExecutionID)
	}
	to.answer(protocol.Ack{
		Type: protocol.TypeAck, ID: req.ID, ExecutionID: rec.ExecutionID, Status: rec.Status,
		QueuePosition: rec.QueuePosition, Existing: existing,
	})
	wants := req.Subscribe == nil || *req.Subscribe
	if _, reads := to.(*session); wants && reads && may(c.principal, protocol.PermRead, &rec) {
		return to.subscribeLogs("", rec.ExecutionID, feed.Start{})
	}
	return nil
}

func startOf(req *protocol.Request) (feed.Start, error) {
	var start feed.Start
	if req.Since != nil && req.Tail != nil {
		return start, fault.New(protocol.BadRequest, `give "since" or "tail", not both`)
	}
	if req.Since != nil {
		start.Since = uint64(*req.Since)
	}
	if req.Tail != nil {
		start.Tail, start.AtTail = uint64(*req.Tail), true
	}
	return start, nil
}

func filterOf(p auth.Principal, agentType, status string) (*executionsFilter, error) {
	f := &executionsFilter{caller: p, scope: p.Scope(protocol.PermRead), agentType: agentType}
	for _, one := range strings.FieldsFunc(status, func(r rune) bool { return r == ',' || r == ' ' }) {
		s := execution.Status(one)
		if !s.Valid() {
			return nil, fault.New(protocol.BadRequest, "status %.40q is none of queued, running, cancelling, completed, failed, cancelled", one)
		}
		f.status = append(f.status, s)
	}
	return f, nil
}

func (l *live) systemInterval(ms int64) (time.Duration, error) {
	switch {
	case ms == 0:
		ms = l.limits.DefaultSystemIntervalMs
	case ms < l.limits.MinSystemIntervalMs || ms > time.Hour.Milliseconds():
		return 0, fault.New(protocol.BadRequest, "intervalMs must be from %d to %d", l.limits.MinSystemIntervalMs, time.Hour.Milliseconds())
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// subscribeError turns what the feed says into the contract's words.
func subscribeError(executionID string, err error) error {
	var ahead *feed.ErrAhead
	switch {
	case errors.As(err, &ahead):
		return fault.New(protocol.BadRequest, "since is %d, but the last event of %s is %d; subscribe with a seq you have seen", ahead.Since, executionID, ahead.Head).
			With(map[string]uint64{"head": ahead.Head})
	case errors.Is(err, journal.ErrNotFound):
		return fault.Wrap(protocol.NotFound, err, "there is no execution %s", executionID)
	}
	return err
}

// errorMessage is how an error leaves the house on the live transports.
func errorMessage(id string, err error) protocol.Error {
	code := fault.CodeOf(err)
	message := protocol.Error{Type: protocol.TypeError, ID: id, Code: code, Message: fault.Message(err), Retryable: code.Retryable()}
	switch details := fault.Details(err).(type) {
	case nil:
	case fault.Retry:
		message.RetryAfterMs = details.AfterMs
	default:
		if raw, err := json.Marshal(details); err == nil {
			message.Details = raw
		}
	}
	return message
}
