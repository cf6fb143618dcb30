package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/execution"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is a webhook's other end. While down is set it refuses.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	down bool
	got  []Message
	here chan struct{} // gets one for every request
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{here: make(chan struct{}, 1000)}
	signer, err := standardwebhooks.NewWebhook(signingSecret)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		defer func() { r.here <- struct{}{} }()
		r.mu.Lock()
		defer r.mu.Unlock()
		body, err := io.ReadAll(q.Body)
		var m Message
		switch {
		case r.down || err != nil:
			http.Error(w, "down", http.StatusServiceUnavailable)
		case q.URL.Path == "/topic": // as ntfy
			r.got = append(r.got, Message{Title: q.Header.Get("Title"), Body: string(body)})
			_, _ = w.Write([]byte("{}"))
		case signer.Verify(body, q.Header) != nil:
			t.Errorf("the signature is wrong: %v", signer.Verify(body, q.Header))
		case json.Unmarshal(body, &m) != nil || m.ID != q.Header.Get("Webhook-Id"):
			t.Errorf("the body is %s", body)
		default:
			r.got = append(r.got, m)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// messages waits for n of them.
func (r *receiver) messages(t *testing.T, n int) []Message {
	t.Helper()
	for {
		r.mu.Lock()
		got := append([]Message{}, r.got...)
		r.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-r.here:
		case <-t.Context().Done():
			t.Fatalf("%d messages came, want %d", len(got), n)
		}
	}
}

// book is executions as a test writes them.
type book struct {
	mu      sync.Mutex
	records []execution.Record // the oldest first
}

func (b *book) put(rec execution.Record) execution.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	rec.Terminal = rec.Status.Terminal()
	b.records = append(b.records, rec)
	return rec
}

func (b *book) pick(keep func(execution.Record) bool) []execution.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	var picked []execution.Record
	for i := len(b.records) - 1; i >= 0; i-- {
		if keep(b.records[i]) {
			picked = append(picked, b.records[i])
		}
	}
	return picked
}

func (b *book) Active(context.Context) ([]execution.Record, error) {
	return b.pick(func(r execution.Record) bool { return !r.Terminal }), nil
}

func (b *book) EndedSince(_ context.Context, t time.Time) ([]execution.Record, error) {
	return b.pick(func(r execution.Record) bool { return r.Terminal && !r.EndedAt.Before(t) }), nil
}

func (b *book) Last(_ context.Context, agent string, n int, states ...execution.Status) ([]execution.Record, error) {
	all := b.pick(func(r execution.Record) bool {
		for _, s := range states {
			if r.Status == s && r.AgentType == agent {
				return true
			}
		}
		return false
	})
	return all[:min(n, len(all))], nil
}

func (b *book) LastLines(_ context.Context, id string, n int) ([]string, error) {
	return []string{"the last line of " + id}, nil
}

type world struct {
	book   *book
	dir    string
	opts   Options
	log    *slog.Logger
	agents []Agent
}

func newWorld(t *testing.T, config string) *world {
	t.Helper()
	w := &world{book: &book{}, dir: t.TempDir(), log: slog.New(slog.NewTextHandler(t.Output(), nil)), agents: []Agent{{Name: "backup", Tags: []string{"nightly"}}, {Name: "other"}}}
	w.opts = Options{
		File: filepath.Join(w.dir, "notifications.yaml"), Outbox: filepath.Join(w.dir, "outbox"), Runs: w.book,
		Agents: func() []Agent { return w.agents }, Link: func(id string) string { return "https://ops.example/executions/" + id },
		Log: w.log,
	}
	w.write(t, config)
	return w
}

