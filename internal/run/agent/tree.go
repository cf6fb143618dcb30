package agent

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// object is a JSON object that keeps the order it was written in, because forms are made from it.
// Values are object, []any, string, json.Number, bool or nil.
type object []member

type member struct {
	key   string
	value any
}

func (o object) get(key string) (any, bool) {
	for _, m := range o {
		if m.key == key {
			return m.value, true
		}
	}
	return nil, false
}

// with gives the object with key set, in its place or at the end.
func (o object) with(key string, value any) object {
	changed := append(object(nil), o...)
	for i := range changed {
		if changed[i].key == key {
			changed[i].value = value
			return changed
		}
	}
	return append(changed, member{key, value})
}

// maxTreeNodes bounds what aliases can blow a small file up to.
const maxTreeNodes = 50_000

// tree turns YAML into a JSON value. left counts down over the whole value.
func (p *parser) tree(n *yaml.Node, field string, depth int, left *int) (any, bool) {
	if *left--; *left < 0 || depth > maxDepth {
		if *left == -1 || depth > maxDepth {
			p.fail(n, field, "is too large or refers to itself: write it with fewer aliases")
		}
		return nil, false
	}
	n = p.resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		o, whole := make(object, 0, len(n.Content)/2), true
		before := len(p.problems)
		for _, m := range p.members(n, field) {
			value, ok := p.tree(m.value, join(field, m.key), depth+1, left)
			whole = whole && ok
			o = append(o, member{m.key, value})
		}
		return o, whole && len(p.problems) == before
	case yaml.SequenceNode:
		list, whole := make([]any, 0, len(n.Content)), true
		for i, item := range n.Content {
			value, ok := p.tree(item, join(field, strconv.Itoa(i)), depth+1, left)
			whole = whole && ok
			list = append(list, value)
		}
		return list, whole
	case yaml.ScalarNode:
		return p.scalar(n, field)
	default:
		p.fail(n, field, "is nothing that JSON can hold")
		return nil, false
	}
}

func (p *parser) scalar(n *yaml.Node, field string) (any, bool) {
	switch n.ShortTag() {
	case "!!null":
		return nil, true
	case "!!str", "!!timestamp":
		return n.Value, true
	case "!!bool":
		var b bool
		if n.Load(&b) == nil {
			return b, true
		}
	case "!!int", "!!float":
		if octal := strings.TrimLeft(n.Value, "+-"); len(octal) > 1 && octal[0] == '0' && strings.Trim(octal, "0123456789_") == "" {
			p.fail(n, field, "%s begins with 0, which some take for octal: leave the 0 out, write 0o%s for octal, or put it in quotes if it is text", clip(n.Value), strings.TrimLeft(octal, "0_"))
			return nil, false
		}
		if json.Valid([]byte(n.Value)) {
			if problem := numberProblem(n.Value); problem != "" {
				p.fail(n, field, "%s", problem)
				return nil, false
			}
			return json.Number(n.Value), true
		}
		var i int64
		if n.ShortTag() == "!!int" && n.Load(&i) == nil {
			return json.Number(strconv.FormatInt(i, 10)), true
		}
		var f float64
		if n.Load(&f) == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), true
		}
	}
	p.fail(n, field, "%q is nothing that JSON can hold: put it in quotes if it is text", clip(n.Value))
	return nil, false
}

// numberProblem refuses numbers that no program reads as they are, and that would cost much to
// compare exactly: 1e999999999.
func numberProblem(text string) string {
	f, err := strconv.ParseFloat(text, 64)
	digits, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if err != nil || math.IsInf(f, 0) || len(digits) > 400 || len(exponent) > 4 || (f == 0 && strings.Trim(digits, "-0.") != "") {
		return "the number " + clip(text) + " is out of range"
	}
	return ""
}

// plain gives the value as encoding/json would read it, numbers kept exactly.
func plain(value any) any {
	switch v := value.(type) {
	case object:
		m := make(map[string]any, len(v))
		for _, member := range v {
			m[member.key] = plain(member.value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	default:
		return v
	}
}

// encodeTree writes the value as JSON, objects in their order.
func encodeTree(b *bytes.Buffer, value any) {
	switch v := value.(type) {
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(jsonText(m.key))
			b.WriteByte(':')
			encodeTree(b, m.value)
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			encodeTree(b, item)
		}
		b.WriteByte(']')
	default:
		b.Write(jsonText(v))
	}
}

// jsonText writes v as JSON without escaping <, > and &. v holds only what JSON can.
func jsonText(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
