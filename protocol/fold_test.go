package protocol_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/claudeops/claudeops/protocol"
)

// foldCase is a file of testdata/folds: events, and the record they give. The TypeScript client folds
// the same files.
type foldCase struct {
	Doc    string            `json:"doc"` // what the case shows
	Events []json.RawMessage `json:"events"`
	Record json.RawMessage   `json:"record"`
}

func foldCases(t *testing.T) map[string]foldCase {
	t.Helper()
	paths, err := filepath.Glob("testdata/folds/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fold cases in protocol/testdata/folds: %v", err)
	}
	cases := map[string]foldCase{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var c foldCase
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		cases[filepath.Base(path)] = c
	}
	return cases
}

func decodeEvents(t *testing.T, texts []json.RawMessage) []protocol.Event {
	t.Helper()
	events := make([]protocol.Event, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal(text, &events[i]); err != nil {
			t.Fatal(err)
		}
	}
	return events
}

// TestRecord_Apply: each case's events give its record, also when each of them comes twice, and no
// earlier copy of the record is changed by what comes later.
func TestRecord_Apply(t *testing.T) {
	t.Parallel()
	for name, c := range foldCases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r protocol.Record
			var copies []protocol.Record
			var texts [][]byte
			for _, e := range decodeEvents(t, c.Events) {
				r.Apply(&e)
				r.Apply(&e)
				text, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				copies, texts = append(copies, r), append(texts, text)
			}
			if diff := cmp.Diff(anyJSON(t, c.Record), anyJSON(t, texts[len(texts)-1])); diff != "" {
				t.Errorf("%s: the events give another record (-want +got):\n%s", c.Doc, diff)
			}
			for i, text := range texts {
				if again, _ := json.Marshal(copies[i]); string(again) != string(text) {
					t.Errorf("the record after event %d was changed by later events:\n%s\n%s", i+1, text, again)
				}
			}
		})
	}
}

// notFolded are fields of a record that no event gives: they belong to the moment, or to the index.
var notFolded = []string{"omitted", "queuePosition", "queueReason", "children", "pinned", "logsRemovedAt"}

// TestFolds_Whole: each event type with each of its fields, and each field of a record that comes from
// events, stands in some case.
func TestFolds_Whole(t *testing.T) {
	t.Parallel()
	events, record := map[string]bool{}, map[string]bool{}
	for _, c := range foldCases(t) {
		for _, text := range c.Events {
			fields := anyJSON(t, text).(map[string]any)
			for field := range maps.Keys(fields) {
				events[fields["type"].(string)+"."+field] = true
			}
		}
		for field := range anyJSON(t, c.Record).(map[string]any) {
			record[field] = true
		}
		// A record before its end has what the end takes away.
		var r protocol.Record
		for _, e := range decodeEvents(t, c.Events) {
			r.Apply(&e)
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			for field := range anyJSON(t, text).(map[string]any) {
				record[field] = true
			}
		}
	}
	for _, spec := range protocol.EventSpecs {
		for _, field := range slices.Concat(spec.Required, spec.Optional) {
			if !events[spec.Type+"."+field] {
				t.Errorf("no case in testdata/folds has %s with %s", spec.Type, field)
			}
		}
	}
	for _, field := range jsonFields(reflect.TypeFor[protocol.Record]()) {
		if !record[field] && !slices.Contains(notFolded, field) {
			t.Errorf("no case in testdata/folds gives a record with %s", field)
		}
	}
}

func TestEvent_Terminal(t *testing.T) {
	t.Parallel()
	for _, spec := range protocol.EventSpecs {
		status := protocol.StatusAfter(spec.Type)
		if protocol.IsTerminalType(spec.Type) != status.Terminal() || status != "" && !status.Valid() {
			t.Errorf("%s: status after it %q", spec.Type, status)
		}
	}
	if protocol.IsTerminalType("execution:status") || protocol.IsTerminalType("") {
		t.Error("what is no event ends an execution")
	}
	for _, s := range protocol.Statuses {
		ended := s == protocol.StatusCompleted || s == protocol.StatusFailed || s == protocol.StatusCancelled
		if !s.Valid() || s.Terminal() != ended {
			t.Errorf("%s: valid %v, terminal %v", s, s.Valid(), s.Terminal())
		}
	}
	if protocol.Status("done").Valid() {
		t.Error("an unknown status is valid")
	}
}
