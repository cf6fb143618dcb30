package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/protocol"
)

// Problem is how every REST route says that something went wrong: an RFC 9457 problem document.
// Programs look at code, people read detail.
type Problem struct {
	Type         string        `json:"type" doc:"Always about:blank: code says what kind of problem it is."`
	Title        string        `json:"title" doc:"The HTTP status in words."`
	Status       int           `json:"status" doc:"The HTTP status."`
	Code         protocol.Code `json:"code" doc:"What kind of problem it is, the same codes as in the error message."`
	Detail       string        `json:"detail" doc:"What was wrong, where, and what to do."`
	Retryable    bool          `json:"retryable" doc:"Whether the same request may succeed later."`
	RetryAfterMs int64         `json:"retryAfterMs,omitempty" doc:"How long to wait before that, in milliseconds."`
	Details      any           `json:"details,omitempty" doc:"More for programs, such as fields: [{field, message}]."`
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is what a problem document is served as, for huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders are the headers that go with the problem, for huma.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfterMs > 0 {
		h.Set("Retry-After", strconv.FormatInt((p.RetryAfterMs+999)/1000, 10))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="claudeops"`)
	}
	return h
}

// FieldProblem names one field and what is wrong with it.
type FieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func newProblem(status int, code protocol.Code, detail string) *Problem {
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code,
		Detail: detail, Retryable: code.Retryable(),
	}
}

// problemOf turns an error into the problem document that the caller may see. What has no code is
// ours to mend: it is logged, and the caller is told nothing of it.
func problemOf(ctx context.Context, log *slog.Logger, err error) *Problem {
	var ready *Problem
	if errors.As(err, &ready) {
		return ready
	}
	err = coded(err)
	code := fault.CodeOf(err)
	p := newProblem(code.HTTPStatus(), code, fault.Message(err))
	p.Details = fault.Details(err)
	if retry, ok := p.Details.(fault.Retry); ok {
		p.RetryAfterMs, p.Details = retry.AfterMs, nil
	}
	switch {
	case code == protocol.Internal && ctx.Err() == nil:
		log.ErrorContext(ctx, "a request failed", "error", err)
	case code != protocol.Internal:
		log.DebugContext(ctx, "a request was refused", "code", code, "error", err)
	}
	return p
}

// coded gives the journal's errors their codes.
func coded(err error) error {
	var known interface{ Code() protocol.Code }
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, journal.ErrNotFound):
		return fault.Wrap(protocol.NotFound, err, "no such execution")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(protocol.Unavailable, err, "the request was given up")
	}
	return err
}

// writeProblem answers a request that no huma operation answers.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), slog.New(slog.DiscardHandler), err)
	if g := exchangeOf(r.Context()).g; g != nil {
		g.refused(p)
	}
	p.write(w)
}

func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", p.ContentType(""))
	h.Del("Content-Length")
	body, err := json.Marshal(p)
	if err != nil { // details that don't marshal: everything else does
		p.Details = nil
		body, _ = json.Marshal(p)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

// fromHuma turns the framework's errors into ours. Its details repeat what the caller sent, which
// may be a secret, so only where and why are kept.
func (g *Gateway) fromHuma(ctx huma.Context, _ string, value any) (any, error) {
	model, ok := value.(*huma.ErrorModel)
	if !ok {
		return value, nil
	}
	p := g.refused(newProblem(model.Status, codeOf(model.Status), model.Detail))
	if p.Code == protocol.Internal {
		g.log.ErrorContext(ctx.Context(), "a request failed", "operation", ctx.Operation().OperationID, "error", model.Detail, "errors", model.Errors)
		p.Detail = fault.Message(nil)
		return p, nil
	}
	var fields []FieldProblem
	var told []string
	for _, e := range model.Errors {
		if e == nil {
			continue
		}
		field := strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "query.")
		fields = append(fields, FieldProblem{field, e.Message})
		if told = append(told, e.Message); field != "" {
			told[len(told)-1] = field + ": " + e.Message
		}
	}
	if len(fields) > 0 {
		p.Detail = strings.Join(told, "; ")
		p.Details = map[string]any{"fields": fields}
	}
	return p, nil
}

// codeOf is the code that fits a status the framework chose.
func codeOf(status int) protocol.Code {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return protocol.TooLarge
	case status == http.StatusRequestTimeout:
		return protocol.Unavailable
	case status >= 500:
		return protocol.Internal
	default:
		return protocol.BadRequest
	}
}
