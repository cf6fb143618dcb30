package agent

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/run/cron"
)

// What becomes of due times that passed while nothing could be started.
const (
	MissedSkip   = "skip"   // each is recorded as skipped
	MissedLatest = "latest" // the last one runs, the others are recorded as skipped
	MissedAll    = "all"    // all run, one after the other
)

// What becomes of a due time while the run of an earlier one goes on.
const (
	OverlapSkip    = "skip"    // it is recorded as skipped
	OverlapQueue   = "queue"   // it runs when the earlier one has ended
	OverlapReplace = "replace" // the earlier one is cancelled first
)

// Schedule is when an agent is started without a hand.
type Schedule struct {
	Cron       cron.Expression
	Zone       *time.Location
	Jitter     time.Duration // a run begins up to so much later, always as much for one due time
	Missed     string
	Overlap    string
	Parameters json.RawMessage
	Enabled    bool

	line, column int
}

// view is a schedule as clients see it in a definition.
type scheduleView struct {
	Cron       string          `json:"cron"`
	Timezone   string          `json:"timezone"`
	JitterMs   int64           `json:"jitterMs,omitempty"`
	Missed     string          `json:"missed"`
	Overlap    string          `json:"overlap"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Enabled    bool            `json:"enabled"`
}

func (d *Definition) scheduleViews() []scheduleView {
	var list []scheduleView
	for _, s := range d.Schedules {
		list = append(list, scheduleView{
			Cron: s.Cron.String(), Timezone: s.Zone.String(), JitterMs: s.Jitter.Milliseconds(), Missed: s.Missed, Overlap: s.Overlap,
			Parameters: d.MaskConfig(s.Parameters), Enabled: s.Enabled,
		})
	}
	return list
}

// MaskConfig gives parameters as they may be shown; nothing for those that can't be read.
func (d *Definition) MaskConfig(config json.RawMessage) json.RawMessage {
	if len(config) == 0 {
		return nil
	}
	values, err := d.readConfig(config)
	if err != nil {
		return nil
	}
	return jsonText(maskAt(values, secretPaths(d.schema, values)))
}

func (p *parser) readSchedule(n *yaml.Node) {
	n = p.resolve(n)
	if n.Kind != yaml.SequenceNode {
		p.fail(n, "schedule", "must be a list of schedules, like [{cron: \"30 2 * * 1-5\", timezone: Europe/Berlin}], this is %s", kindName(n))
		return
	}
	for i, item := range n.Content {
		p.def.Schedules = append(p.def.Schedules, p.oneSchedule(item, "schedule."+strconv.Itoa(i)))
	}
}

// scheduleFields are the keys of one schedule.
var scheduleFields = []string{"cron", "timezone", "jitter", "missed", "overlap", "parameters", "enabled"}

func (p *parser) oneSchedule(n *yaml.Node, field string) Schedule {
	s := Schedule{Zone: time.Local, Missed: MissedLatest, Overlap: OverlapSkip, Enabled: true, line: n.Line, column: n.Column}
	given := false
	for _, m := range p.members(n, field) {
		name := join(field, m.key)
		switch m.key {
		case "cron":
			given = true
			text, ok := p.text(m.value, name)
			if !ok {
				continue
			}
			var err error
			if s.Cron, err = cron.Parse(text); err != nil {
				p.fail(m.value, name, "%v", err)
			}
		case "timezone":
			text, ok := p.text(m.value, name)
			if !ok {
				continue
			}
			loc, err := time.LoadLocation(text)
			if err != nil || text == "" {
				p.fail(m.value, name, "there is no time zone %q: give its name in the IANA database, like Europe/Berlin or UTC", clip(text))
				continue
			}
			s.Zone = loc
		case "jitter":
			s.Jitter, _ = p.duration(m.value, name)
		case "missed":
			s.Missed = p.choice(m.value, name, MissedSkip, MissedLatest, MissedAll)
		case "overlap":
			s.Overlap = p.choice(m.value, name, OverlapSkip, OverlapQueue, OverlapReplace)
		case "parameters":
			left := maxTreeNodes
			tree, ok := p.tree(m.value, name, 0, &left)
			if _, mapping := tree.(object); ok && !mapping {
				p.fail(m.value, name, "must be a mapping of parameters to values, this is %s", kindName(p.resolve(m.value)))
			} else if ok {
				s.Parameters = jsonText(plain(tree))
			}
		case "enabled":
			r := p.resolve(m.value)
			if r.Kind != yaml.ScalarNode || r.ShortTag() != "!!bool" || r.Load(&s.Enabled) != nil {
				p.fail(m.value, name, "must be true or false, this is %s", kindName(r))
			}
		default:
			p.fail(m.keyNode, name, "unknown field%s; a schedule has %s", didYouMean(m.key, scheduleFields), strings.Join(scheduleFields, ", "))
		}
	}
	if !given && p.resolve(n).Kind == yaml.MappingNode {
		p.fail(n, join(field, "cron"), "missing: say when, like cron: \"30 2 * * 1-5\" or cron: every 90m")
	}
	return s
}

// choice reads one of a few words.
func (p *parser) choice(n *yaml.Node, field string, words ...string) string {
	text, ok := p.text(n, field)
	if ok && !slices.Contains(words, text) {
		p.fail(n, field, "must be one of %s, not %q%s", strings.Join(words, ", "), clip(text), didYouMean(text, words))
	}
	return text
}

// checkSchedules tries the parameters of each schedule: what is refused when it is due would be
// noticed too late.
func (p *parser) checkSchedules() {
	if p.def.schema == nil || p.failed() {
		return
	}
	list := p.nodes["schedule"]
	for i, s := range p.def.Schedules {
		if _, err := p.def.readConfig(s.Parameters); err != nil {
			item := p.resolve(list).Content[i]
			at := item
			for _, m := range p.members(item, "") {
				if m.key == "parameters" {
					at = m.value
				}
			}
			p.fail(at, "schedule."+strconv.Itoa(i)+".parameters", "%v", err)
		}
	}
}
