package main

import (
	"encoding/json"
	"slices"
	"strings"
)

// setParameters adds key=value pairs to a config. A value is read as the schema's type for its key;
// what the schema does not know is text, and the server says that it does not know it.
func setParameters(config map[string]json.RawMessage, schema json.RawMessage, pairs []string) error {
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
		value, err := parameter(text, typesOf(s.Properties[key]))
		if err != nil {
			return usageError("-c %s: %w", pair, err)
		}
		config[key] = value
	}
	return nil
}

// typesOf are the JSON types a property may have. None means any.
func typesOf(property json.RawMessage) []string {
	var p struct {
		Type  json.RawMessage   `json:"type"`
		Enum  []json.RawMessage `json:"enum"`
		AnyOf []json.RawMessage `json:"anyOf"`
		OneOf []json.RawMessage `json:"oneOf"`
	}
	if json.Unmarshal(property, &p) != nil {
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
	for _, alternative := range append(p.AnyOf, p.OneOf...) {
		types = append(types, typesOf(alternative)...)
	}
	for _, value := range p.Enum {
		types = append(types, typeOf(value))
	}
	return types
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
