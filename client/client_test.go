package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testContext bounds a test that hangs, and ends with it.
func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func newClient(t testing.TB, f *fake, options ...client.Option) *client.Client {
	t.Helper()
	options = append([]client.Option{client.WithToken(token), client.WithBackoff(time.Millisecond, 20*time.Millisecond)}, options...)
	c, err := client.New(f.url(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// transports runs a test over each transport alone.
func transports(t *testing.T, test func(t *testing.T, only client.Option)) {
	t.Helper()
	for _, transport := range []client.Transport{client.WebSocket, client.SSE, client.Poll} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			test(t, client.WithTransports(transport))
		})
	}
}

// follow reads a subscription to its end and checks that each event came once and in order.
func follow(ctx context.Context, c *client.Client, cursor protocol.Cursor, each func(protocol.Event)) (last uint64, err error) {
	next := cursor.Seq + 1
	for e, err := range c.Subscribe(ctx, cursor) {
		var gap *client.GapError
		if errors.As(err, &gap) {
			if gap.From != next {
				return 0, fmt.Errorf("a gap from %d came where %d was due", gap.From, next)
			}
			next = gap.To + 1
			continue
		}
		if err != nil {
			return next - 1, err
		}
		if e.Seq != next {
			return next - 1, fmt.Errorf("event %d came where %d was due", e.Seq, next)
		}
		next++
		if each != nil {
			each(e)
		}
	}
	return next - 1, nil
}

func TestClient_Credential(t *testing.T) {
	t.Parallel()

	t.Run("goes_as_header_or_as_first_message", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		for _, options := range [][]client.Option{nil, {client.WithFirstMessageAuth()}} {
			if _, err := newClient(t, f, options...).Ping(testContext(t)); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("one_that_is_wrong_is_told_at_once", func(t *testing.T) {
		t.Parallel()
		transports(t, func(t *testing.T, only client.Option) {
			f := newFake(t)
			c := newClient(t, f, only, client.WithToken("guess"))
			if _, err := c.Ping(testContext(t)); client.CodeOf(err) != protocol.Unauthenticated {
				t.Errorf("a call gives %v", err)
			}
			if _, err := c.List(testContext(t), client.Filter{}); client.CodeOf(err) != protocol.Unauthenticated {
				t.Errorf("a list gives %v", err)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if n := len(f.seen); n != 0 {
				t.Errorf("the server took %d messages", n)
			}
		})
	})

	t.Run("one_that_expires_is_renewed_in_mid_stream", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		f.log(id, 9)
		issued := 0
		c := newClient(t, f, client.WithCredential(func(context.Context) (string, error) {
			issued++
			name := fmt.Sprintf("jwt-%d", issued)
			f.mu.Lock()
			defer f.mu.Unlock()
			f.tokens = map[string]bool{name: true}
			return name, nil
		}))
		last, err := follow(testContext(t), c, protocol.Cursor{ExecutionID: id}, func(e protocol.Event) {
			if e.Seq == 10 {
				f.log(id, 5)
				f.complete(id)
				go f.drop(protocol.CloseCredential)
			}
		})
		if err != nil || last != 16 {
			t.Fatalf("followed to %d, %v", last, err)
		}
	})

	t.Run("one_that_expires_for_good_ends_what_uses_it", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		_, err := follow(testContext(t), newClient(t, f), protocol.Cursor{ExecutionID: id}, func(protocol.Event) {
			go f.drop(protocol.CloseCredential)
		})
		if !errors.Is(err, client.ErrCredential) {
			t.Fatalf("ended with %v", err)
		}
	})
}

func TestClient_Requests(t *testing.T) {
	t.Parallel()

	t.Run("an_execute_whose_answer_is_lost_starts_one_execution", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.dropAfter[protocol.TypeExecute] = 3
		ack, err := newClient(t, f).Execute(testContext(t), "disk-report", map[string]any{"path": "/"})
		if err != nil {
			t.Fatal(err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.journals) != 1 || f.journals[ack.ExecutionID] == nil {
			t.Errorf("%d executions were started", len(f.journals))
		}
		if got := string(f.seen[0].Config); got != `{"path":"/"}` {
			t.Errorf("config came as %s", got)
		}
	})

	t.Run("are_answered_over_every_transport", func(t *testing.T) {
		t.Parallel()
		transports(t, func(t *testing.T, only client.Option) {
			f := newFake(t)
			c := newClient(t, f, only)
			ctx := testContext(t)
			ack, err := c.Execute(ctx, "test", nil)
			if err != nil {
				t.Fatal(err)
			}
			record, err := c.Status(ctx, ack.ExecutionID)
			if err != nil || record.Status != execution.Queued || record.AgentType != "test" {
				t.Fatalf("status is %+v, %v", record, err)
			}
			if _, err := c.Status(ctx, executionID(5)); client.CodeOf(err) != protocol.NotFound {
				t.Errorf("an unknown execution gives %v", err)
			}
			if cancelled, err := c.Cancel(ctx, ack.ExecutionID, "enough"); err != nil || cancelled.Status != execution.Cancelling {
				t.Errorf("cancel gives %+v, %v", cancelled, err)
			}
			if _, err := c.Ping(ctx); err != nil {
				t.Error(err)
			}
			if page, err := c.List(ctx, client.Filter{Query: ack.ExecutionID, Limit: 3}); err != nil || page.Next != "more" || page.Executions[0].ExecutionID != ack.ExecutionID {
				t.Errorf("list gives %+v, %v", page, err)
			}
			go f.complete(ack.ExecutionID)
			if record, err := c.Wait(ctx, ack.ExecutionID); err != nil || record.Status != execution.Completed {
				t.Errorf("waiting gives %+v, %v", record, err)
			}
		})
	})

	t.Run("a_refusal_carries_what_the_server_says", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.answerTo[protocol.TypeExecute] = func() any {
			return protocol.Error{Type: protocol.TypeError, Code: protocol.RateLimited, Message: "slower", Retryable: true, RetryAfterMs: 1500, Details: []byte(`{"a":1}`)}
		}
		_, err := newClient(t, f).Execute(testContext(t), "test", nil)
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Code != protocol.RateLimited || refused.RetryAfter != 1500*time.Millisecond ||
			refused.Error() != "slower" || !refused.Retryable || string(refused.Details) != `{"a":1}` {
			t.Fatalf("got %#v", err)
		}
	})

	t.Run("a_subscription_that_is_limited_waits_and_asks_again", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		f.complete(id)
		refused := 0
		f.answerTo[protocol.TypeLogsSubscribe] = func() any {
			if refused++; refused == 1 {
				return protocol.Error{Type: protocol.TypeError, Code: protocol.RateLimited, Message: "slower", Retryable: true, RetryAfterMs: 1}
			}
			return nil
		}
		if last, err := follow(testContext(t), newClient(t, f), protocol.Cursor{ExecutionID: id}, nil); err != nil || last != 2 || refused != 2 {
			t.Fatalf("followed to %d, %v after %d requests", last, err, refused)
		}
	})
}

