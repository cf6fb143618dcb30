package protocol_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/claudeops/claudeops/protocol"
)

var update = flag.Bool("update", false, "write testdata/expected.json anew")

// verdict is what a reader makes of one line. kind is "event", "message" (another of a server's
// messages), "request" (a client's), "unknown event" (keeps its place in the order), "unknown"
// (ignored), or "malformed" (ignored).
type verdict struct {
	Kind        string `json:"kind"`
	Type        string `json:"type,omitempty"`
	ExecutionID string `json:"executionId,omitempty"`
	Seq         uint64 `json:"seq,omitempty"`
}

var serverStructs = map[string]reflect.Type{
	protocol.TypeConnection:         reflect.TypeFor[protocol.Connection](),
	protocol.TypeAck:                reflect.TypeFor[protocol.Ack](),
	protocol.TypeError:              reflect.TypeFor[protocol.Error](),
	protocol.TypeExecutionStatus:    reflect.TypeFor[protocol.ExecutionStatus](),
	protocol.TypeLogsSubscribed:     reflect.TypeFor[protocol.LogsSubscribed](),
	protocol.TypeLogsGap:            reflect.TypeFor[protocol.LogsGap](),
	protocol.TypeLogsMatches:        reflect.TypeFor[protocol.LogsMatches](),
	protocol.TypeExecutionsSnapshot: reflect.TypeFor[protocol.ExecutionsSnapshot](),
	protocol.TypeSystemStatus:       reflect.TypeFor[protocol.SystemStatus](),
	protocol.TypePong:               reflect.TypeFor[protocol.Pong](),
}

func specOf(specs []protocol.Spec, messageType string) *protocol.Spec {
	for i := range specs {
		if specs[i].Type == messageType {
			return &specs[i]
		}
	}
	return nil
}

// read classifies a line, and gives the struct it was decoded into.
func read(line []byte) (verdict, any) {
	malformed := verdict{Kind: "malformed"}
	var head struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil || head.Type == nil {
		return malformed, nil
	}
	v := verdict{Type: *head.Type}
	if strings.HasPrefix(v.Type, "execution:") && v.Type != protocol.TypeExecutionStatus {
		var at struct {
			ExecutionID string       `json:"executionId"`
			Seq         protocol.Seq `json:"seq"`
		}
		err := json.Unmarshal(line, &at)
		known := specOf(protocol.EventSpecs, v.Type) != nil
		if err != nil || at.ExecutionID == "" || at.Seq == 0 {
			if known {
				return malformed, nil
			}
			v.Kind = "unknown"
			return v, nil
		}
		v.Kind, v.ExecutionID, v.Seq = "unknown event", at.ExecutionID, uint64(at.Seq)
		var e protocol.Event
		if !known || json.Unmarshal(line, &e) != nil {
			return v, nil
		}
		v.Kind = "event"
		return v, &e
	}
	if of, ok := serverStructs[v.Type]; ok {
		m := reflect.New(of).Interface()
		if json.Unmarshal(line, m) != nil {
			return malformed, nil
		}
		v.Kind = "message"
		return v, m
	}
	if specOf(protocol.RequestSpecs, v.Type) != nil {
		var r protocol.Request
		if json.Unmarshal(line, &r) != nil {
			return malformed, nil
		}
		v.Kind = "request"
		return v, &r
	}
	v.Kind = "unknown"
	return v, nil
}

// goldenFrames reads the frames, by file name.
func goldenFrames(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.ndjson")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden frames in protocol/testdata: %v", err)
	}
	frames := map[string][]byte{}
	for _, path := range paths {
		frame, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		frames[filepath.Base(path)] = frame
	}
	return frames
}

// linesOf splits a frame as every reader does.
func linesOf(frame []byte) [][]byte {
	var lines [][]byte
	for line := range bytes.SplitSeq(frame, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

// exact reports whether a file holds only what this version of the contract describes.
func exact(name string) bool {
	return name != "unknown.ndjson" && name != "malformed.ndjson"
}

// TestGolden_ReadAlike: the verdicts are kept in expected.json, where the TypeScript tests compare
// theirs with them.
func TestGolden_ReadAlike(t *testing.T) {
	t.Parallel()
	got := map[string][]verdict{}
	for name, frame := range goldenFrames(t) {
		got[name] = []verdict{}
		for _, line := range linesOf(frame) {
			v, _ := read(line)
			got[name] = append(got[name], v)
		}
	}
	const path = "testdata/expected.json"
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with: go test ./protocol -run Golden -update)", err)
	}
	var want map[string][]verdict
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("golden frames are read otherwise than %s says (-want +got); if that is right: go test ./protocol -run Golden -update\n%s", path, diff)
	}
	for name, verdicts := range got {
		for i, v := range verdicts {
			if exact(name) && v.Kind != "event" && v.Kind != "message" && v.Kind != "request" {
				t.Errorf("%s, message %d: %s", name, i+1, v.Kind)
			}
		}
	}
}

