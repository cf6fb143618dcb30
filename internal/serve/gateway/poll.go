package gateway

import (
	"net/http"
	"net/url"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// A long poll's waiting time when the client names none, and the most it may name; and how many
// bytes one answer holds before it is sent.
const (
	defaultPollWait = 25 * time.Second
	maxPollWait     = 2 * time.Minute
	maxPollBody     = 256 << 10 // more follows with the next poll, which is answered at once
)

// servePoll answers with the messages that follow the cursors, at once when there are any.
func (l *live) servePoll(w http.ResponseWriter, r *http.Request, p auth.Principal) {
	wait, err := pollWait(r.URL.Query().Get("wait"))
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	s, err := l.openStream(r, p, "")
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	defer s.leave()
	defer l.polls.enter()()
	var body []byte
	if firstPoll(r.URL.Query()) {
		// It is told what a connection is told.
		body = append(encode(l.greeting(newConnectionID(), p)), s.greetings()...)
	}
	// The host's state comes after its interval, or a poll that asks for it would never wait.
	var sample <-chan time.Time
	if s.interval > 0 {
		due := time.NewTimer(min(s.interval, wait))
		defer due.Stop()
		sample = due.C
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	check := time.NewTicker(tick)
	defer check.Stop()
	for waiting := true; waiting; {
		for len(body) < maxPollBody {
			lines, err := s.next()
			if err != nil {
				if len(body) == 0 {
					writeProblem(w, r, err)
					return
				}
				body = append(body, encode(l.errorMessage("", err))...)
				waiting = false
				break
			}
			if lines == nil {
				break
			}
			body = append(body, lines...)
		}
		if len(body) > 0 {
			break
		}
		select {
		case <-s.puller.More():
		case <-sample:
			status, err := l.sample(s.ctx)
			if err != nil {
				l.log.Warn("host could not be sampled", "error", err)
				sample = nil
				continue
			}
			body = append(body, status...)
			waiting = false
		case <-check.C:
			if err := l.auth.Check(p); err != nil {
				writeProblem(w, r, err)
				return
			}
		case <-timer.C:
			waiting = false
		case <-s.ctx.Done():
			waiting = false
		}
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeWait))
	streamHeaders(w, "application/x-ndjson; charset=utf-8")
	w.Header().Set("ClaudeOps-Cursor", s.cursor())
	if s.watch != nil {
		w.Header().Set("ClaudeOps-Executions", s.had) // for executions= of the next poll
	}
	_, _ = w.Write(body)
}

// firstPoll reports whether a poll names no place to go on from: neither the connection that an
// earlier one was greeted with, nor a cursor.
func firstPoll(q url.Values) bool {
	if q.Has("connection") {
		return false
	}
	return q.Get("executions") == "1" || !q.Has("since") && !q.Has("executions") && !q.Has("system")
}

func pollWait(text string) (time.Duration, error) {
	if text == "" {
		return defaultPollWait, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxPollWait {
		return 0, fault.New(protocol.BadRequest, "wait must be a duration from 0s to %s, such as 25s", maxPollWait)
	}
	return d, nil
}
