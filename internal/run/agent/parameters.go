package agent

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// schemaURL names the schema while it is compiled; nothing is ever loaded from it.
const schemaURL = "agent:///parameters"

// readParameters makes the parameters' schema: written order kept, closed where it lists its
// properties, compiled, its defaults tried.
func (p *parser) readParameters() {
	written := object{}
	if p.parameters != nil {
		left := maxTreeNodes
		value, ok := p.tree(p.parameters, "parameters", 0, &left)
		if !ok {
			return
		}
		if written, ok = value.(object); !ok {
			p.fail(p.parameters, "parameters", "must be a JSON Schema object, like {type: object, properties: {path: {type: string}}}, this is %s", kindName(p.resolve(p.parameters)))
			return
		}
	}
	if p.def.kind.Base != nil {
		base := baseParameters(p.def.kind.Base(p.def.Runs))
		if written = p.overlay(base, written); written == nil {
			return
		}
	}
	if kind, given := written.get("type"); !given {
		written = append(object{{"type", "object"}}, written...)
	} else if kind != "object" {
		p.fail(p.at("type"), "parameters.type", "must be object: config is always an object with the parameters in it")
		return
	}
	before := len(p.problems)
	p.checkKeywords(written, nil)
	if len(p.problems) > before {
		return
	}
	if _, given := written.get("properties"); !given {
		written = written.with("properties", object{})
	}
	if !p.checkPropertyNames(written) {
		return
	}
	closed := closeObjects(written, true).(object)
	schema, err := compile(plain(closed))
	if err != nil {
		p.schemaProblem(err)
		return
	}
	before = len(p.problems)
	p.checkAnnotations(schema, nil, map[*jsonschema.Schema]bool{})
	if len(p.problems) > before {
		return
	}
	var b bytes.Buffer
	encodeTree(&b, closed)
	p.def.Parameters, p.def.schema = b.Bytes(), schema
}

// overlay lays what a file says of a builtin's parameters over the builtin's own schema: keywords
// of known properties (default, title, minimum …) and which are required.
func (p *parser) overlay(base, written object) object {
	before := len(p.problems)
	baseValue, _ := base.get("properties")
	properties := baseValue.(object)
	names := make([]string, len(properties))
	for i, m := range properties {
		names[i] = m.key
	}
	for _, m := range written {
		switch m.key {
		case "type", "required", "title", "description":
			base = base.with(m.key, m.value)
		case "properties":
			changes, ok := m.value.(object)
			if !ok {
				p.fail(p.at("properties"), "parameters.properties", "must be a mapping of parameters")
				continue
			}
			for _, change := range changes {
				field := "parameters.properties." + change.key
				known, ok := properties.get(change.key)
				if !ok {
					p.fail(p.at("properties", change.key), field, "%v has no such parameter%s; it has %s", p.def.Runs, didYouMean(change.key, names), strings.Join(names, ", "))
					continue
				}
				keywords, ok := change.value.(object)
				if !ok {
					p.fail(p.at("properties", change.key), field, "must be a mapping of keywords, like {default: 80}")
					continue
				}
				merged := known.(object)
				for _, keyword := range keywords {
					merged = merged.with(keyword.key, keyword.value)
				}
				properties = properties.with(change.key, merged)
			}
		default:
			p.fail(p.at(m.key), "parameters."+m.key, "the parameters of a builtin can't be changed by %s; give the properties' new defaults, like properties: {%s: {default: …}}", m.key, names[0])
		}
	}
	if len(p.problems) > before {
		return nil
	}
	return base.with("properties", properties)
}

// validParameter reports whether name can be a parameter's: a variable can be made of it.
func validParameter(name string) bool {
	return len(name) <= 128 && validVariable(strings.ReplaceAll(name, "-", "_")) && name[0] != '-'
}

// validVariable reports whether name can be a variable's: letters, digits and _, not a digit first.
func validVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'; !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// variableName is the environment variable that carries a parameter.
func variableName(parameter string) string {
	return "CLAUDEOPS_PARAM_" + strings.ToUpper(strings.ReplaceAll(parameter, "-", "_"))
}

// checkPropertyNames refuses names that can't be carried in a variable, and two that would share one.
func (p *parser) checkPropertyNames(schema object) bool {
	value, _ := schema.get("properties")
	properties, ok := value.(object)
	if !ok {
		p.fail(p.at("properties"), "parameters.properties", "must be a mapping of parameters, like {path: {type: string}}")
		return false
	}
	good, taken := true, map[string]string{}
	for _, m := range properties {
		field := "parameters.properties." + m.key
		if !validParameter(m.key) {
			p.fail(p.at("properties", m.key), field, "%q can't be a parameter's name: use letters, digits, _ and -, a letter first", clip(m.key))
			good = false
			continue
		}
		variable := variableName(m.key)
		if other, clash := taken[variable]; clash {
			p.fail(p.at("properties", m.key), field, "would share the variable %s with %s: rename one", variable, other)
			good = false
		}
		taken[variable] = m.key
	}
	return good
}

