package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	peer "github.com/coder/websocket"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/search"
	"github.com/claudeops/claudeops/internal/serve/gateway"
	"github.com/claudeops/claudeops/protocol"
)

func searching(o *gateway.Options) { o.Search = search.New(o.Store) }

// say emits lines in one batch.
func (w *world) say(id string, lines ...string) {
	var events []*execution.Event
	for i := range lines {
		events = append(events, &execution.Event{Type: execution.TypeLog, Level: execution.Info, Stream: execution.Stdout, Message: &lines[i]})
	}
	w.emit(id, events...)
}

// Real searches of real journals, over every transport.
func TestLive_Search(t *testing.T) {
	eachTransport(t, func(t *testing.T, via transport) {
		d := newDoor(t, searching)
		id := d.begin("echo")
		d.log(id, 50)
		d.say(id, "a Needle and a needle", "😀 needle")
		d.finish(id)
		for query, want := range map[string]string{
			`"query":"needle"`:                                  "52[[2 8] [15 21]] 53[[3 9]]",
			`"query":"needle","caseSensitive":true`:             "52[[15 21]] 53[[3 9]]",
			`"query":"needle","direction":"previous","limit":1`: "53[[3 9]]",
			`"query":"needle","from":52`:                        "53[[3 9]]",
			`"query":"needle","from":53,"direction":"previous"`: "52[[2 8] [15 21]]",
			`"query":"^a.*e$","regex":true`:                     "52[[0 21]]",
			`"query":"needle","level":"error"`:                  "",
			`"query":"needle","level":"info","stream":"stdout"`: "52[[2 8] [15 21]] 53[[3 9]]",
			`"query":"LINE","limit":2`:                          "2[[0 4]] 3[[0 4]]",
			`"query":"nothing that is there"`:                   "",
		} {
			var got []string
			answers := via.ask(t, d, d.owner, fmt.Sprintf(`{"type":"logs:search","id":"s","executionId":%q,%s}`, id, query))
			for i, m := range answers {
				for _, match := range m.Matches {
					got = append(got, fmt.Sprintf("%d%v", match.Seq, match.Ranges))
				}
				if last := i == len(answers)-1; m.ID != "s" || last != (m.Type == protocol.TypeAck) || !last && m.Type != protocol.TypeLogsMatches {
					t.Errorf("%s: answer %d is %+v", query, i, m)
				}
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s: %s, expected %s", query, text, want)
			}
		}
		answers := via.ask(t, d, d.owner, fmt.Sprintf(`{"type":"logs:search","id":"s","executionId":%q,"query":"a(b","regex":true}`, id))
		if len(answers) != 1 || answers[0].Code != string(protocol.BadRequest) || answers[0].ID != "s" || !strings.Contains(answers[0].Message, "missing closing") {
			t.Errorf("%+v", answers)
		}
	})
}

