package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/serve/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testID = "01jd3kq7f0e9aaaaaaaaaaaaaa"

// memory is a journal in memory and the source that tells of its growth.
type memory struct {
	mu       sync.Mutex
	text     []byte
	ends     []int64 // offset after each event
	watchers map[int]func(journal.Position)
	next     int
	gap      *journal.Gap // lost events
	readers  int
}

func newMemory() *memory { return &memory{watchers: map[int]func(journal.Position){}} }

func (m *memory) append(lines ...string) {
	m.mu.Lock()
	for _, line := range lines {
		m.text = append(append(m.text, line...), '\n')
		m.ends = append(m.ends, int64(len(m.text)))
	}
	head := m.headLocked()
	var all []func(journal.Position)
	for _, w := range m.watchers {
		all = append(all, w)
	}
	m.mu.Unlock()
	for _, w := range all {
		w(head)
	}
}

// publish appends n numbered events.
func (m *memory) publish(n int) {
	m.mu.Lock()
	first := len(m.ends) + 1
	m.mu.Unlock()
	lines := make([]string, n)
	for i := range lines {
		lines[i] = eventLine("execution:log", first+i)
	}
	m.append(lines...)
}

func eventLine(kind string, seq int) string {
	return fmt.Sprintf(`{"type":%q,"executionId":%q,"seq":%d}`, kind, testID, seq)
}

func (m *memory) headLocked() journal.Position {
	return journal.Position{Seq: uint64(len(m.ends)), Offset: int64(len(m.text))}
}

func (m *memory) Watch(_ string, grew func(journal.Position)) (func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := m.next
	m.next++
	m.watchers[key] = grew
	grew(m.headLocked())
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, key)
	}, nil
}

