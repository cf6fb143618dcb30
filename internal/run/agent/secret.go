package agent

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/claudeops/claudeops/internal/trust/mask"
)

const formatPassword = "password"

// secret reports whether a schema says that its value is one: writeOnly, or format password.
func secret(s *jsonschema.Schema) bool {
	return s.WriteOnly || (s.Format != nil && s.Format.Name == formatPassword)
}

// secretPaths finds the secrets in a value, wherever any part of the schema that may concern
// them says so. It rather hides too much than too little.
func secretPaths(s *jsonschema.Schema, value any) [][]string {
	var found [][]string
	visit(s, value, nil, 0, func(s *jsonschema.Schema, value any, path []string) bool {
		if !secret(s) {
			return true
		}
		if value != nil && !under(path, found) {
			found = append(found, append([]string(nil), path...))
		}
		return false
	})
	return found
}

// under reports whether path is one of the prefixes or lies below one.
func under(path []string, prefixes [][]string) bool {
	for _, prefix := range prefixes {
		if len(prefix) <= len(path) && slices.Equal(prefix, path[:len(prefix)]) {
			return true
		}
	}
	return false
}

// dig finds the value at path.
func dig(value any, path []string) (any, bool) {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			inner, ok := v[step]
			if !ok {
				return nil, false
			}
			value = inner
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, true
}

// maskAt gives a copy of value with what is at the paths masked.
func maskAt(value any, paths [][]string) any {
	masked := copyJSON(value)
	for _, path := range paths {
		if len(path) == 0 {
			return Masked
		}
		parent, _ := dig(masked, path[:len(path)-1])
		switch v := parent.(type) {
		case map[string]any:
			v[path[len(path)-1]] = Masked
		case []any:
			if i, err := strconv.Atoi(path[len(path)-1]); err == nil && i >= 0 && i < len(v) {
				v[i] = Masked
			}
		}
	}
	return masked
}

// secretTexts lists the scalars of a secret value as a program is given them. What is shorter than
// mask.Shortest is in short instead: it is not masked.
func secretTexts(value any) (texts, short []string) {
	add := func(text string) {
		switch {
		case len(text) >= mask.Shortest:
			texts = append(texts, text)
		case text != "":
			short = append(short, text)
		}
	}
	switch v := value.(type) {
	case string:
		add(v)
	case json.Number:
		add(string(v))
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner, tooShort := secretTexts(v[key])
			texts, short = append(texts, inner...), append(short, tooShort...)
		}
	case []any:
		for _, item := range v {
			inner, tooShort := secretTexts(item)
			texts, short = append(texts, inner...), append(short, tooShort...)
		}
	}
	if _, scalar := value.(string); !scalar && len(texts) > 0 {
		add(valueText(value)) // as the variable of the whole has it
	}
	return texts, short
}

// longestFirst sorts and removes doubles, so that masking a secret never leaves the rest of a
// longer one that holds it.
func longestFirst(secrets []string) []string {
	sort.Slice(secrets, func(i, j int) bool {
		if len(secrets[i]) != len(secrets[j]) {
			return len(secrets[i]) > len(secrets[j])
		}
		return secrets[i] < secrets[j]
	})
	unique := secrets[:0]
	for i, s := range secrets {
		if i == 0 || s != secrets[i-1] {
			unique = append(unique, s)
		}
	}
	return unique
}