func (w *world) write(t *testing.T, config string) {
	t.Helper()
	if err := os.WriteFile(w.opts.File, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *world) start(t *testing.T) *Notifier {
	t.Helper()
	n, err := New(w.opts)
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	t.Cleanup(n.Stop)
	return n
}

func ended(id, agent string, status execution.Status) execution.Record {
	now := time.Now().UTC()
	rec := execution.Record{ExecutionID: id, AgentType: agent, Status: status, EndedAt: &now, DurationMs: 1500}
	if status == execution.Failed {
		rec.Reason = "exit_code"
	}
	return rec
}

func (w *world) end(n *Notifier, rec execution.Record) {
	rec = w.book.put(rec)
	kind := map[execution.Status]string{execution.Failed: execution.TypeFailed, execution.Completed: execution.TypeCompleted, execution.Cancelled: execution.TypeCancelled}
	n.Event(&execution.Event{Type: kind[rec.Status], ExecutionID: rec.ExecutionID}, rec)
}

func hook(url string, rules string) string {
	return "channels:\n  hook: {webhook: '" + url + "', secret: " + signingSecret + ", allowPrivate: true}\nrules:\n" + rules
}

func TestNotifier_tells_what_its_rules_say(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	w := newWorld(t, hook(r.URL, `
  - {when: failure, agents: ["back*"], to: [hook]}
  - {when: recovery, tags: [nightly], to: [hook]}
  - {when: cost_over, usd: 2, to: [hook]}
`))
	n := w.start(t)
	w.end(n, ended("01a", "other", execution.Failed)) // no rule is about it
	w.end(n, ended("01b", "backup", execution.Failed))
	if m := r.messages(t, 1)[0]; m.Kind != "failure" || m.Title != "backup failed: exit code" || !strings.Contains(m.Body, "the last line of 01b") || m.Link != "https://ops.example/executions/01b" {
		t.Errorf("it said %+v", m)
	}
	w.end(n, ended("01c", "backup", execution.Completed))
	if m := r.messages(t, 2)[1]; m.Kind != "recovery" || m.ExecutionID != "01c" {
		t.Errorf("it said %+v", m)
	}
	w.end(n, ended("01d", "backup", execution.Completed)) // no recovery: the one before succeeded
	dear := ended("01e", "other", execution.Completed)
	dear.Cost = 2.5
	w.end(n, dear)
	if m := r.messages(t, 3)[2]; m.Kind != "cost_over" || m.CostUSD != 2.5 {
		t.Errorf("it said %+v", m)
	}
}

func TestNotifier_loses_nothing_and_sends_the_same_id(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.set(true)
	w := newWorld(t, hook(r.URL, "  - {when: failure, to: [hook]}\n"))
	first := w.start(t)
	w.end(first, ended("01a", "backup", execution.Failed))
	<-r.here // tried, and refused
	first.Stop()
	// What ends while no server runs is made up for by the next.
	w.book.put(ended("01b", "backup", execution.Failed))
	waiting := outboxOf(t, w)
	if len(waiting) != 1 || waiting[0].State != Pending {
		t.Fatalf("the outbox holds %+v", waiting)
	}
	r.set(false)
	second := w.start(t)
	ids := map[string]int{}
	for _, m := range r.messages(t, 2) {
		ids[m.ID]++
	}
	if len(ids) != 2 || ids[waiting[0].Message.ID] != 1 {
		t.Errorf("these came: %v", ids)
	}
	second.Stop()
	w.start(t).Stop() // a third one has nothing to send
	if got := r.messages(t, 2); len(got) != 2 {
		t.Errorf("%d messages came, want 2", len(got))
	}
}

func outboxOf(t *testing.T, w *world) []Delivery {
	t.Helper()
	n, err := New(w.opts)
	if err != nil {
		t.Fatal(err)
	}
	return n.State().Deliveries
}

func TestNotifier_makes_one_message_of_a_storm(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	w := newWorld(t, hook(r.URL, "  - {when: failure, to: [hook], atMost: 2}\n"))
	n, err := New(w.opts) // not started: what it does is done here, step by step
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	for i := range 50 {
		w.book.put(ended("01a"+string(rune('A'+i)), "backup", execution.Failed))
	}
	n.catchUp()
	now := time.Now()
	n.deliverDue(now)
	got := r.messages(t, 1)
	if len(got) != 1 || !strings.HasPrefix(got[0].Title, "50 messages: backup failed") || strings.Count(got[0].Body, "\n") < 10 {
		t.Fatalf("these came: %+v", got)
	}
	states := map[string]int{}
	for _, d := range outboxOf(t, w) {
		states[d.State]++
		if d.State == Joined && d.Into != got[0].ID {
			t.Errorf("one is part of %q", d.Into)
		}
	}
	if states[Joined] != 50 || states[Sent] != 1 {
		t.Errorf("the outbox holds %v", states)
	}
	// One more may go in this hour, and the next waits for the hour to pass.
	for _, id := range []string{"02a", "02b"} {
		w.book.put(ended(id, "backup", execution.Failed))
		n.catchUp()
		n.deliverDue(now)
	}
	if got := r.messages(t, 2); len(got) != 2 {
		t.Errorf("%d came within the hour, want 2", len(got))
	}
	n.deliverDue(now.Add(2 * time.Hour))
	if got := r.messages(t, 3); got[2].ExecutionID != "02b" {
		t.Errorf("the last one is %+v", got[2])
	}
}

func TestNotifier_asks_for_approvals_and_long_runs(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	w := newWorld(t, hook(r.URL, `
  - {when: approval, to: [hook]}
  - {when: running_longer, after: 1h, to: [hook]}
`))
	long := time.Now().Add(-2 * time.Hour)
	w.book.put(execution.Record{ExecutionID: "01a", AgentType: "backup", Status: execution.Running, StartedAt: &long})
	n := w.start(t)
	if problem := n.State().Problem; problem != "" {
		t.Fatal(problem)
	}
	if m := r.messages(t, 1)[0]; m.Kind != "running_longer" || m.ExecutionID != "01a" {
		t.Errorf("it said %+v", m)
	}
	rec := execution.Record{ExecutionID: "01b", AgentType: "other", Status: execution.Running}
	if err := json.Unmarshal([]byte(`[{"requestId":"q1","tool":"Bash","input":{"command":"ls"}}]`), &rec.PendingApprovals); err != nil {
		t.Fatal(err)
	}
	n.Event(&execution.Event{Type: execution.TypeApproval}, rec)
	if m := r.messages(t, 2)[1]; m.RequestID != "q1" || m.Title != "other asks: may it use Bash?" || !strings.Contains(m.Body, "ls") {
		t.Errorf("it said %+v", m)
	}
}

func TestNotifier_reads_its_file_again_and_keeps_the_last_good_one(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	w := newWorld(t, hook(r.URL, "  - {when: failure, to: [hook]}\n"))
	n := w.start(t)
	w.write(t, "channels: [\n")
	n.config.reload()
	if s := n.State(); s.Problem == "" || len(s.Rules) != 1 {
		t.Errorf("the state is %+v", s)
	}
	w.end(n, ended("01a", "backup", execution.Failed))
	r.messages(t, 1)
	w.write(t, hook(r.URL, "  - {when: success, to: [hook]}\n"))
	n.config.reload()
	if s := n.State(); s.Problem != "" || s.Rules[0].When != Success {
		t.Errorf("the state is %+v", s)
	}
}

func TestNotifier_sends_to_a_service(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	address := strings.TrimPrefix(r.URL, "http://")
	w := newWorld(t, "channels:\n  phone: {url: 'ntfy://"+address+"/topic?scheme=http', allowPrivate: true}\n  inside: {url: 'ntfy://"+address+"/topic?scheme=http'}\n")
	n := w.start(t)
	if err := n.Test(t.Context(), "phone"); err != nil {
		t.Fatal(err)
	}
	if m := r.messages(t, 1)[0]; !strings.Contains(m.Title+m.Body, "ClaudeOps: a test message") {
		t.Errorf("it got %+v", m)
	}
	if err := n.Test(t.Context(), "inside"); err == nil || !strings.Contains(err.Error(), "allowPrivate") {
		t.Errorf("a service on this host: %v", err)
	}
	if err := n.Test(t.Context(), "nope"); err == nil || !strings.Contains(err.Error(), "inside, phone") {
		t.Errorf("an unknown channel: %v", err)
	}
}

func TestWebhook_refuses_the_host_s_own_networks(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "[::ffff:127.0.0.1]", "100.64.0.1", "[fd00::1]", "2130706433"} {
		c := channels{Config{Channels: map[string]ChannelConfig{"x": {Webhook: &Value{Text: "http://" + address + ":9/secret-path"}}}}, nil}
		hook, err := c.channel("x")
		if err != nil {
			t.Fatal(err)
		}
		err = hook.send(t.Context(), Message{})
		if err == nil || strings.Contains(err.Error(), "secret-path") || !strings.Contains(err.Error(), "allowPrivate") && !strings.Contains(err.Error(), "lookup") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestParse_names_what_is_wrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"rulez: []":                                                              "rulez",
		"channels: {a: {}}":                                                      "channel a: must have exactly one of url and webhook",
		"channels: {a: {url: x, webhook: y}}":                                    "exactly one",
		"channels: {a: {url: {file: x, secret: y}}}":                             "exactly one of file and secret",
		"channels: {a: {url: {fil: x}}}":                                         "{file: PATH}",
		"rules: [{when: failure}]":                                               "names no channel",
		"rules: [{when: failur, to: [a]}]":                                       "failure, recovery",
		"rules: [{when: failure, to: [b]}]":                                      `no channel "b"`,
		"rules: [{when: no_success, to: [a]}]":                                   "after",
		"rules: [{when: failure, to: [a], after: 1h}]":                           "after: means nothing",
		"rules: [{when: cost_over, to: [a]}]":                                    "usd",
		"rules: [{when: failure, to: [a], agents: ['[']}]":                       "no pattern",
		"rules: [{when: no_success, to: [a], after: soon}]":                      "write it like",
		"rules: [{when: failure, to: [a], quiet: {from: '25:00', to: '07:00'}}]": "time of day",
		"rules: [{when: failure, to: [a], quiet: {from: '22:00', to: '07:00', timezone: Mars/Olympus}}]": "timezone",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", text, err, want)
		}
	}
}

