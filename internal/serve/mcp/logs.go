package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

const (
	defaultTail, maxTail   = 100, 1000
	defaultFound, maxFound = 50, 500
	defaultWait, maxWait   = time.Minute, 10 * time.Minute
	maxAnswer              = 64 << 10 // bytes of log text in one answer: a model has to read it all
	maxLine                = 4 << 10  // bytes of one line; the log's download has it whole
)

// line is a log line as a model reads it.
type line struct {
	Seq       uint64 `json:"seq"`
	Timestamp string `json:"timestamp"`
	Level     string `json:"level,omitempty"`
	Stream    string `json:"stream,omitempty"`
	Message   string `json:"message"`
	Cut       bool   `json:"cut,omitempty"` // whether message is the line's beginning only
}

type logAnswer struct {
	Lines []line `json:"lines"`
	// Next is what since must be to go on.
	Next uint64 `json:"next"`
	// More tells that there is more to read now.
	More bool `json:"more"`
	// Gaps are ranges of events that can't be given any more.
	Gaps []gap `json:"gaps,omitempty"`
	// Ended is the type of the run's last event, once it was reached.
	Ended string `json:"ended,omitempty"`
}

type gap struct {
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Reason string `json:"reason"`
}

// event is what the tools read of an event or a gap.
type event struct {
	Type string `json:"type"`
	line
	gap
}

func (t *tools) tailLogs(ctx context.Context, in tailInput) (any, error) {
	path, err := in.path("/events")
	if err != nil {
		return nil, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = defaultTail
	}
	if limit < 1 || limit > maxTail {
		return nil, fmt.Errorf("limit must be 1 to %d, not %d", maxTail, in.Limit)
	}
	query := url.Values{}
	if in.Since != nil {
		query.Set("since", strconv.FormatUint(*in.Since, 10))
		query.Set("limit", strconv.Itoa(limit))
	} else {
		query.Set("tail", strconv.Itoa(limit))
	}
	answer := logAnswer{Lines: []line{}}
	if in.Since != nil {
		answer.Next = *in.Since
	}
	bytesLeft, events := maxAnswer, 0
	reader := &lineReader{each: func(b []byte) error {
		var e event
		if err := json.Unmarshal(b, &e); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if len(answer.Lines) > 0 && bytesLeft <= 0 {
			answer.More = true
			return errEnough
		}
		events++
		switch e.Type {
		case execution.TypeLog:
			e.Message, e.Cut = shorten(e.Message)
			bytesLeft -= len(e.Message)
			answer.Lines = append(answer.Lines, e.line)
		case "logs:gap":
			answer.Gaps = append(answer.Gaps, e.gap)
			answer.Next = max(answer.Next, e.To)
			return nil
		case "execution:completed", "execution:failed", "execution:cancelled":
			answer.Ended = e.Type
		}
		answer.Next = max(answer.Next, e.Seq)
		return nil
	}}
	if err := t.stream(ctx, http.MethodGet, path, query, nil, reader); err != nil {
		return nil, err
	}
	if in.Since != nil && events == limit && answer.Ended == "" {
		answer.More = true
	}
	return answer, nil
}

// shorten gives the beginning of a message, and whether something is missing.
func shorten(message string) (string, bool) {
	if len(message) <= maxLine {
		return message, false
	}
	cut := maxLine
	for cut > 0 && !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut], true
}

type searchAnswer struct {
	Lines []protocol.Match `json:"lines"`
	Total uint64           `json:"total"` // how many lines match, given or not
	// Truncated tells that there are matches beside those given.
	Truncated bool `json:"truncated"`
	// Problems are runs that could not be searched.
	Problems []string `json:"problems,omitempty"`
}