func TestClient_Executions(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	old := executionID(1)
	f.start(old)
	f.complete(old)
	c := newClient(t, f, client.WithTransports(client.WebSocket))
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	fresh := executionID(2)
	var statuses []execution.Status
	snapshots := 0
	for update, err := range c.Executions(ctx) {
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if update.Event == nil {
			if snapshots++; snapshots == 1 {
				if len(update.Snapshot) != 1 || update.Snapshot[0].Status != execution.Completed {
					t.Fatalf("the snapshot holds %+v", update.Snapshot)
				}
				f.start(fresh)
				continue
			}
			if len(update.Snapshot) != 2 {
				t.Fatalf("the second snapshot holds %+v", update.Snapshot)
			}
			f.log(fresh, 50)
			// Following a log on the same connection must not confuse either.
			if last, err := follow(ctx, c, protocol.Cursor{ExecutionID: old}, nil); err != nil || last != 2 {
				t.Fatalf("beside the feed a log was followed to %d, %v", last, err)
			}
			f.complete(fresh)
			continue
		}
		if update.Record.ExecutionID != fresh {
			t.Errorf("an update is about %s: %+v", update.Record.ExecutionID, update.Event)
		}
		statuses = append(statuses, update.Record.Status)
		switch update.Record.Status {
		case execution.Queued:
			f.drop(0)
		case execution.Completed:
			cancel()
		}
	}
	if want := []execution.Status{execution.Queued, execution.Completed}; !slices.Equal(statuses, want) || snapshots != 2 {
		t.Errorf("saw %v and %d snapshots, want %v and 2", statuses, snapshots, want)
	}
}

func TestClient_History(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	id := executionID(1)
	f.start(id)
	f.log(id, 98)
	f.torn = 4
	c := newClient(t, f)
	ctx := testContext(t)
	next := uint64(1)
	for m, err := range c.History(ctx, protocol.Cursor{ExecutionID: id}) {
		if err != nil || m.Seq != next {
			t.Fatalf("event %d came where %d was due: %v", m.Seq, next, err)
		}
		next++
	}
	if next != 100 {
		t.Errorf("the history ends at %d, want 99", next-1)
	}
	for n, want := range map[uint64]uint64{0: 99, 1: 98, 10: 89, 99: 0, 1000: 0} {
		if cursor, err := c.Tail(ctx, id, n); err != nil || cursor.Seq != want {
			t.Errorf("the last %d follow %d, %v; want %d", n, cursor.Seq, err, want)
		}
	}
	for _, err := range c.History(ctx, protocol.Cursor{ExecutionID: executionID(2)}) {
		if client.CodeOf(err) != protocol.NotFound {
			t.Errorf("an unknown execution gives %v", err)
		}
	}
}

func TestClient_System(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for sample, err := range newClient(t, f).System(testContext(t), 2*time.Second) {
		if err != nil || sample.CPU != 2000 {
			t.Fatalf("got %+v, %v", sample, err)
		}
		break
	}
}

func TestNew_refuses_addresses_that_can_not_be_meant(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost:3000", "ftp://host", "http://", "http://user:secret@host/", "http://host/?token=x", "http://host/#x", "http://ho st"} {
		if c, err := client.New(address); err == nil {
			c.Close()
			t.Errorf("%q was taken", address)
		}
	}
	for _, address := range []string{"http://127.0.0.1:3000", "https://host/base/", "ws://host", "wss://host/base"} {
		c, err := client.New(address)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	}
}
