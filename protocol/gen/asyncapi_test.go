package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestAsyncAPI_SchemasTakeGoldenFrames: the document is YAML without doubled keys, its schemas are
// sound, and each golden message is what the schema of its type says; a message with a field of a
// wrong kind is not.
func TestAsyncAPI_SchemasTakeGoldenFrames(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	m, err := newModel(root)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(asyncapi(m))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	const url = "asyncapi.json"
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(url, document); err != nil {
		t.Fatal(err)
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, group := range [][]message{m.events, m.server, m.client} {
		for _, msg := range group {
			if schemas[msg.wire], err = compiler.Compile(url + "#/components/schemas/" + msg.name); err != nil {
				t.Fatal(err)
			}
		}
	}
	paths, err := filepath.Glob(filepath.Join(root, "protocol/testdata/*.ndjson"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden frames: %v", err)
	}
	checked := 0
	for _, path := range paths {
		name := filepath.Base(path)
		if name == "malformed.ndjson" || name == "unknown.ndjson" {
			continue
		}
		frame, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(frame) {
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			fields := value.(map[string]any)
			schema := schemas[fields["type"].(string)]
			if schema == nil {
				t.Errorf("%s: no schema for %s", name, fields["type"])
				continue
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			checked++
			for field, was := range fields {
				if field == "type" || isAny(m, fields["type"].(string), field) {
					continue
				}
				fields[field] = []any{map[string]any{}}
				if _, isList := was.([]any); isList {
					fields[field] = "not a list"
				}
				if schema.Validate(value) == nil {
					t.Errorf("%s: %s is taken although %s is wrong", name, fields["type"], field)
				}
				fields[field] = was
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d messages were checked", checked)
	}
	var paper map[string]any
	if err := json.Unmarshal(asJSON, &paper); err != nil || !strings.HasPrefix(paper["asyncapi"].(string), "3.") {
		t.Errorf("not an AsyncAPI 3 document: %v, %v", paper["asyncapi"], err)
	}
}

// isAny reports whether a field may hold anything.
func isAny(m *model, wire, name string) bool {
	for _, group := range [][]message{m.events, m.server, m.client} {
		for _, msg := range group {
			for _, f := range msg.fields {
				if msg.wire == wire && f.name == name {
					return f.value.kind == anyKind
				}
			}
		}
	}
	return false
}
