package agent

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// withDefaults fills what is missing from the schema's defaults, inside nested objects and lists
// too. An object that is missing altogether is made when its own properties' defaults make it
// complete.
func withDefaults(s *jsonschema.Schema, value any) any {
	return fillDefaults(s, value, map[*jsonschema.Schema]bool{}, 0)
}

func fillDefaults(s *jsonschema.Schema, value any, making map[*jsonschema.Schema]bool, depth int) any {
	if s == nil || depth > maxDepth {
		return value
	}
	value = fillDefaults(s.Ref, value, making, depth+1)
	for _, sub := range s.AllOf {
		value = fillDefaults(sub, value, making, depth+1)
	}
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			property := s.Properties[name]
			if inner, given := v[name]; given {
				v[name] = fillDefaults(property, inner, map[*jsonschema.Schema]bool{}, depth+1)
			} else if made, ok := makeDefault(property, making, depth+1); ok {
				v[name] = made
			}
		}
	case []any:
		for i, item := range v {
			sub := s.Items2020
			if one, ok := s.Items.(*jsonschema.Schema); ok {
				sub = one
			}
			if i < len(s.PrefixItems) {
				sub = s.PrefixItems[i]
			}
			v[i] = fillDefaults(sub, item, map[*jsonschema.Schema]bool{}, depth+1)
		}
	}
	return value
}

// makeDefault gives a missing value. making holds the schemas being made, so that one which
// contains itself ends.
func makeDefault(s *jsonschema.Schema, making map[*jsonschema.Schema]bool, depth int) (any, bool) {
	if s == nil || making[s] || depth > maxDepth {
		return nil, false
	}
	making[s] = true
	defer delete(making, s)
	if s.Default != nil {
		return fillDefaults(s, copyJSON(*s.Default), making, depth+1), true
	}
	if made, ok := makeDefault(s.Ref, making, depth+1); ok {
		return made, true
	}
	for _, sub := range s.AllOf {
		if made, ok := makeDefault(sub, making, depth+1); ok {
			return made, true
		}
	}
	if len(s.Properties) == 0 {
		return nil, false
	}
	made, _ := fillDefaults(s, map[string]any{}, making, depth+1).(map[string]any)
	for _, name := range s.Required {
		if _, ok := made[name]; !ok {
			return nil, false
		}
	}
	return made, len(made) > 0
}

func copyJSON(value any) any {
	switch v := value.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key] = copyJSON(item)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = copyJSON(item)
		}
		return list
	default:
		return v
	}
}
