package search_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"go.uber.org/goleak"
	"golang.org/x/text/unicode/norm"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/journal/journaltest"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/record/terminal"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary is a store of journals that tests fill.
type diary struct {
	t     testing.TB
	dir   string
	store *journal.Files
}

func newDiary(t testing.TB) *diary {
	t.Helper()
	dir := t.TempDir()
	store, err := journal.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &diary{t, dir, store}
}

// book is one journal being written.
type book struct {
	d       *diary
	id      string
	w       journal.Writer
	at      time.Time
	encoder *logline.Encoder
}

func (d *diary) begin() *book {
	d.t.Helper()
	id := journaltest.NewID()
	w, err := d.store.Create(id)
	if err != nil {
		d.t.Fatal(err)
	}
	return &book{d, id, w, time.UnixMilli(1_750_000_000_000), logline.NewEncoder(id)}
}

// append writes what encode gives for the next event, or events.
func (b *book) append(count int, encode func(seq uint64) []byte) {
	b.d.t.Helper()
	var text []byte
	for i := range count {
		b.at = b.at.Add(7 * time.Millisecond)
		text = append(text, encode(b.w.Head().Seq+1+uint64(i))...)
	}
	if _, err := b.w.Append(text, count); err != nil {
		b.d.t.Fatal(err)
	}
}

// event writes an event as the server does.
func (b *book) event(e execution.Event) {
	b.d.t.Helper()
	b.append(1, func(seq uint64) []byte {
		e.ExecutionID, e.Seq, e.Timestamp = b.id, seq, execution.At(b.at)
		line, err := json.Marshal(e)
		if err != nil {
			b.d.t.Fatal(err)
		}
		return append(line, '\n')
	})
}

// log writes lines as a runner does.
func (b *book) log(level execution.Level, stream execution.Stream, messages ...string) {
	b.d.t.Helper()
	index := map[execution.Stream]logline.Stream{execution.Stdout: logline.Stdout, execution.Stderr: logline.Stderr, execution.Agent: logline.Agent}
	i := 0
	b.append(len(messages), func(seq uint64) []byte {
		i++
		return b.encoder.Append(nil, seq, b.at.UnixMilli(), logline.LevelOf(level), index[stream], []byte(messages[i-1]), false, nil)
	})
}

// info writes lines of which nothing is special.
func (b *book) info(messages ...string) { b.log(execution.Info, execution.Stdout, messages...) }

func (b *book) close() string {
	b.d.t.Helper()
	if err := b.w.Close(); err != nil {
		b.d.t.Fatal(err)
	}
	return b.id
}

// file is the journal's own file.
func (d *diary) file(id string) string {
	return filepath.Join(d.dir, "executions", id, "events.ndjson")
}

// events decodes a journal as it lies on the disk.
func (d *diary) events(id string) []execution.Event {
	d.t.Helper()
	text, err := os.ReadFile(d.file(id))
	if err != nil {
		d.t.Fatal(err)
	}
	return decode(d.t, text)
}

func decode(t testing.TB, text []byte) []execution.Event {
	t.Helper()
	var events []execution.Event
	for line := range bytes.Lines(text) {
		var e execution.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v in %.300q", err, line)
		}
		events = append(events, e)
	}
	return events
}

// written is a line as an agent wrote it, however many events it was recorded in.
type written struct {
	execution.Event // the first of them
	text            terminal.Line
}

// linesOf joins events. A line ends where events are missing.
func linesOf(events []execution.Event) []*written {
	var all []*written
	open := map[execution.Stream]*written{}
	var last uint64
	for _, e := range events {
		if e.Seq != last+1 {
			clear(open)
		}
		last = e.Seq
		if e.Type != execution.TypeLog {
			continue
		}
		w := open[e.Stream]
		if w == nil {
			w = &written{Event: e}
			all = append(all, w)
		}
		text := []byte(*e.Message)
		raw := e.Raw
		if raw == nil {
			raw = text
		}
		if decoded, ok := terminal.Decode(raw); ok {
			text = decoded
		}
		w.text.Write(text)
		if delete(open, e.Stream); e.Partial {
			open[e.Stream] = w
		}
	}
	for _, w := range all {
		w.text.End()
	}
	return all
}

