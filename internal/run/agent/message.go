package agent

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// fieldErrors turns a validation error into one message per wrong field, in the order of the
// fields. What stands at or under hidden is not quoted.
func fieldErrors(e *jsonschema.ValidationError, hidden [][]string) []FieldError {
	var list []FieldError
	collect(e, hidden, &list)
	sort.SliceStable(list, func(i, j int) bool { return list[i].Field < list[j].Field })
	unique := list[:0]
	for i, f := range list {
		if i == 0 || f.Field != list[i-1].Field || f.Message != list[i-1].Message {
			unique = append(unique, f)
		}
	}
	return unique
}

func collect(e *jsonschema.ValidationError, hidden [][]string, list *[]FieldError) {
	at := e.InstanceLocation
	add := func(path []string, format string, args ...any) {
		*list = append(*list, FieldError{Field: strings.Join(path, "."), Message: fmt.Sprintf(format, args...), path: path})
	}
	show := func(value any) string {
		if under(at, hidden) {
			return "that secret"
		}
		return clip(string(jsonText(value)))
	}
	below := func(name string) []string { return append(append([]string(nil), at...), name) }
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			add(below(name), "is required")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			add(below(name), "is not a known parameter")
			(*list)[len(*list)-1].unknown = name
		}
	case *kind.FalseSchema:
		add(at, "is not a known parameter")
		if len(at) > 0 {
			(*list)[len(*list)-1].unknown = at[len(at)-1]
		}
	case *kind.Type:
		add(at, "must be %s, got %s", article(k.Want), article([]string{k.Got}))
		(*list)[len(*list)-1].wrongType = true
	case *kind.Enum:
		options := make([]string, len(k.Want))
		for i, option := range k.Want {
			options[i] = clip(string(jsonText(option)))
		}
		meant := ""
		if text, ok := k.Got.(string); ok && !under(at, hidden) {
			meant = didYouMean(text, texts(k.Want))
		}
		add(at, "must be one of %s, got %s%s", clipList(options), show(k.Got), meant)
	case *kind.Const:
		add(at, "must be %s, got %s", clip(string(jsonText(k.Want))), show(k.Got))
	case *kind.Minimum:
		add(at, "must be at least %s, got %s", number(k.Want), show(json.Number(number(k.Got))))
	case *kind.Maximum:
		add(at, "must be at most %s, got %s", number(k.Want), show(json.Number(number(k.Got))))
	case *kind.ExclusiveMinimum:
		add(at, "must be more than %s, got %s", number(k.Want), show(json.Number(number(k.Got))))
	case *kind.ExclusiveMaximum:
		add(at, "must be less than %s, got %s", number(k.Want), show(json.Number(number(k.Got))))
	case *kind.MultipleOf:
		add(at, "must be a multiple of %s, got %s", number(k.Want), show(json.Number(number(k.Got))))
	case *kind.MinLength:
		if k.Want == 1 {
			add(at, "must not be empty")
		} else {
			add(at, "must have at least %d characters, has %d", k.Want, k.Got)
		}
	case *kind.MaxLength:
		add(at, "must have at most %d characters, has %d", k.Want, k.Got)
	case *kind.Pattern:
		add(at, "must match the pattern %s, got %s", k.Want, show(k.Got))
	case *kind.Format:
		if k.Want == "regex" {
			add(at, "is not a regular expression (RE2 syntax), got %s", show(k.Got))
			return
		}
		add(at, "must be a valid %s, got %s", k.Want, show(k.Got))
	case *kind.MinItems:
		add(at, "must have at least %d items, has %d", k.Want, k.Got)
	case *kind.MaxItems:
		add(at, "must have at most %d items, has %d", k.Want, k.Got)
	case *kind.UniqueItems:
		add(at, "must not have the same item twice: items %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	case *kind.DependentRequired:
		for _, name := range k.Missing {
			add(below(name), "is required when %s is given", k.Prop)
		}
	case *kind.Not:
		add(at, "has a value that is not allowed")
	case *kind.AnyOf, *kind.OneOf:
		if one, ok := k.(*kind.OneOf); ok && len(one.Subschemas) > 0 {
			add(at, "fits more than one of the forms that exclude each other")
			return
		}
		branches := make([][]FieldError, len(e.Causes))
		for i, cause := range e.Causes {
			collect(cause, hidden, &branches[i])
		}
		// Where only one form takes a value of this type at all, that is the one meant.
		if meant := ofType(branches, strings.Join(at, ".")); len(meant) == 1 {
			*list = append(*list, meant[0]...)
			return
		}
		var ways []string
		for _, branch := range branches {
			var why []string
			for _, f := range branch {
				if own := strings.Join(at, "."); f.Field == own {
					why = append(why, f.Message)
				} else {
					why = append(why, strings.TrimPrefix(strings.TrimPrefix(f.Field, own), ".")+" "+f.Message)
				}
			}
			ways = append(ways, strings.Join(why, " and "))
		}
		add(at, "fits none of the allowed forms: %s", strings.Join(ways, "; or "))
	default:
		if len(e.Causes) > 0 {
			for _, cause := range e.Causes {
				collect(cause, hidden, list)
			}
			return
		}
		if under(at, hidden) {
			add(at, "is not valid")
			return
		}
		add(at, "is not valid: %s", clip(jsonschema.OutputError{Kind: e.ErrorKind}.String()))
	}
}

// ofType leaves out the branches that refuse the value's very type.
func ofType(branches [][]FieldError, field string) [][]FieldError {
	var kept [][]FieldError
	for _, branch := range branches {
		refused := false
		for _, f := range branch {
			refused = refused || (f.Field == field && f.wrongType)
		}
		if !refused {
			kept = append(kept, branch)
		}
	}
	return kept
}

func texts(values []any) []string {
	var list []string
	for _, value := range values {
		if text, ok := value.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// named adds the nearest known name to what is not known, and gives the whole a name.
func named(list []FieldError, s *jsonschema.Schema) []FieldError {
	for i := range list {
		f := &list[i]
		if f.unknown != "" {
			parent := s
			for _, step := range f.path[:len(f.path)-1] {
				if parent = parent.Properties[step]; parent == nil {
					break
				}
			}
			if parent != nil {
				known := slices.Sorted(maps.Keys(parent.Properties))
				switch meant := nearest(f.unknown, known); {
				case meant != "":
					f.Message += ": did you mean " + meant + "?"
				case len(known) == 0:
					f.Message += ": there are none"
				default:
					f.Message += ": there are " + clipList(known)
				}
			}
		}
		if f.Field == "" {
			f.Field = "config"
		}
	}
	return list
}

func clipList(items []string) string {
	const most = 30
	if len(items) > most {
		return strings.Join(items[:most], ", ") + fmt.Sprintf(" and %d more", len(items)-most)
	}
	return strings.Join(items, ", ")
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// article names JSON types in words: "a string", "an integer or null".
func article(types []string) string {
	words := make([]string, len(types))
	for i, t := range types {
		switch t {
		case "null":
			words[i] = "null"
		case "integer", "object", "array":
			words[i] = "an " + t
		default:
			words[i] = "a " + t
		}
	}
	return strings.Join(words, " or ")
}

func jsonKind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}
