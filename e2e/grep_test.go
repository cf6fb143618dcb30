package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// TestGrep searches a real server from the terminal.
func TestGrep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Events: 1 queued, 2 started, 3–12 lines 1–10, 13 progress, 14 the hostile line, 15 end.
	w.define("fruit", `shell: |
  for n in 1 2 3 4 5 6 7 8 9 10; do
    case $n in
    3) echo "line $n: Äpfel and APPLES" ;;
    7) echo "::error::line $n: no apples (a.b) left, apples!" ;;
    *) echo "line $n: pears" ;;
    esac
  done
  echo "::progress 50::half of the apples"
  printf 'evil \033]0;owned\007 🍐 apples \342\200\256\n'
`)
	w.define("quiet", "shell: echo nothing of the kind >&2; exit 3\n")
	w.define("waits", "shell: |\n  echo 'apples while it runs'\n  sleep 1000\n")
	w.serve()
	run := func(agent string) string {
		t.Helper()
		w.cli("run", "-q", agent)
		var record protocol.ExecutionStatus
		if err := json.Unmarshal([]byte(w.cli("ps", "-a", "-n", "1", "--agent-type", agent, "--json").stdout), &record); err != nil {
			t.Fatal(err)
		}
		return record.ExecutionID
	}
	first := run("fruit")
	quiet := run("quiet")
	second := run("fruit")
	const evil = "evil  🍐 apples <U+202E>\n" // as a terminal shows it

	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"one":            {[]string{"apples", first}, 0, "line 7: no apples (a.b) left, apples!\n" + evil},
		"case":           {[]string{"-i", "apples", first}, 0, "line 3: Äpfel and APPLES\nline 7: no apples (a.b) left, apples!\n" + evil},
		"case_unicode":   {[]string{"-i", "äPFEL", first}, 0, "line 3: Äpfel and APPLES\n"},
		"plain":          {[]string{"a.b", first}, 0, "line 7: no apples (a.b) left, apples!\n"},
		"plain_not":      {[]string{"p.*s", first}, 1, ""},
		"regexp":         {[]string{"-e", "^line [12]:", first}, 0, "line 1: pears\nline 2: pears\n"},
		"regexp_E":       {[]string{"-n", "-E", "line 1:", first}, 0, "3:line 1: pears\n"},
		"only":           {[]string{"-o", "-n", "-i", "-e", "appl..|äpfel", first}, 0, "5:Äpfel\n5:APPLES\n9:apples\n9:apples\n14:apples\n"},
		"count":          {[]string{"-c", "pears", first}, 0, "8\n"},
		"count_none":     {[]string{"-c", "plums", first}, 1, "0\n"},
		"count_several":  {[]string{"-c", "pears", first, quiet, second}, 0, first + ":8\n" + quiet + ":0\n" + second + ":8\n"},
		"count_all":      {[]string{"-c", "pears"}, 0, second + ":8\n" + first + ":8\n"},
		"list_all":       {[]string{"-l", "pears"}, 0, second + "\n" + first + "\n"},
		"list_several":   {[]string{"-l", "nothing", first, quiet}, 0, quiet + "\n"},
		"list_none":      {[]string{"-l", "plums"}, 1, ""},
		"quiet":          {[]string{"-q", "pears"}, 0, ""},
		"quiet_none":     {[]string{"-q", "plums"}, 1, ""},
		"all":            {[]string{"-n", "line 1:"}, 0, second + ":3:line 1: pears\n" + first + ":3:line 1: pears\n"},
		"max":            {[]string{"-m", "9", "-o", "pears"}, 0, strings.Repeat(second+":pears\n", 8) + first + ":pears\n"},
		"reverse":        {[]string{"--reverse", "-n", "-m", "2", "pears", first}, 0, "12:line 10: pears\n11:line 9: pears\n"},
		"level":          {[]string{"--level", "warn,error", "-n", "line", first}, 0, "9:line 7: no apples (a.b) left, apples!\n"},
		"stream":         {[]string{"--stream", "stderr", "n"}, 0, quiet + ":nothing of the kind\n"},
		"status":         {[]string{"--status", "failed", "-l", "n"}, 0, quiet + "\n"},
		"agent":          {[]string{"--agent", "quiet", "-l", "n"}, 0, quiet + "\n"},
		"since":          {[]string{"--since", "1h", "-c", "pears", first}, 0, "8\n"},
		"until":          {[]string{"--until", "1h", "-c", "pears", first}, 1, "0\n"},
		"since_rfc":      {[]string{"--since", "2100-01-01T00:00:00Z", "pears"}, 1, ""},
		"after":          {[]string{"-n", "-A", "1", "line 10", first}, 0, "12:line 10: pears\n13-[execution:progress] 50 % half of the apples\n"},
		"before":         {[]string{"-n", "-B", "9", "line 1:", first}, 0, "1-[execution:queued]\n2-[execution:started]\n3:line 1: pears\n"},
		"context":        {[]string{"-n", "-C", "1", "-e", "line [39]", first}, 0, "4-line 2: pears\n5:line 3: Äpfel and APPLES\n6-line 4: pears\n--\n10-line 8: pears\n11:line 9: pears\n12-line 10: pears\n"},
		"context_joined": {[]string{"-n", "-C", "1", "-e", "line [35]", first}, 0, "4-line 2: pears\n5:line 3: Äpfel and APPLES\n6-line 4: pears\n7:line 5: pears\n8-line 6: pears\n"},
		"context_back":   {[]string{"-n", "-C", "1", "--reverse", "-e", "line [139]:", first}, 0, "10-line 8: pears\n11:line 9: pears\n12-line 10: pears\n--\n2-[execution:started]\n3:line 1: pears\n4-line 2: pears\n5:line 3: Äpfel and APPLES\n6-line 4: pears\n"},
		"context_max":    {[]string{"-n", "-A", "1", "-m", "1", "pears", first}, 0, "3:line 1: pears\n4-line 2: pears\n"},
		"context_all":    {[]string{"-n", "-A", "1", "line 1:"}, 0, second + ":3:line 1: pears\n" + second + "-4-line 2: pears\n--\n" + first + ":3:line 1: pears\n" + first + "-4-line 2: pears\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := w.cli(append([]string{"grep"}, c.args...)...)
			if o.check(t, c.code); o.stdout != c.want || o.stderr != "" {
				t.Errorf("%q gives %q and %q, want %q", c.args, o.stdout, o.stderr, c.want)
			}
		})
	}

	t.Run("says_what_is_wrong", func(t *testing.T) {
		t.Parallel()
		w.cli("grep", "-e", "(", first).check(t, 2, "missing closing )")
		w.cli("grep", "", first).check(t, 2, "query")
		w.cli("grep").check(t, 2, "grep [flags] PATTERN")
		w.cli("grep", "x", "zzzz").check(t, 2, "zzzz")
		w.cli("grep", "x", "../..").check(t, 2, "neither")
		w.cli("grep", "--level", "loud", "x").check(t, 2, "loud")
		w.cli("grep", "--stream", "stdin", "x").check(t, 2, "stdin")
		w.cli("grep", "--status", "done", "x").check(t, 2, "done")
		w.cli("grep", "--since", "noonish", "x").check(t, 2, "noonish", "2h")
		w.cli("grep", "--agent", "fruit", "x", first).check(t, 2, "--agent-type")
		w.cli("grep", "-m", "-1", "x").check(t, 2)
		w.cli("grep", "-c", "-C", "3", "x").check(t, 2, "count")
		w.cli("grep", "--json", "-C", "3", "x").check(t, 2, "--json")
		w.cli("grep", "--url", "http://"+freeAddress(t), "x").check(t, 125, "nothing listens")
	})

	t.Run("json_is_the_servers_messages", func(t *testing.T) {
		t.Parallel()
		o := w.cli("grep", "--json", "no apples", first[:22], second[:22])
		o.check(t, 0)
		var matches []protocol.Match
		var complete int
		for line := range strings.Lines(o.stdout) {
			var m protocol.LogsMatches
			if err := json.Unmarshal([]byte(line), &m); err != nil || m.Type != protocol.TypeLogsMatches {
				t.Fatalf("%q: %v", line, err)
			}
			matches = append(matches, m.Matches...)
			if m.Complete {
				complete++
			}
		}
		if len(matches) != 2 || complete != 2 || matches[0].Seq != 9 || matches[0].Level != "error" || fmt.Sprint(matches[0].Ranges) != "[[8 17]]" {
			t.Errorf("%s", o.stdout)
		}
		counts := w.cli("grep", "--json", "-c", "pears").stdout
		if !strings.Contains(counts, `"executionId":"`+first+`","matches":[],"total":8,"complete":true`) || strings.Count(counts, "\n") != 2 {
			t.Errorf("%s", counts)
		}
	})

	t.Run("what_still_runs", func(t *testing.T) {
		t.Parallel()
		id := strings.TrimSpace(w.cli("run", "-d", "waits").stdout)
		await(t, "its line is found", func() bool { return w.cli("grep", "-q", "apples while", id).code == 0 })
		w.cli("grep", "-l", "apples while it runs", "--status", "running").check(t, 0, id)
		w.cli("cancel", id).check(t, 0)
	})

	t.Run("on_a_terminal", func(t *testing.T) {
		t.Parallel()
		show := func(args ...string) string {
			t.Helper()
			cmd := w.command(append([]string{"grep"}, args...)...)
			cmd.SysProcAttr = nil
			f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 200})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var out bytes.Buffer
			_, _ = io.Copy(&out, f) // ends with EIO when the program does
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v:\n%s", err, out.String())
			}
			return strings.ReplaceAll(out.String(), "\r\n", "\n")
		}
		text := show("-n", "apples", "--agent", "fruit")
		for _, hostile := range []string{"\x1b]0;owned", "\a", "\u202e"} {
			if strings.Contains(text, hostile) {
				t.Errorf("%q reaches the terminal: %q", hostile, text)
			}
		}
		for _, want := range []string{
			"\x1b[1m" + second + "\x1b[0m\x1b[2m  fruit  ✓ completed", "\n\n\x1b[1m" + first,
			"\x1b[32m14\x1b[0m\x1b[2m:\x1b[0mevil  🍐 \x1b[1;31mapples\x1b[0m <U+202E>\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing: %q", want, text)
			}
		}
		if plain := show("--color", "never", "evil", first); plain != evil {
			t.Errorf("--color never gives %q", plain)
		}
		// What is in colour is for a terminal, though a pager may be in between.
		if paged := w.cli("grep", "--color", "always", "evil", first).stdout; strings.Contains(paged, "\x1b]0") || !strings.Contains(paged, "\x1b[1;31mevil\x1b[0m") {
			t.Errorf("--color always gives %q", paged)
		}
		if raw := show("--raw", "-A", "2", "line 10", first); !strings.Contains(raw, "\x1b]0;owned\a") {
			t.Errorf("--raw gives %q", raw)
		}
	})

	t.Run("the_client", func(t *testing.T) {
		t.Parallel()
		c := w.client()
		ctx := testContext(t, time.Minute)
		var seqs []string
		var last protocol.LogsMatches
		for m, err := range c.Search(ctx, client.SearchQuery{Text: "PEARS", AgentType: "fruit", Status: []protocol.Status{"completed"}, Previous: true, Limit: 9}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range m.Matches {
				seqs = append(seqs, match.ExecutionID+fmt.Sprint(match.Seq))
			}
			last = m
		}
		if len(seqs) != 9 || seqs[0] != second+"12" || seqs[8] != first+"12" || last.Total != 16 || !last.Complete {
			t.Errorf("%v, %+v", seqs, last)
		}
		for _, bad := range []client.SearchQuery{
			{Text: "("}, {Text: "x", From: 7}, {Text: "x", ExecutionID: "../x"}, {Text: "x", ExecutionID: first, AgentType: "fruit"}, {Text: "(", Regexp: true}, {},
		} {
			for _, err := range c.Search(ctx, bad) {
				if (bad.Text == "(" && !bad.Regexp) != (err == nil) || err != nil && client.CodeOf(err) != protocol.BadRequest {
					t.Errorf("%+v: %v", bad, err)
				}
			}
		}
		// A range ends where it is told to, or with the execution.
		for span, want := range map[[2]uint64]int{{3, 5}: 3, {0, 2}: 2, {15, 15}: 1, {14, 99}: 2, {5, 4}: 0} {
			n := 0
			for m, err := range c.Range(ctx, first, span[0], span[1]) {
				if err != nil {
					t.Fatal(err)
				}
				if m.Seq != max(span[0], 1)+uint64(n) {
					t.Errorf("%v: event %d", span, m.Seq)
				}
				n++
			}
			if n != want {
				t.Errorf("%v: %d events, want %d", span, n, want)
			}
		}
	})
}

