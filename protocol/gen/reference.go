package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const referencePath = "docs/protocol.md"

// referenceDocument is docs/protocol.md with what stands between `<!-- generated: NAME -->` and
// `<!-- end -->` written anew. The prose around it is nobody's but its authors'.
func referenceDocument(root string, m *model) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, referencePath))
	if err != nil {
		return nil, err
	}
	sections := []struct {
		name  string
		table []byte
	}{
		{"close codes", closeTable(m)},
		{"client messages", messageTable(m.client, "id")},
		{"server messages", messageTable(m.server, "")},
		{"error codes", enumTable(m, "ErrorCode")},
		{"events", messageTable(m.events, "executionId", "seq", "timestamp")},
		{"reasons", enumTable(m, "FailureReason")},
		{"objects", objectTable(m.shared)},
	}
	for _, s := range sections {
		begin := []byte("<!-- generated: " + s.name + " -->\n")
		before, rest, ok := bytes.Cut(text, begin)
		if !ok {
			return nil, fmt.Errorf("%s: no line %q", referencePath, bytes.TrimSpace(begin))
		}
		_, after, ok := bytes.Cut(rest, []byte("<!-- end -->\n"))
		if !ok {
			return nil, fmt.Errorf("%s: no <!-- end --> after %q", referencePath, bytes.TrimSpace(begin))
		}
		text = bytes.Join([][]byte{before, begin, s.table, []byte("<!-- end -->\n"), after}, nil)
	}
	return text, nil
}

func closeTable(m *model) []byte {
	var b bytes.Buffer
	b.WriteString("| code | what a client does |\n|---|---|\n")
	for _, c := range m.closings {
		fmt.Fprintf(&b, "| %s | %s |\n", c.value, c.doc)
	}
	return b.Bytes()
}

func enumTable(m *model, name string) []byte {
	var b bytes.Buffer
	b.WriteString("| | |\n|---|---|\n")
	for _, e := range m.enums {
		if e.name == name {
			for _, v := range e.values {
				fmt.Fprintf(&b, "| `%s` | %s |\n", v.value, v.doc)
			}
		}
	}
	return b.Bytes()
}

func messageTable(messages []message, except ...string) []byte {
	var b bytes.Buffer
	b.WriteString("| type | fields | |\n|---|---|---|\n")
	for _, m := range messages {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.wire, fieldList(m.fields, except), m.doc)
	}
	return b.Bytes()
}

func objectTable(objects []message) []byte {
	var b bytes.Buffer
	b.WriteString("| object | fields | |\n|---|---|---|\n")
	for _, o := range objects {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", o.name, fieldList(o.fields, nil), o.doc)
	}
	return b.Bytes()
}

// fieldList gives each field its type, and what its comment says where that is more than the type.
func fieldList(fields []field, except []string) string {
	var parts []string
next:
	for _, f := range fields {
		for _, name := range except {
			if f.name == name {
				continue next
			}
		}
		part := "`" + f.name + "`"
		if f.optional {
			part += "?"
		}
		part += " " + plainType(f.value)
		if f.doc != "" && len(f.value.values) == 0 {
			part += " (" + f.doc + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func plainType(v value) string {
	switch v.kind {
	case stringKind:
		return "string"
	case timeKind:
		return "time"
	case base64Kind:
		return "base64"
	case integerKind:
		return "integer"
	case numberKind:
		return "number"
	case boolKind:
		return "boolean"
	case arrayKind:
		if v.elem.kind == arrayKind {
			return fmt.Sprintf("[[%s × %d]]", plainType(*v.elem.elem), v.elem.length)
		}
		if v.length > 0 {
			return fmt.Sprintf("[%s × %d]", plainType(*v.elem), v.length)
		}
		return "[" + plainType(*v.elem) + "]"
	case mapKind:
		if v.elem != nil {
			return "object of " + plainType(*v.elem)
		}
		return "object"
	case objectKind:
		return v.name
	case enumKind:
		if v.name != "" {
			return v.name
		}
		return "`" + strings.Join(v.values, "`/`") + "`"
	default:
		return "any JSON"
	}
}
