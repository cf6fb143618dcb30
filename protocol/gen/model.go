package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// kind says what a value is in JSON.
type kind int

const (
	anyKind kind = iota
	stringKind
	timeKind
	base64Kind
	integerKind
	numberKind
	boolKind
	arrayKind
	objectKind // an object with a name of its own
	mapKind    // an object whose keys are the user's; its values have the type elem, or any where that is nil
	enumKind
)

// value is the type of a field.
type value struct {
	kind   kind
	name   string   // of an object or of an enum with a name
	values []string // of an enum without one
	elem   *value
	length int // of an array with a fixed length; 0 is any

	unsigned bool // of an integer: from 0 to protocol.MaxSeq
}

// field is one field of a message or object.
type field struct {
	name     string
	doc      string
	optional bool
	sparse   bool // not written when it is empty, though its message always has it
	value    value
}

// message is anything with a type, or an object that messages share.
type message struct {
	wire   string // its type on the wire; empty for shared objects
	name   string // in TypeScript and AsyncAPI
	doc    string
	fields []field // without type
}

// enum is a closed set of strings.
type enum struct {
	name   string
	doc    string
	values []constant
}

// model is everything that is generated from.
type model struct {
	enums    []enum
	shared   []message
	events   []message
	server   []message
	client   []message
	closings []constant // WebSocket close codes
}

// serverMessages pairs the types of server messages that are not journaled with their structs.
var serverMessages = []struct {
	wire string
	of   any
}{
	{protocol.TypeConnection, protocol.Connection{}},
	{protocol.TypeAck, protocol.Ack{}},
	{protocol.TypeError, protocol.Error{}},
	{protocol.TypeExecutionStatus, protocol.ExecutionStatus{}},
	{protocol.TypeLogsSubscribed, protocol.LogsSubscribed{}},
	{protocol.TypeLogsGap, protocol.LogsGap{}},
	{protocol.TypeLogsMatches, protocol.LogsMatches{}},
	{protocol.TypeExecutionsSnapshot, protocol.ExecutionsSnapshot{}},
	{protocol.TypeSystemStatus, protocol.SystemStatus{}},
	{protocol.TypePong, protocol.Pong{}},
}

// sharedNames gives the structs that messages are made of a name outside Go. A struct that is
// missing here stops the generator.
var sharedNames = map[reflect.Type]string{
	reflect.TypeFor[protocol.Record]():  "ExecutionRecord",
	reflect.TypeFor[protocol.Trigger](): "Trigger",
	reflect.TypeFor[protocol.Tokens]():  "Tokens",
	reflect.TypeFor[protocol.Cursor]():  "Cursor",

	reflect.TypeFor[protocol.PendingApproval](): "PendingApproval",
	reflect.TypeFor[protocol.ApprovalOption]():  "ApprovalOption",
	reflect.TypeFor[protocol.Relative]():        "Relative",
	reflect.TypeFor[protocol.ModelCost]():       "ModelCost",
	reflect.TypeFor[protocol.Survivor]():        "Survivor",
	reflect.TypeFor[protocol.Artifact]():        "Artifact",

	reflect.TypeFor[protocol.Heartbeat]():  "Heartbeat",
	reflect.TypeFor[protocol.Limits]():     "Limits",
	reflect.TypeFor[protocol.User]():       "User",
	reflect.TypeFor[protocol.Match]():      "SearchMatch",
	reflect.TypeFor[protocol.Usage]():      "Usage",
	reflect.TypeFor[protocol.DiskUsage]():  "DiskUsage",
	reflect.TypeFor[protocol.Executions](): "ExecutionCounts",
}

// enumNames gives the string types a name outside Go.
var enumNames = map[reflect.Type]string{
	reflect.TypeFor[protocol.Status](): "Status",
	reflect.TypeFor[protocol.Level]():  "Level",
	reflect.TypeFor[protocol.Stream](): "Stream",
	reflect.TypeFor[protocol.Reason](): "FailureReason",
	reflect.TypeFor[protocol.Code]():   "ErrorCode",

	reflect.TypeFor[protocol.DiskState](): "DiskState",

	reflect.TypeFor[protocol.ApprovalKind]():  "ApprovalKind",
	reflect.TypeFor[protocol.ApprovalScope](): "ApprovalScope",
	reflect.TypeFor[protocol.ApprovalVia]():   "ApprovalVia",
	reflect.TypeFor[protocol.Why]():           "Why",
}

// narrowed gives fields whose Go type is wider than what the wire holds their true type, by
// message type and field, or by field alone.
var narrowed = map[string]value{
	"config":                         {kind: mapKind},
	"level":                          {kind: enumKind, name: "Level"},
	"stream":                         {kind: enumKind, name: "Stream"},
	"decision":                       {kind: enumKind, values: []string{"allow", "deny"}},
	"direction":                      {kind: enumKind, values: []string{"next", "previous"}},
	"onDisconnect":                   {kind: enumKind, values: []string{"continue", "cancel"}},
	protocol.TypeFailed + ".reason":  {kind: enumKind, name: "FailureReason"},
	protocol.TypeLogsGap + ".reason": {kind: enumKind, values: []string{"damaged", "retention"}},
}

