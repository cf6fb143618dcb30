// Package search finds log lines in journals: by text or regular expression, level, stream and time,
// within one execution or across many. It reads journals as any reader does, keeps no index of its
// own, and knows no transport.
package search

import (
	"time"

	"claudeops/internal/execution"
	"claudeops/protocol"
)

// Query says what to look for.
type Query struct {
	Text          string
	Regex         bool // Text is a regular expression (RE2: time is linear in the input)
	CaseSensitive bool
	Levels        []execution.Level  // none: all
	Streams       []execution.Stream // none: all
	Since, Until  time.Time          // zero: open
	From          uint64             // where to begin; 0: at the start, or at the end when Backwards
	Backwards     bool
	Limit         int // matches to give, 100 when 0; counting goes on past it
}

// Result is what was found so far. In the calls of found it holds only the matches that are new;
// Total counts all since the search began.
type Result struct {
	ExecutionID string
	Matches     []protocol.Match
	Total       int64
	Complete    bool // Total is final
}
