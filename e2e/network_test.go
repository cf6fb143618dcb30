package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/e2e/road"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/testagent/lines"
	"github.com/claudeops/claudeops/protocol"
)

// follower is a reader that holds every event to its number and every line to its checksum.
type follower struct {
	seed   uint64
	events uint64
	lines  atomic.Uint64
	end    protocol.Event
	over   chan error
}

// follow reads an execution of the test agent from its first event to its last.
func follow(ctx context.Context, c *client.Client, id string, seed uint64) *follower {
	f := &follower{seed: seed, over: make(chan error, 1)}
	go func() { f.over <- f.read(ctx, c, id) }()
	return f
}

func (f *follower) read(ctx context.Context, c *client.Client, id string) error {
	for e, err := range c.Subscribe(ctx, protocol.Cursor{ExecutionID: id}) {
		if err != nil {
			return err
		}
		if e.Seq != f.events+1 {
			return fmt.Errorf("event %d came where %d was due", e.Seq, f.events+1)
		}
		f.events++
		f.end = e
		if e.Type == execution.TypeLog && e.Stream == execution.Stdout {
			got, err := lines.Parse([]byte(*e.Message), f.seed)
			if err != nil {
				return err
			}
			if got.N != f.lines.Load()+1 {
				return fmt.Errorf("line %d came where %d was due", got.N, f.lines.Load()+1)
			}
			f.lines.Add(1)
		}
	}
	return nil
}

// written is how many lines the kernel has taken of an agent that was asked to end.
func (f *follower) written(t *testing.T) uint64 {
	t.Helper()
	var result struct{ Written uint64 }
	if err := json.Unmarshal(f.end.Result, &result); err != nil {
		t.Fatalf("the last event is %+v: %v", f.end, err)
	}
	return result.Written
}

// oracle compares what was acknowledged, stored and delivered, and prints it.
func (w *world) oracle(t *testing.T, id string, s uint64, readers ...*follower) {
	t.Helper()
	acked, stored := readers[0].written(t), uint64(0)
	events := w.journal(id)
	for _, e := range events {
		if e.Type == execution.TypeLog && e.Stream == execution.Stdout {
			stored++
		}
	}
	for i, f := range readers {
		t.Logf("acked %d / stored %d / delivered %d / stray processes %d; seed %d", acked, stored, f.lines.Load(), len(strays(t, id)), s)
		if acked == 0 || stored != acked || f.lines.Load() != acked || f.events != uint64(len(events)) || len(strays(t, id)) != 0 {
			t.Errorf("reader %d: want the same number of lines everywhere, all %d events and no stray process; it was given %d", i, len(events), f.events)
		}
	}
}

// TestNetwork has a client of each transport read an agent through bad weather: whatever it is, what the
// agent wrote arrives once and in order.
func TestNetwork(t *testing.T) {
	t.Parallel()
	const rate = 300
	s := seed(t)
	w := newWorld(t)
	w.define("writer", fmt.Sprintf("command: [TESTAGENT, -rate, '%d', -seed, '%d', -size, '60']\n", rate, s))
	w.serve()
	transports := []client.Transport{client.WebSocket, client.SSE, client.Poll}
	weathers := []struct {
		name string
		// play makes the weather; more waits until that many more lines have arrived.
		play func(r *road.Road, more func(n uint64))
	}{
		{"latency", func(r *road.Road, more func(uint64)) {
			r.Set(road.Weather{Latency: 500 * time.Millisecond, Jitter: 300 * time.Millisecond})
			more(2 * rate)
		}},
		{"one_byte_slices", func(r *road.Road, more func(uint64)) {
			r.Set(road.Weather{Slice: 1})
			more(rate)
		}},
		{"resets", func(r *road.Road, more func(uint64)) {
			r.Set(road.Weather{ResetWithin: 500 * time.Millisecond})
			more(3 * rate)
		}},
		{"black_hole_down", func(r *road.Road, more func(uint64)) {
			more(1)
			r.Set(road.Weather{HoldDown: true})
			time.Sleep(500 * time.Millisecond) // what passes while nothing does can't be waited for otherwise
			r.Set(road.Weather{})
			more(rate)
		}},
		{"black_hole_up", func(r *road.Road, more func(uint64)) {
			more(1)
			r.Set(road.Weather{HoldUp: true})
			time.Sleep(500 * time.Millisecond)
			r.Drop() // and the way it came is gone for good
			r.Set(road.Weather{})
			more(rate)
		}},
	}
	for _, weather := range weathers {
		for _, transport := range transports {
			t.Run(weather.name+"/"+string(transport), func(t *testing.T) {
				t.Parallel()
				ctx := testContext(t, 2*time.Minute)
				way, err := road.Open(w.listen, s)
				if err != nil {
					t.Fatal(err)
				}
				defer way.Close()
				ack, err := w.client().Execute(ctx, "writer", nil)
				if err != nil {
					t.Fatal(err)
				}
				c := w.clientAt(way.Addr(), client.WithTransports(transport))
				f := follow(ctx, c, ack.ExecutionID, s)
				weather.play(way, func(n uint64) {
					until := f.lines.Load() + n
					await(t, fmt.Sprintf("line %d has arrived", until), func() bool { return f.lines.Load() >= until })
				})
				if _, err := w.client().Cancel(ctx, ack.ExecutionID, "seen enough"); err != nil {
					t.Fatal(err)
				}
				way.Set(road.Weather{})
				if err := <-f.over; err != nil {
					t.Fatal(err)
				}
				w.oracle(t, ack.ExecutionID, s, f)
			})
		}
	}
}

