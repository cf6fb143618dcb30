package agent

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const formatPassword = "password"

// shortestSecret is how many bytes a secret must have to be looked for in output. Masking every
// "a" would ruin the log and, by what is missing, tell the secret.
const shortestSecret = 4

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

// secretTexts lists every spelling in which the scalars of a secret value may turn up in output.
func secretTexts(value any) []string {
	switch v := value.(type) {
	case string:
		return spellings(v)
	case json.Number:
		return spellings(string(v))
	case map[string]any:
		var list []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			list = append(list, secretTexts(v[key])...)
		}
		return list
	case []any:
		var list []string
		for _, item := range v {
			list = append(list, secretTexts(item)...)
		}
		return list
	default:
		return nil
	}
}

// spellings are the text itself, as JSON writes it, and each of its lines, because output is
// read line by line.
func spellings(text string) []string {
	var list []string
	add := func(s string) {
		if len(s) >= shortestSecret {
			list = append(list, s)
		}
	}
	add(text)
	if quoted := string(jsonText(text)); quoted[1:len(quoted)-1] != text {
		add(quoted[1 : len(quoted)-1])
	}
	if escaped, err := json.Marshal(text); err == nil && string(escaped[1:len(escaped)-1]) != text {
		add(string(escaped[1 : len(escaped)-1]))
	}
	if strings.ContainsAny(text, "\r\n") {
		for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			add(strings.TrimSpace(line))
		}
	}
	return list
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