// naive is the search as it is meant: everything decoded, everything looked at.
func naive(events []execution.Event, q search.Query) []protocol.Match {
	var all []protocol.Match
	lines := linesOf(events)
	for i := range lines {
		e := lines[i]
		if q.Backwards {
			e = lines[len(lines)-1-i]
		}
		switch {
		case !asked(q, e.Seq):
			continue
		case len(q.Levels) > 0 && !slices.Contains(q.Levels, e.Level), len(q.Streams) > 0 && !slices.Contains(q.Streams, e.Stream):
			continue
		case !q.Since.IsZero() && e.Timestamp.Before(q.Since), !q.Until.IsZero() && !e.Timestamp.Before(q.Until):
			continue
		}
		text := string(e.text.Append(nil))
		ranges := composedRanges(text, q)
		if len(ranges) == 0 {
			continue
		}
		stamp := e.Timestamp
		all = append(all, protocol.Match{Seq: e.Seq, Ranges: ranges, Timestamp: &stamp, Level: e.Level, Stream: e.Stream, Message: text})
	}
	return all
}

// asked reports whether the query is about an event.
func asked(q search.Query, seq uint64) bool {
	if q.Backwards {
		return (q.From == 0 || seq < q.From) && seq >= q.To
	}
	return seq > q.From && (q.To == 0 || seq <= q.To)
}

// composedRanges are the ranges of a text, found in its composed form: each widened to whole pieces
// that compose.
func composedRanges(text string, q search.Query) [][2]int {
	q.Text = norm.NFC.String(q.Text)
	composed := norm.NFC.String(text)
	found := naiveRanges(composed, q)
	if composed == text {
		return found
	}
	type place struct{ own, composed int }
	var places []place // where each piece begins, and the end, in UTF-16 code units
	units := func(s string) int { return len(utf16.Encode([]rune(s))) }
	var it norm.Iter
	it.InitString(norm.NFC, text)
	at := place{}
	for !it.Done() {
		from := it.Pos()
		places = append(places, at)
		at.composed += units(string(it.Next()))
		at.own += units(text[from:it.Pos()])
	}
	places = append(places, at)
	for i, r := range found {
		for j := range places[:len(places)-1] {
			if places[j].composed <= r[0] && r[0] < places[j+1].composed {
				found[i][0] = places[j].own
			}
			if places[j].composed < r[1] && r[1] <= places[j+1].composed {
				found[i][1] = places[j+1].own
			}
		}
	}
	return found
}

func naiveRanges(message string, q search.Query) [][2]int {
	var ranges [][2]int
	at, units := 0, 0
	place := func(to int) int {
		units += len(utf16.Encode([]rune(message[at:to])))
		at = to
		return units
	}
	add := func(from, to int) { ranges = append(ranges, [2]int{place(from), place(to)}) }
	if q.Regex {
		pattern := q.Text
		if !q.CaseSensitive {
			pattern = "(?i)" + pattern
		}
		for _, at := range regexp.MustCompile(pattern).FindAllStringIndex(message, -1) {
			if at[1] > at[0] {
				add(at[0], at[1])
			}
		}
		return ranges
	}
	for i := 0; i < len(message); {
		if n := naivePrefix(message[i:], q.Text, !q.CaseSensitive); n > 0 {
			add(i, i+n)
			i += n
			continue
		}
		_, size := utf8.DecodeRuneInString(message[i:])
		i += size
	}
	return ranges
}

// naivePrefix is how many bytes of message the text takes up at its start, 0 if it isn't there.
func naivePrefix(message, text string, fold bool) int {
	rest := message
	for _, want := range text {
		got, size := utf8.DecodeRuneInString(rest)
		if rest == "" || !same(got, want, fold) {
			return 0
		}
		rest = rest[size:]
	}
	return len(message) - len(rest)
}

func same(got, want rune, fold bool) bool {
	if got == want || !fold {
		return got == want
	}
	if want < utf8.RuneSelf {
		return got < utf8.RuneSelf && unicode.ToLower(got) == unicode.ToLower(want)
	}
	for r := unicode.SimpleFold(want); r != want; r = unicode.SimpleFold(r) {
		if r == got {
			return true
		}
	}
	return false
}

// heard collects what found is called with, and checks what always holds.
type heard struct {
	t       testing.TB
	q       search.Query
	matches []protocol.Match
	total   int64
	calls   int
}

