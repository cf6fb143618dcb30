package agent

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// mapped is one entry of a YAML mapping.
type mapped struct {
	key     string
	keyNode *yaml.Node
	value   *yaml.Node
}

// members lists a mapping's entries in order, reporting keys that can't be or come twice.
func (p *parser) members(n *yaml.Node, field string) []mapped {
	n = p.resolve(n)
	if n.Kind != yaml.MappingNode {
		p.fail(n, field, "must be a mapping (name: value), this is %s", kindName(n))
		return nil
	}
	seen := make(map[string]int, len(n.Content)/2)
	list := make([]mapped, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := p.resolve(n.Content[i])
		switch {
		case key.Kind != yaml.ScalarNode:
			p.fail(key, field, "a name is expected here, this is %s", kindName(key))
			continue
		case key.ShortTag() == "!!merge":
			p.fail(key, field, "merge keys (<<) are not read here: write the fields out")
			continue
		case key.ShortTag() == "!!null":
			p.fail(key, field, "a name is expected here, this is empty")
			continue
		}
		if strange := invisible(key.Value); strange != 0 {
			p.fail(key, field, "the name %q holds the invisible character %U: type it anew with plain spaces", clip(key.Value), strange)
			continue
		}
		if line, again := seen[key.Value]; again {
			p.fail(key, join(field, key.Value), "is given twice, first on line %d: keep one", line)
			continue
		}
		seen[key.Value] = key.Line
		list = append(list, mapped{key: key.Value, keyNode: key, value: n.Content[i+1]})
	}
	return list
}

// resolve follows aliases.
func (p *parser) resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// text reads a string.
func (p *parser) text(n *yaml.Node, field string) (string, bool) {
	r := p.resolve(n)
	if r.Kind != yaml.ScalarNode || (r.ShortTag() != "!!str" && r.ShortTag() != "!!timestamp") {
		hint := ""
		if r.Kind == yaml.ScalarNode && r.ShortTag() != "!!null" {
			hint = ": put it in quotes"
		}
		p.fail(n, field, "must be text, this is %s%s", kindName(r), hint)
		return "", false
	}
	return p.noNUL(n, field, r.Value)
}

// literal reads a scalar as it is written: 8080 and true are as good as "8080" and "true".
func (p *parser) literal(n *yaml.Node, field string) (string, bool) {
	r := p.resolve(n)
	if name, ok := unquotedPlace(r); ok {
		p.fail(n, field, `{{%s}} without quotes is a mapping to YAML: write "{{%s}}"`, name, name)
		return "", false
	}
	if r.Kind != yaml.ScalarNode {
		hint := ""
		if r.Kind == yaml.MappingNode {
			hint = `: text that holds ": " or begins with { must stand in quotes`
		}
		p.fail(n, field, "must be text, this is %s%s", kindName(r), hint)
		return "", false
	}
	if plain := r.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0; plain && (strings.HasPrefix(r.Value, "“") || strings.HasPrefix(r.Value, "‘")) {
		p.fail(n, field, "begins with the curly quotation mark %c, which YAML takes for a part of the text: use straight ones", []rune(r.Value)[0])
		return "", false
	}
	if r.Anchor != "" && r.ShortTag() == "!!null" {
		p.fail(n, field, "&%s names an anchor in YAML and leaves the text empty: put it in quotes, like \"&%s\"", clip(r.Anchor), clip(r.Anchor))
		return "", false
	}
	switch r.ShortTag() {
	case "!!null":
		p.fail(n, field, `is empty: for empty text write ""`)
		return "", false
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return p.noNUL(n, field, r.Value)
	default:
		p.fail(n, field, "%s is a tag to YAML: put the text in quotes, like %q", clip(r.Tag), clip(strings.TrimSpace(r.Tag+" "+r.Value)))
		return "", false
	}
}

// invisible gives the first character of a name that nobody sees and nobody means; 0 when there is none.
func invisible(name string) rune {
	for _, r := range name {
		if r != ' ' && r < unicode.MaxRune && (unicode.IsSpace(r) && r > 0x7f || unicode.Is(unicode.Cf, r)) {
			return r
		}
	}
	return 0
}

func (p *parser) noNUL(n *yaml.Node, field, text string) (string, bool) {
	if strings.ContainsRune(text, 0) {
		p.fail(n, field, "holds a NUL byte, which no program can be given: remove it")
		return "", false
	}
	return text, true
}

func (p *parser) duration(n *yaml.Node, field string) (time.Duration, bool) {
	r := p.resolve(n)
	if r.Kind == yaml.ScalarNode && (r.ShortTag() == "!!int" || r.ShortTag() == "!!float") && r.Value != "0" {
		p.fail(n, field, "%s has no unit: write %ss for seconds, %sm for minutes", clip(r.Value), clip(r.Value), clip(r.Value))
		return 0, false
	}
	if r.Kind != yaml.ScalarNode || (r.ShortTag() != "!!str" && r.ShortTag() != "!!int") {
		p.fail(n, field, "must be a duration, like 30s or 10m, this is %s", kindName(r))
		return 0, false
	}
	d, err := parseDuration(r.Value)
	if err != nil {
		p.fail(n, field, "%v", err)
		return 0, false
	}
	return d, true
}

// unquotedPlace recognises what YAML makes of {{name}} without quotes: a mapping whose only key is
// a mapping.
func unquotedPlace(n *yaml.Node) (name string, ok bool) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return "", false
	}
	inner := n.Content[0]
	if inner.Kind != yaml.MappingNode || len(inner.Content) != 2 || inner.Content[0].Kind != yaml.ScalarNode {
		return "", false
	}
	return inner.Content[0].Value, true
}

// kindName says in plain words what a node is.
func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return "empty"
		case "!!bool":
			return "true or false (" + clip(n.Value) + ")"
		case "!!int", "!!float":
			return "a number (" + clip(n.Value) + ")"
		case "!!str", "!!timestamp":
			return "text"
		default:
			return "of type " + clip(n.Tag)
		}
	default:
		return "nothing"
	}
}

func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}

// decodeRune gives size 0 for invalid UTF-8.
func decodeRune(b []byte) (r rune, size int) {
	r, size = utf8.DecodeRune(b)
	if r == utf8.RuneError && size <= 1 {
		return r, 0
	}
	return r, size
}
