package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/claudeops/claudeops/protocol"
)

const asyncapiPath = "docs/asyncapi.yaml"

// pair and object keep the order of keys, which a Go map would not.
type (
	pair struct {
		key   string
		value any
	}
	ordered []pair
	list    []any
)

// asyncapi writes the messages as an AsyncAPI 3.0 document, seen from the server: it receives what
// clients send.
func asyncapi(m *model) []byte {
	messages, schemas := ordered{}, ordered{}
	var received, sent list
	channelMessages := ordered{}
	for _, group := range [][]message{m.client, m.server, m.events} {
		for _, msg := range group {
			messages = append(messages, pair{msg.name, ordered{
				{"name", msg.wire},
				{"summary", msg.doc},
				{"contentType", "application/json"},
				{"payload", reference("schemas", msg.name)},
			}})
			channelMessages = append(channelMessages, pair{msg.name, reference("messages", msg.name)})
			schemas = append(schemas, pair{msg.name, objectSchema(msg)})
		}
	}
	for _, msg := range m.client {
		received = append(received, ordered{{"$ref", "#/channels/messages/messages/" + msg.name}})
	}
	for _, group := range [][]message{m.server, m.events} {
		for _, msg := range group {
			sent = append(sent, ordered{{"$ref", "#/channels/messages/messages/" + msg.name}})
		}
	}
	for _, o := range m.shared {
		schemas = append(schemas, pair{o.name, objectSchema(o)})
	}
	for _, e := range m.enums {
		var values list
		for _, v := range e.values {
			values = append(values, v.value)
		}
		schemas = append(schemas, pair{e.name, ordered{{"type", "string"}, {"description", e.doc}, {"enum", values}}})
	}

	document := ordered{
		{"asyncapi", "3.0.0"},
		{"info", ordered{
			{"title", "ClaudeOps"},
			{"version", fmt.Sprintf("%d", protocol.Version)},
			{"description", "Runs agents and streams every line of them. A frame is one or more of these messages, each one line of JSON followed by a newline (the last one's may be missing). docs/protocol.md says how cursors, the other transports and reconnects work."},
			{"license", ordered{{"name", "Apache-2.0"}}},
		}},
		{"defaultContentType", "application/json"},
		{"servers", ordered{
			{"local", ordered{{"host", "127.0.0.1:3000"}, {"protocol", "ws"}, {"security", list{reference("securitySchemes", "bearer")}}}},
		}},
		{"channels", ordered{
			{"messages", ordered{
				{"address", "/api/ws"},
				{"description", "One connection carries everything. GET /api/events (server-sent events), GET /api/poll and POST /api/messages carry the same messages where a WebSocket can't be had."},
				{"messages", channelMessages},
				{"bindings", ordered{{"ws", ordered{{"method", "GET"}}}}},
			}},
		}},
		{"operations", ordered{
			{"receive", ordered{{"action", "receive"}, {"channel", ordered{{"$ref", "#/channels/messages"}}}, {"summary", "What a client sends."}, {"messages", received}}},
			{"send", ordered{{"action", "send"}, {"channel", ordered{{"$ref", "#/channels/messages"}}}, {"summary", "What a client receives."}, {"messages", sent}}},
		}},
		{"components", ordered{
			{"securitySchemes", ordered{
				{"bearer", ordered{{"type", "http"}, {"scheme", "bearer"}, {"description", "The owner's token or a JWT; in browsers the page's cookie, a one-time ticket, or the message auth."}}},
			}},
			{"messages", messages},
			{"schemas", schemas},
		}},
	}
	var b bytes.Buffer
	b.WriteString("# Generated from package protocol by `go generate ./protocol`. Do not edit.\n")
	writeYAML(&b, document, 0)
	return b.Bytes()
}

func reference(section, name string) ordered {
	return ordered{{"$ref", "#/components/" + section + "/" + name}}
}