func (h *heard) found(r search.Result) error {
	h.calls++
	if r.Complete || r.Err != nil {
		h.t.Errorf("found was called with %+v", r)
	}
	if len(r.Matches) == 0 {
		h.t.Error("found was called without matches")
	}
	bytes := 0
	for _, m := range r.Matches[:len(r.Matches)-1] {
		bytes += len(m.Message)
	}
	if bytes > 64<<10 {
		h.t.Errorf("one call of found has %d bytes beside its last match", bytes)
	}
	h.matches = append(h.matches, r.Matches...)
	if r.Total < int64(len(h.matches)) || r.Total < h.total {
		h.t.Errorf("the total was %d and is %d after %d matches", h.total, r.Total, len(h.matches))
	}
	h.total = r.Total
	return nil
}

// check searches, and compares with what is expected.
func check(t testing.TB, s *search.Searcher, id string, q search.Query, want []protocol.Match) search.Result {
	t.Helper()
	h := &heard{t: t, q: q}
	result, err := s.Execution(context.Background(), id, q, h.found)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	if result.Total != int64(len(want)) || !result.Complete || result.ExecutionID != id || len(result.Matches) != 0 || result.Err != nil {
		t.Errorf("%+v: %d matches counted, %d expected; %+v", q, result.Total, len(want), result)
	}
	limit := q.Limit
	if limit == 0 {
		limit = search.DefaultLimit
	}
	want = want[:min(len(want), limit)]
	for i := range max(len(want), len(h.matches)) {
		var got, expected protocol.Match
		if i < len(h.matches) {
			got = h.matches[i]
		}
		if i < len(want) {
			expected = want[i]
		}
		if a, b := shown(got), shown(expected); a != b {
			t.Fatalf("%+v: match %d is\n%s, expected\n%s", q, i, a, b)
		}
	}
	return result
}

func shown(m protocol.Match) string {
	b, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// pick chooses one.
func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// scraps are what random messages are made of: letters whose other case lies elsewhere in Unicode,
// what JSON escapes and what it might, surrogate pairs, combining marks, words of every event's head.
var scraps = []string{
	"a", "A", "b", "k", "K", "\u212a", "s", "S", "ſ", "ß", "ẞ", "é", "É", "e\u0301", "ö", "Ö", "日", "本", "😀", "👩‍👩‍👧", "İ", "ı", "i", "I", "Σ", "σ", "ς",
	`"`, `\`, `\\`, "/", "<", ">", "&", "'", "\t", "\r", "\n", "\b", "\f", "\x00", "\x1f", "\x7f", "\u0085", "\u2028", "\u2029", "\ufffd", "\u00a0",
	`\n`, `\u0041`, `","message":"`, `"}`, "{", "}", ":", ",", " ", "  ", "stdout", "info", "seq", "execution:log", "message", "error", "ERROR", "Error", "2025", "1", "12", "123",
	"timeout after 12 ms", "xyz", "needle", "NeEdLe",
	"\x1b[31m", "\x1b[0m", "nee\x1b[1mdle", "\x1b[2D", "\x1b[K", "\x1b[2J", "o\u0308", "\u202e", "U+202E",
}

func randomText(r *rand.Rand, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteString(pick(r, scraps))
	}
	return b.String()
}

var levels = []execution.Level{execution.Debug, execution.Info, execution.Warn, execution.Error}

var streams = []execution.Stream{execution.Stdout, execution.Stderr, execution.Agent}