// at finds the node of a place inside parameters, or the nearest one around it that is written.
func (p *parser) at(path ...string) *yaml.Node {
	n := p.parameters
	if n == nil {
		return p.nodes[p.def.Kind]
	}
	return p.within(n, path)
}

// applicators are the keywords whose subschemas may describe further properties of the same object.
var applicators = []string{"$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas", "dependencies"}

// closeObjects makes the rule visible that an object which lists its properties takes no others:
// a mistyped parameter is refused, not ignored. It follows properties and items from the top;
// what stands in $defs and combinators is left as it is, because it may be one part of a whole.
func closeObjects(schema any, top bool) any {
	o, ok := schema.(object)
	if !ok {
		return schema
	}
	closed := append(object(nil), o...)
	for i, m := range closed {
		switch m.key {
		case "properties", "patternProperties":
			if properties, ok := m.value.(object); ok {
				changed := append(object(nil), properties...)
				for j := range changed {
					changed[j].value = closeObjects(changed[j].value, false)
				}
				closed[i].value = changed
			}
		case "items", "additionalProperties":
			closed[i].value = closeObjects(m.value, false)
		}
	}
	has := func(key string) bool { _, ok := closed.get(key); return ok }
	if !has("properties") || has("additionalProperties") || has("unevaluatedProperties") {
		return closed
	}
	if listed, _ := closed.get("properties"); !top {
		if properties, ok := listed.(object); !ok || len(properties) == 0 {
			return closed
		}
	}
	for _, keyword := range applicators {
		if has(keyword) {
			return append(closed, member{"unevaluatedProperties", false})
		}
	}
	return append(closed, member{"additionalProperties", false})
}

// nothing refuses to load: a definition's schema stands on its own.
type nothing struct{}

func (nothing) Load(url string) (any, error) {
	return nil, errors.New("schemas are not loaded from elsewhere: put it under $defs and refer to it by #/$defs/name")
}

func compile(schema any) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nothing{})
	// password says how to show a text, not what it may be. Registered so that it is kept.
	c.RegisterFormat(&jsonschema.Format{Name: formatPassword, Validate: func(any) error { return nil }})
	if err := c.AddResource(schemaURL, schema); err != nil {
		return nil, err
	}
	return c.Compile(schemaURL)
}

// schemaProblem reports why the schema can't be compiled, at the place it concerns.
func (p *parser) schemaProblem(err error) {
	const invalid = "is not valid JSON Schema: "
	var mismatch *jsonschema.SchemaValidationError
	var validation *jsonschema.ValidationError
	if errors.As(err, &mismatch) && errors.As(mismatch.Err, &validation) {
		for _, e := range fieldErrors(validation, nil) {
			path := e.path
			if e.unknown != "" {
				path = append(append([]string(nil), path...), e.unknown)
			}
			p.fail(p.at(path...), join("parameters", strings.Join(path, ".")), invalid+"%s", e.Message)
		}
		return
	}
	var (
		pattern   *jsonschema.InvalidRegexError
		pointer   *jsonschema.JSONPointerNotFoundError
		anchor    *jsonschema.AnchorNotFoundError
		load      *jsonschema.LoadURLError
		draft     *jsonschema.UnsupportedDraftError
		reference string
	)
	switch {
	case errors.As(err, &pattern):
		path := fragment(pattern.URL)
		p.fail(p.at(path...), join("parameters", strings.Join(path, ".")), invalid+"%q is not a regular expression (RE2 syntax): %v", clip(pattern.Regex), pattern.Err)
	case errors.As(err, &pointer):
		reference = "#" + afterHash(pointer.URL)
		p.fail(p.refTo(reference), "parameters", invalid+"there is nothing at %s", reference)
	case errors.As(err, &anchor):
		p.fail(p.refTo(anchor.Reference), "parameters", invalid+"there is nothing at %s", strings.TrimPrefix(anchor.Reference, schemaURL))
	case errors.As(err, &load):
		p.fail(p.refTo(load.URL), "parameters", "%s: %v", strings.TrimPrefix(load.URL, "agent:///"), load.Err)
	case errors.As(err, &draft):
		p.fail(p.at("$schema"), "parameters.$schema", invalid+"%v; leave $schema out for 2020-12", err)
	default:
		p.fail(p.at(), "parameters", invalid+"%s", strings.ReplaceAll(err.Error(), schemaURL, ""))
	}
}

// refTo finds the $ref that is written as reference, for the line of an error.
func (p *parser) refTo(reference string) *yaml.Node {
	left := maxTreeNodes
	var find func(n *yaml.Node) *yaml.Node
	find = func(n *yaml.Node) *yaml.Node {
		if left--; left < 0 || n == nil {
			return nil
		}
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && child.Value == "$ref" && strings.HasSuffix(reference, n.Content[i+1].Value) {
				return n.Content[i+1]
			}
			if found := find(child); found != nil {
				return found
			}
		}
		return nil
	}
	if found := find(p.parameters); found != nil {
		return found
	}
	return p.at()
}