// TestGrep_interrupted ends the search on the server, too.
func TestGrep_interrupted(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/search" {
			return // healthz
		}
		fmt.Fprintln(rw, `{"type":"logs:matches","executionId":"x","matches":[{"executionId":"x","seq":7,"ranges":[[0,1]],"message":"the first"}],"total":1,"complete":false}`)
		rw.(http.Flusher).Flush()
		close(begun)
		<-r.Context().Done()
		close(ended)
	}))
	defer server.Close()
	w := newWorld(t)
	cmd, out := w.command("grep", "--url", server.URL, "the"), &logBuffer{}
	cmd.Env = append(cmd.Env, "CLAUDEOPS_TOKEN=0123456789")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	await(t, "the match is shown at once", func() bool { return out.String() == "x:the first\n" })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 130 || out.String() != "x:the first\n" {
		t.Errorf("it ends with %d: %q", cmd.ProcessState.ExitCode(), out)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the search goes on on the server")
	}
}

// TestGrep_tells_what_it_could_not_search shows that a search that is not whole is not taken for one.
func TestGrep_tells_what_it_could_not_search(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		code   int
		want   string
	}{
		"lost":       {`{"type":"logs:matches","matches":[],"total":0,"complete":true,"lost":3}`, 1, "3 events could not be searched"},
		"unreadable": {`{"type":"logs:matches","executionId":"x","matches":[],"total":0,"complete":false,"error":"its journal could not be read"}` + "\n" + `{"type":"logs:matches","matches":[],"total":0,"complete":false}`, 2, "x: its journal could not be read"},
		"refused":    {`{"type":"error","code":"internal","message":"something is wrong","retryable":false}`, 2, "something is wrong"},
		"torn":       {`{"type":"logs:matches","executionId":"x","matches":[],"total":1,"complete":false}`, 2, "broke off"},
		"garbage":    {`<html>`, 2, "read what a search has found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/search" {
					fmt.Fprintln(rw, c.answer)
				}
			}))
			defer server.Close()
			w := newWorld(t)
			cmd := w.command("grep", "--url", server.URL, "the")
			cmd.Env = append(cmd.Env, "CLAUDEOPS_TOKEN=0123456789")
			text, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(text), c.want) {
				t.Errorf("it ends with %d: %s", cmd.ProcessState.ExitCode(), text)
			}
		})
	}
}
