package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/terminal"
	"github.com/claudeops/claudeops/protocol"
)

// matchPrinter shows what a search finds, as grep would. With several executions each line says whose
// it is, or on a terminal a heading does.
type matchPrinter struct {
	c  *command
	cl *client.Client
	f  *grepFlags

	many          bool
	tty           bool
	before, after uint64

	found, failed, enough bool
	given                 int    // matches shown
	lost                  uint64 // events that could not be searched

	// Of the search that is under way.
	id      string // the one execution; "" when all are searched
	total   int64
	inLost  uint64
	counted int64  // matches of current
	current string // the execution the last message was about

	heading string           // the execution whose heading was printed last
	group   []protocol.Match // matches that stand so close that they are shown in one piece
	shown   span             // what has been shown of the current execution with what is around it
}

// span is a run of seqs; zero: none.
type span struct{ from, to uint64 }

func newMatchPrinter(c *command, cl *client.Client, f *grepFlags, many bool) *matchPrinter {
	return &matchPrinter{
		c: c, cl: cl, f: f, many: many, tty: isTerminal(c.stdout),
		before: uint64(max(f.before, f.context)), after: uint64(max(f.after, f.context)),
	}
}

// begin is called before each search.
func (p *matchPrinter) begin(id string) {
	p.id, p.current, p.total, p.inLost, p.counted, p.shown = id, id, 0, 0, 0, span{}
}

// message shows what one message of the search brings.
func (p *matchPrinter) message(ctx context.Context, m protocol.LogsMatches) error {
	id := cmp.Or(m.ExecutionID, p.current)
	if id != p.current {
		if err := p.turnTo(ctx, id); err != nil {
			return err
		}
	}
	p.lost += m.Lost - min(p.inLost, m.Lost)
	p.inLost = m.Lost
	p.counted += m.Total - p.total
	p.found = p.found || m.Total > 0
	p.total = m.Total
	if m.Error != "" {
		p.failed = true
		fmt.Fprintln(p.c.stderr, p.c.paint(p.c.stderr, red, "claudeops:"), m.ExecutionID+": "+neutral(m.Error))
	}
	switch {
	case p.f.quiet:
		p.enough = p.found
		return nil
	case p.f.count, p.f.list:
		return nil // told when the execution's count is final
	case p.c.json:
		p.count(len(m.Matches))
		if len(m.Matches) == 0 && !m.Complete && m.Error == "" && m.ExecutionID != "" {
			return nil // only counts
		}
		return p.object(m)
	}
	for i := range m.Matches {
		if err := p.match(ctx, m.Matches[i]); err != nil {
			return err
		}
		if p.count(1); p.enough {
			return nil
		}
	}
	return nil
}

func (p *matchPrinter) count(matches int) {
	p.given += matches
	p.enough = p.f.max > 0 && p.given >= p.f.max
}

// turnTo goes on to another execution of a search over all.
func (p *matchPrinter) turnTo(ctx context.Context, id string) error {
	err := p.end(ctx)
	p.current, p.counted, p.shown = id, 0, span{}
	return err
}

// end is called when the current execution has been searched.
func (p *matchPrinter) end(ctx context.Context) error {
	if err := p.flush(ctx, 0); err != nil {
		return err
	}
	if p.current == "" || !p.f.count && !p.f.list || p.counted == 0 && (p.f.list || p.id == "") {
		return nil
	}
	switch {
	case p.c.json:
		// One of several that are named is not counted to its end when only its id is wanted.
		return p.object(protocol.LogsMatches{
			Type: protocol.TypeLogsMatches, ExecutionID: p.current, Matches: []protocol.Match{}, Total: p.counted, Complete: p.f.count || p.id == "",
		})
	case p.f.list:
		return p.line(p.current)
	case p.many:
		return p.line(p.c.paint(p.c.stdout, cyan, p.current) + ":" + strconv.FormatInt(p.counted, 10))
	default:
		return p.line(strconv.FormatInt(p.counted, 10))
	}
}

