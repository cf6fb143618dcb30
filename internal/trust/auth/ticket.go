package auth

import (
	"errors"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// TicketLife is how long a ticket can be redeemed. It may stand in an address, so it is short.
const TicketLife = 30 * time.Second

// StartTicketLife is how long the ticket can be redeemed that a server prints when it starts, to the
// terminal of whoever started it: long enough for somebody who sees the program for the first time.
const StartTicketLife = 10 * time.Minute

// maxTickets bounds the tickets of one user that wait to be redeemed.
const maxTickets = 1000

// tickets are credentials for one use, in memory only: a restart voids them.
type tickets struct {
	mu      sync.Mutex
	waiting map[string]ticket // by digest
	held    map[string]int    // by user
	swept   time.Time
}

type ticket struct {
	principal Principal
	expires   time.Time
}

func newTickets() *tickets {
	return &tickets{waiting: map[string]ticket{}, held: map[string]int{}}
}

// IssueTicket gives p a ticket that stands for it once, within TicketLife.
func (a *Authenticator) IssueTicket(p Principal) (string, time.Time, error) {
	return a.IssueTicketFor(p, TicketLife)
}

// IssueTicketFor is IssueTicket with a life of its own.
func (a *Authenticator) IssueTicketFor(p Principal, life time.Duration) (string, time.Time, error) {
	if err := errors.Join(a.Check(p), p.noSession()); err != nil {
		return "", time.Time{}, err
	}
	now := time.Now()
	expires := now.Add(life)
	if !p.Expires.IsZero() && p.Expires.Before(expires) {
		expires = p.Expires
	}
	t := a.tickets
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.swept) >= time.Second || t.held[p.ID] >= maxTickets {
		t.sweepLocked(now)
	}
	if t.held[p.ID] >= maxTickets {
		return "", time.Time{}, fault.New(protocol.LimitReached, "%d tickets wait to be redeemed: use them, or wait %s", maxTickets, life)
	}
	secret := randomToken()
	t.waiting[digest(secret)] = ticket{p, expires}
	t.held[p.ID]++
	return secret, expires, nil
}

// RedeemTicket turns a ticket into the principal it was issued to. Of any number of attempts with
// the same ticket one succeeds.
func (a *Authenticator) RedeemTicket(secret string) (Principal, error) {
	t := a.tickets
	t.mu.Lock()
	key := digest(secret)
	found, ok := t.waiting[key]
	if ok {
		t.removeLocked(key, found)
	}
	t.mu.Unlock()
	if !ok || !time.Now().Before(found.expires) {
		return Principal{}, refuse(nil, "the link was used already or has expired: `claudeops open` gives a new one, `claudeops token` a token to sign in with")
	}
	if err := a.Check(found.principal); err != nil {
		return Principal{}, err
	}
	return found.principal, nil
}

func (t *tickets) removeLocked(key string, found ticket) {
	delete(t.waiting, key)
	if t.held[found.principal.ID]--; t.held[found.principal.ID] <= 0 {
		delete(t.held, found.principal.ID)
	}
}

func (t *tickets) sweepLocked(now time.Time) {
	t.swept = now
	for key, found := range t.waiting {
		if !now.Before(found.expires) {
			t.removeLocked(key, found)
		}
	}
}