func afterHash(url string) string {
	_, fragment, _ := strings.Cut(url, "#")
	return fragment
}

// fragment splits a URL's JSON pointer.
func fragment(url string) []string {
	pointer := strings.TrimPrefix(afterHash(url), "/")
	if pointer == "" {
		return nil
	}
	steps := strings.Split(pointer, "/")
	for i, step := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	return steps
}

// checkAnnotations tries every default against its own schema, and refuses secrets that stand in
// the file: whoever may see the agent would read them.
func (p *parser) checkAnnotations(s *jsonschema.Schema, path []string, seen map[*jsonschema.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	where := func(keyword string) (*yaml.Node, string) {
		full := append(append([]string(nil), path...), keyword)
		return p.at(full...), join("parameters", strings.Join(full, "."))
	}
	if secret(s) {
		for keyword, given := range map[string]bool{"default": s.Default != nil, "examples": len(s.Examples) > 0, "enum": s.Enum != nil, "const": s.Const != nil} {
			if given {
				n, field := where(keyword)
				p.fail(n, field, "a secret parameter can't have %s in its definition, where everybody who may see the agent reads it: remove it, or put the value in env", keyword)
			}
		}
	} else if s.Default != nil {
		value := withDefaults(s, copyJSON(*s.Default))
		if err := s.Validate(value); err != nil {
			n, field := where("default")
			var validation *jsonschema.ValidationError
			if errors.As(err, &validation) {
				for _, e := range fieldErrors(validation, nil) {
					if e.Field == "" {
						p.fail(n, field, "the default %s", e.Message)
					} else {
						p.fail(n, field, "in the default, %s %s", e.Field, e.Message)
					}
				}
			} else {
				p.fail(n, field, "the default is not valid: %v", err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p.checkAnnotations(s.Properties[name], append(append([]string(nil), path...), "properties", name), seen)
	}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		p.checkAnnotations(items, append(append([]string(nil), path...), "items"), seen)
	}
	p.checkAnnotations(s.Items2020, append(append([]string(nil), path...), "items"), seen)
	for keyword, list := range map[string][]*jsonschema.Schema{"allOf": s.AllOf, "anyOf": s.AnyOf, "oneOf": s.OneOf, "prefixItems": s.PrefixItems} {
		for i, sub := range list {
			p.checkAnnotations(sub, append(append([]string(nil), path...), keyword, strconv.Itoa(i)), seen)
		}
	}
	if s.Ref != nil {
		p.checkAnnotations(s.Ref, fragment(s.Ref.Location), seen)
	}
}

// declares says whether a place in a template names a parameter, and which names there are.
func (d *Definition) declares(name string) (found bool, known []string) {
	known = slices.Sorted(maps.Keys(d.schema.Properties))
	if _, ok := d.schema.Properties[name]; ok {
		return true, known
	}
	first, rest, dotted := strings.Cut(name, ".")
	if s, ok := d.schema.Properties[first]; dotted && ok {
		return mayHold(s, strings.Split(rest, "."), 0), known
	}
	open := d.schema.AdditionalProperties
	if _, ok := open.(*jsonschema.Schema); ok || open == true {
		return true, known
	}
	if len(d.schema.PatternProperties) > 0 {
		return true, known
	}
	for _, sub := range composed(d.schema) {
		if mayHold(sub, strings.Split(name, "."), 0) {
			return true, known
		}
	}
	return false, known
}

// mayHold reports whether a value of schema s may have something at path.
func mayHold(s *jsonschema.Schema, path []string, depth int) bool {
	if s == nil || len(path) == 0 || depth > maxDepth {
		return s != nil
	}
	if sub, ok := s.Properties[path[0]]; ok {
		return mayHold(sub, path[1:], depth+1)
	}
	for _, sub := range composed(s) {
		if mayHold(sub, path, depth+1) {
			return true
		}
	}
	if s.Properties == nil && len(composed(s)) == 0 {
		return s.AdditionalProperties != false && (s.Types == nil || slices.Contains(s.Types.ToStrings(), "object"))
	}
	_, ok := s.AdditionalProperties.(*jsonschema.Schema)
	return ok || s.AdditionalProperties == true
}

// composed lists the subschemas that describe the same value as s.
func composed(s *jsonschema.Schema) []*jsonschema.Schema {
	var list []*jsonschema.Schema
	for _, sub := range []*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else} {
		if sub != nil {
			list = append(list, sub)
		}
	}
	list = append(list, s.AllOf...)
	list = append(list, s.AnyOf...)
	list = append(list, s.OneOf...)
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		list = append(list, s.DependentSchemas[name])
	}
	return list
}
