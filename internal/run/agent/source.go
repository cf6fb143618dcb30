package agent

import (
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/trust/secrets/source"
)

// readSource takes where the value of a variable comes from: {secret: name}, {file: path} or
// {command: [program, argument]}.
func (p *parser) readSource(m mapped, field string) {
	const forms = "{secret: name}, {file: /path} or {command: [program, argument]}"
	var from source.Value
	given := 0
	for _, part := range p.members(m.value, field) {
		name := field + "." + part.key
		given++
		switch part.key {
		case "secret":
			text, ok := p.text(part.value, name)
			if ok && !source.ValidName(text) {
				p.fail(part.value, name, "%q can't be a secret's name: use a-z, A-Z, 0-9, _, . and -", clip(text))
			}
			from.Secret = text
		case "file":
			text, ok := p.text(part.value, name)
			if ok && !filepath.IsAbs(text) && !strings.HasPrefix(text, "~/") {
				p.fail(part.value, name, "%q must be an absolute path, or one below ~/", clip(text))
			}
			from.File = text
		case "command":
			from.Command = p.sourceCommand(part.value, name)
		default:
			p.fail(part.keyNode, name, "unknown field; a value comes from one of %s", forms)
			return
		}
	}
	if given != 1 {
		p.fail(m.value, field, "must be text, or exactly one of %s", forms)
		return
	}
	if p.def.EnvFrom == nil {
		p.def.EnvFrom = map[string]source.Value{}
	}
	p.def.EnvFrom[m.key] = from
}

func (p *parser) sourceCommand(n *yaml.Node, field string) []string {
	r := p.resolve(n)
	if r.Kind != yaml.SequenceNode || len(r.Content) == 0 {
		p.fail(n, field, "must be a list with a program and its arguments, like [pass, show, x]")
		return nil
	}
	var command []string
	for i, item := range r.Content {
		if word, ok := p.literal(item, field+"."+strconv.Itoa(i)); ok {
			command = append(command, word)
		}
	}
	return command
}
