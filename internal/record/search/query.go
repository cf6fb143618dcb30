// Package search finds log lines in journals: by text or regular expression, level, stream and time,
// within one execution or across many. It reads journals as any reader does, keeps no index of its
// own, and knows no transport.
package search

import (
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// DefaultLimit is how many matches a Query gives that says nothing of it.
const DefaultLimit = 100

// Query says what to look for.
//
// A line is what an agent wrote up to a line end, however many events it was recorded in. It matches
// when the text that a terminal shows of it (package terminal) holds Text, whichever composed form its
// characters have; its seq, level, stream and time are those of its first event. Unless CaseSensitive, a letter from A to Z matches in
// either case, and a letter beyond ASCII in any form that Unicode's simple case folding gives it. An
// expression that matches only the empty text in a line does not match that line.
type Query struct {
	Text          string
	Regex         bool // Text is a regular expression (RE2: time is linear in the input)
	CaseSensitive bool
	Levels        []execution.Level  // none: all
	Streams       []execution.Stream // none: all
	Since, Until  time.Time          // of the line: then or later, and before; zero: open
	From          uint64             // only events after it, or before it when Backwards; 0: from the start, or from the end
	To            uint64             // only events up to it, or down to it when Backwards; 0: to the end, or the start
	Backwards     bool               // the last events first
	Limit         int                // matches to give, DefaultLimit when 0; counting goes on past it
}

// Result is what was found so far. In the calls of found it holds only the matches that are new;
// Total counts all since the search began.
type Result struct {
	ExecutionID string
	Matches     []protocol.Match
	Total       int64  // lines that match, whether or not they were given
	Lost        uint64 // events so far that could not be searched: they are damaged or no longer kept
	Complete    bool   // the search has ended and Total is final
	// Err says why this execution of several could not be searched, or not to its end. The search
	// goes on with the next, but is not complete.
	Err error
}

// Check says whether the query can be carried out; if not, with code bad_request and for a person.
func (q Query) Check() error {
	_, err := newMatcher(q)
	return err
}
