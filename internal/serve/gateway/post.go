package gateway

import (
	"io"
	"net/http"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// servePost carries out the messages in a request's body, for clients whose transport only reads,
// and answers each in the body of its answer, in order.
func (l *live) servePost(w http.ResponseWriter, r *http.Request, p auth.Principal) {
	limit := l.limits.MaxMessageBytes
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		writeProblem(w, r, fault.Wrap(protocol.TooLarge, err, "the messages of one request may have %d bytes", limit))
		return
	}
	to := &postReceiver{live: l, request: r}
	c := caller{principal: p, trigger: triggerKind(r.UserAgent(), p), via: "messages", address: clientAddress(r)}
	for line := range messageLines(body) {
		rate := connectionRate{limiter: unlimited}
		if retry, verdict := rate.allow(l.users, &p); verdict != within {
			to.answer(l.errorMessage(requestID(line), rateLimited(retry)))
			continue
		}
		l.dispatch(r.Context(), c, to, line)
	}
	w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(to.out)
}

// postReceiver collects answers. Subscriptions are not its business: they are said in the URL of the
// transport that reads.
type postReceiver struct {
	live    *live
	request *http.Request
	out     []byte
}

func (p *postReceiver) answer(message any) { p.out = append(p.out, encode(message)...) }

func (p *postReceiver) subscribeLogs(_, executionID string, _ feed.Start) error {
	return fault.New(protocol.BadRequest, "over HTTP a subscription is a URL: GET /api/events?execution=%s&since=0, or /api/poll", executionID)
}

func (p *postReceiver) unsubscribeLogs(string) {}

func (p *postReceiver) subscribeExecutions(string, *executionsFilter) error {
	return fault.New(protocol.BadRequest, "over HTTP a subscription is a URL: GET /api/events?executions=1, or /api/poll")
}

func (p *postReceiver) unsubscribeExecutions() {}

func (p *postReceiver) subscribeSystem(time.Duration) error {
	return fault.New(protocol.BadRequest, "over HTTP a subscription is a URL: GET /api/events?system=5000, or /api/poll")
}

func (p *postReceiver) unsubscribeSystem() {}

func (p *postReceiver) searchLogs(req *protocol.Request) error {
	query, err := queryOf(req)
	if err != nil {
		return err
	}
	p.live.answerSearch(p.request.Context(), p, req, query)
	return nil
}
