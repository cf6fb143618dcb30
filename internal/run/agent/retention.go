package agent

import (
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// Unlimited is what says of a bound that there is none.
const Unlimited = "unlimited"

// minKept is the least age that can be a rule: who has just seen a run end looks at it.
const minKept = time.Minute

// Retention is how long and how much of an agent's runs is kept. What is nil is as the server says;
// below 0 there is no bound.
type Retention struct {
	LogsAge         *time.Duration // log lines, since the run's end
	LogsSize        *int64         // log lines of all its runs together, bytes
	ExecutionsAge   *time.Duration // whole runs, since their end
	ExecutionsCount *int64         // whole runs
}

// ParseAge reads for how long something is kept: a duration as definitions have it, or "unlimited",
// which gives less than 0.
func ParseAge(text string) (time.Duration, error) {
	if text == Unlimited {
		return -1, nil
	}
	d, err := parseDuration(text)
	if err == nil && d < minKept {
		err = fmt.Errorf("%s is less than the least, %v; for no bound say %s", clip(text), minKept, Unlimited)
	}
	return d, err
}

// ParseKeptSize reads how many bytes are kept: a size as definitions have it, or "unlimited", which
// gives less than 0.
func ParseKeptSize(text string) (int64, error) {
	if text == Unlimited {
		return -1, nil
	}
	size, err := parseSize(text)
	if err == nil && size == 0 {
		err = fmt.Errorf("must be more than 0; for no bound say %s", Unlimited)
	}
	return size, err
}

// ParseKeptCount reads how many are kept: a number, or "unlimited", which gives less than 0.
func ParseKeptCount(text string) (int64, error) {
	if text == Unlimited {
		return -1, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a whole number from 1 on, like 1000; for no bound say %s", clip(text), Unlimited)
	}
	return n, nil
}

func (p *parser) readRetention(n *yaml.Node) {
	kept := &p.def.Retention
	for _, m := range p.members(n, "retention") {
		switch m.key {
		case "logs":
			for _, m := range p.members(m.value, "retention.logs") {
				switch field := "retention.logs." + m.key; m.key {
				case "age":
					kept.LogsAge = p.age(m.value, field)
				case "size":
					kept.LogsSize = bound(p, m.value, field, "a size, like 10GiB", ParseKeptSize)
				default:
					p.fail(m.keyNode, field, "unknown field%s; logs has age and size", didYouMean(m.key, []string{"age", "size"}))
				}
			}
		case "executions":
			for _, m := range p.members(m.value, "retention.executions") {
				switch field := "retention.executions." + m.key; m.key {
				case "age":
					kept.ExecutionsAge = p.age(m.value, field)
				case "count":
					kept.ExecutionsCount = bound(p, m.value, field, "a whole number, like 1000", ParseKeptCount)
				default:
					p.fail(m.keyNode, field, "unknown field%s; executions has age and count", didYouMean(m.key, []string{"age", "count"}))
				}
			}
		default:
			p.fail(m.keyNode, "retention."+m.key, "unknown field%s; retention has logs and executions", didYouMean(m.key, []string{"logs", "executions"}))
		}
	}
}

func (p *parser) age(n *yaml.Node, field string) *time.Duration {
	if r := p.resolve(n); r.Kind == yaml.ScalarNode && (r.ShortTag() == "!!int" || r.ShortTag() == "!!float") {
		p.fail(n, field, "%s has no unit: write %sd for days, %sh for hours", clip(r.Value), clip(r.Value), clip(r.Value))
		return nil
	}
	return bound(p, n, field, "an age, like 30d or 12h", ParseAge)
}

// bound reads one bound, nil when it is wrong.
func bound[T time.Duration | int64](p *parser, n *yaml.Node, field, what string, parse func(string) (T, error)) *T {
	r := p.resolve(n)
	if r.Kind != yaml.ScalarNode || (r.ShortTag() != "!!str" && r.ShortTag() != "!!int") {
		p.fail(n, field, "must be %s, or %s, this is %s", what, Unlimited, kindName(r))
		return nil
	}
	limit, err := parse(r.Value)
	if err != nil {
		p.fail(n, field, "%v", err)
		return nil
	}
	return &limit
}

// retentionView is Retention as clients see it: ages in milliseconds, -1 for no bound.
type retentionView struct {
	Logs       *keptView `json:"logs,omitempty"`
	Executions *keptView `json:"executions,omitempty"`
}

type keptView struct {
	AgeMs *int64 `json:"ageMs,omitempty"`
	Size  *int64 `json:"size,omitempty"`
	Count *int64 `json:"count,omitempty"`
}

func (r Retention) view() *retentionView {
	ms := func(d *time.Duration) *int64 {
		if d == nil {
			return nil
		}
		if *d < 0 {
			return new(int64(-1))
		}
		return new(d.Milliseconds())
	}
	var v retentionView
	if r.LogsAge != nil || r.LogsSize != nil {
		v.Logs = &keptView{AgeMs: ms(r.LogsAge), Size: r.LogsSize}
	}
	if r.ExecutionsAge != nil || r.ExecutionsCount != nil {
		v.Executions = &keptView{AgeMs: ms(r.ExecutionsAge), Count: r.ExecutionsCount}
	}
	if v == (retentionView{}) {
		return nil
	}
	return &v
}
