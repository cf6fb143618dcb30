package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

func TestParseKeys(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]key{
		"jk":            {'j', 'k'},
		"\x1b[A\x1bOB":  {keyUp, keyDown},
		"\x1b[5~\x1b[H": {keyPageUp, keyHome},
		"\x1b":          {keyEscape},
		"\x1bx":         {keyEscape, 'x'},
		"\x1b[1;5Cq":    {keyRight, 'q'},
		"\x1b[200~y":    {keyOther, 'y'},
		"é\x03":         {'é', 0x03},
	} {
		if got, rest := parseKeys([]byte(in), true); !slices.Equal(got, want) || len(rest) > 0 {
			t.Errorf("%q gives %v and leaves %q, want %v", in, got, rest, want)
		}
	}
	if got, rest := parseKeys([]byte("j\x1b["), false); !slices.Equal(got, []key{'j'}) || string(rest) != "\x1b[" {
		t.Errorf("the beginning of a sequence gives %v and leaves %q", got, rest)
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, seed := range []string{"j", "\x1b[A", "\x1b[", "\xc3", "\x1b\x1b[1;5C", "\x1b[\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, rest := parseKeys(in, true); len(rest) > 0 {
			t.Errorf("%q is left over of %q", rest, in)
		}
		_, rest := parseKeys(in, false)
		if !strings.HasSuffix(string(in), string(rest)) {
			t.Errorf("%q is left over of %q", rest, in)
		}
	})
}

// Whatever an agent calls itself and writes, a line holds nothing but text that fits.
func FuzzTextLine(f *testing.F) {
	f.Add("plain", 10)
	f.Add("\x1b]0;owned\a\u202ewide 漢字 e\u0301\t\xff", 7)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = min(max(limit, 0), 200)
		l := &textLine{limit: limit}
		l.cell("", text, 5, true).add("", text)
		got := l.b.String()
		if displayWidth(got) > limit || displayWidth(got) != l.used || !utf8.ValidString(got) || strings.ContainsFunc(got, hostile) || strings.Contains(got, "\t") {
			t.Errorf("%q in %d columns gives %q, %d wide", text, limit, got, displayWidth(got))
		}
	})
}

func TestTopModel_view_fits_every_terminal(t *testing.T) {
	t.Parallel()
	m := newTopModel("http://127.0.0.1:3000/")
	progress := 40.0
	var records []protocol.Record
	for _, status := range execution.Statuses {
		records = append(records, protocol.Record{ExecutionID: "01" + string(status), AgentType: "an agent with a long name 漢字漢字", Status: status, Terminal: status.Terminal(),
			Progress: &progress, ProgressMessage: strings.Repeat("\x1b[2J", 50), Error: strings.Repeat("wrong ", 50), Head: 123456789})
	}
	m.snapshot(records)
	m.host = &protocol.SystemStatus{CPU: 99}
	for w := range 160 {
		for _, h := range []int{1, 2, 5, 9, 24, 60} {
			lines := m.view(w, h, false)
			if w > 0 && len(lines) != h {
				t.Errorf("%d×%d: there are %d lines", w, h, len(lines))
			}
			for _, line := range lines {
				if displayWidth(line) > w || strings.Contains(line, "\x1b") {
					t.Errorf("%d×%d: %q is %d wide", w, h, line, displayWidth(line))
				}
			}
		}
	}
}

func TestTopView_gives_the_terminal_back_on_a_panic(t *testing.T) {
	t.Parallel()
	f, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{in: tty, out: tty}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		defer s.close()
		panic("in the middle of a frame")
	}()
	if after, err := term.GetState(int(tty.Fd())); err != nil || *after != *before {
		t.Errorf("the modes are %+v, were %+v (%v)", after, before, err)
	}
	_ = tty.Close()
	if out, _ := io.ReadAll(f); !strings.HasSuffix(string(out), leaveScreen) {
		t.Errorf("the terminal was left with %q", out)
	}
}