func newModel(root string) (*model, error) {
	source, err := readSource(root)
	if err != nil {
		return nil, err
	}
	m := &model{closings: source.closings}
	b := &builder{source: source, model: m}

	for of, name := range enumNames {
		e, ok := source.enums[of.Name()]
		if !ok {
			return nil, fmt.Errorf("%s has no constants", of)
		}
		m.enums = append(m.enums, enum{name, e.doc, e.values})
	}
	// Some constants of that name only mark what needs no permission.
	source.permissions.values = slices.DeleteFunc(source.permissions.values, func(c constant) bool {
		return !slices.Contains(protocol.Permissions, c.value)
	})
	m.enums = append(m.enums, source.permissions)
	slices.SortFunc(m.enums, func(a, b enum) int { return strings.Compare(a.name, b.name) })

	b.union(&m.events, reflect.TypeFor[protocol.Event](), protocol.EventSpecs, "Event")
	for i := range m.events {
		m.events[i].fields = append([]field{
			{name: "executionId", value: value{kind: stringKind}},
			{name: "seq", doc: "1, 2, 3 … without a hole within the execution", value: value{kind: integerKind, unsigned: true}},
			{name: "timestamp", value: value{kind: timeKind}},
		}, m.events[i].fields...)
	}
	b.union(&m.client, reflect.TypeFor[protocol.Request](), protocol.RequestSpecs, "Message")
	for i := range m.client {
		m.client[i].fields = append([]field{
			{name: "id", doc: "echoed in the answer", optional: true, value: value{kind: stringKind}},
		}, m.client[i].fields...)
	}
	for _, s := range serverMessages {
		of := reflect.TypeOf(s.of)
		m.server = append(m.server, message{s.wire, pascal(s.wire) + "Message", source.structs[of.Name()].doc, b.fields(of, s.wire)})
	}
	for of, name := range sharedNames {
		m.shared = append(m.shared, message{"", name, source.structs[of.Name()].doc, b.fields(of, "")})
	}
	slices.SortFunc(m.shared, func(a, b message) int { return strings.Compare(a.name, b.name) })
	if b.err != nil {
		return nil, b.err
	}
	return m, nil
}

// builder turns Go types into the model; the first error stays.
type builder struct {
	source *source
	model  *model
	err    error
}

func (b *builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

// union makes one message for each spec from the fields of a union struct.
func (b *builder) union(into *[]message, of reflect.Type, specs []protocol.Spec, suffix string) {
	for _, spec := range specs {
		m := message{wire: spec.Type, name: pascal(strings.TrimPrefix(spec.Type, "execution:")) + suffix, doc: spec.Doc}
		add := func(names []string, optional bool) {
			for _, name := range names {
				f, ok := fieldNamed(of, name)
				if !ok {
					b.fail("%s: %s has no field %q", spec.Type, of, name)
					return
				}
				m.fields = append(m.fields, field{
					name:     name,
					doc:      b.source.structs[of.Name()].fields[f.Name],
					optional: optional,
					sparse:   omitsEmpty(f) && f.Type.Kind() != reflect.Pointer,
					value:    b.fieldValue(spec.Type, name, f.Type),
				})
			}
		}
		add(spec.Required, false)
		add(spec.Optional, true)
		*into = append(*into, m)
	}
}

// fields lists the fields of a struct, those of embedded structs among them, without type.
func (b *builder) fields(of reflect.Type, wire string) []field {
	var fields []field
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			fields = append(fields, b.fields(f.Type, wire)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "type" && wire != "" {
			continue
		}
		fields = append(fields, field{
			name:     name,
			doc:      b.source.structs[of.Name()].fields[f.Name],
			optional: omitsEmpty(f),
			value:    b.fieldValue(wire, name, f.Type),
		})
	}
	return fields
}

func (b *builder) fieldValue(wire, name string, t reflect.Type) value {
	if v, ok := narrowed[wire+"."+name]; ok {
		return v
	}
	if v, ok := narrowed[name]; ok {
		return v
	}
	return b.value(t)
}

func (b *builder) value(t reflect.Type) value {
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return value{kind: anyKind}
	case reflect.TypeFor[time.Time](), reflect.TypeFor[protocol.Time]():
		return value{kind: timeKind}
	case reflect.TypeFor[protocol.Seq]():
		return value{kind: integerKind, unsigned: true}
	}
	if name, ok := enumNames[t]; ok {
		return value{kind: enumKind, name: name}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return b.value(t.Elem())
	case reflect.String:
		return value{kind: stringKind}
	case reflect.Bool:
		return value{kind: boolKind}
	case reflect.Int, reflect.Int64:
		return value{kind: integerKind}
	case reflect.Uint64:
		return value{kind: integerKind, unsigned: true}
	case reflect.Float64:
		return value{kind: numberKind}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return value{kind: base64Kind}
		}
		elem := b.value(t.Elem())
		v := value{kind: arrayKind, elem: &elem}
		if t.Kind() == reflect.Array {
			v.length = t.Len()
		}
		return v
	case reflect.Map:
		elem := b.value(t.Elem())
		return value{kind: mapKind, elem: &elem}
	case reflect.Struct:
		if name, ok := sharedNames[t]; ok {
			return value{kind: objectKind, name: name}
		}
	}
	b.fail("no name for %s outside Go: add it to sharedNames or value", t)
	return value{}
}

func fieldNamed(of reflect.Type, name string) (reflect.StructField, bool) {
	for i := range of.NumField() {
		f := of.Field(i)
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func omitsEmpty(f reflect.StructField) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return strings.Contains(options, "omitempty")
}

// pascal turns a type on the wire into a name: logs:subscribe becomes LogsSubscribe.
func pascal(wire string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(wire, ":") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}
