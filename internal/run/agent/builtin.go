package agent

import (
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// SystemHealth is the name of the built-in health check, as an agent and as a builtin.
const SystemHealth = "system-health"

//go:embed system-health.yaml
var systemHealth []byte

// SchemaJSON is the JSON Schema of a definition file, for editors.
//
//go:embed agent.schema.json
var SchemaJSON []byte

// builtinDefinition is the built-in agent as it is when no file changes it.
func builtinDefinition() *Definition {
	d, problems := Parse("", systemHealth)
	if len(problems) > 0 {
		// The file is part of the program and read by its tests: this can't happen to a user.
		panic(fmt.Sprintf("the built-in %s: %v", SystemHealth, problems))
	}
	return d
}

// builtinParameters is the schema that a builtin's files are laid over.
func builtinParameters(string) object {
	p := &parser{nodes: map[string]*yaml.Node{}}
	for _, m := range p.members(p.document(systemHealth), "") {
		if m.key == "parameters" {
			left := maxTreeNodes
			value, _ := p.tree(m.value, "parameters", 0, &left)
			return value.(object)
		}
	}
	return object{}
}
