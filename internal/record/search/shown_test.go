package search_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

// What is found is what a terminal shows of a line, not what is stored.
func TestExecution_finds_what_is_shown(t *testing.T) {
	t.Parallel()
	d := newDiary(t)
	b := d.begin()
	part := func(stream logline.Stream, text string, partial bool) {
		b.append(1, func(seq uint64) []byte {
			return b.encoder.Append(nil, seq, b.at.UnixMilli(), logline.Info, stream, []byte(text), partial, nil)
		})
	}
	b.info("\x1b[31mERROR\x1b[0m: disk full", "all OK\r", "10 %\r50 %\rcomplete", "abc\b\bX", "cafe\u0301 open", "gr\u00fcn") // 1 to 6
	part(logline.Stdout, "split wo", true)                                                                                    // 7
	part(logline.Stderr, "between", false)                                                                                    // 8
	part(logline.Stdout, "rd here", false)                                                                                    // 9
	b.info("\xff\xfeW\x00i\x00d\x00e\x00\r\x00", "\x00t\x00w\x00o\x00\r\x00", "user = \"\u202eadmin\u2066\"")                 // 10 to 12
	// A line that begins in one block of the journal and ends in the next.
	for b.w.Head().Seq < 1022 {
		b.info("filler")
	}
	part(logline.Stdout, "across the blo", true) // 1023
	b.log(execution.Info, execution.Stderr, "e1", "e2", "e3")
	part(logline.Stdout, "ck's end, 日\x1b[1", true)
	part(logline.Stdout, "m本", false)
	b.info("after it")
	id := b.close()
	s := search.New(d.store)
	for _, test := range []struct {
		text  string
		regex bool
		want  string // seq[ranges] of each match
	}{
		{"ERROR: disk", false, "1[[0 11]]"},
		{"^ERROR", true, "1[[0 5]]"},
		{"31", false, ""},
		{"31m", false, ""},
		{"OK$", true, "2[[4 6]]"},
		{"^complete$", true, "3[[0 8]]"},
		{"50 %", false, ""},
		{"aXc", false, "4[[0 3]]"},
		{"caf\u00e9 o", false, "5[[0 7]]"},
		{"CAFE\u0301", false, "5[[0 5]]"},
		{"gru\u0308n", false, "6[[0 4]]"},
		{"cafe", false, ""},
		{"split word", false, "7[[0 10]]"},
		{"^rd here", true, ""},
		{"between", false, "8[[0 7]]"},
		{"^Wide$", true, "10[[0 4]]"},
		{"two", false, "11[[0 3]]"},
		{"U+202E", false, "12[[9 15]]"},
		{"the block's end, 日本$", true, "1023[[7 26]]"},
		{"^ck", true, ""},
		{"(?i)(?P<word>after)", true, "1029[[0 5]]"},
		{`\QOK\E`, true, "2[[4 6]]"},
		{`[[:upper:]]K`, true, "2[[4 6]]"},
		{`\pL本`, true, "1023[[24 26]]"},
	} {
		for _, backwards := range []bool{false, true} {
			q := search.Query{Text: test.text, Regex: test.regex, CaseSensitive: test.text != strings.ToUpper(test.text), Backwards: backwards}
			h := &heard{t: t, q: q}
			if _, err := s.Execution(t.Context(), id, q, h.found); err != nil {
				t.Fatal(err)
			}
			got := matchesOf(h)
			if got != test.want {
				t.Errorf("%q finds %s, want %s", test.text, got, test.want)
			}
			check(t, s, id, q, naive(d.events(id), q))
		}
	}
}

func matchesOf(h *heard) string {
	var all []string
	for _, m := range h.matches {
		all = append(all, fmt.Sprint(m.Seq, m.Ranges))
	}
	return strings.ReplaceAll(strings.Join(all, " "), " [[", "[[")
}
