package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// Exit codes of grep, as of every other grep.
const (
	grepFound   = 0
	grepNothing = 1
	grepFailed  = 2
)

type grepFlags struct {
	regexp, ignoreCase, extended, fixed bool

	count, list, quiet, only bool
	seqs, timestamps, raw    bool
	after, before, context   int
	max                      int
	reverse                  bool

	levels, streams, status []string
	since, until            string
	agent                   string
}

func (c *command) grepCommand() *cobra.Command {
	f := &grepFlags{}
	cmd := &cobra.Command{
		Use:   "grep [flags] PATTERN [ID…]",
		Short: "Find lines that executions wrote",
		Long: `Finds lines in what executions wrote: in those named, or in all of them, the newest first; in those
that still run up to now. The beginning of an id is enough where it names one execution alone.

PATTERN is plain text, or with -e a regular expression (RE2 syntax). Its case matters unless -i is
given. It is looked for in lines as a terminal shows them, without colours and other escape sequences.
The server searches; nothing but what is found is fetched.

Exit codes: 0 something was found; 1 nothing was; 2 something went wrong, or could not be searched;
125 the server can't be reached; 130 interrupted.`,
		Example: `  claudeops grep refused                        # all executions
  claudeops grep -i -e 'error|warn' 01jd3w      # one of them, a regular expression
  claudeops grep -c --since 2h --agent deploy timeout
  claudeops grep -n -C 3 --level error panic --reverse -m 10`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeID(-2),
		RunE:              func(cmd *cobra.Command, args []string) error { return c.grep(cmd.Context(), args[0], args[1:], f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.regexp, "regexp", "e", false, "PATTERN is a regular expression")
	flags.BoolVarP(&f.extended, "extended-regexp", "E", false, "the same as -e")
	flags.BoolVarP(&f.fixed, "fixed-strings", "F", false, "PATTERN is plain text, the default")
	flags.BoolVarP(&f.ignoreCase, "ignore-case", "i", false, "upper and lower case are the same")
	flags.BoolVarP(&f.count, "count", "c", false, "only how many lines match, of each execution")
	flags.BoolVarP(&f.list, "list", "l", false, "only the ids of executions that have a line that matches")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "nothing but the exit code; ends at the first match")
	flags.BoolVarP(&f.only, "only-matching", "o", false, "only the part of a line that matches, each on a line of its own")
	flags.BoolVarP(&f.seqs, "seq", "n", false, "the line's seq before it, as claudeops logs --since takes it")
	flags.BoolVarP(&f.timestamps, "timestamps", "t", false, "the line's time before it")
	flags.BoolVar(&f.raw, "raw", false, "show lines around a match with their control characters")
	flags.IntVarP(&f.after, "after", "A", 0, "`n` events that follow each match, too")
	flags.IntVarP(&f.before, "before", "B", 0, "`n` events before each match, too")
	flags.IntVarP(&f.context, "context", "C", 0, "`n` events on both sides of each match, too")
	flags.IntVarP(&f.max, "max-count", "m", 0, "end after `n` lines in all")
	flags.BoolVar(&f.reverse, "reverse", false, "the last lines of an execution first")
	flags.StringSliceVar(&f.levels, "level", nil, "only lines of this `level`: debug, info, warn, error (repeatable, or with commas)")
	flags.StringSliceVar(&f.streams, "stream", nil, "only lines from this `stream`: stdout, stderr, agent (repeatable, or with commas)")
	flags.StringVar(&f.since, "since", "", "only lines of this `time` or later: 2h, 3d, 2026-01-31, 14:00, 2026-01-31T14:00:00Z")
	flags.StringVar(&f.until, "until", "", "only lines from before this `time`")
	flags.StringVar(&f.agent, "agent-type", "", "only executions of this `agent`")
	flags.StringVar(&f.agent, "agent", "", "the same as --agent-type `agent`")
	flags.StringSliceVar(&f.status, "status", nil, "only executions that stand so: queued, running, cancelling, completed, failed, cancelled (repeatable, or with commas)")
	_ = flags.SetAnnotation("agent", noTwin, []string{"true"})
	_ = cmd.RegisterFlagCompletionFunc("agent", c.completeAgent)
	_ = cmd.RegisterFlagCompletionFunc("agent-type", c.completeAgent)
	_ = cmd.RegisterFlagCompletionFunc("status", completeStatus)
	_ = cmd.RegisterFlagCompletionFunc("level", completeWords("debug", "info", "warn", "error"))
	_ = cmd.RegisterFlagCompletionFunc("stream", completeWords("stdout", "stderr", "agent"))
	cmd.MarkFlagsMutuallyExclusive("fixed-strings", "regexp")
	cmd.MarkFlagsMutuallyExclusive("fixed-strings", "extended-regexp")
	cmd.MarkFlagsMutuallyExclusive("agent", "agent-type")
	cmd.MarkFlagsMutuallyExclusive("count", "list", "quiet", "only-matching", "context")
	cmd.MarkFlagsMutuallyExclusive("count", "list", "quiet", "max-count")
	for _, side := range []string{"after", "before"} {
		cmd.MarkFlagsMutuallyExclusive("count", "list", "quiet", "only-matching", side)
	}
	return cmd
}

// grep ends with a code of its own: 1 is no failure here.
func (c *command) grep(ctx context.Context, pattern string, ids []string, f *grepFlags) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	code, err := c.search(ctx, pattern, ids, f)
	var exit *exitError
	switch {
	case ctx.Err() != nil:
		return &exitError{code: exitCancelled}
	case errors.As(err, &exit), err != nil && unreachable(err):
		return err
	case err != nil:
		return &exitError{grepFailed, err}
	case code != grepFound:
		return &exitError{code: code}
	}
	return nil
}

