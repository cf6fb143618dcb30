package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/kinds"
)

// readKind reads the value of a kind's key.
func (p *parser) readKind(k kind.Kind, n *yaml.Node) {
	p.def.Kind, p.def.kind = k.Name, k
	if k.Read != nil {
		p.def.Runs, _ = k.Read(&node{p: p, n: n, field: k.Name})
		return
	}
	left := maxTreeNodes
	tree, ok := p.tree(n, k.Name, 0, &left)
	if !ok {
		return
	}
	value := plain(tree)
	schema, err := compile(plain(builtinTree([]byte(k.Schema))))
	if err != nil {
		p.fail(n, k.Name, "can't be checked: %v", err)
		return
	}
	if err := schema.Validate(value); err != nil {
		var validation *jsonschema.ValidationError
		if !errors.As(err, &validation) {
			p.fail(n, k.Name, "can't be checked: %v", err)
			return
		}
		for _, f := range fieldErrors(validation, nil) {
			p.failKind(n, k.Name, f, schema)
		}
		return
	}
	if k.Check != nil {
		for _, problem := range k.Check(value) {
			path := strings.Split(problem.Path, ".")
			p.fail(p.within(n, path), join(k.Name, problem.Path), "%s", problem.Message)
		}
	}
	p.def.Runs = value
}

// failKind reports what a kind's schema refuses.
func (p *parser) failKind(n *yaml.Node, name string, f FieldError, schema *jsonschema.Schema) {
	at := p.within(n, f.path)
	if f.unknown != "" {
		parent := schema
		for _, step := range f.path[:len(f.path)-1] {
			if next := parent.Properties[step]; next != nil {
				parent = next
			}
		}
		known := slices.Sorted(maps.Keys(parent.Properties))
		where := strings.Join(append([]string{name}, f.path[:len(f.path)-1]...), ".")
		p.fail(p.keyWithin(n, f.path), join(name, f.Field), "unknown field%s; %s has %s", didYouMean(f.unknown, known), where, clipList(known))
		return
	}
	field := name
	if f.Field != "" {
		field = join(name, f.Field)
	}
	message := strings.NewReplacer("a string", "text", "an array", "a list", "an object", "a mapping").Replace(f.Message)
	p.fail(at, field, "%s", message)
}

