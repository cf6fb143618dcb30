package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/claudeops/claudeops/client"
)

// readConfig makes the parameters from what was given, typed as the agent's schema says.
func (c *command) readConfig(ctx context.Context, cl *client.Client, agent string, f *runFlags) (json.RawMessage, error) {
	config := map[string]json.RawMessage{}
	in := &input{stdin: c.stdin}
	if f.configFile != "" {
		b, err := in.read("--config-file "+f.configFile, f.configFile)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &config); err != nil || config == nil {
			return nil, usageError("--config-file %s holds no JSON object: %v", f.configFile, err)
		}
	}
	return c.withParameters(ctx, cl, agent, config, f.config, in)
}

// withParameters adds key=value pairs to a config, and encodes it.
func (c *command) withParameters(ctx context.Context, cl *client.Client, agent string, config map[string]json.RawMessage, pairs []string, in *input) (json.RawMessage, error) {
	if len(pairs) > 0 {
		described, err := cl.Agent(ctx, agent)
		if err != nil {
			return nil, err
		}
		if err := setParameters(config, described.Parameters, pairs, in); err != nil {
			return nil, err
		}
	}
	if len(config) == 0 {
		return nil, nil
	}
	return json.Marshal(config)
}

// input is where the values of parameters are read from, if not from the command line itself.
type input struct {
	stdin io.Reader
	used  string // what has taken standard input
}

// read gives a file's content, or that of standard input for "-". what names the flag in errors.
func (in *input) read(what, file string) ([]byte, error) {
	if file == "-" {
		if in.used != "" {
			return nil, usageError("%s: standard input is taken by %s already", what, in.used)
		}
		in.used = what
		if in.stdin == nil {
			return nil, usageError("%s: there is no standard input", what)
		}
		b, err := io.ReadAll(in.stdin)
		if err != nil {
			return nil, fmt.Errorf("%s: read standard input: %w", what, err)
		}
		return b, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError("%s: %w", what, err)
	}
	return b, nil
}

// text is a parameter's value as it was given: itself, @file, or - for standard input, each without
// one line break at its end. @@ stands for an @ at the beginning.
func (in *input) text(what, given string) (string, error) {
	file := ""
	switch {
	case given == "-":
		file = "-"
	case strings.HasPrefix(given, "@@"):
		return given[1:], nil
	case given == "@":
		return "", usageError("%s: wants a file's name after the @; @@ is an @", what)
	case strings.HasPrefix(given, "@"):
		file = given[1:]
	default:
		return given, nil
	}
	if file == "-" && given != "-" {
		file = "./-"
	}
	b, err := in.read(what, file)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", usageError("%s: what was read is not UTF-8 text", what)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// setParameters adds key=value pairs to a config. A value is read as the schema's type for its key;
// what the schema does not know is text, and the server says that it does not know it.
func setParameters(config map[string]json.RawMessage, schema json.RawMessage, pairs []string, in *input) error {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if len(schema) > 0 {
		if err := json.Unmarshal(schema, &s); err != nil {
			s.Properties = nil
		}
	}
	for _, pair := range pairs {
		key, text, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return usageError("-c %s is not key=value", pair)
		}
		what := "-c " + pair
		text, err := in.text(what, text)
		if err != nil {
			return err
		}
		value, err := parameter(text, typesOf(s.Properties[key], schema))
		if err != nil {
			return usageError("%s: %w", what, err)
		}
		config[key] = value
	}
	return nil
}

// typesOf are the JSON types a property may have. None means any. References are followed within root.
func typesOf(property, root json.RawMessage) []string { return typesWithin(property, root, 0) }

func typesWithin(property, root json.RawMessage, depth int) []string {
	var p struct {
		Type  json.RawMessage   `json:"type"`
		Ref   string            `json:"$ref"`
		Const json.RawMessage   `json:"const"`
		Enum  []json.RawMessage `json:"enum"`
		AllOf []json.RawMessage `json:"allOf"`
		AnyOf []json.RawMessage `json:"anyOf"`
		OneOf []json.RawMessage `json:"oneOf"`
	}
	const deepest = 32 // a schema may refer to itself
	if depth > deepest || json.Unmarshal(property, &p) != nil {
		return nil
	}
	var one string
	if json.Unmarshal(p.Type, &one) == nil && one != "" {
		return []string{one}
	}
	var types []string
	if json.Unmarshal(p.Type, &types) == nil && len(types) > 0 {
		return types
	}
	for _, alternative := range append(append([]json.RawMessage{referred(p.Ref, root)}, p.AllOf...), append(p.AnyOf, p.OneOf...)...) {
		types = append(types, typesWithin(alternative, root, depth+1)...)
	}
	for _, value := range append(p.Enum, p.Const) {
		if len(value) > 0 {
			types = append(types, typeOf(value))
		}
	}
	return types
}

// referred gives what a reference like #/$defs/port stands for, nothing when there is no such place.
func referred(ref string, root json.RawMessage) json.RawMessage {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil
	}
	at := root
	for step := range strings.SplitSeq(pointer, "/") {
		var object map[string]json.RawMessage
		if json.Unmarshal(at, &object) != nil {
			return nil
		}
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return at
}

func typeOf(value json.RawMessage) string {
	switch strings.TrimSpace(string(value))[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

// parameter reads text as one of the types.
func parameter(text string, types []string) (json.RawMessage, error) {
	asText, err := encodeLine(text)
	if err != nil {
		return nil, err
	}
	asText = asText[:len(asText)-1]
	if len(types) == 0 {
		return asText, nil
	}
	trimmed := json.RawMessage(strings.TrimSpace(text))
	if json.Valid(trimmed) {
		kind := typeOf(trimmed)
		if slices.Contains(types, kind) && kind != "string" || kind == "number" && slices.Contains(types, "integer") {
			return trimmed, nil
		}
	}
	if slices.Contains(types, "string") {
		return asText, nil
	}
	if slices.Contains(types, "boolean") {
		switch strings.ToLower(string(trimmed)) {
		case "yes", "on", "1":
			return json.RawMessage("true"), nil
		case "no", "off", "0":
			return json.RawMessage("false"), nil
		}
	}
	return nil, wrongType(text, types)
}

type typeError struct {
	text  string
	types []string
}

func wrongType(text string, types []string) error { return &typeError{text, types} }

func (e *typeError) Error() string {
	return "must be of type " + strings.Join(e.types, " or ") + ", not " + shorten(neutral(e.text), 60)
}
