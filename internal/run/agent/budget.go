package agent

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/protocol"
)

// maxBudget is far above any budget; more is taken for another unit.
const maxBudget = 1_000_000_000 // USD

// readBudget takes what runs may cost, in USD.
func (p *parser) readBudget(n *yaml.Node) {
	for _, m := range p.members(n, "budget") {
		switch m.key {
		case "usd":
			p.def.Budget.USD = p.amount(m.value, "budget.usd")
		case "perDay":
			p.def.Budget.PerDay = p.amount(m.value, "budget.perDay")
		case "perMonth":
			p.def.Budget.PerMonth = p.amount(m.value, "budget.perMonth")
		case "notional":
			r := p.resolve(m.value)
			if r.Kind != yaml.ScalarNode || r.ShortTag() != "!!bool" || r.Load(&p.def.Budget.Notional) != nil {
				p.fail(m.value, "budget.notional", "must be true or false, this is %s", kindName(r))
			}
		default:
			keys := []string{"usd", "perDay", "perMonth", "notional"}
			p.fail(m.keyNode, "budget."+m.key, "unknown field%s; budget has %s", didYouMean(m.key, keys), strings.Join(keys, ", "))
		}
	}
}

// amount reads an amount in USD, nil when it is wrong.
func (p *parser) amount(n *yaml.Node, field string) *protocol.MicroUSD {
	r := p.resolve(n)
	var usd float64
	if r.Kind != yaml.ScalarNode || (r.ShortTag() != "!!int" && r.ShortTag() != "!!float") || r.Load(&usd) != nil {
		p.fail(n, field, "must be an amount in USD, like 0.50, this is %s", kindName(r))
		return nil
	}
	micros := protocol.FromUSD(usd)
	if !(usd <= maxBudget) || micros <= 0 {
		p.fail(n, field, "must be more than 0 and at most %d USD; leave it out for no limit", maxBudget)
		return nil
	}
	return &micros
}

// checkBudget refuses a budget that nothing could ever exceed: whoever sets it relies on it.
func (p *parser) checkBudget() {
	if n := p.nodes["budget"]; n != nil && p.def.kind.Free {
		p.fail(n, "budget", "has no effect on %s, which costs no money by the token: remove it", p.def.Kind)
	}
}