func (m *memory) Open(id string) (journal.Reader, error) {
	if id != testID {
		return nil, journal.ErrNotFound
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readers++
	return memoryReader{m}, nil
}

type memoryReader struct{ m *memory }

func (r memoryReader) Head() (journal.Position, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	return r.m.headLocked(), nil
}

func (r memoryReader) at(seq uint64) journal.Position {
	if seq == 0 {
		return journal.Position{}
	}
	return journal.Position{Seq: seq, Offset: r.m.ends[seq-1]}
}

func (r memoryReader) Locate(seq uint64) (journal.Position, *journal.Gap, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if seq > uint64(len(r.m.ends)) {
		return journal.Position{}, nil, journal.ErrFuture
	}
	return r.at(seq), nil, nil
}

func (r memoryReader) Read(at, end journal.Position, buf []byte) (int, journal.Position, *journal.Gap, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if g := r.m.gap; g != nil && at.Seq+1 >= g.From && at.Seq < g.To {
		return 0, r.at(g.To), &journal.Gap{From: at.Seq + 1, To: g.To, Reason: g.Reason}, nil
	}
	next := at
	for next.Seq < end.Seq {
		if g := r.m.gap; g != nil && next.Seq+1 == g.From {
			break
		}
		after := r.at(next.Seq + 1)
		if after.Offset-at.Offset > int64(len(buf)) {
			break
		}
		next = after
	}
	if next == at && at.Seq < end.Seq {
		return 0, at, nil, &journal.ErrShortBuffer{Need: int(r.at(at.Seq+1).Offset - at.Offset)}
	}
	return copy(buf, r.m.text[at.Offset:next.Offset]), next, nil, nil
}

func (r memoryReader) Close() error {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.m.readers--
	return nil
}

// checker is a reader that says when an event is missing, doubled or out of order.
type checker struct {
	t    *testing.T
	mu   sync.Mutex
	next uint64
	gaps []journal.Gap
	cond *sync.Cond
}

func newChecker(t *testing.T, from uint64) *checker {
	c := &checker{t: t, next: from}
	c.cond = sync.NewCond(&c.mu)
	return c
}

func (c *checker) take(lines []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range bytes.Lines(lines) {
		seq, ok := journal.Seq(line)
		if !ok || seq != c.next {
			c.t.Errorf("seq %d after %d", seq, c.next-1)
		}
		c.next = seq + 1
	}
	c.cond.Broadcast()
}

func (c *checker) lost(g journal.Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.From != c.next {
		c.t.Errorf("gap from %d after %d", g.From, c.next-1)
	}
	c.gaps = append(c.gaps, g)
	c.next = g.To + 1
	c.cond.Broadcast()
}

// await waits until everything up to seq came.
func (c *checker) await(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.next <= seq {
		c.cond.Wait()
	}
}

// client is a sink that refuses frames at random, and then reads the journal as a slow client would.
type client struct {
	*checker
	refuse func() bool
	wake   chan struct{}
	sub    *feed.Sub
	first  uint64 // seq it began at
}

func (c *client) Offer(_ *feed.Sub, f *feed.Frame) feed.Verdict {
	if c.refuse() {
		c.Lagging(nil)
		return feed.Lags
	}
	c.take(f.Lines())
	if f.Ends {
		return feed.Done
	}
	return feed.Taken
}

func (c *client) Lagging(*feed.Sub) {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *client) run(ctx context.Context) {
	buf := make([]byte, 100)
	for {
		n, gap, err := c.sub.Fill(buf)
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			buf = make([]byte, short.Need)
			continue
		case err != nil:
			c.t.Error(err)
			return
		case gap != nil:
			c.lost(*gap)
			continue
		case n > 0:
			c.take(buf[:n])
			continue
		}
		if !c.sub.Join() {
			continue
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
	}
}

func newHub(m *memory) *feed.Hub {
	return feed.New(feed.Options{Source: m, Journals: m, Headroom: 10})
}

// connect subscribes a client and runs it until ctx ends.
func connect(t *testing.T, ctx context.Context, h *feed.Hub, start feed.Start, refuse func() bool, work *sync.WaitGroup) *client {
	c := &client{refuse: refuse, wake: make(chan struct{}, 1)}
	sub, from, _, _, err := h.Subscribe(testID, start, c)
	if err != nil {
		t.Fatal(err)
	}
	c.checker, c.sub, c.first = newChecker(t, from), sub, from
	work.Go(func() { c.run(ctx) })
	return c
}

func never() bool { return false }

// TestFeed_Subscribe/races: readers come, go, keep up and fall behind while events are published. No
// reader misses one or gets one twice, wherever replay and live meet.
func TestFeed_Subscribe(t *testing.T) {
	t.Parallel()
	t.Run("races", func(t *testing.T) {
		t.Parallel()
		const subscriptions, publishers = 10_000, 8
		m := newMemory()
		h := newHub(m)
		m.publish(50)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var publishing, clients sync.WaitGroup
		wanted := make(chan int, publishers)
		publishing.Go(func() {
			for n := range wanted {
				for range n {
					m.publish(1)
				}
			}
		})
		for p := range publishers {
			clients.Go(func() {
				r := rand.New(rand.NewPCG(uint64(p), 7))
				for range subscriptions / publishers {
					var work sync.WaitGroup
					one, leave := context.WithCancel(ctx)
					odds := r.IntN(3)
					seed := rand.New(rand.NewPCG(r.Uint64(), 1))
					c := connect(t, one, h, feed.Start{Tail: uint64(r.IntN(20)), AtTail: true}, func() bool { return odds > 0 && seed.IntN(4) < odds }, &work)
					n := 1 + r.IntN(8)
					wanted <- n
					c.await(c.first + uint64(r.IntN(n)))
					leave()
					work.Wait()
					c.sub.Close()
				}
			})
		}
		clients.Wait()
		close(wanted)
		publishing.Wait()
		h.Close()
		if s := h.Stats(); s.Feeds != 0 || s.LiveReaders != 0 || m.readers != 0 {
			t.Errorf("left behind: %+v, %d journal readers", s, m.readers)
		}
		t.Logf("%d subscriptions against %d events: no seam", subscriptions, len(m.ends))
	})

	t.Run("from the start, the middle and the tail", func(t *testing.T) {
		t.Parallel()
		m := newMemory()
		h := newHub(m)
		m.publish(500)
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		var all []*client
		for _, start := range []feed.Start{{}, {Since: 250}, {Since: 500}, {Tail: 10, AtTail: true}, {Tail: 0, AtTail: true}, {Tail: 9999, AtTail: true}} {
			all = append(all, connect(t, ctx, h, start, never, &work))
		}
		m.publish(100)
		for i, want := range []uint64{1, 251, 501, 491, 501, 1} {
			all[i].await(600)
			if got := all[i].first; got != want {
				t.Errorf("reader %d began at %d, want %d", i, got, want)
			}
		}
		cancel()
		work.Wait()
		for _, c := range all {
			c.sub.Close()
			c.sub.Close()
		}
		h.Close()
	})

	t.Run("past the end", func(t *testing.T) {
		t.Parallel()
		m := newMemory()
		h := newHub(m)
		m.publish(3)
		_, _, _, _, err := h.Subscribe(testID, feed.Start{Since: 4}, feed.NewPuller())
		var ahead *feed.ErrAhead
		if !errors.As(err, &ahead) || ahead.Head != 3 {
			t.Errorf("got %v", err)
		}
		if _, _, _, _, err := h.Subscribe("nobody", feed.Start{}, feed.NewPuller()); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		h.Close()
		if s := h.Stats(); s.Feeds != 0 {
			t.Errorf("left behind: %+v", s)
		}
	})

	t.Run("lost events are told to live and to slow readers", func(t *testing.T) {
		t.Parallel()
		m := newMemory()
		h := newHub(m)
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		live := connect(t, ctx, h, feed.Start{}, never, &work)
		slow := connect(t, ctx, h, feed.Start{}, func() bool { return true }, &work)
		m.publish(10)
		live.await(10)
		m.mu.Lock()
		m.gap = &journal.Gap{From: 15, To: 20, Reason: "damaged"}
		m.mu.Unlock()
		m.publish(20)
		for _, c := range []*client{live, slow} {
			c.await(30)
			if len(c.gaps) != 1 || c.gaps[0] != (journal.Gap{From: 15, To: 20, Reason: "damaged"}) {
				t.Errorf("gaps %v", c.gaps)
			}
		}
		cancel()
		work.Wait()
		live.sub.Close()
		slow.sub.Close()
		h.Close()
	})

	t.Run("ends with the execution", func(t *testing.T) {
		t.Parallel()
		m := newMemory()
		h := newHub(m)
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		c := connect(t, ctx, h, feed.Start{}, never, &work)
		m.publish(2)
		c.await(2)
		m.append(eventLine("execution:completed", 3))
		c.await(3)
		cancel()
		work.Wait()
		h.Close() // returns only when the feed gave itself up
		if s := h.Stats(); s.Feeds > 1 {
			t.Errorf("left behind: %+v", s)
		}
		c.sub.Close()
	})

	t.Run("an event longer than a frame", func(t *testing.T) {
		t.Parallel()
		m := newMemory()
		h := newHub(m)
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		c := connect(t, ctx, h, feed.Start{}, never, &work)
		m.publish(1)
		c.await(1)
		long := eventLine("execution:log", 2)
		m.append(long[:len(long)-1] + `,"message":"` + string(bytes.Repeat([]byte("x"), feed.MaxFrame*2)) + `"}`)
		c.await(2)
		m.publish(1)
		c.await(3)
		cancel()
		work.Wait()
		c.sub.Close()
		h.Close()
	})
}

// TestFeed_Gather: after quiet an event goes out at once; many readers make a feed gather.
func TestFeed_Gather(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := newHub(m)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	var work sync.WaitGroup
	var all []*client
	for range 120 {
		all = append(all, connect(t, ctx, h, feed.Start{}, never, &work))
	}
	const events = 2000
	for range events {
		m.publish(1)
	}
	for _, c := range all {
		c.await(events)
	}
	if s := h.Stats(); s.Frames >= int64(events*len(all))/4 {
		t.Errorf("%d events reached %d readers in %d frames: nothing was gathered", events, len(all), s.Frames)
	}
	cancel()
	work.Wait()
	for _, c := range all {
		c.sub.Close()
	}
	h.Close()
}

func TestEndsExecution(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "\n": false, "{}\n": false,
		eventLine("execution:completed", 1): true, eventLine("execution:failed", 1) + "\n": true,
		eventLine("execution:log", 1) + "\n" + eventLine("execution:cancelled", 2) + "\n": true,
		eventLine("execution:cancelled", 1) + "\n" + eventLine("execution:log", 2) + "\n": false,
		`{"type":"execution:log","message":"{\"type\":\"execution:completed\""}` + "\n":   false,
	} {
		if got := feed.EndsExecution([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestHub_Forget: who reads a journal that is removed reads it to its end; who comes after that does not
// find it.
func TestHub_Forget(t *testing.T) {
	t.Parallel()
	m := newMemory()
	m.publish(500)
	m.append(eventLine("execution:completed", 501))
	removed := false
	h := feed.New(feed.Options{Source: m, Journals: journalsFunc(func(id string) (journal.Reader, error) {
		if removed {
			return nil, journal.ErrNotFound
		}
		return m.Open(id)
	})})
	defer h.Close()
	slow, _, _, _, err := h.Subscribe(testID, feed.Start{}, feed.NewPuller())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	buf := make([]byte, 4096)
	read := 0
	fill := func() bool {
		n, gap, err := slow.Fill(buf)
		if err != nil || gap != nil {
			t.Fatalf("after %d events: %v, %v", read, gap, err)
		}
		read += bytes.Count(buf[:n], []byte("\n"))
		return n > 0
	}
	fill()
	if read == 0 || read == 501 {
		t.Fatalf("it has read %d events", read)
	}
	removed = true
	h.Forget(testID)
	h.Forget("another")
	if _, _, _, _, err := h.Subscribe(testID, feed.Start{}, feed.NewPuller()); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("subscribing to what is gone gives %v", err)
	}
	for fill() {
	}
	if read != 501 || !slow.Join() {
		t.Errorf("who was reading got %d events of 501", read)
	}
}

type journalsFunc func(id string) (journal.Reader, error)

func (f journalsFunc) Open(id string) (journal.Reader, error) { return f(id) }
