package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/protocol"
)

// TestGenerate_Fresh fails when package protocol has changed and what is made from it has not.
func TestGenerate_Fresh(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		have, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Errorf("%v; run: go generate ./protocol", err)
		} else if !bytes.Equal(have, f.content) {
			t.Errorf("%s is stale; run: go generate ./protocol", f.path)
		}
	}
}

// TestModel_Whole: every message type of the contract is generated, and none by a wrong name.
func TestModel_Whole(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	m, err := newModel(root)
	if err != nil {
		t.Fatal(err)
	}
	have, names := map[string]bool{}, map[string]bool{}
	for _, group := range [][]message{m.events, m.server, m.client, m.shared} {
		for _, msg := range group {
			if msg.wire != "" && have[msg.wire] {
				t.Errorf("%s is there twice", msg.wire)
			}
			if names[msg.name] {
				t.Errorf("two things are called %s", msg.name)
			}
			have[msg.wire], names[msg.name] = true, true
		}
	}
	for _, wire := range typeConstants(t, filepath.Join(root, "protocol/protocol.go"), filepath.Join(root, "protocol/event.go")) {
		if !have[wire] {
			t.Errorf("%s is in no list: EventSpecs, RequestSpecs, or serverMessages of the generator", wire)
		}
	}
	for _, e := range m.enums {
		if len(e.values) == 0 {
			t.Errorf("%s has no values", e.name)
		}
		if e.name == "ErrorCode" && len(e.values) != len(protocol.Codes) {
			t.Errorf("%d error codes were found, package protocol lists %d", len(e.values), len(protocol.Codes))
		}
		if e.name == "Permission" && len(e.values) != len(protocol.Permissions) {
			t.Errorf("%d permissions were found, package protocol lists %d", len(e.values), len(protocol.Permissions))
		}
	}
}

// typeConstants reads the string constants whose names begin with Type.
func typeConstants(t *testing.T, paths ...string) []string {
	t.Helper()
	var found []string
	for _, path := range paths {
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if ok && strings.HasPrefix(spec.Names[0].Name, "Type") && len(spec.Values) == 1 {
				if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
					text, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					found = append(found, text)
				}
			}
			return true
		})
	}
	if len(found) < len(protocol.EventSpecs)+len(protocol.RequestSpecs) {
		t.Fatalf("only %d type constants were found", len(found))
	}
	return found
}
