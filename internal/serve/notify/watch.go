package notify

import (
	"fmt"
	"path"
	"strconv"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
)

const (
	// look is how often is looked for what no event tells: a run that goes on, an agent without
	// success, a full disk, a changed file.
	look = 5 * time.Second
	// overlap is how far before the marker a start looks: executions end side by side, and their
	// ends are taken in any order.
	overlap = 10 * time.Minute
)

// watch turns events, and what time alone tells, into messages until the notifier stops.
func (n *Notifier) watch() {
	n.catchUp()
	tick := time.NewTicker(look)
	defer tick.Stop()
	n.look(time.Now())
	for {
		select {
		case <-n.ctx.Done():
			n.flush()
			return
		case <-n.signal:
			n.handleArrived()
		case now := <-tick.C:
			n.config.reload()
			n.flush()
			n.look(now)
		}
	}
}

func (n *Notifier) flush() {
	if err := n.box.flush(); err != nil {
		n.log.Error("how far executions were looked at for notifications can't be saved; the next start looks again", "error", err)
	}
}

func (n *Notifier) handleArrived() {
	for _, a := range n.take() {
		var err error
		switch {
		case a.event.Terminal():
			err = n.ended(a.rec)
			if err == nil && a.rec.EndedAt != nil {
				n.box.handled(*a.rec.EndedAt)
			}
		case a.event.Type == execution.TypeApproval:
			err = n.approvals(a.rec)
		case a.event.Type == execution.TypeCost:
			err = n.cost(a.rec)
		}
		if err != nil && n.ctx.Err() == nil {
			n.log.Error("a notification could not be made; the next start makes up for it", "execution", a.rec.ExecutionID, "error", err)
		}
	}
}

// catchUp makes the messages of what ended while no server watched, or while the last one died.
func (n *Notifier) catchUp() {
	records, err := n.opts.Runs.EndedSince(n.ctx, n.box.watched().Handled.Add(-overlap))
	if err != nil {
		if n.ctx.Err() == nil {
			n.log.Error("what ended while nothing was watched can't be read; no notification is made of it", "error", err)
		}
		return
	}
	since := n.box.watched().Since
	for _, rec := range records {
		if rec.EndedAt == nil || rec.EndedAt.Before(since) {
			continue
		}
		if err := n.ended(rec); err != nil && n.ctx.Err() == nil {
			n.log.Error("a notification could not be made", "execution", rec.ExecutionID, "error", err)
		}
	}
}

// ended makes the messages of an execution that has ended.
func (n *Notifier) ended(rec execution.Record) error {
	switch rec.Status {
	case execution.Failed:
		if err := n.about(Failure, rec, rec.ExecutionID); err != nil {
			return err
		}
	case execution.Completed:
		if err := n.about(Success, rec, rec.ExecutionID); err != nil {
			return err
		}
		if n.wanted(Recovery, rec.AgentType) {
			before, err := n.opts.Runs.Last(n.ctx, rec.AgentType, 20, execution.Completed, execution.Failed)
			if err != nil {
				return err
			}
			for _, r := range before { // the newest first
				if r.ExecutionID >= rec.ExecutionID { // ids grow with time
					continue
				}
				if r.Status == execution.Failed {
					err = n.about(Recovery, rec, rec.ExecutionID)
				}
				if err != nil {
					return err
				}
				break
			}
		}
	}
	return n.cost(rec)
}

func (n *Notifier) cost(rec execution.Record) error {
	return n.each(CostOver, rec.AgentType, func(rule Rule, _ Agent) error {
		if rec.Cost <= rule.USD {
			return nil
		}
		return n.add(rule, rec, fmt.Sprint(rec.ExecutionID, rule.USD), nil)
	})
}