// random writes n events of all kinds, by every encoder there is.
func (b *book) random(r *rand.Rand, n int) {
	b.d.t.Helper()
	for range n {
		text := randomText(r, 8)
		switch r.IntN(12) {
		case 0:
			percent := 50.0
			b.event(execution.Event{Type: execution.TypeProgress, Progress: &percent, Message: &text})
		case 1:
			b.event(execution.Event{Type: execution.TypeApproval, RequestID: text, Tool: text, Input: json.RawMessage(`{"needle":1}`)})
		case 2, 3, 4: // as encoding/json writes them
			e := execution.Event{Type: execution.TypeLog, Level: pick(r, levels), Stream: pick(r, streams), Message: &text, Partial: r.IntN(2) == 0}
			if r.IntN(2) == 0 {
				e.Data, _ = json.Marshal(map[string]string{"message": randomText(r, 5), "needle": "needle"})
			}
			if r.IntN(3) == 0 {
				e.Raw = []byte("needle error xyz")
			}
			b.event(e)
		case 5: // in an order of their own
			b.append(1, func(seq uint64) []byte {
				message, _ := json.Marshal(text)
				return fmt.Appendf(nil, `{"message":%s,"seq":%d,"stream":"%s","executionId":"%s","level":"%s","timestamp":"%s","type":"execution:log"}`+"\n",
					message, seq, pick(r, streams), b.id, pick(r, levels), b.at.UTC().Format(time.RFC3339Nano))
			})
		case 6: // with everything as \u that may be escaped at all
			b.append(1, func(seq uint64) []byte {
				var message strings.Builder
				for _, r := range text {
					if r < ' ' || strings.ContainsRune("\"\\<>&\u2028\u2029\ufffd", r) {
						fmt.Fprintf(&message, `\u%04x`, r)
						continue
					}
					message.WriteRune(r)
				}
				return fmt.Appendf(nil, `{"type":"execution:log","executionId":"%s","seq":%d,"timestamp":"%s","level":"%s","stream":"%s","data":{"message":"needle"},"message":"%s"}`+"\n",
					b.id, seq, b.at.UTC().Format(execution.TimeFormat), pick(r, levels), pick(r, streams), message.String())
			})
		default: // as runners write them, with bytes that are no text among them
			bytes := []byte(text)
			if r.IntN(10) == 0 {
				bytes = append(append(bytes, 0xff, 0xfe, 'n'), "eedle\xf0"...)
			}
			var data []byte
			if r.IntN(6) == 0 {
				data = []byte(`{"needle":"error"}`)
			}
			level, stream := logline.Level(r.IntN(4)), logline.Stream(r.IntN(3))
			b.append(1, func(seq uint64) []byte {
				return b.encoder.Append(nil, seq, b.at.UnixMilli(), level, stream, bytes, r.IntN(4) == 0, data)
			})
		}
	}
}

var expressions = []string{
	`needle`, `(?:needle|error)`, `needle|error|xyz`, `timeout after \d+ ms`, `\d{2}`, `[a-z]+`, `^a`, `ms$`, `\bs`, `k+`, `S.s`, `s`, `k`, `(a|b)+k`, `a*`, `x*needle`, `(?-i:needle)`,
	`(?i:needle)`, `n(e){2}dle`, `.`, `\\`, `"`, `\p{Lu}`, `[^ -~]`, `é|e\x{301}`, `İ`, `ß`, `(needle)?`, `(needle)+?`, `a{0,3}b`, `[nN]eedle`, `ne.dle|err[oö]r`, `\x{fffd}`, `\t|\x00`, `日本?`, `^$`, `message":"`, `😀`, `\Qtimeout\E`, `n|ee|dle`,
}

// randomQuery asks for something that may well be there.
func randomQuery(r *rand.Rand, events []execution.Event) search.Query {
	q := search.Query{CaseSensitive: r.IntN(2) == 0, Limit: pick(r, []int{0, 1, 2, 5, 1000, 10_000})}
	switch r.IntN(4) {
	case 0:
		q.Regex, q.Text = true, pick(r, expressions)
	case 1:
		for q.Text == "" {
			q.Text = randomText(r, 2)
		}
	default: // a part of some line
		e := pick(r, events)
		if e.Message == nil || *e.Message == "" {
			q.Text = "needle"
			break
		}
		runes := []rune(*e.Message)
		from := r.IntN(len(runes))
		q.Text = string(runes[from:min(len(runes), from+1+r.IntN(6))])
		if r.IntN(3) == 0 {
			q.Text = strings.ToUpper(q.Text)
		}
	}
	if r.IntN(3) == 0 {
		q.Levels = []execution.Level{pick(r, levels)}
		if r.IntN(3) == 0 {
			q.Levels = append(q.Levels, pick(r, levels))
		}
	}
	if r.IntN(3) == 0 {
		q.Streams = []execution.Stream{pick(r, streams)}
	}
	if r.IntN(4) == 0 {
		q.Since = pick(r, events).Timestamp.Add(time.Duration(r.IntN(3)-1) * time.Microsecond)
	}
	if r.IntN(4) == 0 {
		q.Until = pick(r, events).Timestamp.Add(time.Duration(r.IntN(3)-1) * time.Microsecond)
	}
	if r.IntN(2) == 0 {
		q.Backwards = true
	}
	if r.IntN(4) == 0 {
		q.To = uint64(r.IntN(len(events) + 3))
	}
	if r.IntN(3) == 0 {
		q.From = uint64(r.IntN(len(events) + 3))
	}
	return q
}