// TestGolden_RoundTrip: decoding into our structs and encoding again loses nothing and adds nothing.
func TestGolden_RoundTrip(t *testing.T) {
	t.Parallel()
	for name, frame := range goldenFrames(t) {
		if !exact(name) {
			continue
		}
		for i, line := range linesOf(frame) {
			_, m := read(line)
			if m == nil {
				t.Errorf("%s, message %d: not decoded", name, i+1)
				continue
			}
			again, err := json.Marshal(m)
			if err != nil {
				t.Errorf("%s, message %d: %v", name, i+1, err)
				continue
			}
			if diff := cmp.Diff(anyJSON(t, line), anyJSON(t, again)); diff != "" {
				t.Errorf("%s, message %d: (-golden +encoded)\n%s", name, i+1, diff)
			}
		}
	}
}

// TestGolden_FollowSpecs: each message has what its spec requires and nothing its spec lacks, and
// each type and each optional field is shown at least once.
func TestGolden_FollowSpecs(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for name, frame := range goldenFrames(t) {
		if !exact(name) {
			continue
		}
		for i, line := range linesOf(frame) {
			v, _ := read(line)
			fields := anyJSON(t, line).(map[string]any)
			shown[v.Type] = true
			for field := range fields {
				shown[v.Type+"."+field] = true
			}
			spec, common := specOf(protocol.EventSpecs, v.Type), []string{"type", "executionId", "seq", "timestamp"}
			if v.Kind == "request" {
				spec, common = specOf(protocol.RequestSpecs, v.Type), []string{"type", "id"}
			} else if spec == nil {
				continue // a struct of its own: TestGolden_RoundTrip compares all its fields
			}
			for _, field := range spec.Required {
				if _, ok := fields[field]; !ok {
					t.Errorf("%s, message %d: %s lacks %s", name, i+1, v.Type, field)
				}
			}
			for field := range fields {
				if !slices.Contains(common, field) && !slices.Contains(spec.Required, field) && !slices.Contains(spec.Optional, field) {
					t.Errorf("%s, message %d: %s has no field %s", name, i+1, v.Type, field)
				}
			}
			if v.Kind == "event" {
				checkTime(t, line)
			}
		}
	}
	for _, spec := range slices.Concat(protocol.EventSpecs, protocol.RequestSpecs) {
		if !shown[spec.Type] {
			t.Errorf("no golden frame shows %s: add one in protocol/testdata", spec.Type)
		}
		for _, field := range spec.Optional {
			if !shown[spec.Type+"."+field] {
				t.Errorf("no golden frame shows %s with %s: add one in protocol/testdata", spec.Type, field)
			}
		}
	}
	for messageType, of := range serverStructs {
		for _, field := range jsonFields(of) {
			if !shown[messageType+"."+field] {
				t.Errorf("no golden frame shows %s with %s: add one in protocol/testdata", messageType, field)
			}
		}
	}
	for _, code := range protocol.Codes {
		if !bytes.Contains(goldenFrames(t)["replies.ndjson"], []byte(`"code":"`+string(code)+`"`)) {
			t.Errorf("no golden frame shows the error code %s", code)
		}
	}
}

// TestSpecs_Permissions: what a client may send stands in the table of permissions, and the other
// way round.
func TestSpecs_Permissions(t *testing.T) {
	t.Parallel()
	for _, spec := range protocol.RequestSpecs {
		if _, ok := protocol.MessagePermission[spec.Type]; !ok {
			t.Errorf("%s needs an entry in MessagePermission", spec.Type)
		}
	}
	for messageType := range protocol.MessagePermission {
		if specOf(protocol.RequestSpecs, messageType) == nil {
			t.Errorf("MessagePermission has %s, RequestSpecs has not", messageType)
		}
	}
}

// TestSpecs_CoverEvent: every field of the union structs belongs to some type.
func TestSpecs_CoverEvent(t *testing.T) {
	t.Parallel()
	check := func(of reflect.Type, specs []protocol.Spec, common ...string) {
		used := common
		for _, s := range specs {
			used = slices.Concat(used, s.Required, s.Optional)
		}
		fields := jsonFields(of)
		for _, f := range fields {
			if !slices.Contains(used, f) {
				t.Errorf("%s: no spec uses %s", of, f)
			}
		}
		for _, f := range used {
			if !slices.Contains(fields, f) {
				t.Errorf("%s has no field %s, but a spec names it", of, f)
			}
		}
	}
	check(reflect.TypeFor[protocol.Event](), protocol.EventSpecs, "type", "executionId", "seq", "timestamp")
	check(reflect.TypeFor[protocol.Request](), protocol.RequestSpecs, "type", "id")
}

func jsonFields(of reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// checkTime says whether an event's timestamp is written as TimeFormat.
func checkTime(t *testing.T, line []byte) {
	t.Helper()
	var e struct {
		Timestamp json.RawMessage `json:"timestamp"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		t.Fatal(err)
	}
	var at protocol.Time
	if err := json.Unmarshal(e.Timestamp, &at); err != nil {
		t.Errorf("timestamp %s: %v", e.Timestamp, err)
	} else if again, _ := at.MarshalJSON(); !bytes.Equal(again, e.Timestamp) {
		t.Errorf("timestamp %s is not written in the form %s", e.Timestamp, protocol.TimeFormat)
	}
}

// anyJSON decodes without losing digits. Times become equal when they are the same instant.
func anyJSON(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %.80s", err, text)
	}
	return sameInstants(v)
}

func sameInstants(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			v[key] = sameInstants(item)
		}
	case []any:
		for i, item := range v {
			v[i] = sameInstants(item)
		}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at.UTC().Format(protocol.TimeFormat)
		}
	}
	return v
}
