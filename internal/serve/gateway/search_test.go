package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/protocol"
)

// matchesOf reads logs:matches from an answer.
func matchesOf(t testing.TB, text string) []protocol.LogsMatches {
	t.Helper()
	var all []protocol.LogsMatches
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var m protocol.LogsMatches
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Type != protocol.TypeLogsMatches {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, m)
	}
	return all
}

// seqsOf are the matches as executions and seqs, and the last message.
func seqsOf(t testing.TB, text string) (seqs []string, last protocol.LogsMatches) {
	t.Helper()
	all := matchesOf(t, text)
	if len(all) == 0 {
		t.Fatal("the answer is empty")
	}
	for i, m := range all {
		if m.Complete != (i == len(all)-1) {
			t.Errorf("message %d of %d: complete is %v", i+1, len(all), m.Complete)
		}
		for _, match := range m.Matches {
			id := match.ExecutionID
			if id == "" {
				id = m.ExecutionID
			}
			seqs = append(seqs, fmt.Sprint(id, " ", match.Seq))
		}
	}
	return seqs, all[len(all)-1]
}

func TestSearch_of_one_execution(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)
	id := d.supervisor.begin("echo")
	for i := range 9 {
		e := logLine(execution.Stdout, fmt.Sprint("line ", i))
		if i == 4 {
			e = logLine(execution.Stderr, "The LINE 😀 that failed: line 4")
			e.Level = execution.Error
		}
		d.supervisor.say(id, e)
	}
	for query, want := range map[string]string{
		"query=line":                                   "2 3 4 5 6 7 8 9 10",
		"query=line&limit=2":                           "2 3",
		"query=line&limit=9007199254740991":            "2 3 4 5 6 7 8 9 10",
		"query=line&direction=next":                    "2 3 4 5 6 7 8 9 10",
		"query=line&direction=previous":                "10 9 8 7 6 5 4 3 2",
		"query=line&from=8":                            "9 10",
		"query=line&from=4&direction=previous&limit=1": "3",
		"query=line&from=0&direction=previous&limit=1": "10",
		"query=LINE&caseSensitive=true":                "6",
		"query=line&caseSensitive=true&level=error":    "6",
		"query=line&level=error,warn":                  "6",
		"query=line&level=error&level=info&limit=1":    "2",
		"query=line&stream=stderr":                     "6",
		"query=line&stream=agent":                      "",
		`query=line+%5B0-3%5D%24&regex=true`:           "2 3 4 5",
		"query=line+%5B0-3%5D":                         "",
		"query=line&since=2100-01-01T00:00:00Z":        "",
		"query=line&until=2100-01-01T00:00:00Z":        "2 3 4 5 6 7 8 9 10",
		"query=line&until=2000-01-01T00:00:00Z":        "",
		"query=nothing&future=1":                       "",
	} {
		got := d.do(t, "GET", "/api/executions/"+id+"/search?"+query, "", owner)
		if got.status != 200 || got.header.Get("Content-Type") != "application/x-ndjson; charset=utf-8" || got.header.Get("X-Accel-Buffering") != "no" {
			t.Fatalf("%s: %d %v %s", query, got.status, got.header, got.body)
		}
		seqs, last := seqsOf(t, got.body)
		if text := strings.ReplaceAll(strings.Join(seqs, " "), id+" ", ""); text != want {
			t.Errorf("%s: %q, expected %q", query, text, want)
		}
		if last.ExecutionID != id || len(last.Matches) != 0 || last.Error != "" || last.Lost != 0 {
			t.Errorf("%s: the last is %+v", query, last)
		}
	}
	got := d.do(t, "GET", "/api/executions/"+id+"/search?query=line&level=error", "", owner)
	match := matchesOf(t, got.body)[0].Matches[0]
	if match.Message != "The LINE 😀 that failed: line 4" || match.Level != execution.Error || match.Stream != execution.Stderr || match.Timestamp == nil ||
		!reflect.DeepEqual(match.Ranges, [][2]int{{4, 8}, {25, 29}}) || match.ExecutionID != "" {
		t.Errorf("%+v", match)
	}
	// What is not given is counted.
	if _, last := seqsOf(t, d.do(t, "GET", "/api/executions/"+id+"/search?query=line&limit=1", "", owner).body); last.Total != 9 {
		t.Errorf("%+v", last)
	}

	for query, says := range map[string]string{
		"": "query", "query=": "query", "query=%FF": "UTF-8", "query=a(b&regex=true": "missing closing )", "query=" + strings.Repeat("x", search.MaxText+1): "4097",
		"query=a&level=loud": "level", "query=a&stream=stdin": "stream", "query=a&direction=up": "direction", "query=a&from=-1": "from", "query=a&from=x": "from",
		"query=a&limit=0": "limit", "query=a&limit=1e3": "limit", "query=a&limit=99999999999999999999": "limit", "query=a&limit=x": "limit", "query=a&since=noon": "since", "query=a&until=x": "until", "query=a&regex=7": "regex",
	} {
		got := d.do(t, "GET", "/api/executions/"+id+"/search?"+query, "", owner)
		if got.status != 400 && got.status != 422 || got.problem(t).Code != protocol.BadRequest || !strings.Contains(got.problem(t).Detail, says) || !strings.Contains(got.body, `"fields"`) {
			t.Errorf("%.60s: %d %s", query, got.status, got.body)
		}
	}
	if got := d.do(t, "GET", "/api/executions/"+strings.Repeat("0", 26)+"/search?query=a", "", owner); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := d.do(t, "GET", "/api/executions/x/search?query=a", "", owner); got.status != 400 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := d.do(t, "HEAD", "/api/executions/"+id+"/search?query=a", "", owner); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
	for _, path := range []string{"/api/executions/" + id + "/search?query=a", "/api/search?query=a"} {
		if got := d.do(t, "GET", path, "", nil); got.status != 401 {
			t.Errorf("%s with no credential: %d", path, got.status)
		}
		if got := d.do(t, "GET", path, "", d.as(d.jwt(t, "alice", protocol.PermExecute), nil)); got.status != 403 {
			t.Errorf("%s without the permission: %d", path, got.status)
		}
		if got := d.do(t, "GET", path, "", d.as(d.jwt(t, "bob", protocol.PermRead), nil)); got.status != 200 {
			t.Errorf("%s with the permission: %d %s", path, got.status, got.body)
		}
	}
}

