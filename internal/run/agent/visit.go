package agent

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// visit calls look for every part of the schema that may concern a part of the value, with that part
// and its path, as long as look says to go on into it.
func visit(s *jsonschema.Schema, value any, path []string, depth int, look func(s *jsonschema.Schema, value any, path []string) (into bool)) {
	if s == nil || depth > maxDepth || !look(s, value, path) {
		return
	}
	for _, sub := range composed(s) {
		visit(sub, value, path, depth+1, look)
	}
	below := func(name string) []string { return append(append([]string(nil), path...), name) }
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			described := false
			if sub, ok := s.Properties[key]; ok {
				described = true
				visit(sub, v[key], below(key), depth+1, look)
			}
			for pattern, sub := range s.PatternProperties {
				if pattern.MatchString(key) {
					described = true
					visit(sub, v[key], below(key), depth+1, look)
				}
			}
			if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && !described {
				visit(sub, v[key], below(key), depth+1, look)
			}
			visit(s.UnevaluatedProperties, v[key], below(key), depth+1, look)
		}
	case []any:
		for i, item := range v {
			at := below(strconv.Itoa(i))
			switch items := s.Items.(type) {
			case *jsonschema.Schema:
				visit(items, item, at, depth+1, look)
			case []*jsonschema.Schema:
				if i < len(items) {
					visit(items[i], item, at, depth+1, look)
				}
			}
			if i < len(s.PrefixItems) {
				visit(s.PrefixItems[i], item, at, depth+1, look)
			} else {
				visit(s.Items2020, item, at, depth+1, look)
			}
			visit(s.Contains, item, at, depth+1, look)
		}
	}
}

// writeIntegers gives value with every number that the schema calls an integer written as one: 5.0
// and 1e2 are integers to JSON Schema, and 5 and 100 to the program that gets them. A number out of
// a list of choices is written as it is there.
func writeIntegers(s *jsonschema.Schema, value map[string]any) map[string]any {
	type place struct {
		path []string
		text json.Number
	}
	var places []place
	visit(s, value, nil, 0, func(s *jsonschema.Schema, value any, path []string) bool {
		number, ok := value.(json.Number)
		if !ok {
			return true
		}
		if text, ok := integerText(s, number); ok && text != number {
			places = append(places, place{path, text})
		}
		return true
	})
	for _, p := range places {
		parent, _ := dig(value, p.path[:len(p.path)-1])
		switch v := parent.(type) {
		case map[string]any:
			v[p.path[len(p.path)-1]] = p.text
		case []any:
			if i, err := strconv.Atoi(p.path[len(p.path)-1]); err == nil && i < len(v) {
				v[i] = p.text
			}
		}
	}
	return value
}

// integerText writes number as s wants it, where s says.
func integerText(s *jsonschema.Schema, number json.Number) (json.Number, bool) {
	r, ok := new(big.Rat).SetString(string(number))
	if !ok || !r.IsInt() {
		return "", false
	}
	choices := []any(nil)
	if s.Enum != nil {
		choices = s.Enum.Values
	}
	if s.Const != nil {
		choices = append(choices, *s.Const)
	}
	for _, choice := range choices {
		if text, ok := choice.(json.Number); ok {
			if c, ok := new(big.Rat).SetString(string(text)); ok && c.Cmp(r) == 0 && s.Types == nil {
				return text, true
			}
		}
	}
	if s.Types == nil || !slices.Contains(s.Types.ToStrings(), "integer") || slices.Contains(s.Types.ToStrings(), "number") {
		return "", false
	}
	return json.Number(r.Num().String()), true
}
