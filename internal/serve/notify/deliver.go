package notify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	firstRetry   = 5 * time.Second
	longestRetry = time.Hour
	giveUpAfter  = 3 * 24 * time.Hour // from the message's beginning, and not before minAttempts
	minAttempts  = 10
	sendTimeout  = 30 * time.Second
	storm        = 3 // so many of a rule at once over a channel become one message
)

// deliver sends what the outbox holds, channel by channel, until the notifier stops.
func (n *Notifier) deliver() {
	for n.ctx.Err() == nil {
		now := time.Now()
		n.box.tidy(now)
		wait := n.deliverDue(now)
		select {
		case <-n.box.wake:
		case <-time.After(wait):
		case <-n.ctx.Done():
		}
	}
}

// deliverDue sends what is due and gives how long nothing more will be.
func (n *Notifier) deliverDue(now time.Time) (wait time.Duration) {
	all := n.box.list()
	slices.Reverse(all) // the oldest first
	type stream struct{ channel, rule string }
	due, sent := map[stream][]Delivery{}, map[stream][]time.Time{}
	wait = time.Minute
	for _, d := range all {
		key := stream{d.Channel, d.Rule}
		switch {
		case d.State == Sent && now.Sub(d.Updated) < time.Hour:
			sent[key] = append(sent[key], d.Updated)
		case d.State == Pending && d.Next.After(now):
			wait = min(wait, d.Next.Sub(now))
		case d.State == Pending:
			due[key] = append(due[key], d)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(due), func(a, b stream) int {
		return strings.Compare(a.channel+"\x00"+a.rule, b.channel+"\x00"+b.rule)
	}) {
		batch := due[key]
		room := batch[0].AtMost - len(sent[key])
		if room <= 0 { // the oldest of the hour makes room when it is an hour old
			wait = min(wait, max(time.Hour-now.Sub(slices.MinFunc(sent[key], time.Time.Compare)), time.Second))
			continue
		}
		if fresh := slices.ContainsFunc(batch, func(d Delivery) bool { return d.Attempts > 0 }); !fresh && (len(batch) > storm || len(batch) > room) {
			joined, err := n.join(batch)
			if err != nil {
				n.log.Error("notifications can't be joined into one", "error", err)
				continue
			}
			batch = []Delivery{joined}
		}
		for _, d := range batch {
			if n.ctx.Err() != nil {
				return 0
			}
			n.attempt(d)
		}
		wait = min(wait, firstRetry)
	}
	return wait
}

// join makes one message of many, durably, before any of them counts as part of it.
func (n *Notifier) join(batch []Delivery) (Delivery, error) {
	titles := make([]string, 0, len(batch))
	ids := make([]string, 0, len(batch))
	for _, d := range batch {
		titles, ids = append(titles, "• "+d.Message.Title), append(ids, d.Message.ID)
	}
	joined := batch[len(batch)-1]
	joined.Message = Message{
		ID: idOf(append([]string{"joined", joined.Channel}, ids...)...), Kind: joined.Message.Kind,
		Title: fmt.Sprintf("%d messages: %s and more", len(batch), batch[0].Message.Title),
		Body:  plain(strings.Join(titles, "\n"), 2000), Link: n.opts.Link(""), CreatedAt: time.Now().UTC(),
	}
	if err := n.box.add(joined); err != nil {
		return joined, err
	}
	for _, id := range ids {
		if err := n.box.change(id, func(d *Delivery) { d.State, d.Into = Joined, joined.Message.ID }); err != nil {
			return joined, err
		}
	}
	return joined, nil
}

// attempt sends one message and notes what came of it. A message that was taken in the moment of a
// crash is sent again under the same id.
func (n *Notifier) attempt(d Delivery) {
	ctx, cancel := context.WithTimeout(n.ctx, sendTimeout)
	defer cancel()
	c, err := n.config.current().channel(d.Channel)
	if err == nil {
		err = c.send(ctx, d.Message)
	}
	if n.ctx.Err() != nil {
		return // the next start tries again
	}
	now := time.Now()
	change := n.box.change(d.Message.ID, func(d *Delivery) {
		d.Attempts++
		switch {
		case err == nil:
			d.State, d.Error = Sent, ""
		case now.Sub(d.Message.CreatedAt) > giveUpAfter && d.Attempts >= minAttempts:
			d.State, d.Error = Failed, plain(err.Error(), 500)
		default:
			d.Next, d.Error = now.Add(backoff(d.Attempts)), plain(err.Error(), 500)
		}
	})
	if err != nil {
		n.log.Warn("a notification could not be sent", "channel", d.Channel, "message", d.Message.ID, "attempt", d.Attempts+1, "error", err)
	}
	if change != nil {
		n.log.Error("what came of a notification could not be saved; it may be sent again", "message", d.Message.ID, "error", change)
	}
}

func backoff(attempts int) time.Duration {
	wait := firstRetry
	for range attempts - 1 {
		wait = min(2*wait, longestRetry)
	}
	return wait
}
