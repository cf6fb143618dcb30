package agent

import (
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/run/approval"
)

// What onLimit can say. Empty is LimitContinue.
const (
	LimitContinue = "continue" // the next turn follows when the limit is reset
	LimitFail     = "fail"
)

func (p *parser) readOnLimit(n *yaml.Node) {
	text, ok := p.text(n, "onLimit")
	if !ok {
		return
	}
	if text != LimitContinue && text != LimitFail {
		p.fail(n, "onLimit", "%q is not known; it is %s or %s", clip(text), LimitContinue, LimitFail)
		return
	}
	p.def.OnLimit = text
}

func (p *parser) moreThanZero(n *yaml.Node, field string) time.Duration {
	d, ok := p.duration(n, field)
	if ok && d == 0 {
		p.fail(n, field, "must be more than 0")
	}
	return d
}

// readApprovalRules takes a list of {tool, match, then}.
func (p *parser) readApprovalRules(n *yaml.Node) {
	r := p.resolve(n)
	if r.Kind != yaml.SequenceNode {
		p.fail(n, "approvalRules", "must be a list of rules, like [{tool: Bash, match: \"git status*\", then: allow}], this is %s", kindName(r))
		return
	}
	known := []string{"tool", "match", "then"}
	for i, item := range r.Content {
		name := "approvalRules." + strconv.Itoa(i)
		var rule approval.Rule
		given := map[string]bool{}
		for _, m := range p.members(item, name) {
			field := name + "." + m.key
			if !slices.Contains(known, m.key) {
				p.fail(m.keyNode, field, "unknown field%s; a rule has tool, match and then", didYouMean(m.key, known))
				continue
			}
			given[m.key] = true
			text, ok := p.text(m.value, field)
			if !ok {
				continue
			}
			if text == "" {
				p.fail(m.value, field, "is empty: for every %s write \"*\"", map[string]string{"tool": "tool", "match": "argument", "then": "use"}[m.key])
				continue
			}
			switch m.key {
			case "tool":
				rule.Tool = text
			case "match":
				rule.Match = text
			case "then":
				if text != approval.Allow && text != approval.Deny && text != approval.Ask {
					p.fail(m.value, field, "%q is not known; it is allow, deny or ask", clip(text))
					continue
				}
				rule.Then = text
			}
		}
		if p.resolve(item).Kind == yaml.MappingNode {
			for _, key := range []string{"tool", "then"} {
				if !given[key] {
					p.fail(item, name+"."+key, "missing: a rule says which tool, and then allow, deny or ask")
				}
			}
		}
		p.def.Settings.ApprovalRules = append(p.def.Settings.ApprovalRules, rule)
	}
}