// within finds the node at path below n, or the nearest one around it that is written.
func (p *parser) within(n *yaml.Node, path []string) *yaml.Node {
	for _, step := range path {
		r, next := p.resolve(n), (*yaml.Node)(nil)
		switch r.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(r.Content); i += 2 {
				if p.resolve(r.Content[i]).Value == step {
					next = r.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(r.Content) {
				next = r.Content[i]
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return n
}

// keyWithin finds the key that path ends with.
func (p *parser) keyWithin(n *yaml.Node, path []string) *yaml.Node {
	parent := p.resolve(p.within(n, path[:len(path)-1]))
	for i := 0; parent.Kind == yaml.MappingNode && i+1 < len(parent.Content); i += 2 {
		if p.resolve(parent.Content[i]).Value == path[len(path)-1] {
			return parent.Content[i]
		}
	}
	return parent
}

// checkKindPlaces looks whether every {{place}} in the kind's value names a parameter.
func (p *parser) checkKindPlaces(look func(n *yaml.Node, field string, t template)) {
	n := p.nodes[p.def.Kind]
	if n == nil || p.def.Runs == nil {
		return
	}
	walkTexts(p.def.Runs, nil, func(path []string, text string) {
		field := strings.Join(append([]string{p.def.Kind}, path...), ".")
		switch {
		case p.def.kind.Script:
			for _, name := range parseTemplate(text).names() {
				if found, _ := p.def.declares(name); found {
					p.fail(p.within(n, path), field, `{{%s}} is not replaced in a shell script: write "$%s" (with the quotes)`, name, variableName(name))
				}
			}
		case !verbatim(p.def.kind, path):
			look(p.within(n, path), field, parseTemplate(text))
		}
	})
}

// oneKind reports a definition that says not exactly once what to run.
func (p *parser) oneKind(root *yaml.Node) {
	names := kind.Names(kinds.All())
	var given []string
	var last string
	for _, name := range names {
		if n := p.nodes[name]; n != nil {
			given = append(given, name)
			if last == "" || n.Line > p.nodes[last].Line {
				last = name
			}
		}
	}
	switch {
	case len(given) == 0:
		p.fail(root, names[0], "missing: say what to run with one of %s", kind.Either(names, "or"))
	case len(given) > 1:
		p.fail(p.nodes[last], last, "%s are given: keep exactly one of %s", strings.Join(given, " and "), kind.Either(names, "and"))
	}
}

// kindAlias gives the kind that other tools call wrong.
func kindAlias(wrong string) string {
	for _, k := range kinds.All() {
		if slices.Contains(k.Aliases, fold(wrong)) {
			return k.Name
		}
	}
	return ""
}

func verbatim(k kind.Kind, path []string) bool {
	dotted := strings.Join(path, ".")
	return slices.ContainsFunc(k.Verbatim, func(v string) bool { return dotted == v || strings.HasPrefix(dotted, v+".") })
}

// start gives what a runner is told for the parameters of one run.
func (d *Definition) start(lookup func(string) (string, bool), turn *Turn) (kind.Start, error) {
	for _, path := range slices.Sorted(maps.Keys(d.kind.Needs)) {
		value, _ := dig(d.Runs, strings.Split(path, "."))
		source, isText := value.(string)
		if !isText {
			continue
		}
		t := parseTemplate(source)
		if text, absent := t.fill(lookup); (absent || text == "") && !t.constant() {
			return kind.Start{}, d.configError(t.names()[0], "%s: give it", d.kind.Needs[path])
		}
	}
	filled, _ := d.fill(d.Runs, nil, lookup)
	if turn != nil {
		filled = d.kind.NextTurn(filled, turn.Session, turn.Prompt)
	}
	s, err := d.kind.Start(filled, kind.Context{Executable: d.executable})
	if err != nil {
		return kind.Start{}, d.configError("config", "can't be used: %v", err)
	}
	return s, nil
}

// fill puts the parameters in place. What consists of one place whose parameter was not given is left
// out of the list or mapping it stands in.
func (d *Definition) fill(value any, path []string, lookup func(string) (string, bool)) (filled any, absent bool) {
	switch v := value.(type) {
	case string:
		if d.kind.Script || verbatim(d.kind, path) {
			return v, false
		}
		text, absent := parseTemplate(v).fill(lookup)
		return text, absent
	case []any:
		list := make([]any, 0, len(v))
		for i, item := range v {
			if filled, absent := d.fill(item, append(path[:len(path):len(path)], strconv.Itoa(i)), lookup); !absent {
				list = append(list, filled)
			}
		}
		return list, false
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			if filled, absent := d.fill(item, append(path[:len(path):len(path)], key), lookup); !absent {
				m[key] = filled
			}
		}
		return m, false
	default:
		return v, false
	}
}

// walkTexts calls f with every text in value, in a fixed order.
func walkTexts(value any, path []string, f func(path []string, text string)) {
	switch v := value.(type) {
	case string:
		f(path, v)
	case []any:
		for i, item := range v {
			walkTexts(item, append(path[:len(path):len(path)], strconv.Itoa(i)), f)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			walkTexts(v[key], append(path[:len(path):len(path)], key), f)
		}
	}
}

// mapTexts gives a copy of value with every text changed by f.
func mapTexts(value any, f func(string) string) any {
	switch v := value.(type) {
	case string:
		return f(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = mapTexts(item, f)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key] = mapTexts(item, f)
		}
		return m
	default:
		return v
	}
}

// sameRuns reports whether two definitions run the same, but for parameters.
func sameRuns(a, b *Definition) bool {
	return a.Kind == b.Kind && bytes.Equal(jsonText(a.Runs), jsonText(b.Runs))
}

// node is a value of a definition as a kind reads it.
type node struct {
	p     *parser
	n     *yaml.Node
	field string
}

func (n *node) Shape() kind.Shape {
	r := n.p.resolve(n.n)
	switch r.Kind {
	case yaml.SequenceNode:
		return kind.List
	case yaml.MappingNode:
		return kind.Mapping
	case yaml.ScalarNode:
		switch r.ShortTag() {
		case "!!str":
			return kind.Text
		case "!!int", "!!float", "!!bool", "!!timestamp":
			return kind.Scalar
		}
	}
	return kind.Other
}

func (n *node) Describe() string        { return kindName(n.p.resolve(n.n)) }
func (n *node) Text() (string, bool)    { return n.p.text(n.n, n.field) }
func (n *node) Literal() (string, bool) { return n.p.literal(n.n, n.field) }

func (n *node) Items() []kind.Node {
	r := n.p.resolve(n.n)
	if r.Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]kind.Node, len(r.Content))
	for i, item := range r.Content {
		items[i] = &node{p: n.p, n: item, field: n.field + "." + strconv.Itoa(i)}
	}
	return items
}

func (n *node) Fail(format string, args ...any) { n.p.fail(n.n, n.field, format, args...) }

// Turn is the next turn of a session.
type Turn struct {
	Session string // the agent's id of it
	Prompt  string
	Workdir string // of the turn before; empty: as the definition has it
}

// Continues reports whether the agent has sessions that can be continued.
func (d *Definition) Continues() bool { return d.kind.NextTurn != nil }

// account names the account that an agent with this environment uses, without telling whose it is;
// empty where there is none whose use is limited.
func (d *Definition) account(env []string) string {
	if d.kind.Account == nil {
		return ""
	}
	h := sha256.New()
	for _, variable := range env {
		if name, _, _ := strings.Cut(variable, "="); slices.Contains(d.kind.Account, name) {
			h.Write([]byte(variable + "\x00"))
		}
	}
	return d.Kind + "-" + hex.EncodeToString(h.Sum(nil)[:8])
}
