package agent

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

//go:generate go test . -run ^TestDocs_list_every_key$ -update-docs

var updateDocs = flag.Bool("update-docs", false, "write the list of keys in docs/agents.md anew")

const (
	keysBegin = "<!-- generated: keys -->\n"
	keysEnd   = "<!-- end -->"
)

// TestDocs_list_every_key: docs/agents.md has every key of the schema that editors are given.
func TestDocs_list_every_key(t *testing.T) {
	t.Parallel()
	const file = "../../../docs/agents.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), keysBegin)
	listed, after, ended := strings.Cut(rest, keysEnd)
	if !ok || !ended {
		t.Fatalf("%s has no part between %q and %q", file, keysBegin, keysEnd)
	}
	wanted := keyTable()
	if *updateDocs {
		if err := os.WriteFile(file, []byte(before+keysBegin+wanted+keysEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if listed != wanted {
		t.Errorf("the keys in docs/agents.md are not those of the schema: run `go generate ./internal/run/agent`")
	}
}

// keyTable lists the keys of a definition as a Markdown table.
func keyTable() string {
	schema := builtinTree(SchemaJSON)
	var b strings.Builder
	b.WriteString("| key | value | |\n|---|---|---|\n")
	properties, _ := schema.get("properties")
	for _, m := range properties.(object) {
		keyRows(&b, m.key, m.value.(object), schema, 0)
	}
	return b.String()
}

func keyRows(b *strings.Builder, path string, s, root object, depth int) {
	text := func(o object, key string) string {
		value, _ := o.get(key)
		word, _ := value.(string)
		return word
	}
	cell := func(words string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(words) }
	fmt.Fprintf(b, "| `%s` | %s | %s |\n", path, cell(valueWords(s, root)), cell(text(s, "description")))
	if depth > 2 || path == "parameters" {
		return
	}
	if properties, ok := s.get("properties"); ok {
		for _, m := range properties.(object) {
			if inner, ok := m.value.(object); ok {
				keyRows(b, path+"."+m.key, inner, root, depth+1)
			}
		}
	}
	if items, ok := s.get("items"); ok {
		if o, ok := items.(object); ok {
			if properties, ok := o.get("properties"); ok {
				for _, m := range properties.(object) {
					if inner, ok := m.value.(object); ok {
						keyRows(b, path+"[]."+m.key, inner, root, depth+1)
					}
				}
			}
		}
	}
}

// valueWords says what a key's value is.
func valueWords(s, root object) string {
	if ref, ok := s.get("$ref"); ok {
		return strings.TrimPrefix(fmt.Sprint(ref), "#/$defs/")
	}
	if enum, ok := s.get("enum"); ok {
		var words []string
		for _, value := range enum.([]any) {
			words = append(words, "`"+strings.Trim(string(jsonText(value)), `"`)+"`")
		}
		return strings.Join(words, ", ")
	}
	if constant, ok := s.get("const"); ok {
		return "`" + strings.Trim(string(jsonText(plain(constant))), `"`) + "`"
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if list, ok := s.get(keyword); ok {
			var words []string
			for _, option := range list.([]any) {
				if o, ok := option.(object); ok {
					if word := valueWords(o, root); word != "" {
						words = append(words, word)
					}
				}
			}
			return strings.Join(words, ", or ")
		}
	}
	names := map[string]string{"string": "text", "array": "list", "object": "mapping", "boolean": "true or false", "integer": "whole number"}
	value, _ := s.get("type")
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var words []string
	for _, item := range list {
		word, _ := item.(string)
		if plain := names[word]; plain != "" {
			word = plain
		}
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " or ")
}
