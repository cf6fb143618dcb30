package agent

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/run/kind/kinds"
)

//go:generate go test . -run ^TestSchema_file_is_fresh$ -update-schema

//go:embed agent.schema.json
var baseSchema []byte

// SchemaJSON is the JSON Schema of a definition file, for editors: that of the keys which every
// definition may have, and each kind's own.
var SchemaJSON = assembleSchema(baseSchema)

// assembleSchema adds the kinds' keys to the schema of the others, after the description. Both are
// parts of the program and read by its tests, so that what is wrong with them can't happen to a user.
func assembleSchema(base []byte) []byte {
	schema := builtinTree(base)
	var oneOf []any
	var own object
	for _, k := range kinds.All() {
		oneOf = append(oneOf, object{{"required", []any{k.Name}}})
		own = append(own, member{k.Name, builtinTree([]byte(k.Schema))})
	}
	value, _ := schema.get("properties")
	var properties object
	for _, m := range value.(object) {
		properties = append(properties, m)
		if m.key == "description" {
			properties = append(properties, own...)
		}
	}
	var compact, indented bytes.Buffer
	encodeTree(&compact, schema.with("oneOf", oneOf).with("properties", properties))
	if err := json.Indent(&indented, compact.Bytes(), "", "  "); err != nil {
		panic(fmt.Sprintf("the schema of a definition: %v", err))
	}
	indented.WriteByte('\n')
	return indented.Bytes()
}

// builtinTree reads a mapping that is part of the program.
func builtinTree(source []byte) object {
	p := &parser{nodes: map[string]*yaml.Node{}}
	left := maxTreeNodes
	value, ok := p.tree(p.document(source), "", 0, &left)
	if !ok {
		panic(fmt.Sprintf("a part of the program can't be read: %v", p.problems))
	}
	return value.(object)
}

// builtinDefinitions are the agents that are there without a file, as they are when none changes them.
func builtinDefinitions() []*Definition {
	var list []*Definition
	for _, k := range kinds.All() {
		for _, source := range k.Agents {
			d, problems := Parse("", source)
			if len(problems) > 0 {
				// It is part of the program and read by its tests: this can't happen to a user.
				panic(fmt.Sprintf("a built-in agent of kind %s: %v", k.Name, problems))
			}
			list = append(list, d)
		}
	}
	return list
}

// baseParameters is the schema that files are laid over which change the parameters of base.
func baseParameters(base []byte) object {
	value, ok := builtinTree(base).get("parameters")
	if !ok {
		return object{}
	}
	return value.(object)
}
