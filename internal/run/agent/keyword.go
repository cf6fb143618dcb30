package agent

import (
	"slices"
	"strconv"
	"strings"
)

// holds says what a keyword of JSON Schema has as its value, as far as schemas stand in it.
type holds int

const (
	plainValue  holds = iota
	oneSchema         // a schema, or in older drafts a list of them
	schemaList        // a list of schemas
	schemaNames       // a mapping of names to schemas
)

// keywords are those of JSON Schema, drafts 4 to 2020-12. about is the type that a keyword says
// something about, empty for any.
var keywords = map[string]struct {
	holds holds
	about string
}{
	"$schema": {}, "$id": {}, "id": {}, "$anchor": {}, "$dynamicAnchor": {}, "$recursiveAnchor": {}, "$comment": {}, "$vocabulary": {},
	"$ref": {}, "$dynamicRef": {}, "$recursiveRef": {}, "$defs": {holds: schemaNames}, "definitions": {holds: schemaNames},
	"type": {}, "enum": {}, "const": {}, "default": {}, "examples": {}, "title": {}, "description": {},
	"deprecated": {}, "readOnly": {}, "writeOnly": {}, "format": {},
	"allOf": {holds: schemaList}, "anyOf": {holds: schemaList}, "oneOf": {holds: schemaList}, "not": {holds: oneSchema},
	"if": {holds: oneSchema}, "then": {holds: oneSchema}, "else": {holds: oneSchema},

	"properties": {schemaNames, "object"}, "patternProperties": {schemaNames, "object"}, "additionalProperties": {oneSchema, "object"},
	"unevaluatedProperties": {oneSchema, "object"}, "propertyNames": {oneSchema, "object"}, "required": {about: "object"},
	"minProperties": {about: "object"}, "maxProperties": {about: "object"}, "dependentRequired": {about: "object"},
	"dependentSchemas": {schemaNames, "object"}, "dependencies": {schemaNames, "object"},

	"items": {oneSchema, "array"}, "prefixItems": {schemaList, "array"}, "additionalItems": {oneSchema, "array"}, "unevaluatedItems": {oneSchema, "array"},
	"contains": {oneSchema, "array"}, "minContains": {about: "array"}, "maxContains": {about: "array"},
	"minItems": {about: "array"}, "maxItems": {about: "array"}, "uniqueItems": {about: "array"},

	"minLength": {about: "string"}, "maxLength": {about: "string"}, "pattern": {about: "string"},
	"contentEncoding": {about: "string"}, "contentMediaType": {about: "string"}, "contentSchema": {oneSchema, "string"},

	"minimum": {about: "number"}, "maximum": {about: "number"}, "exclusiveMinimum": {about: "number"}, "exclusiveMaximum": {about: "number"}, "multipleOf": {about: "number"},
}

// keywordHabits are names that people use for keywords.
var keywordHabits = map[string]string{
	"example": "examples", "options": "enum", "choices": "enum", "values": "enum", "optional": "required", "mandatory": "required",
	"min": "minimum", "max": "maximum", "regex": "pattern", "help": "description", "label": "title", "secret": "writeOnly", "nullable": "type", "params": "properties",
}

// checkKeywords refuses what JSON Schema would ignore without a word: a mistyped keyword, and one
// that says nothing about values of the schema's type. Names that begin with x- are everybody's own.
func (p *parser) checkKeywords(schema any, path []string) {
	o, ok := schema.(object)
	if !ok {
		return
	}
	types := typesOf(o)
	if len(path) == 0 {
		types = []string{"object"}
	}
	for _, m := range o {
		here := append(append([]string(nil), path...), m.key)
		n, field := p.at(here...), join("parameters", strings.Join(here, "."))
		keyword, known := keywords[m.key]
		switch _, holdsMapping := m.value.(object); {
		case strings.HasPrefix(m.key, "x-"):
			continue
		case !known && len(path) == 0 && holdsMapping && validParameter(m.key):
			p.fail(n, field, "is not a keyword of JSON Schema; a parameter stands under properties: parameters: {properties: {%s: …}}", m.key)
			continue
		case !known:
			p.fail(n, field, "is not a keyword of JSON Schema%s; for a note of your own write x-%s", meantKeyword(m.key), clip(m.key))
			continue
		case len(path) == 0 && keyword.about != "" && keyword.about != "object":
			p.fail(n, field, "says nothing about an object, which the parameters together are; a parameter stands under properties: parameters: {properties: {name: {type: %s, …}}}", keyword.about)
			continue
		case keyword.about != "" && types != nil && !slices.Contains(types, keyword.about):
			p.fail(n, field, "says nothing about a value of type %s, only about one of type %s: remove it or change the type", strings.Join(types, " or "), keyword.about)
			continue
		}
		switch value := m.value.(type) {
		case object:
			switch keyword.holds {
			case oneSchema:
				p.checkKeywords(value, here)
			case schemaNames:
				for _, named := range value {
					p.checkKeywords(named.value, append(append([]string(nil), here...), named.key))
				}
			}
		case []any:
			if keyword.holds == schemaList || keyword.holds == oneSchema {
				for i, item := range value {
					p.checkKeywords(item, append(append([]string(nil), here...), strconv.Itoa(i)))
				}
			}
		}
	}
	p.checkRequired(o, path)
}

// partial are the keywords whose subschemas may describe one part of an object only.
var partial = []string{"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$defs", "definitions", "dependentSchemas", "dependencies"}

// checkRequired refuses a required parameter that nothing describes and that can't be given, because
// an object which lists its properties takes no others.
func (p *parser) checkRequired(o object, path []string) {
	listed, _ := o.get("properties")
	properties, ok := listed.(object)
	value, _ := o.get("required")
	names, given := value.([]any)
	if !given || !ok && len(path) > 0 || slices.ContainsFunc(path, func(step string) bool { return slices.Contains(partial, step) }) {
		return
	}
	for _, m := range o {
		if keyword := keywords[m.key]; slices.Contains(applicators, m.key) || keyword.about == "object" && m.key != "properties" && m.key != "required" {
			return // it may be described elsewhere
		}
	}
	known := make([]string, len(properties))
	for i, m := range properties {
		known[i] = m.key
	}
	for i, item := range names {
		if name, ok := item.(string); ok && !slices.Contains(known, name) {
			here := append(append([]string(nil), path...), "required", strconv.Itoa(i))
			p.fail(p.at(here...), join("parameters", strings.Join(here, ".")), "%s is required but not among properties%s: describe it there", clip(name), didYouMean(name, known))
		}
	}
}

// typesOf lists the types that a schema allows, integer as number; nil for any.
func typesOf(o object) []string {
	value, given := o.get("type")
	if !given {
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var types []string
	for _, item := range list {
		name, _ := item.(string)
		if name == "integer" {
			name = "number"
		}
		types = append(types, name)
	}
	return types
}

func meantKeyword(wrong string) string {
	known := make([]string, 0, len(keywords))
	for name := range keywords {
		known = append(known, name)
	}
	slices.Sort(known)
	if meant := keywordHabits[fold(wrong)]; meant != "" {
		return ": did you mean " + meant + "?"
	}
	if meant := nearest(wrong, known); meant != "" && meant != wrong {
		return ": did you mean " + meant + "?"
	}
	return ""
}
