// Package exactjson decodes JSON that others send, without what encoding/json forgives: a name that
// differs from a field's in case alone, a name that stands twice in an object, and nesting without end.
// Two programs on the way could read such JSON differently. It owns no type of its own.
package exactjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// MaxDepth is how deep objects and arrays may be nested.
const MaxDepth = 100

// Unmarshal is json.Unmarshal for what others send.
func Unmarshal(data []byte, into any) error {
	if err := check(data, reflect.TypeOf(into)); err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// Check refuses names that stand twice and nesting beyond MaxDepth, whatever the JSON is for. What is no
// JSON at all passes: decoding says better what is wrong with it.
func Check(data []byte) error { return check(data, nil) }

// level is an object or array that is not closed yet.
type level struct {
	object bool
	name   bool // in an object: a name comes next
	seen   map[string]struct{}
	target reflect.Type // what it is decoded into; nil: nothing that has names of its own
	value  reflect.Type // what the next value is decoded into
}

func check(data []byte, target reflect.Type) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var levels []level
	next := target
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil // the end, or what json.Unmarshal explains
		}
		var at *level
		if len(levels) > 0 {
			at = &levels[len(levels)-1]
		}
		if at != nil && at.object && at.name {
			if name, ok := token.(string); ok {
				if err := at.take(name); err != nil {
					return err
				}
				continue
			}
		}
		if at != nil {
			next = at.value
			at.name = at.object
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if len(levels) == MaxDepth {
				return fmt.Errorf("it is nested more than %d deep", MaxDepth)
			}
			levels = append(levels, newLevel(token == json.Delim('{'), next))
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
			if len(levels) == 0 {
				return nil
			}
		default:
			if at == nil {
				return nil
			}
		}
	}
}

func newLevel(object bool, target reflect.Type) level {
	l := level{object: object, name: object}
	if object {
		l.seen = map[string]struct{}{}
	}
	if target = named(target); target == nil {
		return l
	}
	switch target.Kind() {
	case reflect.Struct:
		if object {
			l.target = target
		}
	case reflect.Map, reflect.Slice, reflect.Array:
		l.value = target.Elem()
	}
	return l
}

// take notes a name of an object.
func (l *level) take(name string) error {
	if _, twice := l.seen[name]; twice {
		return fmt.Errorf("the name %.60q stands twice in one object", name)
	}
	l.seen[name] = struct{}{}
	l.name = false
	if l.target == nil {
		return nil
	}
	fields := fieldsOf(l.target)
	if field, ok := fields[name]; ok {
		l.value = field
		return nil
	}
	l.value = nil
	for exact := range fields {
		if strings.EqualFold(exact, name) {
			return fmt.Errorf("the name %.60q must be written %q", name, exact)
		}
	}
	return nil
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// named gives the type that JSON's names are matched with, nil where the type reads JSON by itself.
func named(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		if t.Implements(unmarshaler) {
			return nil
		}
		t = t.Elem()
	}
	if t == nil || t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler) {
		return nil
	}
	return t
}

var known sync.Map // of reflect.Type to map[string]reflect.Type

// fieldsOf are a struct's fields by the names they have in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if found, ok := known.Load(t); ok {
		return found.(map[string]reflect.Type)
	}
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" && named(f.Type) != nil && named(f.Type).Kind() == reflect.Struct {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields[name] = f.Type
	}
	known.Store(t, fields)
	return fields
}