func TestSearch_of_all_executions(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)
	var ids []string
	for i := range 5 {
		id := d.supervisor.begin([]string{"echo", "shell"}[i%2])
		d.supervisor.say(id, logLine(execution.Stdout, fmt.Sprint("line a of ", i)), logLine(execution.Stderr, fmt.Sprint("line b of ", i)))
		ids = append(ids, id)
	}
	slices.Reverse(ids) // newest first
	at := func(executions []int, seqs ...int) (want []string) {
		for _, e := range executions {
			for _, seq := range seqs {
				want = append(want, fmt.Sprint(ids[e], " ", seq))
			}
		}
		return want
	}
	all := []int{0, 1, 2, 3, 4}
	for query, want := range map[string][]string{
		"query=line":                            at(all, 2, 3),
		"query=line&direction=previous":         at(all, 3, 2),
		"query=line&stream=stderr":              at(all, 3),
		"query=line&limit=3":                    append(at([]int{0}, 2, 3), at([]int{1}, 2)...),
		"query=line+a+of+3":                     at([]int{1}, 2),
		"query=line&since=2100-01-01T00:00:00Z": nil,
	} {
		got := d.do(t, "GET", "/api/search?"+query, "", owner)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", query, got.status, got.body)
		}
		seqs, last := seqsOf(t, got.body)
		if !slices.Equal(seqs, want) {
			t.Errorf("%s: %v, expected %v", query, seqs, want)
		}
		if last.ExecutionID != "" || last.Total < int64(len(want)) {
			t.Errorf("%s: the last is %+v", query, last)
		}
	}
	if got := d.do(t, "GET", "/api/search?query=line&agentType=echo&status=queued,running&status=failed&since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z", "", owner); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	d.supervisor.mu.Lock()
	f := d.supervisor.filter
	d.supervisor.mu.Unlock()
	// What was queued long before since may have written later.
	if f.Limit != searchPage || !f.Since.IsZero() || !f.Until.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) || f.AgentType != "echo" ||
		!slices.Equal(f.Status, []execution.Status{execution.Queued, execution.Running, execution.Failed}) {
		t.Errorf("the list was asked for %+v", f)
	}
	for query, says := range map[string]string{"query=a&status=done": "status", "": "query", "query=%28&regex=true": "missing"} {
		got := d.do(t, "GET", "/api/search?"+query, "", owner)
		if got.status != 400 && got.status != 422 || !strings.Contains(got.problem(t).Detail, says) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	d.supervisor.failWith(errors.New("the index is gone"))
	got := d.do(t, "GET", "/api/search?query=line", "", owner)
	var e protocol.Error
	if got.status != 200 || json.Unmarshal([]byte(got.body), &e) != nil || e.Type != protocol.TypeError || e.Code != protocol.Internal || strings.Contains(got.body, "index is gone") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// script is a search that does what a test says.
type script struct {
	run func(ctx context.Context, ids iter.Seq2[string, error], q search.Query, found func(search.Result) error) (search.Result, error)
}

func (s script) Across(ctx context.Context, ids iter.Seq2[string, error], q search.Query, found func(search.Result) error) (search.Result, error) {
	return s.run(ctx, ids, q, found)
}

func (s script) Execution(ctx context.Context, id string, q search.Query, found func(search.Result) error) (search.Result, error) {
	return s.run(ctx, nil, q, found)
}

func TestSearch_streams_and_ends_with_its_client(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan error, 1)
	d := newDoor(t, func(o *Options) {
		o.Search = script{func(ctx context.Context, _ iter.Seq2[string, error], _ search.Query, found func(search.Result) error) (search.Result, error) {
			close(begun)
			err := found(search.Result{ExecutionID: "x", Matches: []protocol.Match{{Seq: 1}}, Total: 1})
			if err == nil {
				<-ctx.Done()
				err = context.Cause(ctx)
			}
			ended <- err
			return search.Result{}, err
		}}
	})
	scanner, hangUp := d.follow(t, "/api/search?query=a", d.as(d.token, nil))
	<-begun
	if !scanner.Scan() || len(matchesOf(t, scanner.Text())) != 1 {
		t.Fatalf("the first match did not come: %q", scanner.Text())
	}
	hangUp()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the search ended without an error")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the search goes on without its client")
	}
}

