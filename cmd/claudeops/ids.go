package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// newest stands for the newest execution wherever an id does.
const newest = "last"

// resolveID gives the execution that an id, the beginning of one, or last names.
func resolveID(ctx context.Context, cl *client.Client, text string) (string, error) {
	prefix := strings.ToLower(text)
	if prefix == newest {
		page, err := cl.List(ctx, client.Filter{Limit: 1})
		if err != nil {
			return "", err
		}
		if len(page.Executions) == 0 {
			return "", errors.New("there is no execution yet, so none is the last")
		}
		return page.Executions[0].ExecutionID, nil
	}
	if err := execution.ValidateID(prefix); err == nil {
		return prefix, nil
	}
	if prefix == "" || len(prefix) > execution.IDLength || strings.Trim(prefix, crockford) != "" {
		return "", usageError("%q is neither an execution's id, the beginning of one, nor last; claudeops ps -a lists them", text)
	}
	// An id begins with its time, so its beginning says when to look.
	since, until := prefixTimes(prefix)
	filter := client.Filter{Since: since.Add(-time.Minute), Until: until.Add(time.Minute), Limit: 1000}
	var matches []protocol.Record
	for {
		page, err := cl.List(ctx, filter)
		if err != nil {
			return "", err
		}
		for _, record := range page.Executions {
			if strings.HasPrefix(record.ExecutionID, prefix) {
				matches = append(matches, record)
			}
		}
		if page.Next == "" || len(matches) > 10 {
			break
		}
		filter.Cursor = page.Next
	}
	switch len(matches) {
	case 0:
		return "", fmt.Errorf("no execution's id begins with %s; claudeops ps -a lists them", text)
	case 1:
		return matches[0].ExecutionID, nil
	}
	var names []string
	for _, record := range matches[:min(len(matches), 5)] {
		names = append(names, fmt.Sprintf("%s (%s, %s)", record.ExecutionID, record.AgentType, record.Status))
	}
	if len(matches) > 5 {
		names = append(names, "…")
	}
	return "", fmt.Errorf("%s begins the ids of more than one execution; say more of it: %s", text, strings.Join(names, ", "))
}

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// prefixTimes gives the first and the last moment at which ids with this prefix are made: the first
// ten characters are milliseconds since 1970, in Crockford's base 32.
func prefixTimes(prefix string) (first, last time.Time) {
	const digits = 10
	prefix = prefix[:min(len(prefix), digits)]
	bound := func(fill string) time.Time {
		var ms int64
		for _, r := range prefix + strings.Repeat(fill, digits-len(prefix)) {
			ms = ms<<5 | int64(max(strings.IndexRune(crockford, r), 0))
		}
		// 50 bits of digits hold 48 of time. A time far from now is bounded to what a query can say.
		return time.UnixMilli(min(ms, 250_000_000_000_000)).UTC()
	}
	return bound("0"), bound("z")
}