// match shows a match, at once unless what is around it is shown too.
func (p *matchPrinter) match(ctx context.Context, m protocol.Match) error {
	if p.before == 0 && p.after == 0 {
		if err := p.head(ctx); err != nil {
			return err
		}
		return p.matched(m)
	}
	if n := len(p.group); n > 0 {
		last := p.group[n-1].Seq
		if far := max(last, m.Seq) - min(last, m.Seq); far > p.before+p.after+1 || n == maxGroup {
			if err := p.flush(ctx, m.Seq); err != nil {
				return err
			}
		}
	}
	p.group = append(p.group, m)
	return nil
}

// maxGroup is how many matches are held back to be shown in one piece.
const maxGroup = 1000

// flush shows the group with what is around it, but not as far as the match that comes next; 0: none.
func (p *matchPrinter) flush(ctx context.Context, next uint64) error {
	if len(p.group) == 0 {
		return nil
	}
	slices.SortFunc(p.group, func(a, b protocol.Match) int { return cmp.Compare(a.Seq, b.Seq) })
	s := span{p.group[0].Seq, p.group[len(p.group)-1].Seq + p.after}
	s.from -= min(p.before, s.from-1)
	switch {
	case next == 0:
	case p.f.reverse:
		s.from = max(s.from, next+1)
	default:
		s.to = min(s.to, next-1)
	}
	// What was shown around another group is not shown again.
	joined := false
	if was := p.shown; was.to > 0 {
		if p.f.reverse {
			joined = s.to+1 >= was.from
			s.to = min(s.to, was.from-1)
		} else {
			joined = s.from <= was.to+1
			s.from = max(s.from, was.to+1)
		}
	}
	if p.heading == p.current || !p.headed() {
		if p.given > len(p.group) && !joined {
			if err := p.line(p.c.paint(p.c.stdout, dim, "--")); err != nil {
				return err
			}
		}
	}
	if err := p.head(ctx); err != nil {
		return err
	}
	matches := p.group
	goesOn := map[protocol.Stream]bool{} // streams whose last event was not the end of its line
	for m, err := range p.cl.Range(ctx, p.current, s.from, s.to) {
		var gap *client.GapError
		switch {
		case errors.As(err, &gap):
			if err := p.around(gap.From, nil, fmt.Sprintf("[events %d to %d are not there any more: %s]", gap.From, gap.To, gap.Reason)); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		if len(matches) > 0 && matches[0].Seq == m.Seq {
			if err := p.matched(matches[0]); err != nil {
				return err
			}
			matches = matches[1:]
			if e, err := m.Event(); err == nil {
				goesOn[e.Stream] = e.Partial
			}
			continue
		}
		e, err := m.Event()
		if err != nil {
			return err
		}
		if e.Type == execution.TypeLog {
			rest := goesOn[e.Stream]
			if goesOn[e.Stream] = e.Partial && rest; rest {
				continue // the rest of a line that was printed whole
			}
		}
		if err := p.around(e.Seq, &e, p.eventText(&e)); err != nil {
			return err
		}
	}
	p.shown, p.group = s, p.group[:0]
	return nil
}

// eventText is an event on one line.
func (p *matchPrinter) eventText(e *protocol.Event) string {
	switch {
	case e.Type == execution.TypeLog && p.f.raw:
		return value(e.Message)
	case e.Type == execution.TypeLog:
		return terminal.Text(value(e.Message))
	case e.Type == execution.TypeProgress:
		return strings.TrimSpace(fmt.Sprintf("[%s] %.0f %% %s", e.Type, value(e.Progress), value(e.Message)))
	default:
		return "[" + e.Type + "]"
	}
}

// headed reports whether executions are told apart by headings.
func (p *matchPrinter) headed() bool { return p.many && p.tty && !p.c.json }

// head prints the heading of the current execution, once.
func (p *matchPrinter) head(ctx context.Context) error {
	if !p.headed() || p.heading == p.current {
		return nil
	}
	record, err := p.cl.Get(ctx, p.current)
	if err != nil {
		return err
	}
	text := p.c.paint(p.c.stdout, bold, p.current) + p.c.paint(p.c.stdout, dim,
		fmt.Sprintf("  %s  %s %s  %s", neutral(record.AgentType), statusSign(record.Status), record.Status, record.QueuedAt.Local().Format("2006-01-02 15:04:05")))
	if p.heading != "" {
		text = "\n" + text
	}
	p.heading = p.current
	return p.line(text)
}

// matched prints a line that matches.
func (p *matchPrinter) matched(m protocol.Match) error {
	prefix := p.prefix(m.Seq, m.Timestamp, ":")
	if !p.f.only {
		return p.line(prefix + p.marked(m.Message, m.Ranges))
	}
	units := utf16Offsets(m.Message)
	for _, r := range m.Ranges {
		from, to := units.at(r[0]), units.at(r[1])
		if err := p.line(prefix + p.c.paint(p.c.stdout, matchColor, p.safe(m.Message[from:to]))); err != nil {
			return err
		}
	}
	return nil
}

// around prints what is not a match itself.
func (p *matchPrinter) around(seq uint64, e *protocol.Event, text string) error {
	var at *execution.Time
	if e != nil {
		at = &e.Timestamp
	}
	return p.line(p.prefix(seq, at, "-") + p.safe(text))
}

const matchColor = "1;31"

func (p *matchPrinter) prefix(seq uint64, at *execution.Time, sign string) string {
	w := p.c.stdout
	sign = p.c.paint(w, dim, sign)
	text := ""
	if p.many && !p.headed() {
		text += p.c.paint(w, cyan, p.current) + sign
	}
	if p.f.seqs {
		text += p.c.paint(w, green, strconv.FormatUint(seq, 10)) + sign
	}
	if p.f.timestamps && at != nil {
		text += p.c.paint(w, dim, at.Local().Format("2006-01-02T15:04:05.000")) + " "
	}
	return text
}

// marked is a line with its matches in colour.
func (p *matchPrinter) marked(text string, ranges [][2]int) string {
	if !p.c.colored(p.c.stdout) {
		return p.safe(text)
	}
	units := utf16Offsets(text)
	var b strings.Builder
	at := 0
	for _, r := range ranges {
		from, to := units.at(r[0]), units.at(r[1])
		if from < at || to < from {
			continue
		}
		b.WriteString(p.safe(text[at:from]))
		b.WriteString(p.c.paint(p.c.stdout, matchColor, p.safe(text[from:to])))
		at = to
	}
	b.WriteString(p.safe(text[at:]))
	return b.String()
}

// safe is text as it may be written: what is in colour is for a terminal, now or later.
func (p *matchPrinter) safe(text string) string {
	if !p.f.raw && (p.tty || p.c.colored(p.c.stdout)) {
		return neutral(text)
	}
	return text
}

func (p *matchPrinter) line(text string) error {
	if _, err := io.WriteString(p.c.stdout, text+"\n"); err != nil {
		return fmt.Errorf("write the output: %w", err)
	}
	return nil
}

func (p *matchPrinter) object(v any) error { return (newLines(p.c.stdout)).object(v) }

// utf16Index finds places in a text that are given in UTF-16 code units, in ascending order.
type utf16Index struct {
	text        string
	bytes, unit int
}

func utf16Offsets(text string) *utf16Index { return &utf16Index{text: text} }

// at is the offset in bytes of a place. It may not go back.
func (x *utf16Index) at(unit int) int {
	for x.unit < unit && x.bytes < len(x.text) {
		r, n := utf8.DecodeRuneInString(x.text[x.bytes:])
		x.bytes += n
		x.unit++
		if r >= 0x10000 {
			x.unit++
		}
	}
	return x.bytes
}
