package gateway

import (
	"context"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// users keeps what is counted per caller and not per connection: how many connections, how many
// messages, and which executions end when the caller stays away.
type users struct {
	live *live

	mu      sync.Mutex // guards what follows
	total   int
	byID    map[string]*user
	cancels sync.WaitGroup
	closed  bool
}

type user struct {
	connections int // admitted
	present     int // authenticated connections and streams
	limiter     *rate.Limiter
	ephemeral   map[string]struct{} // executions that end when the caller stays away
	away        *time.Timer
}

func newUsers(l *live) *users { return &users{live: l, byID: map[string]*user{}} }

func (u *users) getLocked(id string) *user {
	one := u.byID[id]
	if one == nil {
		per := u.live.limits.UserMessagesPerSecond
		one = &user{limiter: rate.NewLimiter(rate.Limit(per), int(2*per))}
		u.byID[id] = one
	}
	return one
}

func (u *users) tidyLocked(id string) {
	one := u.byID[id]
	if one != nil && one.connections <= 0 && one.present <= 0 && len(one.ephemeral) == 0 {
		delete(u.byID, id)
	}
}

// admit counts a connection, of a user when the caller is known already.
func (u *users) admit(p auth.Principal, known bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.total >= u.live.limits.MaxConnections {
		return fault.New(protocol.LimitReached, "the server has its %d connections; try again later", u.live.limits.MaxConnections)
	}
	if known {
		if err := u.admitUserLocked(p); err != nil {
			return err
		}
	}
	u.total++
	return nil
}

// admitUser counts an admitted connection to the user it turned out to be.
func (u *users) admitUser(p auth.Principal) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.admitUserLocked(p)
}

func (u *users) admitUserLocked(p auth.Principal) error {
	one := u.getLocked(p.ID)
	if one.connections >= u.live.limits.MaxConnectionsPerUser {
		return fault.New(protocol.LimitReached, "this user has %d connections, the most allowed; close one first", one.connections)
	}
	one.connections++
	return nil
}

// dismiss takes back what admit counted.
func (u *users) dismiss(p auth.Principal, known bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.total--
	if known {
		if one := u.byID[p.ID]; one != nil {
			one.connections--
		}
		u.tidyLocked(p.ID)
	}
}

// arrive says that the caller is there, leave that one of its connections is gone.
func (u *users) arrive(p auth.Principal) {
	u.mu.Lock()
	defer u.mu.Unlock()
	one := u.getLocked(p.ID)
	one.present++
	if one.away != nil {
		if one.away.Stop() {
			u.cancels.Done()
		}
		one.away = nil
	}
}

func (u *users) leave(p auth.Principal) {
	u.mu.Lock()
	defer u.mu.Unlock()
	one := u.getLocked(p.ID)
	one.present--
	u.watchAbsenceLocked(p.ID, one)
	u.tidyLocked(p.ID)
}

// endWithCaller makes an execution end when the caller stays away.
func (u *users) endWithCaller(id, executionID string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	one := u.getLocked(id)
	if one.ephemeral == nil {
		one.ephemeral = map[string]struct{}{}
	}
	one.ephemeral[executionID] = struct{}{}
	u.watchAbsenceLocked(id, one)
}

func (u *users) watchAbsenceLocked(id string, one *user) {
	if one.present > 0 || len(one.ephemeral) == 0 || one.away != nil || u.closed {
		return
	}
	grace := time.Duration(u.live.limits.DisconnectGraceMs) * time.Millisecond
	u.cancels.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(grace, func() {
		defer u.cancels.Done()
		u.mu.Lock()
		if one.away != timer || one.present > 0 {
			u.mu.Unlock()
			return
		}
		ids := one.ephemeral
		one.ephemeral, one.away = nil, nil
		u.tidyLocked(id)
		u.mu.Unlock()
		for executionID := range ids {
			ctx, cancel := context.WithTimeout(u.live.ctx, 10*time.Second)
			_, err := u.live.executions.Cancel(ctx, executionID, id, "its caller stayed away")
			cancel()
			if err != nil {
				u.live.log.Warn("execution of an absent caller could not be cancelled", "executionId", executionID, "error", err)
			}
		}
	})
	one.away = timer
}

func (u *users) close() {
	u.mu.Lock()
	u.closed = true
	for _, one := range u.byID {
		if one.away != nil && one.away.Stop() {
			u.cancels.Done()
		}
	}
	u.mu.Unlock()
	u.cancels.Wait()
}

// counts gives how many connections there are in all, and of how many users.
func (u *users) counts() (connections, users int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.total, len(u.byID)
}

// unlimited is for callers that are counted by user alone.
var unlimited = rate.NewLimiter(rate.Inf, 0)

type verdict int

const (
	within   verdict = iota
	exceeded         // this message is refused
	persists         // it goes on and on: hang up
)

// connectionRate is the token bucket of one connection, made with its first message. It is used by
// its reader alone.
type connectionRate struct {
	limiter *rate.Limiter
	strikes int
}

// maxStrikes is how many messages in a row a client may have refused before it is cut off.
const maxStrikes = 200

// allow takes a message from the connection's bucket and from its user's.
func (r *connectionRate) allow(u *users, p *auth.Principal) (retry time.Duration, v verdict) {
	now := time.Now()
	if r.limiter == nil {
		l := u.live.limits
		r.limiter = rate.NewLimiter(rate.Limit(l.MessagesPerSecond), l.MessageBurst)
	}
	retry = delayOf(r.limiter, now)
	if retry == 0 && p != nil {
		u.mu.Lock()
		limiter := u.getLocked(p.ID).limiter
		u.mu.Unlock()
		retry = delayOf(limiter, now)
	}
	if retry == 0 {
		r.strikes = 0
		return 0, within
	}
	if r.strikes++; r.strikes > maxStrikes {
		return retry, persists
	}
	return retry, exceeded
}

// delayOf takes a token, or says when there will be one and takes none.
func delayOf(l *rate.Limiter, now time.Time) time.Duration {
	reservation := l.ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

func rateLimited(retry time.Duration) error {
	return fault.New(protocol.RateLimited, "too many messages; wait %d ms", retryMs(retry)).With(fault.Retry{AfterMs: retryMs(retry)})
}

func retryMs(d time.Duration) int64 { return max(1, (d + time.Millisecond - 1).Milliseconds()) }

func retryReason(d time.Duration) string {
	return "too many messages; retryAfterMs=" + strconv.FormatInt(max(1000, retryMs(d)), 10)
}
