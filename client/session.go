package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// steady is how long a link must have lasted for its loss to be met with an immediate attempt,
// whatever came over it.
const steady = 10 * time.Second

// linger is how long a link is kept that nothing needs.
const linger = 15 * time.Second

// errRestart ends a link whose stream of events cannot be trusted: a new one starts from the cursors.
var errRestart = errors.New("the events came with a hole; asking for them again")

// session is what run knows from one link to the next.
type session struct {
	c       *Client
	wait    backoff
	shaky   int       // WebSocket links in a row that were lost before anything came
	avoid   time.Time // until then WebSocket is not tried first
	better  link      // a link over the preferred transport, found while on a fallback
	lastErr error
}

// run keeps a link for as long as anything needs one.
func (c *Client) run() {
	s := &session{c: c, wait: backoff{min: c.cfg.backoffMin, max: c.cfg.backoffMax}}
	for {
		for !c.needed() {
			s.tell(State{Status: Idle})
			select {
			case <-c.wake:
			case <-c.life.Done():
				s.finish()
				return
			}
		}
		l := s.better
		s.better = nil
		if l == nil {
			l = s.connect()
		}
		if c.life.Err() != nil {
			if l != nil {
				l.close(protocol.CloseNormal, "")
			}
			s.finish()
			return
		}
		if l != nil {
			s.hold(l)
		}
	}
}

func (s *session) finish() {
	if s.better != nil {
		s.better.close(protocol.CloseNormal, "")
	}
	s.c.fail(context.Cause(s.c.life))
}

// connect waits its turn and makes one attempt, over each transport in order. It gives nil when
// that failed, or when nobody needs a link any more.
func (s *session) connect() link {
	c := s.c
	if delay := s.wait.next(); delay > 0 {
		s.tell(State{Status: Waiting, Attempt: s.wait.attempt, RetryIn: delay, Err: s.lastErr})
		if !s.pause(delay) {
			return nil
		}
	}
	s.tell(State{Status: Connecting, Attempt: s.wait.attempt, Err: s.lastErr})
	var first error
	for _, t := range s.order() {
		l, err := c.dial(c.life, t)
		if err == nil {
			return l
		}
		if c.life.Err() != nil {
			return nil
		}
		// What forbids one way may stand in between; only if every way is forbidden is it the client that is
		// not wanted. A way that failed otherwise is worth another attempt.
		if first == nil || forbidden(first) && !forbidden(err) {
			first = err
		}
		var failed *dialError
		if errors.As(err, &failed) && failed.refused {
			first = err
			break
		}
		if unreachable(err) {
			break
		}
	}
	s.failed(first)
	return nil
}

// forbidden reports whether an attempt was answered so.
func forbidden(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == protocol.Forbidden
}

// pause waits before an attempt, and reports whether the attempt is still wanted.
func (s *session) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return s.c.needed()
		case <-s.c.wake:
			if !s.c.needed() {
				return false
			}
		case <-s.c.life.Done():
			return false
		}
	}
}

// order is the transports to try now, the most promising first.
func (s *session) order() []Transport {
	all := s.c.cfg.transports
	if len(all) < 2 || all[0] != WebSocket || time.Now().After(s.avoid) {
		return all
	}
	return append(append([]Transport{}, all[1:]...), WebSocket)
}

// failed decides what a failed attempt means for those who wait.
func (s *session) failed(err error) {
	c := s.c
	s.lastErr = err
	var refused *Error
	var closed *CloseError
	switch {
	case errors.As(err, &refused) && (refused.Code == protocol.Unauthenticated || refused.Code == protocol.Forbidden):
		if refused.Code == protocol.Forbidden || c.renew() != nil {
			c.fail(refused)
		}
	case errors.As(err, &refused) && refused.RetryAfter > 0:
		s.pause(refused.RetryAfter + rand.N(refused.RetryAfter/4+1))
	case errors.As(err, &closed) && closed.Code == protocol.CloseCredential:
		if err := c.renew(); err != nil {
			c.fail(err)
		}
	case errors.As(err, &closed) && !reconnects(closed.Code):
		c.fail(closed)
	case errors.Is(err, ErrCredential):
		c.fail(err)
	case c.cfg.maxAttempts > 0 && s.wait.attempt >= c.cfg.maxAttempts:
		s.wait.reset()
		c.fail(err)
	}
}

// renew asks for another credential; ErrCredential tells that there is none.
func (c *Client) renew() error {
	ctx, cancel := context.WithTimeout(c.life, c.cfg.handshakeTimeout)
	defer cancel()
	_, err := c.credential(ctx, true)
	return err
}

// reconnects says which close codes a client comes back after.
func reconnects(code int) bool {
	switch code {
	case protocol.CloseProtocol, protocol.CloseBinary, protocol.CloseInvalidUTF8, protocol.ClosePolicy, protocol.CloseTooLarge:
		return false
	}
	return true
}

