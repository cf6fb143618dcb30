package client_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

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

	t.Run("a_way_that_forbids_WebSocket_while_the_server_is_away", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		id := executionID(1)
		f.start(id)
		// As a proxy does that lets long polls through alone, with no server behind it for a while.
		f.set(func() { f.refuse["/api/ws"], f.refuse["/api/events"], f.refuse["/api/poll"] = 403, 403, 502 })
		attempts := make(chan int, 10_000)
		c := newClient(t, f, client.WithState(func(s client.State) { attempts <- s.Attempt }))
		done := make(chan error, 1)
		go func() {
			_, err := follow(testContext(t), c, protocol.Cursor{ExecutionID: id}, nil)
			done <- err
		}()
		for n := 0; n < 3; {
			select {
			case n = <-attempts:
			case err := <-done:
				t.Fatalf("it gave up: %v", err)
			}
		}
		f.set(func() { delete(f.refuse, "/api/poll") })
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
