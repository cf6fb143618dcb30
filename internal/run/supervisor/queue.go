package supervisor

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// queue decides who may run. It starts nothing and takes no lock: the supervisor's guards it.
//
// Executions of one agent start in the order of their ids, which is that of their creation. Of
// several agents with room, the oldest execution comes first.
type queue struct {
	open       bool                 // whether anything is started at all
	held       string               // why nothing is started for now, for people; empty: nothing holds it up
	drained    string               // the same, for as long as this server lives
	maxRunning int                  // below 0: no limit
	accounts   map[string]time.Time // whose usage limit is reached, and until when
	timed      int                  // of those that wait: how many may not start before some time
	limit      func(agent string) (limit int, known bool)

	lanes    map[string]*lane
	waiting  int
	running  int // between leaving a lane and the last event
	entering int // counted by admit, not in a lane yet
}

// lane is the line of one agent.
type lane struct {
	waiting  []*live // by id
	running  int
	entering int
	limit    int // as last known; 0: none of its own
}

// limitOfUnknown is for executions that wait for an agent whose definition is gone: nobody can say
// whether they get on with each other.
const limitOfUnknown = 1

func newQueue(maxRunning int, limit func(string) (int, bool)) queue {
	return queue{maxRunning: maxRunning, limit: limit, lanes: make(map[string]*lane)}
}

func (q *queue) lane(agent string) *lane {
	l := q.lanes[agent]
	if l == nil {
		l = &lane{limit: limitOfUnknown}
		q.lanes[agent] = l
	}
	if limit, known := q.limit(agent); known {
		l.limit = limit
	}
	return l
}

// sweep forgets a lane that nothing is in.
func (q *queue) sweep(agent string) {
	if l := q.lanes[agent]; l != nil && len(l.waiting) == 0 && l.running == 0 && l.entering == 0 {
		delete(q.lanes, agent)
	}
}

func (l *lane) room(more int) bool { return l.limit <= 0 || l.running+more < l.limit }

func (q *queue) room(more int) bool { return q.maxRunning < 0 || q.running+more < q.maxRunning }

// admit keeps a place for an execution that is being stored. It refuses one that would have to
// wait when maxQueued wait already.
func (q *queue) admit(agent string, maxQueued int) bool {
	l := q.lane(agent)
	// Whoever waits with room in its lane waits for the limit of all, so there is no room then.
	starts := q.reason() == "" && l.room(len(l.waiting)+l.entering) && q.room(q.entering)
	if !starts && maxQueued >= 0 && q.waiting+q.entering >= maxQueued {
		q.sweep(agent)
		return false
	}
	l.entering++
	q.entering++
	return true
}

// leave gives back a place that admit kept.
func (q *queue) leave(agent string) {
	q.lane(agent).entering--
	q.entering--
	q.sweep(agent)
}

// reason is why nothing is started, for people; empty when nothing holds the queue up.
func (q *queue) reason() string { return cmp.Or(q.drained, q.held) }

func byID(l *live, id string) int { return strings.Compare(l.id, id) }

// push lets an execution wait.
func (q *queue) push(e *live) {
	l := q.lane(e.agent)
	at, _ := slices.BinarySearchFunc(l.waiting, e.id, byID)
	l.waiting = slices.Insert(l.waiting, at, e)
	q.waiting++
	q.time(e, 1)
	e.phase = waiting
}

// remove takes a waiting execution out, and reports whether it was waiting.
func (q *queue) remove(e *live) bool {
	l := q.lane(e.agent)
	defer q.sweep(e.agent)
	at, found := slices.BinarySearchFunc(l.waiting, e.id, byID)
	if !found {
		return false
	}
	l.waiting = slices.Delete(l.waiting, at, at+1)
	q.waiting--
	q.time(e, -1)
	e.phase = leaving
	return true
}

// next takes out the execution that starts now, nil when none may.
func (q *queue) next(now time.Time) *live {
	if !q.open || q.reason() != "" || q.waiting == 0 || !q.room(0) {
		return nil
	}
	var first *lane
	place := 0
	for agent := range q.lanes {
		l := q.lane(agent)
		if len(l.waiting) == 0 || !l.room(0) {
			continue
		}
		at := 0
		if q.isTimed() {
			at = slices.IndexFunc(l.waiting, func(e *live) bool { return !q.until(e).After(now) })
		}
		if at >= 0 && (first == nil || l.waiting[at].id < first.waiting[place].id) {
			first, place = l, at
		}
	}
	if first == nil {
		return nil
	}
	e := first.waiting[place]
	if place == 0 {
		first.waiting[0] = nil
		first.waiting = first.waiting[1:]
	} else {
		first.waiting = slices.Delete(first.waiting, place, place+1)
	}
	q.waiting--
	q.time(e, -1)
	q.occupy(e)
	return e
}

// time counts those that wait and may not start before some time.
func (q *queue) time(e *live, more int) {
	if !e.notBefore.IsZero() {
		q.timed += more
	}
}

func (q *queue) isTimed() bool { return q.timed > 0 || len(q.accounts) > 0 }

// until is when an execution may start as far as time goes.
func (q *queue) until(e *live) time.Time {
	if held := q.accounts[e.account]; e.account != "" && held.After(e.notBefore) {
		return held
	}
	return e.notBefore
}

// hold holds back what uses an account until the time when it may be used again.
func (q *queue) hold(account string, until time.Time) {
	if q.accounts == nil {
		q.accounts = map[string]time.Time{}
	}
	if until.After(q.accounts[account]) {
		q.accounts[account] = until
	}
}

// wake is the next time at which something that waits may start; zero when none waits for a time.
func (q *queue) wake(now time.Time) (next time.Time) {
	for account, until := range q.accounts {
		if !until.After(now) {
			delete(q.accounts, account)
		}
	}
	if !q.isTimed() {
		return time.Time{}
	}
	for _, l := range q.lanes {
		for _, e := range l.waiting {
			if until := q.until(e); until.After(now) && (next.IsZero() || until.Before(next)) {
				next = until
			}
		}
	}
	return next
}

// why is why an execution waits, for people; empty when it only waits for its turn.
func (q *queue) why(e *live, now time.Time) string {
	if reason := q.reason(); reason != "" {
		return reason
	}
	until := q.until(e)
	if !until.After(now) {
		return ""
	}
	text := "waiting until " + until.Local().Format("15:04 on 2 January")
	if q.accounts[e.account].Equal(until) && e.account != "" {
		text += ": the usage limit of its account is reached"
	}
	return text
}

// occupy counts an execution as running, whatever the limits say.
func (q *queue) occupy(e *live) {
	q.lane(e.agent).running++
	q.running++
	e.phase = active
}

// release ends what occupy began.
func (q *queue) release(e *live) {
	if e.phase == active {
		q.lane(e.agent).running--
		q.running--
	}
	e.phase = over
	q.sweep(e.agent)
}

// position is an execution's place in line, 1 for the next; 0 when it does not wait. While its
// agent's own limit holds it, it stands in that agent's line. Otherwise only the limit of all
// holds it, and everything older that is held by no other limit is before it.
func (q *queue) position(e *live) int {
	if e.phase != waiting {
		return 0
	}
	own := q.lanes[e.agent]
	at, _ := slices.BinarySearchFunc(own.waiting, e.id, byID)
	position := at + 1
	if !own.room(0) {
		return position
	}
	for agent, other := range q.lanes {
		if agent == e.agent || len(other.waiting) == 0 || !other.room(0) {
			continue
		}
		before, _ := slices.BinarySearchFunc(other.waiting, e.id, byID)
		position += before
	}
	return position
}
