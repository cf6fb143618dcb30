package kinds_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/run/kind/acp"
	"github.com/claudeops/claudeops/internal/run/kind/claude"
	"github.com/claudeops/claudeops/internal/run/kind/codex"
)

var updateDocs = flag.Bool("update-docs", false, "write the tables of docs/claude.md anew")

// The tables of docs/claude.md are what the drivers do.
func TestDocs_tables_are_fresh(t *testing.T) {
	t.Parallel()
	const file = "../../../../docs/claude.md"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, rows := range map[string][][2]string{"claude": claude.Types(), "acp": acp.Types(), "codex": codex.Types()} {
		var table strings.Builder
		table.WriteString("| type | becomes |\n|---|---|\n")
		for _, row := range rows {
			fmt.Fprintf(&table, "| `%s` | %s |\n", row[0], row[1])
		}
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("docs/claude.md has no place for the table of %s", name)
		}
		text = before + begin + table.String() + end + after
	}
	if *updateDocs {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != string(b) {
		t.Error("docs/claude.md is not what the drivers do: run `go generate ./internal/run/kind/kinds`")
	}
}