func objectSchema(m message) ordered {
	properties, required := ordered{}, list{}
	if m.wire != "" {
		properties = append(properties, pair{"type", ordered{{"type", "string"}, {"const", m.wire}}})
		required = append(required, "type")
	}
	for _, f := range m.fields {
		schema := valueSchema(f.value)
		if f.doc != "" && !isReference(schema) {
			schema = append(schema, pair{"description", f.doc})
		}
		properties = append(properties, pair{f.name, schema})
		if !f.optional && !f.sparse {
			required = append(required, f.name)
		}
	}
	s := ordered{{"type", "object"}}
	if m.doc != "" {
		s = append(s, pair{"description", m.doc})
	}
	if len(required) > 0 {
		s = append(s, pair{"required", required})
	}
	return append(s, pair{"properties", properties})
}

func valueSchema(v value) ordered {
	switch v.kind {
	case stringKind:
		return ordered{{"type", "string"}}
	case timeKind:
		return ordered{{"type", "string"}, {"format", "date-time"}}
	case base64Kind:
		return ordered{{"type", "string"}, {"contentEncoding", "base64"}}
	case integerKind:
		s := ordered{{"type", "integer"}}
		if v.unsigned {
			s = append(s, pair{"minimum", 0}, pair{"maximum", protocol.MaxSeq})
		}
		return s
	case numberKind:
		return ordered{{"type", "number"}}
	case boolKind:
		return ordered{{"type", "boolean"}}
	case arrayKind:
		s := ordered{{"type", "array"}, {"items", valueSchema(*v.elem)}}
		if v.length > 0 {
			s = append(s, pair{"minItems", v.length}, pair{"maxItems", v.length})
		}
		return s
	case mapKind:
		if v.elem != nil {
			return ordered{{"type", "object"}, {"additionalProperties", valueSchema(*v.elem)}}
		}
		return ordered{{"type", "object"}, {"additionalProperties", true}}
	case objectKind:
		return reference("schemas", v.name)
	case enumKind:
		if v.name != "" {
			return reference("schemas", v.name)
		}
		var values list
		for _, s := range v.values {
			values = append(values, s)
		}
		return ordered{{"type", "string"}, {"enum", values}}
	default:
		return ordered{} // anything
	}
}

// isReference reports whether a schema only points to another, beside which nothing may stand.
func isReference(schema ordered) bool { return len(schema) == 1 && schema[0].key == "$ref" }

// writeYAML writes block style with JSON scalars, which are YAML scalars.
func writeYAML(b *bytes.Buffer, v any, depth int) {
	indent := strings.Repeat("  ", depth)
	switch v := v.(type) {
	case ordered:
		for _, p := range v {
			key := p.key
			if strings.HasPrefix(key, "$") {
				key = scalar(key)
			}
			b.WriteString(indent + key + ":")
			writeNested(b, p.value, depth)
		}
	case list:
		for _, item := range v {
			b.WriteString(indent + "-")
			writeNested(b, item, depth)
		}
	}
}

func writeNested(b *bytes.Buffer, v any, depth int) {
	switch v := v.(type) {
	case ordered:
		if len(v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		if isReference(v) {
			b.WriteString(" { " + scalar("$ref") + ": " + scalar(v[0].value) + " }\n")
			return
		}
		b.WriteString("\n")
		writeYAML(b, v, depth+1)
	case list:
		if scalars(v) {
			parts := make([]string, len(v))
			for i, item := range v {
				parts[i] = scalar(item)
			}
			b.WriteString(" [" + strings.Join(parts, ", ") + "]\n")
			return
		}
		b.WriteString("\n")
		writeYAML(b, v, depth+1)
	default:
		b.WriteString(" " + scalar(v) + "\n")
	}
}

func scalars(l list) bool {
	for _, item := range l {
		switch item.(type) {
		case ordered, list:
			return false
		}
	}
	return true
}

func scalar(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only strings, numbers and booleans come here
	}
	return strings.TrimSpace(b.String())
}
