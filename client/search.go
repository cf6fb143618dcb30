package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// SearchQuery says which log lines to look for. Only Text is required.
type SearchQuery struct {
	// Text must be in the line; with Regexp it is a regular expression in RE2 syntax that must match.
	Text   string
	Regexp bool
	// CaseSensitive tells "Error" from "error".
	CaseSensitive bool

	// Levels and Streams the line must be of. None: all.
	Levels  []protocol.Level
	Streams []protocol.Stream
	// Since and Until bound when the line was written: then or later, and before. Zero: open.
	Since, Until time.Time

	// ExecutionID names the execution to search. Empty: all of AgentType and Status, the newest first.
	ExecutionID string
	// From is a place in the one execution: only lines after that seq, or before it with Previous.
	From uint64
	// AgentType and Status choose among all executions. Zero: all.
	AgentType string
	Status    []protocol.Status

	// Previous gives the last lines of an execution first.
	Previous bool
	// Limit is how many matches to give at most. What comes after is counted only. 0: all there are.
	Limit int
}

// unlimited is what the server is asked for when all matches are wanted.
const unlimited = 1<<53 - 1

func (q *SearchQuery) values() url.Values {
	v := url.Values{"query": {q.Text}}
	set := func(name, value string, ok bool) {
		if ok {
			v.Set(name, value)
		}
	}
	set("regex", "true", q.Regexp)
	set("caseSensitive", "true", q.CaseSensitive)
	for _, level := range q.Levels {
		v.Add("level", string(level))
	}
	for _, stream := range q.Streams {
		v.Add("stream", string(stream))
	}
	set("since", q.Since.UTC().Format(time.RFC3339Nano), !q.Since.IsZero())
	set("until", q.Until.UTC().Format(time.RFC3339Nano), !q.Until.IsZero())
	set("from", strconv.FormatUint(q.From, 10), q.From > 0)
	set("agentType", q.AgentType, q.AgentType != "")
	for _, status := range q.Status {
		v.Add("status", string(status))
	}
	set("direction", "previous", q.Previous)
	limit := int64(q.Limit)
	if limit <= 0 {
		limit = unlimited
	}
	v.Set("limit", strconv.FormatInt(limit, 10))
	return v
}

// check refuses what the server would not look at.
func (q *SearchQuery) check() error {
	switch {
	case q.ExecutionID == "" && q.From > 0:
		return &Error{Code: protocol.BadRequest, Message: "From is a place in one execution; name it in ExecutionID"}
	case q.ExecutionID != "" && (q.AgentType != "" || len(q.Status) > 0):
		return &Error{Code: protocol.BadRequest, Message: "AgentType and Status choose among all executions; with ExecutionID there is nothing to choose"}
	case q.ExecutionID != "":
		if err := protocol.ValidateID(q.ExecutionID); err != nil {
			return &Error{Code: protocol.BadRequest, Message: err.Error()}
		}
	}
	return nil
}

// Search yields the lines that match, as the server finds them: matches that are new, and in Total how
// many there are so far. The last message has Complete set and Total final; Lost then counts events
// that could not be looked at because they are damaged or no longer kept. Matches of a search over all
// executions say which one they are from. One that could not be searched is told by a message with
// Error, and the last message then has Complete false.
//
// An execution that goes on is searched up to where it was at the beginning. To stop looking is to stop
// iterating: the server then ends the search. An error is the last thing yielded; what was found before
// it stands.
func (c *Client) Search(ctx context.Context, q SearchQuery) iter.Seq2[protocol.LogsMatches, error] {
	return func(yield func(protocol.LogsMatches, error) bool) {
		if err := q.check(); err != nil {
			yield(protocol.LogsMatches{}, err)
			return
		}
		// To close the body is not enough: that would read on for a while to keep the connection.
		ctx, end := context.WithCancel(ctx)
		defer end()
		path := "api/search"
		if q.ExecutionID != "" {
			path = "api/executions/" + url.PathEscape(q.ExecutionID) + "/search"
		}
		answer, err := c.request(ctx, "GET", path, q.values(), nil)
		if err != nil {
			yield(protocol.LogsMatches{}, err)
			return
		}
		defer answer.Body.Close()
		if err := q.read(answer.Body, yield); err != nil {
			if ctx.Err() != nil {
				err = c.cause(ctx)
			}
			yield(protocol.LogsMatches{}, err)
		}
	}
}

// read yields the messages of an answer. Nil when there were all, or the reader wants no more.
func (q *SearchQuery) read(body io.Reader, yield func(protocol.LogsMatches, error) bool) error {
	r := bufio.NewReaderSize(body, 64<<10)
	for ended := false; ; {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			var kind struct {
				Type string `json:"type"`
			}
			if err := json.Unmarshal(line, &kind); err != nil {
				return fmt.Errorf("read what a search has found: %w", err)
			}
			switch kind.Type {
			case protocol.TypeLogsMatches:
				var m protocol.LogsMatches
				if err := json.Unmarshal(line, &m); err != nil {
					return fmt.Errorf("read what a search has found: %w", err)
				}
				ended = m.Complete || q.ExecutionID == "" && m.ExecutionID == ""
				if !yield(m, nil) {
					return nil
				}
			case protocol.TypeError:
				var m protocol.Error
				if err := json.Unmarshal(line, &m); err != nil {
					return fmt.Errorf("read why a search failed: %w", err)
				}
				return refusal(&m)
			}
		}
		switch {
		case errors.Is(err, io.EOF) && ended:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("the search broke off before its end: %w", io.ErrUnexpectedEOF)
		case err != nil:
			return fmt.Errorf("read what a search has found: %w", err)
		}
	}
}