// approvals makes the messages of what an execution waits for.
func (n *Notifier) approvals(rec execution.Record) error {
	for _, p := range rec.PendingApprovals {
		err := n.each(Approval, rec.AgentType, func(rule Rule, _ Agent) error {
			title := rec.AgentType + " asks: may it use " + p.Tool + "?"
			if p.Title != "" {
				title = rec.AgentType + " asks: " + p.Title
			} else if p.Tool == "" {
				title = rec.AgentType + " asks a question"
			}
			m := Message{RequestID: p.RequestID, Title: plain(title, 200), Body: plain(string(p.Input), 1000)}
			return n.put(rule, rec, m, rec.ExecutionID+"/"+p.RequestID)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// look makes the messages of what time alone tells.
func (n *Notifier) look(now time.Time) {
	if config, _ := n.config.state(); len(config.Rules) == 0 {
		return // most servers have none, and should not pay for them
	}
	active, err := n.opts.Runs.Active(n.ctx)
	if err == nil {
		err = n.ofActive(active, now)
	}
	if err == nil {
		err = n.noSuccess(now)
	}
	if err == nil {
		err = n.diskLow(now)
	}
	if err != nil && n.ctx.Err() == nil {
		n.log.Error("a notification could not be made; it is tried again", "error", err)
	}
}

// ofActive makes the messages of what waits and of what has gone on for long.
func (n *Notifier) ofActive(active []execution.Record, now time.Time) error {
	for _, rec := range active {
		if err := n.approvals(rec); err != nil { // of those that were asked while no server watched
			return err
		}
		err := n.each(RunningLonger, rec.AgentType, func(rule Rule, _ Agent) error {
			if rec.StartedAt == nil || now.Sub(*rec.StartedAt) < time.Duration(rule.After) {
				return nil
			}
			return n.add(rule, rec, rec.ExecutionID+rule.After.text(), nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *Notifier) noSuccess(now time.Time) error {
	for _, agent := range n.opts.Agents() {
		err := n.each(NoSuccess, agent.Name, func(rule Rule, a Agent) error {
			last, err := n.opts.Runs.Last(n.ctx, a.Name, 1, execution.Completed)
			if err != nil {
				return err
			}
			since := n.box.watched().Since
			if len(last) > 0 && last[0].EndedAt != nil && last[0].EndedAt.After(since) {
				since = *last[0].EndedAt
			}
			if now.Sub(since) < time.Duration(rule.After) {
				return nil
			}
			m := Message{
				Title: plain(a.Name+" has not succeeded for "+rule.After.text(), 200),
				Body:  "The last success was " + since.UTC().Format("2006-01-02 15:04 UTC") + ".",
			}
			if len(last) == 0 {
				m.Body = "It has never succeeded."
			}
			return n.put(rule, execution.Record{AgentType: a.Name}, m, a.Name+since.UTC().Format(time.RFC3339Nano)+rule.After.text())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// diskLow says once a day that the disk is low, for as long as it is.
func (n *Notifier) diskLow(now time.Time) error {
	low, words := n.opts.LowDisk()
	if !low {
		return nil
	}
	return n.each(DiskLow, "", func(rule Rule, _ Agent) error {
		m := Message{Title: "The disk of the data directory is nearly full", Body: plain(words, 500)}
		return n.put(rule, execution.Record{}, m, now.UTC().Format(time.DateOnly))
	})
}

// wanted reports whether any rule of a kind is about an agent.
func (n *Notifier) wanted(kind Kind, agent string) bool {
	found := false
	_ = n.each(kind, agent, func(Rule, Agent) error { found = true; return nil })
	return found
}

// each calls fn for every rule of a kind that is about an agent.
func (n *Notifier) each(kind Kind, agent string, fn func(Rule, Agent) error) error {
	config, _ := n.config.state()
	if len(config.Rules) == 0 {
		return nil
	}
	about := Agent{Name: agent}
	for _, a := range n.opts.Agents() {
		if a.Name == agent {
			about = a
		}
	}
	for _, rule := range config.Rules {
		if rule.When == kind && rule.matches(about) {
			if err := fn(rule, about); err != nil {
				return err
			}
		}
	}
	return nil
}

// about makes the messages of every rule of a kind that is about an execution's agent.
func (n *Notifier) about(kind Kind, rec execution.Record, fact string) error {
	return n.each(kind, rec.AgentType, func(rule Rule, _ Agent) error {
		var lines []string
		if kind == Failure {
			var err error
			if lines, err = n.opts.Runs.LastLines(n.ctx, rec.ExecutionID, lastLines); err != nil {
				n.log.Warn("the last lines of a failed execution can't be read; the message goes without", "execution", rec.ExecutionID, "error", err)
			}
		}
		return n.add(rule, rec, fact, lines)
	})
}

func (n *Notifier) add(rule Rule, rec execution.Record, fact string, lines []string) error {
	title, body := describe(rule.When, rec, lines)
	return n.put(rule, rec, Message{Title: title, Body: body}, fact)
}

// put puts a message into the outbox for each channel of a rule. fact says what it is about: the
// same fact is told once over a channel, whichever rules and restarts it went through.
func (n *Notifier) put(rule Rule, rec execution.Record, m Message, fact string) error {
	now := time.Now().UTC()
	next, err := rule.Quiet.until(now)
	if err != nil {
		return err
	}
	m.Kind, m.ExecutionID, m.AgentType, m.CostUSD, m.CreatedAt = string(rule.When), rec.ExecutionID, rec.AgentType, rec.Cost, now
	m.Link = n.opts.Link(rec.ExecutionID)
	for _, channel := range rule.To {
		m.ID = idOf(string(rule.When), fact, channel)
		if n.box.has(m.ID) {
			continue
		}
		if err := n.box.add(Delivery{Message: m, Channel: channel, Rule: rule.key(), AtMost: rule.atMost(), Next: next}); err != nil {
			return fmt.Errorf("keep a notification: %w", err)
		}
	}
	return nil
}

// key identifies a rule for its bound: what it is about, not where in the file it stands.
func (r Rule) key() string {
	return path.Join(string(r.When), fmt.Sprint(r.Agents), fmt.Sprint(r.Tags), r.After.text(), strconv.FormatFloat(r.USD, 'f', -1, 64))
}

func (d Duration) text() string {
	if d > 0 && time.Duration(d)%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", time.Duration(d)/(24*time.Hour))
	}
	text, _ := d.MarshalText()
	return string(text)
}
