package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"claudeops/client"
	"claudeops/internal/execution"
	"claudeops/protocol"
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

func TestClient_Subscribe(t *testing.T) {
	t.Parallel()

	t.Run("yields_every_event_once_and_ends_with_the_execution", func(t *testing.T) {
		t.Parallel()
		transports(t, func(t *testing.T, only client.Option) {
			f := newFake(t)
			id := executionID(1)
			f.start(id)
			f.log(id, 300)
			f.double[7] = true
			c := newClient(t, f, only)
			seen := 0
			last, err := follow(testContext(t), c, protocol.Cursor{ExecutionID: id}, func(e protocol.Event) {
				if seen++; seen == 200 {
					f.log(id, 400)
					f.complete(id)
				}
			})
			if err != nil || last != 702 || seen != 702 {
				t.Fatalf("saw %d events to seq %d, %v; want 702", seen, last, err)
			}
		})
	})

	t.Run("goes_on_at_the_cursor_however_often_the_connection_is_lost", func(t *testing.T) {
		t.Parallel()
		transports(t, func(t *testing.T, only client.Option) {
			f := newFake(t)
			id := executionID(1)
			f.start(id)
			c := newClient(t, f, only)
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Add(1)
			go func() {
				defer wg.Done()
				codes := []int{0, protocol.CloseGoingAway, protocol.CloseServerError, 0, protocol.CloseRestart, protocol.CloseHeartbeat}
				for i := range 30 {
					f.log(id, 1+rand.IntN(120))
					f.drop(codes[i%len(codes)])
				}
				f.complete(id)
			}()
			last, err := follow(testContext(t), c, protocol.Cursor{ExecutionID: id}, nil)
			f.mu.Lock()
			defer f.mu.Unlock()
			if want := uint64(len(f.journals[id])); err != nil || last != want {
				t.Fatalf("followed to %d, %v; want %d", last, err, want)
			}
		})
	})

	t.Run("tells_a_gap_and_goes_on", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		f.log(id, 20)
		f.complete(id)
		f.lost = []protocol.LogsGap{{Type: protocol.TypeLogsGap, ExecutionID: id, From: 1, To: 9, Reason: "retention"}}
		c := newClient(t, f)
		var gaps []client.GapError
		var seqs []uint64
		for e, err := range c.Subscribe(testContext(t), protocol.Cursor{ExecutionID: id, Seq: 4}) {
			var gap *client.GapError
			switch {
			case errors.As(err, &gap):
				gaps = append(gaps, *gap)
			case err != nil:
				t.Fatal(err)
			default:
				seqs = append(seqs, e.Seq)
			}
		}
		want := client.GapError{ExecutionID: id, From: 5, To: 9, Reason: "retention"}
		if len(gaps) != 1 || gaps[0] != want || len(seqs) != 13 || seqs[0] != 10 {
			t.Fatalf("got gaps %+v and events %v", gaps, seqs)
		}
	})

	t.Run("asks_again_for_what_the_server_left_out", func(t *testing.T) {
		t.Parallel()
		for _, times := range []int{1, 2} {
			f := newFake(t)
			id := executionID(1)
			f.start(id)
			f.log(id, 100)
			f.complete(id)
			f.omit[42] = times
			last, err := follow(testContext(t), newClient(t, f), protocol.Cursor{ExecutionID: id}, nil)
			if err != nil || last != 102 {
				t.Fatalf("left out %d times: followed to %d, %v", times, last, err)
			}
		}
	})

	t.Run("tells_what_the_server_leaves_out_for_good", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		f.log(id, 100)
		f.complete(id)
		f.omit[42] = 1000
		var gap *client.GapError
		for _, err := range newClient(t, f).Subscribe(testContext(t), protocol.Cursor{ExecutionID: id}) {
			if err != nil && !errors.As(err, &gap) {
				t.Fatal(err)
			}
		}
		if gap == nil || gap.From != 42 || gap.To != 42 || gap.Reason != "missing" {
			t.Fatalf("the gap was told as %+v", gap)
		}
	})

	t.Run("two_readers_share_one_connection_each_with_its_own_cursor", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id, other := executionID(1), executionID(2)
		f.start(id)
		f.start(other)
		f.log(id, 500)
		c := newClient(t, f)
		ctx := testContext(t)
		var wg sync.WaitGroup
		ready := make(chan struct{}, 4)
		for _, cursor := range []protocol.Cursor{{ExecutionID: id, Seq: 400}, {ExecutionID: id}, {ExecutionID: id, Seq: 100}, {ExecutionID: other}} {
			wg.Add(1)
			go func() {
				defer wg.Done()
				first := true
				if _, err := follow(ctx, c, cursor, func(protocol.Event) {
					if first {
						first = false
						ready <- struct{}{}
					}
				}); err != nil {
					t.Error(err)
				}
			}()
		}
		for range 4 {
			select {
			case <-ready:
			case <-ctx.Done():
				t.Fatal("not every reader got an event")
			}
		}
		f.log(id, 200)
		f.complete(id)
		f.complete(other)
		wg.Wait()
		if n := f.accepted["websocket"]; n != 1 {
			t.Errorf("%d connections were made, want 1", n)
		}
	})

	t.Run("a_reader_at_the_end_of_an_ended_execution_ends", func(t *testing.T) {
		t.Parallel()
		transports(t, func(t *testing.T, only client.Option) {
			f := newFake(t)
			id := executionID(1)
			f.start(id)
			f.complete(id)
			if last, err := follow(testContext(t), newClient(t, f, only), protocol.Cursor{ExecutionID: id, Seq: 2}, nil); err != nil || last != 2 {
				t.Fatalf("got to %d, %v", last, err)
			}
		})
	})

	t.Run("refusals_are_errors_with_a_code", func(t *testing.T) {
		t.Parallel()
		transports(t, func(t *testing.T, only client.Option) {
			f := newFake(t)
			f.start(executionID(1))
			c := newClient(t, f, only)
			for cursor, want := range map[protocol.Cursor]protocol.Code{
				{ExecutionID: executionID(9)}:           protocol.NotFound,
				{ExecutionID: executionID(1), Seq: 77}:  protocol.BadRequest,
				{ExecutionID: "../../etc/passwd"}:       protocol.BadRequest,
				{ExecutionID: executionID(1) + "&wait"}: protocol.BadRequest,
			} {
				_, err := follow(testContext(t), c, cursor, nil)
				if client.CodeOf(err) != want {
					t.Errorf("%+v gives %v, want %s", cursor, err, want)
				}
			}
		})
	})

	t.Run("a_reader_who_is_slow_loses_nothing_and_holds_up_nobody", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		slow, fast := executionID(1), executionID(2)
		f.start(slow)
		f.log(slow, 3000)
		f.complete(slow)
		f.start(fast)
		c := newClient(t, f, client.WithBuffer(4<<10))
		ctx := testContext(t)
		stalled := make(chan struct{})
		release := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			var once sync.Once
			last, err := follow(ctx, c, protocol.Cursor{ExecutionID: slow}, func(protocol.Event) {
				once.Do(func() {
					close(stalled)
					<-release
				})
			})
			if err == nil && last != 3002 {
				err = fmt.Errorf("followed to %d, want 3002", last)
			}
			done <- err
		}()
		<-stalled
		f.log(fast, 2000)
		f.complete(fast)
		if last, err := follow(ctx, c, protocol.Cursor{ExecutionID: fast}, nil); err != nil || last != 2002 {
			t.Fatalf("beside a stalled reader another got to %d, %v", last, err)
		}
		if _, err := c.Status(ctx, slow); err != nil {
			t.Fatal(err)
		}
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})

	t.Run("the_loop_may_use_the_client_and_may_be_left", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		f.log(id, 10_000)
		c := newClient(t, f, client.WithBuffer(1<<10))
		ctx := testContext(t)
		for e, err := range c.Subscribe(ctx, protocol.Cursor{ExecutionID: id}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Seq == 50 {
				if _, err := c.Cancel(ctx, id, "seen enough"); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		f.wait("the subscription is ended", func() bool {
			return slices.ContainsFunc(f.seen, func(m protocol.Request) bool { return m.Type == protocol.TypeLogsUnsubscribe })
		})
	})

	t.Run("ends_with_its_context", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		ctx, cancel := context.WithCancel(testContext(t))
		_, err := follow(ctx, newClient(t, f), protocol.Cursor{ExecutionID: id}, func(protocol.Event) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("ended with %v", err)
		}
	})

	t.Run("ends_with_its_client", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		c := newClient(t, f)
		got := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			_, err := follow(testContext(t), c, protocol.Cursor{ExecutionID: id}, func(protocol.Event) { close(got) })
			done <- err
		}()
		<-got
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, client.ErrClosed) {
			t.Fatalf("ended with %v", err)
		}
		if _, err := c.Status(testContext(t), id); !errors.Is(err, client.ErrClosed) {
			t.Fatalf("after the end: %v", err)
		}
	})
}

