package layout_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/layout"
)

const module = "github.com/claudeops/claudeops/"

// imports gives, for each package of the module, what its files import of the module, tests left out:
// they may use whatever shows that something works.
func imports(t *testing.T) map[string]map[string]string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "node_modules" || name == "testdata" || name == "nextjs" || strings.HasPrefix(name, ".") && path != root {
				return fs.SkipDir
			}
			// A directory with a module of its own is another's.
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if found[dir] == nil {
			found[dir] = map[string]string{}
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if to, ours := strings.CutPrefix(imported, module); ours {
				found[dir][to] = filepath.Base(path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestImports: no package imports what the table does not let it.
func TestImports(t *testing.T) {
	t.Parallel()
	all := imports(t)
	if len(all) < 40 || len(all["internal/app"]) == 0 {
		t.Fatalf("only %d packages were found", len(all))
	}
	for from, imported := range all {
		for to, file := range imported {
			if !layout.Allowed(from, to) {
				t.Errorf("%s (%s) imports %s, which layout.Rules does not allow: put the code where it may, have the importer name an interface that app fills, or, if the architecture has changed, change the table", from, file, to)
			}
		}
	}
}

// TestRules: each rule names something there is, so that a table that has fallen behind is seen.
func TestRules(t *testing.T) {
	t.Parallel()
	all := imports(t)
	names := func(pattern string) bool {
		root, below := strings.CutSuffix(pattern, "/...")
		return slices.ContainsFunc(slices.Collect(keys(all)), func(path string) bool {
			return path == root || below && strings.HasPrefix(path, root+"/")
		})
	}
	for _, rule := range layout.Rules {
		for _, pattern := range append([]string{rule.Packages}, rule.Imports...) {
			if !names(pattern) {
				t.Errorf("the rule of %s names %s, which there is not", rule.Packages, pattern)
			}
		}
	}
}

func keys[K comparable, V any](m map[K]V) func(yield func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"protocol", "internal/execution", false},
		{"client", "internal/execution", false},
		{"client", "protocol", true},
		{"internal/record/journal", "internal/record/index", false},
		{"internal/run/runner", "internal/run/supervisor", false},
		{"internal/run/kind/claude", "internal/run/kind/codex", false},
		{"internal/serve/gateway", "internal/app", false},
		{"internal/nobody", "protocol", false}, // a package without a rule
		{"internal/app", "internal/run/supervisor", true},
	} {
		if got := layout.Allowed(c.from, c.to); got != c.want {
			t.Errorf("%s imports %s: allowed %v, want %v", c.from, c.to, got, c.want)
		}
	}
}
