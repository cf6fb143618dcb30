package main

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"math/rand/v2"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// manner is how a reader reads.
type manner struct {
	road       string // which way to the server
	transports []client.Transport
	late       time.Duration // begins so long after the execution
	stalls     bool          // stops reading now and then
	leaves     bool          // goes and comes back with its cursor now and then, as another client
	seed       uint64
}

var steady = manner{road: direct, transports: []client.Transport{client.WebSocket}}

func planReader(random *rand.Rand, length time.Duration) manner {
	all := []client.Transport{client.WebSocket, client.SSE, client.Poll}
	m := manner{road: pick(random, direct, slow, sliced, resets, holes, gated), seed: random.Uint64()}
	m.transports = pick(random, all[:1], all[1:2], all[2:], all)
	if m.road == gated {
		m.transports = all
	}
	if random.IntN(3) == 0 {
		m.late = between(random, 0, length/3)
	}
	m.stalls, m.leaves = random.IntN(4) == 0, random.IntN(4) == 0
	return m
}

func (m manner) String() string {
	text := fmt.Sprintf("reader by %v over the %s road", m.transports, m.road)
	if m.stalls {
		text += ", stalling"
	}
	if m.leaves {
		text += ", leaving and coming back"
	}
	return text
}

// digest stands for a run of events, byte for byte.
type digest struct {
	events uint64
	sum    hash.Hash32
	bytes  int64
}

func newDigest() digest { return digest{sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))} }

func (d *digest) add(event []byte) {
	d.events++
	d.bytes += int64(len(event))
	_, _ = d.sum.Write(event)
	_, _ = d.sum.Write([]byte{'\n'})
}

func (d *digest) equal(other digest) bool {
	return d.events == other.events && d.bytes == other.bytes && d.sum.Sum32() == other.sum.Sum32()
}

// reading is one reader of one execution.
type reading struct {
	manner
	got              digest
	gaps, duplicates int
	err              error
	done             chan struct{}
}

// errLeave makes a reader leave in the middle.
var errLeave = errors.New("left")

// follow reads an execution from its first event to its last, whatever comes between. drained says that
// the weather is good again and nobody should dawdle any more.
func (r *reading) follow(ctx context.Context, h *house, ways *ways, id string, drained <-chan struct{}) {
	defer close(r.done)
	random := rand.New(rand.NewPCG(r.seed, 1))
	for {
		err := r.session(ctx, h, ways, id, random, drained)
		switch {
		case err == nil:
			return
		case errors.Is(err, errLeave):
			// It stays away for a while.
			select {
			case <-drained:
			case <-time.After(between(random, 0, 3*time.Second)):
			}
		case errors.As(err, new(*refusedForNow)):
			if !later(ctx, 100*time.Millisecond) {
				r.err = err
				return
			}
		default:
			r.err = err
			return
		}
	}
}

// refusedForNow is a refusal that says itself that it will pass.
type refusedForNow struct{ error }

func (r *reading) session(ctx context.Context, h *house, ways *ways, id string, random *rand.Rand, drained <-chan struct{}) error {
	// A small buffer has a stalled reader's events stay on the server, where they cost it something.
	c, err := h.client(ways.address(r.road), client.WithTransports(r.transports...),
		client.WithBuffer(64<<10), client.WithProbeInterval(3*time.Second))
	if err != nil {
		return err
	}
	defer c.Close()
	const never = 1 << 62
	leaveAt, stallAt := uint64(never), uint64(never)
	if r.leaves {
		leaveAt = r.got.events + 1 + random.Uint64N(3000)
	}
	if r.stalls {
		stallAt = r.got.events + 1 + random.Uint64N(2000)
	}
	for m, err := range c.Messages(ctx, protocol.Cursor{ExecutionID: id, Seq: r.got.events}) {
		var gap *client.GapError
		var refused *client.Error
		switch {
		case errors.As(err, &gap):
			r.gaps++
			return fmt.Errorf("%v: %w", r.manner, gap)
		case errors.As(err, &refused) && refused.Retryable:
			return &refusedForNow{err}
		case err != nil:
			return fmt.Errorf("%v, after event %d: %w", r.manner, r.got.events, err)
		case m.Seq <= r.got.events:
			r.duplicates++
			return fmt.Errorf("%v: event %d came again", r.manner, m.Seq)
		case m.Seq > r.got.events+1:
			r.gaps++
			return fmt.Errorf("%v: event %d came where %d was due", r.manner, m.Seq, r.got.events+1)
		}
		r.got.add(m.Raw)
		if r.got.events >= leaveAt {
			return errLeave
		}
		if r.got.events >= stallAt {
			select {
			case <-drained:
			case <-time.After(between(random, 0, 15*time.Second)):
			case <-ctx.Done():
			}
			stallAt = r.got.events + 1 + random.Uint64N(5000)
		}
	}
	return nil
}
