package auth

import (
	"net/netip"
	"sync"
	"time"
)

// How many failed attempts an address has at once, and how soon it gets another. No number of
// guesses finds 256 random bits; this keeps the log readable and the processor free.
const (
	failureBurst  = 300
	failureRefill = 200 * time.Millisecond
)

// maxAddresses bounds the addresses that are remembered.
const maxAddresses = 8192

// failures is a token bucket per address for failed sign-ins.
type failures struct {
	mu     sync.Mutex
	spent  map[string]time.Time // until when the address pays back what it spent
	limit  time.Duration        // how far ahead that may lie
	refill time.Duration
}

func newFailures() *failures {
	return &failures{spent: map[string]time.Time{}, limit: failureBurst * failureRefill, refill: failureRefill}
}

// note counts a failure. ok is false when there were too many, wait says how long until the next
// one is answered properly again. Without an address nothing is counted.
func (f *failures) note(address string) (wait time.Duration, ok bool) {
	if address == "" {
		return 0, true
	}
	key := addressKey(address)
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	until, known := f.spent[key]
	if !known && len(f.spent) >= maxAddresses {
		f.makeRoomLocked(now)
	}
	if until.Before(now) {
		until = now
	}
	next := until.Add(f.refill)
	if over := next.Sub(now) - f.limit; over > 0 {
		return over, false
	}
	f.spent[key] = next
	return 0, true
}

// makeRoomLocked forgets every address that has paid back, or else any one.
func (f *failures) makeRoomLocked(now time.Time) {
	for key, until := range f.spent {
		if !until.After(now) {
			delete(f.spent, key)
		}
	}
	if len(f.spent) < maxAddresses {
		return
	}
	for key := range f.spent {
		delete(f.spent, key)
		return
	}
}

// addressKey is the address, or for IPv6 the network of it that one customer gets.
func addressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return network.String()
}
