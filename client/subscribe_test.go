package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

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