// Matches come in several messages before the count is known, and the ack says what it is.
func TestLive_Search_streams(t *testing.T) {
	t.Parallel()
	d := newDoor(t, searching)
	id := d.begin("echo")
	for range 10 {
		d.say(id, slices.Repeat([]string{strings.Repeat("needle ", 100)}, 1000)...)
	}
	c := overWebSocket{}.dial(t, d, d.owner)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	write := func(text string) {
		t.Helper()
		if err := c.Write(ctx, peer.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprintf(`{"type":"logs:search","id":"s","executionId":%q,"query":"needle","limit":1500}`, id))
	var messages, matches int
	var total int64
	for {
		_, frame, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(frame) > 1<<20 {
			t.Errorf("a frame has %d bytes", len(frame))
		}
		for text := range bytes.Lines(frame) {
			var m struct {
				protocol.LogsMatches
				Total    *int64 `json:"total"`
				Complete *bool  `json:"complete"`
			}
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			switch m.Type {
			case protocol.TypeLogsMatches:
				messages++
				for _, match := range m.Matches {
					matches++
					if match.Seq != uint64(matches)+1 {
						t.Fatalf("match %d is event %d", matches, match.Seq)
					}
				}
				if *m.Total < total || *m.Total < int64(matches) || m.ExecutionID != id {
					t.Errorf("%d counted after %d, with %d given", *m.Total, total, matches)
				}
				total = *m.Total
			case protocol.TypeAck:
				if matches != 1500 || messages < 5 || *m.Total != 10_000 || !*m.Complete {
					t.Errorf("%d matches in %d messages, %d counted", matches, messages, *m.Total)
				}
				return
			}
		}
	}
}

// held is a search that goes on until its context ends.
type held struct{ begun, ended chan struct{} }

func newHeld() held { return held{make(chan struct{}, 100), make(chan struct{}, 100)} }

func (h held) Execution(ctx context.Context, _ string, _ search.Query, _ func(search.Result) error) (search.Result, error) {
	h.begun <- struct{}{}
	<-ctx.Done()
	h.ended <- struct{}{}
	return search.Result{}, context.Cause(ctx)
}

func (h held) Across(ctx context.Context, _ iter.Seq2[string, error], q search.Query, found func(search.Result) error) (search.Result, error) {
	return h.Execution(ctx, "", q, found)
}

func (d *door) postRequest(t *testing.T, ctx context.Context, text string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.server.URL+"/api/messages", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.owner)
	req.Header.Set("Content-Type", "application/x-ndjson")
	return req
}

func receive(t *testing.T, what string, from <-chan struct{}) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(patience):
		t.Fatalf("waited in vain until %s", what)
	}
}

func TestLive_Search_ends_with_its_client(t *testing.T) {
	t.Parallel()
	h := newHeld()
	d := newDoor(t, func(o *gateway.Options) { o.Search = h })
	id := d.begin("echo")
	c := overWebSocket{}.dial(t, d, d.owner)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// Of five, four may run; the connection goes on to answer.
	for i := range 5 {
		if err := c.Write(ctx, peer.MessageText, fmt.Appendf(nil, `{"type":"logs:search","id":"s%d","executionId":%q,"query":"a"}`, i, id)); err != nil {
			t.Fatal(err)
		}
	}
	var refused protocol.Error
	for refused.ID != "s4" {
		_, frame, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for text := range bytes.Lines(frame) {
			if err := json.Unmarshal(text, &refused); err != nil {
				t.Fatal(err)
			}
		}
	}
	if refused.Code != protocol.LimitReached {
		t.Errorf("%+v", refused)
	}
	for range 4 {
		receive(t, "a search has begun", h.begun)
	}
	c.CloseNow()
	for range 4 {
		receive(t, "a search ends without its client", h.ended)
	}

	// The same for a search that was posted.
	post, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	go func() {
		<-h.begun
		hangUp()
	}()
	req := d.postRequest(t, post, fmt.Sprintf(`{"type":"logs:search","id":"s","executionId":%q,"query":"a"}`, id))
	if resp, err := d.server.Client().Do(req); err == nil {
		resp.Body.Close()
		t.Error("the search was answered")
	}
	receive(t, "a search that was posted ends without its client", h.ended)
}

// One that asks for much and reads nothing holds little, and goes when it is told to.
func TestLive_Search_of_a_client_that_does_not_read(t *testing.T) {
	t.Parallel()
	d := newDoor(t, searching)
	id := d.begin("echo")
	for range 40 {
		d.say(id, slices.Repeat([]string{strings.Repeat("needle ", 2000)}, 100)...)
	}
	c := overWebSocket{}.dial(t, d, d.owner)
	for i := range 4 {
		if err := c.Write(t.Context(), peer.MessageText, fmt.Appendf(nil, `{"type":"logs:search","id":"s%d","executionId":%q,"query":"needle","limit":10000}`, i, id)); err != nil {
			t.Fatal(err)
		}
	}
	// Another client is not held up by it.
	answers := overWebSocket{}.ask(t, d, d.owner, fmt.Sprintf(`{"type":"logs:search","id":"s","executionId":%q,"query":"needle","limit":1}`, id))
	if len(answers) != 2 || len(answers[0].Matches) != 1 {
		t.Errorf("%d answers", len(answers))
	}
	c.CloseNow()
}
