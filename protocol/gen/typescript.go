package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/claudeops/claudeops/protocol"
)

const typescriptPath = "web/packages/client/src/protocol.gen.ts"

// typescript writes every message as an interface, the three unions that are told apart by type,
// and the table by which the client checks what it receives.
func typescript(m *model) []byte {
	var b bytes.Buffer
	b.WriteString("// Generated from package protocol by `go generate ./protocol`. Do not edit.\n\n")
	fmt.Fprintf(&b, "/** The version of the wire contract these types describe. */\nexport const protocolVersion = %d;\n\n", protocol.Version)
	fmt.Fprintf(&b, "/** The WebSocket subprotocol to ask for. */\nexport const subprotocol = %q;\n\n", protocol.Subprotocol)

	b.WriteString("/** WebSocket close codes. */\nexport const closeCodes = {\n")
	for _, c := range m.closings {
		name := strings.TrimPrefix(c.name, "Close")
		fmt.Fprintf(&b, "  /** %s */\n  %s: %s,\n", c.doc, lowerFirst(name), c.value)
	}
	b.WriteString("} as const;\n\n")

	for _, e := range m.enums {
		comment(&b, "", e.doc)
		fmt.Fprintf(&b, "export type %s =", e.name)
		for _, v := range e.values {
			b.WriteString("\n")
			if v.doc != "" {
				comment(&b, "  ", v.doc)
			}
			fmt.Fprintf(&b, "  | %q", v.value)
		}
		b.WriteString(";\n\n")
	}
	for _, group := range [][]message{m.shared, m.events, m.server, m.client} {
		for _, msg := range group {
			object(&b, msg)
		}
	}
	union(&b, "ExecutionEvent", "Everything that is journaled, in the order of its seq.", m.events)
	union(&b, "ServerMessage", "What a server sends that is not journaled.", m.server)
	union(&b, "ClientMessage", "What a client sends.", m.client)

	b.WriteString("/** The types of the events that end an execution, and the status in which each leaves it. */\nexport const endings = {\n")
	for _, e := range m.events {
		if status := protocol.StatusAfter(e.wire); status != "" {
			fmt.Fprintf(&b, "  %q: %q,\n", e.wire, status)
		}
	}
	b.WriteString("} as const satisfies Readonly<Record<string, Status>>;\n\n")
	b.WriteString("/**\n * The fields of what a server sends and what they hold: `s` string, `n` number, `b` boolean, `a` array,\n")
	b.WriteString(" * `o` object, `x` anything, or the name of another shape (`[]` after it: an array of those); `?` at the\n")
	b.WriteString(" * end when the field may be missing. Types stand under their name on the wire.\n */\n")
	b.WriteString("export const shapes: Readonly<Record<string, string>> = {\n")
	for _, group := range [][]message{m.events, m.server, m.shared} {
		for _, msg := range group {
			var parts []string
			for _, f := range msg.fields {
				mark := shapeMark(f.value)
				if f.optional {
					mark += "?"
				}
				parts = append(parts, f.name+":"+mark)
			}
			name := msg.wire
			if name == "" {
				name = msg.name
			}
			fmt.Fprintf(&b, "  %q: %q,\n", name, strings.Join(parts, " "))
		}
	}
	b.WriteString("};\n")
	return b.Bytes()
}

func object(b *bytes.Buffer, m message) {
	comment(b, "", m.doc)
	fmt.Fprintf(b, "export interface %s {\n", m.name)
	if m.wire != "" {
		fmt.Fprintf(b, "  readonly type: %q;\n", m.wire)
	}
	for _, f := range m.fields {
		if f.doc != "" {
			comment(b, "  ", f.doc)
		}
		mark := ""
		if f.optional {
			mark = "?"
		}
		fmt.Fprintf(b, "  readonly %s%s: %s;\n", f.name, mark, tsType(f.value))
	}
	b.WriteString("}\n\n")
}

func union(b *bytes.Buffer, name, doc string, messages []message) {
	comment(b, "", doc)
	fmt.Fprintf(b, "export type %s =", name)
	for _, m := range messages {
		fmt.Fprintf(b, "\n  | %s", m.name)
	}
	b.WriteString(";\n\n")
}

func comment(b *bytes.Buffer, indent, text string) {
	if text != "" {
		fmt.Fprintf(b, "%s/** %s */\n", indent, text)
	}
}

func tsType(v value) string {
	switch v.kind {
	case stringKind, timeKind, base64Kind:
		return "string"
	case integerKind, numberKind:
		return "number"
	case boolKind:
		return "boolean"
	case mapKind:
		if v.elem != nil {
			return "Readonly<Record<string, " + tsType(*v.elem) + ">>"
		}
		return "Readonly<Record<string, unknown>>"
	case objectKind:
		return v.name
	case enumKind:
		if v.name != "" {
			return v.name
		}
		quoted := make([]string, len(v.values))
		for i, s := range v.values {
			quoted[i] = strconv.Quote(s)
		}
		return strings.Join(quoted, " | ")
	case arrayKind:
		elem := tsType(*v.elem)
		if v.length > 0 {
			return "readonly [" + strings.TrimSuffix(strings.Repeat(elem+", ", v.length), ", ") + "]"
		}
		if strings.Contains(elem, " ") {
			elem = "(" + elem + ")"
		}
		return "readonly " + elem + "[]"
	default:
		return "unknown"
	}
}

func shapeMark(v value) string {
	switch v.kind {
	case stringKind, timeKind, base64Kind, enumKind:
		return "s"
	case integerKind, numberKind:
		return "n"
	case boolKind:
		return "b"
	case arrayKind:
		if v.elem.kind == objectKind {
			return v.elem.name + "[]"
		}
		return "a"
	case objectKind:
		return v.name
	case mapKind:
		return "o"
	default:
		return "x"
	}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
