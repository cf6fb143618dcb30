package agent

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/run/kind/builtin"
)

// published compiles the schema that editors are given.
func published(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(SchemaJSON))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := compile(doc)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON is a definition as an editor's schema check sees it. ok is false for what is not YAML.
func asJSON(source []byte) (value any, ok bool) {
	p := &parser{nodes: map[string]*yaml.Node{}}
	root := p.document(source)
	if root == nil {
		return nil, false
	}
	left := maxTreeNodes
	tree, ok := p.tree(root, "", 0, &left)
	return plain(tree), ok
}

var updateSchema = flag.Bool("update-schema", false, "write docs/agent.schema.json anew")

// The file in docs is what editors of definitions in this repository are given.
func TestSchema_file_is_fresh(t *testing.T) {
	t.Parallel()
	const file = "../../../docs/agent.schema.json"
	if *updateSchema {
		if err := os.WriteFile(file, SchemaJSON, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(file); err != nil || !bytes.Equal(kept, SchemaJSON) {
		t.Errorf("docs/agent.schema.json is not what the server gives (%v): run `go generate ./internal/run/agent`", err)
	}
}

func TestSchema_has_the_parsers_fields(t *testing.T) {
	t.Parallel()
	var parsed []string
	for _, f := range fields() {
		parsed = append(parsed, f.name)
	}
	slices.Sort(parsed)
	var described []string
	for name, property := range published(t).Properties {
		described = append(described, name)
		if property.Description == "" {
			t.Errorf("%s has no description", name)
		}
	}
	slices.Sort(described)
	if diff := cmp.Diff(parsed, described); diff != "" {
		t.Errorf("-parser +schema\n%s", diff)
	}
	if diff := cmp.Diff(signals, texts(published(t).Properties["stop"].Properties["signal"].Enum.Values)); diff != "" {
		t.Errorf("signals: %s", diff)
	}
}

// TestSchema_stands_alone: an editor without a network must be able to use it.
func TestSchema_stands_alone(t *testing.T) {
	t.Parallel()
	var look func(value any)
	look = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			if reference, ok := v["$ref"].(string); ok && !strings.HasPrefix(reference, "#/$defs/") {
				t.Errorf("refers to %s", reference)
			}
			for _, inner := range v {
				look(inner)
			}
		case []any:
			for _, inner := range v {
				look(inner)
			}
		}
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(SchemaJSON))
	if err != nil {
		t.Fatal(err)
	}
	look(doc)
	described := slices.Sorted(maps.Keys(published(t).Properties["parameters"].AllOf[0].Ref.Properties))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(keywords)), described); diff != "" {
		t.Errorf("-keywords +published\n%s", diff)
	}
}

func TestSchema_agrees_with_the_parser(t *testing.T) {
	t.Parallel()
	schema := published(t)
	right := map[string]string{
		"every field":     diskReport,
		"shell":           "name: a\nshell: echo\nworkdir: '{{x}}'\nparameters: {properties: {x: {type: string}}}\n",
		"builtin":         string(systemHealth()),
		"no limits":       "name: a\ncommand: [a, 1, true, '']\ntimeout: 0\nstop: {}\nmaxOutput: 1000\nmask: [abcd, efgh]\n",
		"an older schema": "name: a\ncommand: [a]\nparameters: {$schema: 'http://json-schema.org/draft-07/schema#', properties: {x: {type: array, items: [{type: string}]}}}\n",
	}
	for name, source := range right {
		mustParse(t, source)
		value, ok := asJSON([]byte(source))
		if !ok {
			t.Fatalf("%s is not YAML", name)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: the published schema refuses what the parser takes: %v", name, err)
		}
	}
	refused := 0
	for _, tt := range wrong {
		value, ok := asJSON([]byte(tt.source))
		if !tt.publishedToo {
			continue
		}
		if refused++; ok && schema.Validate(value) == nil {
			t.Errorf("%s: the published schema takes what the parser refuses:\n%s", tt.name, tt.source)
		}
	}
	if refused < 40 {
		t.Errorf("only %d wrong definitions were tried", refused)
	}
}

// FuzzParse looks for definitions that take the parser down, problems that say nothing, and
// definitions that the parser takes and the published schema refuses.
func FuzzParse(f *testing.F) {
	f.Add([]byte(diskReport))
	f.Add(systemHealth())
	for _, tt := range wrong {
		f.Add([]byte(tt.source))
	}
	examples, err := filepath.Glob("../../../examples/agents/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range examples {
		source, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(source)
	}
	schema := published(f)
	f.Fuzz(func(t *testing.T, source []byte) {
		d, problems := Parse("fuzz.yaml", source)
		if d == nil {
			if len(problems) == 0 {
				t.Fatal("refused without a reason")
			}
			for _, p := range problems {
				if p.Message == "" || p.File != "fuzz.yaml" || p.Line < 0 || (p.Line > 0 && p.Column < 1) || strings.Contains(p.Message, "%!") {
					t.Errorf("problem %+v", p)
				}
			}
			return
		}
		if !ValidName(d.Name) {
			t.Errorf("name %q", d.Name)
		}
		if _, err := d.MarshalJSON(); err != nil {
			t.Errorf("can't be shown: %v", err)
		}
		if value, ok := asJSON(source); ok {
			if err := schema.Validate(value); err != nil {
				t.Errorf("the published schema refuses what the parser takes: %v", err)
			}
		}
		inv, err := d.Resolve([]byte(`{}`))
		if err != nil {
			return
		}
		for _, text := range append(append([]string(nil), inv.Argv...), inv.Env...) {
			if strings.ContainsRune(text, 0) || len(text) > maxString {
				t.Errorf("no program can be given %q", clip(text))
			}
		}
	})
}

// FuzzResolve looks for configurations that take the validation down or get past it.
func FuzzResolve(f *testing.F) {
	d := mustParse(f, withParameters)
	for _, config := range []string{`{}`, `{"host":"web"}`, `{"host":"web","password":"hunter22","hosts":[{"name":"a"}]}`, `{"host":"web","limits":{"cpu":1e308}}`, `{"host":"web","port":1e999999999}`, `[[[[`, `{"host":"\u0000"}`, `{"host":"\ud800"}`, `null`} {
		f.Add([]byte(config))
	}
	f.Fuzz(func(t *testing.T, config []byte) {
		inv, err := d.Resolve(config)
		if err != nil {
			if strings.Contains(err.Error(), "%!") {
				t.Errorf("message %q", err)
			}
			return
		}
		again, err := d.Resolve(inv.Config)
		if err != nil {
			t.Fatalf("what Resolve gave it refuses: %v\n%s", err, inv.Config)
		}
		if !bytes.Equal(again.Config, inv.Config) {
			t.Errorf("resolving twice gives\n%s, then\n%s", inv.Config, again.Config)
		}
		for _, text := range append(append([]string(nil), inv.Argv...), inv.Env...) {
			if strings.ContainsRune(text, 0) {
				t.Errorf("no program can be given %q", clip(text))
			}
		}
	})
}

// systemHealth is the definition of the built-in health check.
func systemHealth() []byte { return builtin.Kind().Agents[0] }
