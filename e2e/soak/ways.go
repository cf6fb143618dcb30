package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/claudeops/claudeops/e2e/road"
)

// The ways clients take to the server.
const (
	direct = "direct"
	slow   = "slow"   // 500 ± 300 ms each way
	sliced = "sliced" // a byte at a time
	resets = "resets" // every connection reset within 2 s
	holes  = "holes"  // at times nothing passes in one direction, or both
	gated  = "gated"  // at times neither WebSocket nor event streams pass
)

// weathers are what stays as it is on a way until the round ends.
var weathers = map[string]road.Weather{
	slow:   {Latency: 500 * time.Millisecond, Jitter: 300 * time.Millisecond},
	sliced: {Slice: 1},
	resets: {ResetWithin: 2 * time.Second},
	holes:  {},
}

// ways are the roads to one server.
type ways struct {
	server string
	roads  map[string]*road.Road
	gate   *road.Gate
}

func openWays(server string, seed uint64) (*ways, error) {
	w := &ways{server: server, roads: map[string]*road.Road{}}
	var err error
	if w.gate, err = road.OpenGate(server); err != nil {
		return nil, err
	}
	for name := range weathers {
		if w.roads[name], err = road.Open(server, seed); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}

func (w *ways) close() error {
	errs := []error{w.gate.Close()}
	for _, r := range w.roads {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

func (w *ways) address(name string) string {
	switch name {
	case direct:
		return w.server
	case gated:
		return w.gate.Addr()
	}
	return w.roads[name].Addr()
}

// worsen makes the weather of a round.
func (w *ways) worsen() {
	for name, weather := range weathers {
		w.roads[name].Set(weather)
	}
}

// heal makes it good for all, so that what is left to read can be read.
func (w *ways) heal() {
	for _, r := range w.roads {
		r.Set(road.Weather{})
	}
	w.gate.Refuse()
}

// change is a change of the weather in mid-round.
type change struct {
	at   time.Duration
	make func(*ways)
}

// planWeather decides what happens to the ways in a round of this length.
func planWeather(random *rand.Rand, length time.Duration) []change {
	var changes []change
	for at := between(random, 0, length/3); at < length; {
		up, down := true, random.IntN(2) == 0
		if down {
			up = random.IntN(2) == 0
		}
		lasts := between(random, length/20, length/2)
		changes = append(changes,
			change{at, func(w *ways) { w.roads[holes].Set(road.Weather{HoldUp: up, HoldDown: down}) }},
			change{at + lasts, func(w *ways) { w.roads[holes].Set(road.Weather{}) }})
		at += lasts + between(random, 0, length/4)
	}
	for at := between(random, 0, length/4); at < length; at += between(random, length/20, length/4) {
		refuse := pick(random, []road.Kind{}, []road.Kind{road.WebSockets}, []road.Kind{road.EventStreams}, []road.Kind{road.WebSockets, road.EventStreams})
		changes = append(changes, change{at, func(w *ways) { w.gate.Refuse(refuse...) }})
	}
	return changes
}

// play carries the changes out, each at its time, until ctx ends.
func (w *ways) play(ctx context.Context, begun time.Time, changes []change) {
	for _, c := range changes {
		if !later(ctx, time.Until(begun.Add(c.at))) {
			return
		}
		c.make(w)
	}
}
