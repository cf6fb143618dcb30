package kinds_test

import (
	"encoding/json"
	"testing"

	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/kinds"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/runner/drivertest"
)

// kits has for every kind a value that it takes, and what the suite of drivers needs to know.
var kits = map[string]struct {
	value any
	kit   drivertest.Kit
}{
	"command": {[]any{"df", "-h"}, program},
	"shell":   {"df -h", program},
	"builtin": {"system-health", program},
}

var program = drivertest.Kit{
	Lines:     []string{"::progress 40::Indexing", "::progress 41::Indexing", "::group::A", "::endgroup::", "::debug::d", "::warning::w", "::error::e", `::error::{"command":"error"}`},
	KeepsText: true,
}

func TestKinds(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range kinds.All() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			c, ok := kits[k.Name]
			if !ok {
				t.Fatalf("the kind %s has no kit: add one, so that its driver is tested", k.Name)
			}
			var schema struct {
				Description string `json:"description"`
			}
			if err := json.Unmarshal([]byte(k.Schema), &schema); err != nil || schema.Description == "" {
				t.Errorf("schema: %v, description %q", err, schema.Description)
			}
			if k.Title == "" || len(k.Runs(c.value)) == 0 {
				t.Error("a person would not see what it runs")
			}
			start, err := k.Start(c.value, kind.Context{Executable: "/usr/bin/claudeops"})
			if err != nil {
				t.Fatal(err)
			}
			c.kit.Driver = k.Driver
			c.kit.Invocation = driver.Invocation{ExecutionID: "01hzy3v8k9q2w4e6r8t0y2u4i6", Agent: "a", Argv: start.Argv, Options: start.Options,
				Env: []string{"PATH=/bin", "CLAUDEOPS_EXECUTION_ID=x"}, Workdir: "/"}
			drivertest.Suite(t, c.kit)
		})
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			if seen[name] {
				t.Errorf("%s is the name of two kinds", name)
			}
			seen[name] = true
		}
	}
}
