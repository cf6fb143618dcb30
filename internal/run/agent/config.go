package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/claudeops/claudeops/protocol"
)

// ConfigError says what is wrong with the parameters of one run, field by field.
type ConfigError struct {
	Agent  string
	Fields []FieldError

	code protocol.Code
}

// FieldError is one wrong parameter. Field is dotted ("thresholds.cpu", "hosts.0.port"); it is
// "config" when the whole is meant.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`

	path    []string // Field's steps
	unknown string   // the last step, when it is there but has no place

	wrongType bool
}

func (e *ConfigError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Message
	}
	return "the parameters of " + e.Agent + " are wrong: " + strings.Join(parts, "; ")
}

// Code is bad_request, or too_large when the parameters can't be given to a program.
func (e *ConfigError) Code() protocol.Code {
	if e.code == "" {
		return protocol.BadRequest
	}
	return e.code
}

func (d *Definition) configError(field, format string, args ...any) *ConfigError {
	return &ConfigError{Agent: d.Name, Fields: []FieldError{{Field: field, Message: fmt.Sprintf(format, args...)}}}
}

// readConfig parses config, fills in defaults and validates it. Nothing at all, null and {} are
// the same.
func (d *Definition) readConfig(config json.RawMessage) (map[string]any, error) {
	if !utf8.Valid(config) {
		return nil, d.configError("config", "is not valid UTF-8")
	}
	text := strings.TrimSpace(string(config))
	if text == "" {
		text = "{}"
	}
	decoded, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, d.configError("config", "is not valid JSON: %v", err)
	}
	if decoded == nil {
		decoded = map[string]any{}
	}
	values, ok := decoded.(map[string]any)
	if !ok {
		return nil, d.configError("config", "must be a JSON object with the parameters in it, got %s", jsonKind(decoded))
	}
	if path, problem := textProblem(values); problem != "" {
		return nil, d.configError(strings.Join(path, "."), "%s", problem)
	}
	values, _ = withDefaults(d.schema, values).(map[string]any)
	hidden := secretPaths(d.schema, values)
	for _, path := range hidden {
		if v, _ := dig(values, path); v == Masked {
			return nil, d.configError(strings.Join(path, "."), "is the mask of a secret, not the secret: enter it again")
		}
	}
	if err := d.schema.Validate(values); err != nil {
		var validation *jsonschema.ValidationError
		if !errors.As(err, &validation) {
			return nil, d.configError("config", "can't be checked: %v", err)
		}
		return nil, &ConfigError{Agent: d.Name, Fields: named(fieldErrors(validation, hidden), d.schema)}
	}
	return writeIntegers(d.schema, values), nil
}

// textProblem finds what JSON can hold but no program can be given, or compare exactly.
func textProblem(value any) (path []string, problem string) {
	switch v := value.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return nil, "holds a NUL byte, which no program can be given: remove it"
		}
	case json.Number:
		return nil, numberProblem(string(v))
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if strings.ContainsRune(key, 0) {
				return []string{strings.ReplaceAll(key, "\x00", "�")}, "has a NUL byte in its name: remove it"
			}
			if path, problem := textProblem(v[key]); problem != "" {
				return append([]string{key}, path...), problem
			}
		}
	case []any:
		for i, item := range v {
			if path, problem := textProblem(item); problem != "" {
				return append([]string{strconv.Itoa(i)}, path...), problem
			}
		}
	}
	return nil, ""
}