func TestClient_Transports(t *testing.T) {
	t.Parallel()

	t.Run("falls_back_in_mid_run_and_returns", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		var mu sync.Mutex
		var used []client.Transport
		c := newClient(t, f, client.WithProbeInterval(20*time.Millisecond), client.WithState(func(s client.State) {
			if s.Status == client.Connected {
				mu.Lock()
				used = append(used, s.Transport)
				mu.Unlock()
			}
		}))
		on := func(want client.Transport) func() bool {
			return func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(used) > 0 && used[len(used)-1] == want
			}
		}
		ctx := testContext(t)
		seqs := make(chan uint64, 10_000)
		done := make(chan error, 1)
		go func() {
			_, err := follow(ctx, c, protocol.Cursor{ExecutionID: id}, func(e protocol.Event) { seqs <- e.Seq })
			done <- err
		}()
		reach := func(want uint64) {
			t.Helper()
			for {
				select {
				case seq := <-seqs:
					if seq == want {
						return
					}
				case err := <-done:
					t.Fatalf("ended with %v before event %d", err, want)
				case <-ctx.Done():
					t.Fatalf("event %d never came", want)
				}
			}
		}
		f.log(id, 99)
		reach(100)
		f.set(func() { f.refuse["/api/ws"] = 502 })
		f.drop(0)
		f.log(id, 100)
		reach(200)
		f.wait("server-sent events are used", on(client.SSE))
		f.set(func() { f.refuse["/api/events"] = 502 })
		f.drop(0)
		f.log(id, 100)
		reach(300)
		f.wait("polling is used", on(client.Poll))
		f.set(func() { clear(f.refuse) })
		f.wait("WebSocket is used again", func() bool { return f.accepted["websocket"] >= 2 })
		f.log(id, 100)
		f.complete(id)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})

	t.Run("a_way_that_lets_the_handshake_through_and_nothing_else", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.silent = true
		id := executionID(1)
		f.start(id)
		f.complete(id)
		c := newClient(t, f, client.WithHandshakeTimeout(200*time.Millisecond))
		if last, err := follow(testContext(t), c, protocol.Cursor{ExecutionID: id}, nil); err != nil || last != 2 {
			t.Fatalf("got to %d, %v", last, err)
		}
		if f.accepted["sse"] == 0 {
			t.Error("server-sent events were not used")
		}
	})

	for _, transport := range []client.Transport{client.WebSocket, client.SSE} {
		t.Run("a_way_that_goes_silent_is_noticed_by_"+string(transport), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.heartbeat = protocol.Heartbeat{IntervalMs: 100, TimeoutMs: 100}
			id := executionID(1)
			f.start(id)
			way := newWay(t, f.Listener.Addr().String())
			lost := make(chan error, 1000)
			c, err := client.New("http://"+way.address()+"/base", client.WithToken(token), client.WithTransports(transport),
				client.WithBackoff(time.Millisecond, 20*time.Millisecond), client.WithHandshakeTimeout(300*time.Millisecond),
				client.WithState(func(s client.State) {
					if s.Status != client.Connected && s.Err != nil {
						lost <- s.Err
					}
				}))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			ctx := testContext(t)
			done := make(chan error, 1)
			first := make(chan struct{})
			go func() {
				last, err := follow(ctx, c, protocol.Cursor{ExecutionID: id}, func(e protocol.Event) {
					if e.Seq == 1 {
						close(first)
					}
				})
				if err == nil && last != 102 {
					err = fmt.Errorf("it ended at %d, want 102", last)
				}
				done <- err
			}()
			<-first
			way.block()
			f.log(id, 100)
			f.complete(id)
			for {
				var closed *client.CloseError
				if err := <-lost; errors.As(err, &closed) && closed.Code == protocol.CloseHeartbeat {
					break
				}
			}
			way.unblock()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
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

func TestClient_CloseCodes(t *testing.T) {
	t.Parallel()
	for _, code := range []int{protocol.CloseProtocol, protocol.CloseInvalidUTF8, protocol.ClosePolicy, protocol.CloseTooLarge} {
		t.Run(fmt.Sprintf("does_not_come_back_after_%d", code), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			id := executionID(1)
			f.start(id)
			_, err := follow(testContext(t), newClient(t, f), protocol.Cursor{ExecutionID: id}, func(protocol.Event) { go f.drop(code) })
			var closed *client.CloseError
			if !errors.As(err, &closed) || closed.Code != code {
				t.Fatalf("ended with %v", err)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.accepted["websocket"] != 1 {
				t.Errorf("%d connections were made", f.accepted["websocket"])
			}
		})
	}

	t.Run("gives_up_after_as_many_attempts_as_allowed", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.refusal = &websocket.CloseError{Code: protocol.CloseServerError, Reason: "broken"}
		attempts := 0
		c := newClient(t, f, client.WithTransports(client.WebSocket), client.WithMaxAttempts(4), client.WithState(func(s client.State) {
			if s.Status == client.Connecting {
				attempts++
			}
		}))
		if _, err := c.Ping(testContext(t)); err == nil {
			t.Fatal("succeeded")
		}
		if err := c.Close(); err != nil || attempts != 4 {
			t.Errorf("%d attempts were made, %v", attempts, err)
		}
	})

	t.Run("comes_back_after_too_many_messages", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.refusal = &websocket.CloseError{Code: protocol.CloseRateLimited, Reason: "too many messages; retryAfterMs=30"}
		c := newClient(t, f, client.WithTransports(client.WebSocket))
		pinged := make(chan error, 1)
		go func() {
			_, err := c.Ping(testContext(t))
			pinged <- err
		}()
		f.wait("it was refused", func() bool { return f.accepted["websocket"] > 0 })
		f.set(func() { f.refusal = nil })
		if err := <-pinged; err != nil {
			t.Fatal(err)
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