func TestSearch_tells_when_the_server_goes(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	d := newDoor(t, func(o *Options) {
		o.Search = script{func(ctx context.Context, _ iter.Seq2[string, error], _ search.Query, _ func(search.Result) error) (search.Result, error) {
			close(begun)
			<-ctx.Done()
			return search.Result{}, context.Cause(ctx)
		}}
	})
	scanner, _ := d.follow(t, "/api/search?query=a", d.as(d.token, nil))
	<-begun
	if err := d.gateway.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !scanner.Scan() {
		t.Fatal("nothing was said")
	}
	var e protocol.Error
	if err := json.Unmarshal(scanner.Bytes(), &e); err != nil || e.Code != protocol.Unavailable || !e.Retryable {
		t.Errorf("%s", scanner.Text())
	}
}

func TestSearch_tells_what_could_not_be_searched(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) {
		o.Search = script{func(_ context.Context, _ iter.Seq2[string, error], _ search.Query, found func(search.Result) error) (search.Result, error) {
			return search.Result{Total: 7, Lost: 3}, found(search.Result{ExecutionID: "x", Total: 7, Lost: 3, Err: errors.New("read /secret/place: input/output error")})
		}}
	})
	got := d.do(t, "GET", "/api/search?query=a", "", d.as(d.token, nil))
	all := matchesOf(t, got.body)
	if len(all) != 2 || all[0].ExecutionID != "x" || all[0].Error == "" || all[0].Lost != 3 || all[1].Complete || all[1].Total != 7 || all[1].Error != "" || strings.Contains(got.body, "secret") {
		t.Errorf("%s", got.body)
	}
}

// A search that can't write waits for its client, and does not hold up others.
func TestSearch_waits_for_a_client_that_does_not_read(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	given := 0
	line := strings.Repeat("x", 64<<10)
	d := newDoor(t, func(o *Options) {
		o.Search = script{func(_ context.Context, _ iter.Seq2[string, error], q search.Query, found func(search.Result) error) (search.Result, error) {
			for q.Text == "much" {
				if err := found(search.Result{ExecutionID: "x", Matches: []protocol.Match{{Seq: 1, Message: line}}}); err != nil {
					return search.Result{}, err
				}
				mu.Lock()
				given++
				mu.Unlock()
			}
			return search.Result{Complete: true}, nil
		}}
	})
	request := d.request(t, "GET", "/api/search?query=much", "", d.as(d.token, nil))
	ctx, cancel := context.WithCancel(t.Context())
	response, err := d.client.Do(request.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer cancel()
	for range 20 {
		if got := d.do(t, "GET", "/api/search?query="+url.QueryEscape("little"), "", d.as(d.token, nil)); got.status != http.StatusOK {
			t.Fatal(got.status)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if given > 1000 {
		t.Errorf("%d matches of 64 KiB were taken for a client that does not read", given)
	}
}