func TestQuiet_until(t *testing.T) {
	t.Parallel()
	night := &Quiet{From: "22:00", To: "07:00", Timezone: "Europe/Berlin"}
	for now, want := range map[string]string{
		"2026-11-30T12:00:00Z": "",
		"2026-11-30T21:30:00Z": "2026-12-01T06:00:00Z",
		"2026-11-30T05:59:00Z": "2026-11-30T06:00:00Z",
		"2026-11-30T06:00:00Z": "",
		"2026-03-28T23:00:00Z": "2026-03-29T05:00:00Z", // over the change to summer time
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		until, err := night.until(at)
		got := ""
		if !until.IsZero() {
			got = until.UTC().Format(time.RFC3339)
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", now, got, err, want)
		}
	}
}

func TestReplace_keeps_credentials_that_are_not_given(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hook("https://example.com/x", "  - {when: failure, to: [hook]}\n"))
	n := w.start(t)
	if err := n.Replace(Config{Channels: map[string]ChannelConfig{"hook": {Webhook: &Value{}, Secret: &Value{}}}, Rules: []Rule{{When: DiskLow, To: []string{"hook"}}}}); err != nil {
		t.Fatal(err)
	}
	config, problem := n.config.state()
	if c := config.Channels["hook"]; problem != "" || c.Webhook.Text != "https://example.com/x" || c.Secret.Text != signingSecret || config.Rules[0].When != DiskLow {
		t.Errorf("it is %+v, %s", config, problem)
	}
	if err := n.Replace(Config{Rules: []Rule{{When: Failure, To: []string{"gone"}}}}); err == nil {
		t.Error("a rule without its channel was taken")
	}
}

func TestOutbox_leaves_a_damaged_file_where_it_is(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	if err := os.MkdirAll(w.opts.Outbox, 0o700); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(w.opts.Outbox, "msg_x.json")
	if err := os.WriteFile(damaged, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start(t).Stop()
	if _, err := os.Stat(damaged); errors.Is(err, os.ErrNotExist) {
		t.Error("it is gone")
	}
}