// TestNetwork_transports_taken_away blocks WebSocket in mid-run, then server-sent events too, and gives
// them back: the client goes on with the next event over what is left, and returns to what is better.
func TestNetwork_transports_taken_away(t *testing.T) {
	t.Parallel()
	s := seed(t)
	w := newWorld(t)
	w.define("writer", fmt.Sprintf("command: [TESTAGENT, -rate, '200', -seed, '%d']\n", s))
	w.serve()
	ctx := testContext(t, 2*time.Minute)
	gate, err := road.OpenGate(w.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	var mu sync.Mutex
	var over client.Transport
	c := w.clientAt(gate.Addr(), client.WithProbeInterval(200*time.Millisecond), client.WithState(func(state client.State) {
		mu.Lock()
		defer mu.Unlock()
		over = state.Transport
	}))
	ack, err := c.Execute(ctx, "writer", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := follow(ctx, c, ack.ExecutionID, s)
	for _, step := range []struct {
		refused []road.Kind
		want    client.Transport
	}{
		{nil, client.WebSocket},
		{[]road.Kind{road.WebSockets}, client.SSE},
		{[]road.Kind{road.WebSockets, road.EventStreams}, client.Poll},
		{nil, client.WebSocket},
		{[]road.Kind{road.WebSockets, road.EventStreams}, client.Poll},
	} {
		gate.Refuse(step.refused...)
		await(t, fmt.Sprintf("it reads by %s", step.want), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return over == step.want
		})
		until := f.lines.Load() + 50
		await(t, "50 more lines have arrived by "+string(step.want), func() bool { return f.lines.Load() >= until })
	}
	if _, err := c.Cancel(ctx, ack.ExecutionID, "seen enough"); err != nil {
		t.Fatal(err)
	}
	if err := <-f.over; err != nil {
		t.Fatal(err)
	}
	w.oracle(t, ack.ExecutionID, s, f)
}

// TestNetwork_all_dropped_at_once drops many clients at the same moment. All come back, spread, and go on
// where they were.
func TestNetwork_all_dropped_at_once(t *testing.T) {
	t.Parallel()
	const clients = 100
	s := seed(t)
	w := newWorld(t)
	w.define("writer", fmt.Sprintf("command: [TESTAGENT, -rate, '10', -seed, '%d']\n", s))
	w.serve()
	ctx := testContext(t, 2*time.Minute)
	way, err := road.Open(w.listen, s)
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	ack, err := w.client().Execute(ctx, "writer", nil)
	if err != nil {
		t.Fatal(err)
	}
	var followers []*follower
	for range clients {
		followers = append(followers, follow(ctx, w.clientAt(way.Addr()), ack.ExecutionID, s))
	}
	all := func(more uint64) {
		until := make([]uint64, clients)
		for i, f := range followers {
			until[i] = f.lines.Load() + more
		}
		await(t, "all have more lines", func() bool {
			for i, f := range followers {
				if f.lines.Load() < until[i] {
					return false
				}
			}
			return true
		})
	}
	for range 2 {
		all(2)
		if n := way.Drop(); n != clients {
			t.Errorf("%d connections were dropped, want %d", n, clients)
		}
	}
	all(2)
	if _, err := w.client().Cancel(ctx, ack.ExecutionID, "seen enough"); err != nil {
		t.Fatal(err)
	}
	for _, f := range followers {
		if err := <-f.over; err != nil {
			t.Fatal(err)
		}
		if f.events != followers[0].events || f.lines.Load() != followers[0].written(t) {
			t.Errorf("a client was given %d events and %d lines, another %d; the agent wrote %d lines", f.events, f.lines.Load(), followers[0].events, followers[0].written(t))
		}
	}
	w.oracle(t, ack.ExecutionID, s, followers[0])
}