// hold serves everybody over l until it is lost, or better is found.
func (s *session) hold(l link) {
	c := s.c
	began := time.Now()
	s.tell(State{Status: Connected, Transport: l.transport(), Attempt: s.wait.attempt})
	// Not of the client's life: at its end the link is closed, with a word to the server.
	ctx, cancel := context.WithCancelCause(context.Background())
	lost := c.attach(l)
	d := &dispatcher{c: c, link: l, ctx: ctx}

	var helpers sync.WaitGroup
	helpers.Add(1)
	go func() {
		defer helpers.Done()
		c.synchronize(ctx, l)
	}()
	found := make(chan link, 1)
	if l.transport() != c.cfg.transports[0] {
		helpers.Add(1)
		go func() {
			defer helpers.Done()
			if better := s.probe(ctx); better != nil {
				found <- better
				l.close(protocol.CloseNormal, "")
			}
		}()
	}
	// A link nobody needs is given up: it would cost the server a connection.
	helpers.Add(1)
	go func() {
		defer helpers.Done()
		if c.unneeded(ctx) {
			l.close(protocol.CloseNormal, "")
		}
	}()
	stop := context.AfterFunc(c.life, func() { l.close(protocol.CloseNormal, "") })

	err := l.read(ctx, d.frame)
	stop()
	cancel(err)
	c.detach(lost)
	l.close(protocol.CloseNormal, "")
	helpers.Wait()
	select {
	case s.better = <-found:
	default:
	}
	if c.life.Err() != nil || s.better != nil || !c.needed() {
		s.wait.reset()
		s.lastErr = nil
		return
	}
	s.lost(l, err, time.Since(began), d.messages)
}

// lost decides how soon to come back after a link that lasted so long.
func (s *session) lost(l link, err error, lasted time.Duration, messages int) {
	s.lastErr = err
	if l.transport() == WebSocket && len(s.c.cfg.transports) > 1 {
		var closed *CloseError
		if messages > 0 || errors.As(err, &closed) {
			s.shaky = 0
		} else if s.shaky++; s.shaky >= 2 {
			// Something lets the handshake through and nothing else.
			s.shaky, s.avoid = 0, time.Now().Add(s.c.cfg.probeInterval)
		}
	}
	switch {
	case lasted >= steady, messages > 0 && lasted >= time.Second:
		s.wait.reset()
	case messages > 0:
		s.wait.attempt = 1 // a server that falls over at every connect must not be met with a loop
	}
	var refused *Error
	if errors.As(err, &refused) && refused.RetryAfter > 0 {
		s.pause(refused.RetryAfter)
	}
	var closed *CloseError
	if !errors.As(err, &closed) {
		return
	}
	switch closed.Code {
	case protocol.CloseGoingAway, protocol.CloseRestart:
		// Every client of a server that restarts is told at the same moment.
		s.pause(s.wait.jitter(s.wait.min))
	case protocol.CloseRateLimited:
		s.pause(retryAfter(closed.Reason, s.wait.max))
	case protocol.CloseCredential:
		if err := s.c.renew(); err != nil {
			s.c.fail(err)
		}
	default:
		if !reconnects(closed.Code) {
			s.c.fail(closed)
		}
	}
}

// probe tries the preferred transport now and then until it works.
func (s *session) probe(ctx context.Context) link {
	every := s.c.cfg.probeInterval
	for {
		if sleep(ctx, every*3/4+rand.N(every/2+1)) != nil {
			return nil
		}
		l, err := s.c.dial(ctx, s.c.cfg.transports[0])
		if err == nil {
			if ctx.Err() != nil {
				l.close(protocol.CloseNormal, "")
				return nil
			}
			return l
		}
		every = min(2*every, 10*s.c.cfg.probeInterval)
	}
}

func (s *session) tell(state State) {
	if s.c.cfg.onState != nil {
		s.c.cfg.onState(state)
	}
}

// attach makes l the link everything uses.
func (c *Client) attach(l link) (lost chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lost = make(chan struct{})
	c.link, c.linkLost = l, lost
	for _, t := range c.topics {
		t.phase = idle
	}
	c.watch.lostLocked()
	c.system.asked = 0
	for w := range c.waiters {
		w.link, w.lost = l, lost
		delete(c.waiters, w)
		close(w.ready)
	}
	poke(c.resync)
	return lost
}

func (c *Client) detach(lost chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = nil
	for _, t := range c.topics {
		t.phase = idle
	}
	close(lost)
}

// fail ends everything that waits for the server with err. The client itself lives on: whoever
// needs it next makes it try again.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for w := range c.waiters {
		w.err = err
		delete(c.waiters, w)
		close(w.ready)
	}
	for _, t := range c.topics {
		c.failTopicLocked(t, err)
	}
	c.watch.failLocked(err)
	c.system.failLocked(err)
}

// unneeded waits until nothing has needed a link for a while, and reports whether that came before
// ctx ended.
func (c *Client) unneeded(ctx context.Context) bool {
	for idle := false; ; {
		if sleep(ctx, linger) != nil {
			return false
		}
		was := idle
		if idle = !c.needed(); idle && was {
			return true
		}
	}
}