func (t *tools) searchLogs(ctx context.Context, in searchInput) (any, error) {
	limit := in.Limit
	if limit == 0 {
		limit = defaultFound
	}
	if limit < 1 || limit > maxFound {
		return nil, fmt.Errorf("limit must be 1 to %d, not %d", maxFound, in.Limit)
	}
	path := "/api/search"
	query := url.Values{"query": {in.Query}, "limit": {strconv.Itoa(limit)}}
	if in.Regex {
		query.Set("regex", "true")
	}
	set(query, "since", in.Since)
	if in.ExecutionID != "" {
		if in.Agent != "" {
			return nil, errors.New("give executionId or agent, not both")
		}
		path, _ = runInput{in.ExecutionID}.path("/search") // its error is for an empty id
	} else {
		set(query, "agentType", in.Agent)
	}
	answer, bytesLeft := searchAnswer{Lines: []protocol.Match{}}, maxAnswer
	reader := &lineReader{each: func(b []byte) error {
		var part struct {
			protocol.LogsMatches
			Message string `json:"message"` // of an error
		}
		if err := json.Unmarshal(b, &part); err != nil {
			return fmt.Errorf("read matches: %w", err)
		}
		if part.Type == protocol.TypeError {
			return errors.New(part.Message)
		}
		if part.Error != "" {
			answer.Problems = append(answer.Problems, part.ExecutionID+": "+part.Error)
		}
		answer.Total = max(answer.Total, uint64(part.Total))
		for _, match := range part.Matches {
			if bytesLeft <= 0 {
				break
			}
			match.Message, _ = shorten(match.Message)
			if match.ExecutionID == "" {
				match.ExecutionID = part.ExecutionID
			}
			bytesLeft -= len(match.Message)
			answer.Lines = append(answer.Lines, match)
		}
		return nil
	}}
	if err := t.stream(ctx, http.MethodGet, path, query, nil, reader); err != nil {
		return nil, err
	}
	answer.Truncated = answer.Total > uint64(len(answer.Lines))
	return answer, nil
}

// waitRun waits at the end of the run's events for the last of them.
func (t *tools) waitRun(ctx context.Context, in waitInput) (any, error) {
	path, err := in.path("/events")
	if err != nil {
		return nil, err
	}
	wait := time.Duration(in.TimeoutMs) * time.Millisecond
	if in.TimeoutMs == 0 {
		wait = defaultWait
	}
	if wait <= 0 || wait > maxWait {
		return nil, fmt.Errorf("timeoutMs must be 1 to %d, not %d", maxWait.Milliseconds(), in.TimeoutMs)
	}
	waiting, cancel := context.WithTimeoutCause(ctx, wait, errEnough)
	defer cancel()
	err = t.stream(waiting, http.MethodGet, path, url.Values{"tail": {"1"}, "follow": {"true"}}, nil, &lineReader{each: func([]byte) error { return nil }})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	// The last event is read from the journal a moment before the server has taken note of it.
	for {
		record, ended, err := t.standing(ctx, in.runInput)
		if err != nil {
			return nil, err
		}
		if ended || waiting.Err() != nil {
			return map[string]any{"ended": ended, "run": record}, nil
		}
		select {
		case <-waiting.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// standing gives a run's record, and whether it has ended.
func (t *tools) standing(ctx context.Context, in runInput) (record json.RawMessage, ended bool, err error) {
	path, err := in.path("")
	if err != nil {
		return nil, false, err
	}
	if err := t.call(ctx, http.MethodGet, path, nil, nil, &record); err != nil {
		return nil, false, err
	}
	var status struct {
		Status execution.Status `json:"status"`
	}
	if err := json.Unmarshal(record, &status); err != nil {
		return nil, false, fmt.Errorf("read the record of %s: %w", in.ExecutionID, err)
	}
	return record, status.Status.Terminal(), nil
}

// lineReader gives each line that is written to it, empty ones left out.
type lineReader struct {
	each func(line []byte) error
	rest []byte
}

func (r *lineReader) Write(b []byte) (int, error) {
	n := len(b)
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			r.rest = append(r.rest, b...)
			return n, nil
		}
		whole := b[:end]
		if len(r.rest) > 0 {
			whole = append(r.rest, whole...)
			r.rest = r.rest[:0]
		}
		b = b[end+1:]
		if len(whole) == 0 {
			continue
		}
		if err := r.each(whole); err != nil {
			return 0, err
		}
	}
}