func (c *command) search(ctx context.Context, pattern string, ids []string, f *grepFlags) (code int, err error) {
	query, err := f.query(pattern, time.Now())
	if err != nil {
		return 0, err
	}
	switch {
	case f.after < 0 || f.before < 0 || f.context < 0 || f.max < 0:
		return 0, usageError("-A, -B, -C and -m want a number of events")
	case len(ids) > 0 && (f.agent != "" || len(f.status) > 0):
		return 0, usageError("--agent-type and --status choose among all executions; with ids there is nothing to choose")
	case c.json && (f.after > 0 || f.before > 0 || f.context > 0):
		return 0, usageError("--json gives matches alone; claudeops logs --json --since SEQ has what is around them")
	}
	cl, err := c.connect(ctx)
	if err != nil {
		return 0, err
	}
	for i, id := range ids {
		if ids[i], err = resolveID(ctx, cl, id); err != nil {
			return 0, err
		}
	}
	show := newMatchPrinter(c, cl, f, len(ids) != 1)
	if len(ids) == 0 {
		ids = []string{""} // all of them
	}
	for _, query.ExecutionID = range ids {
		if err := c.searchOne(ctx, cl, query, f, show); err != nil {
			return 0, err
		}
		if show.enough {
			break
		}
	}
	if show.lost > 0 && !f.quiet {
		fmt.Fprintln(c.stderr, c.paint(c.stderr, yellow, "! "+count(int(show.lost), "event", "events")+" could not be searched: damaged, or no longer kept"))
	}
	switch {
	case show.failed && !(f.quiet && show.found):
		return grepFailed, nil
	case !show.found:
		return grepNothing, nil
	}
	return grepFound, nil
}

// searchOne carries out one search, over one execution or over all.
func (c *command) searchOne(ctx context.Context, cl *client.Client, query client.SearchQuery, f *grepFlags, show *matchPrinter) error {
	switch {
	case f.count, f.list:
		query.Limit = 1 // the rest is counted, for each execution
	case f.quiet:
		query.Limit = 1
	case f.max > 0:
		query.Limit = f.max - show.given
	}
	show.begin(query.ExecutionID)
	for found, err := range cl.Search(ctx, query) {
		if err != nil {
			return err
		}
		if err := show.message(ctx, found); err != nil {
			return err
		}
		if show.enough || f.list && query.ExecutionID != "" && show.counted > 0 {
			break // the server stops too
		}
	}
	return show.end(ctx)
}

// query is what the flags ask for.
func (f *grepFlags) query(pattern string, now time.Time) (q client.SearchQuery, err error) {
	q = client.SearchQuery{
		Text: pattern, Regexp: f.regexp || f.extended, CaseSensitive: !f.ignoreCase, Previous: f.reverse, AgentType: f.agent,
	}
	if q.Since, err = moment("--since", f.since, now); err != nil {
		return q, err
	}
	if q.Until, err = moment("--until", f.until, now); err != nil {
		return q, err
	}
	for _, level := range f.levels {
		switch level := protocol.Level(level); level {
		case execution.Debug, execution.Info, execution.Warn, execution.Error:
			q.Levels = append(q.Levels, level)
		default:
			return q, usageError("--level %s: is none of debug, info, warn, error", level)
		}
	}
	for _, stream := range f.streams {
		switch stream := protocol.Stream(stream); stream {
		case execution.Stdout, execution.Stderr, execution.Agent:
			q.Streams = append(q.Streams, stream)
		default:
			return q, usageError("--stream %s: is none of stdout, stderr, agent", stream)
		}
	}
	if q.Status, err = statuses(f.status); err != nil {
		return q, err
	}
	return q, nil
}
