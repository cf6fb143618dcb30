// Package layout says which package may import which: the architecture, as a table. A test reads the
// imports of every file and fails where one is not in the table.
package layout

import "strings"

// Rule says what the packages of one path, or at and below it when it ends in "/...", may import of
// this module beside themselves. An import that ends in "/..." stands for everything at and below it.
type Rule struct {
	Packages string
	Imports  []string
}

// vocabulary is what every room may use.
var vocabulary = []string{"protocol", "internal/execution", "internal/fault"}

// Rules are in force from the top: the first that names a package is its own. A package that no rule
// names may import nothing of this module.
var Rules = []Rule{
	// The vocabulary. What is public leans on nothing internal.
	{"protocol", nil},
	{"protocol/gen", []string{"protocol"}},
	{"internal/execution", []string{"protocol"}},
	{"internal/fault", []string{"protocol"}},
	{"client", []string{"protocol"}},

	// What is kept and read back.
	{"internal/record/datadir", nil},
	{"internal/record/terminal", nil},
	{"internal/record/rundir", []string{"protocol", "internal/record/datadir"}},
	{"internal/record/journal", with("internal/record/rundir")},
	{"internal/record/journal/journaltest", with("internal/record/journal")},
	{"internal/record/logtext", vocabulary},
	{"internal/record/index", with("internal/record/journal", "internal/record/rundir")},
	{"internal/record/search", with("internal/record/journal", "internal/record/terminal")},
	{"internal/record/sealer", with("internal/record/journal")},
	{"internal/record/verify", with("internal/record/journal", "internal/record/rundir")},
	{"internal/record/retention", with("internal/record/datadir")},
	{"internal/record/backup", with("internal/record/datadir", "internal/record/journal", "internal/record/rundir")},

	// What runs. A runner is a process of its own: it must not load what only a server needs.
	{"internal/run/process", nil},
	{"internal/run/sandbox", nil},
	{"internal/run/cron", nil},
	{"internal/run/sessionfile", nil},
	{"internal/run/pricing", []string{"protocol"}},
	{"internal/run/budget", []string{"protocol", "internal/record/datadir"}},
	{"internal/run/runner/driver", vocabulary},
	{"internal/run/runner/logline", vocabulary},
	{"internal/run/runner/drivertest", with("internal/record/logtext", "internal/run/runner/driver", "internal/run/runner/logline")},
	{"internal/run/runner/health", nil},
	{"internal/run/transcript", with("internal/run/runner/driver", "internal/run/runner/logline")},
	{"internal/run/stall", with("internal/run/runner/driver", "internal/run/transcript")},
	{"internal/run/approval", with("internal/run/runner/driver", "internal/run/transcript")},
	{"internal/run/control", with("internal/record/journal", "internal/record/rundir", "internal/run/runner/driver", "internal/run/sandbox", "internal/trust/secrets/source")},
	{"internal/run/kind", with("internal/run/runner/driver")},
	{"internal/run/kind/kinds", with("internal/run/kind/...")},
	{"internal/run/kind/...", with("internal/run/kind", "internal/run/kind/program", "internal/run/runner/driver", "internal/run/approval",
		"internal/run/transcript", "internal/run/stall", "internal/run/sessionfile", "internal/run/pricing")},
	{"internal/run/runner", with("internal/record/journal", "internal/record/rundir", "internal/run/control", "internal/run/kind/...", "internal/run/process",
		"internal/run/runner/driver", "internal/run/runner/logline", "internal/run/sandbox", "internal/trust/mask", "internal/trust/secrets/source")},
	{"internal/run/agent", with("internal/run/approval", "internal/run/cron", "internal/run/kind/...", "internal/run/runner/driver", "internal/run/sandbox", "internal/trust/mask", "internal/trust/secrets/...")},
	{"internal/run/schedule", with("internal/run/agent", "internal/run/cron", "internal/record/datadir")},
	{"internal/run/supervisor", with("internal/record/datadir", "internal/record/index", "internal/record/journal", "internal/record/rundir", "internal/run/agent", "internal/run/approval",
		"internal/run/budget", "internal/run/control", "internal/run/pricing", "internal/run/process", "internal/run/runner/driver", "internal/run/transcript", "internal/trust/secrets/...")},
	{"internal/run/...", with("internal/record/...", "internal/run/control", "internal/run/process", "internal/run/runner/driver")}, // a room without a rule of its own

	// Who is asking.
	{"internal/trust/auth", with("internal/trust/exactjson")},
	{"internal/trust/secrets/...", with("internal/record/datadir", "internal/trust/secrets/source")},
	{"internal/trust/...", vocabulary},

	// The host.
	{"internal/host/...", vocabulary},

	// What is delivered. The gateway is the edge: it maps what the rooms say to the wire.
	{"internal/serve/websocket", nil},
	{"internal/serve/websocket/echo", []string{"internal/serve/websocket"}},
	{"internal/serve/feed", with("internal/record/journal")},
	{"internal/serve/manual", nil},
	{"internal/serve/mcp", vocabulary},
	{"internal/serve/notify", with("internal/record/datadir")},
	{"internal/serve/metrics", with("internal/host/...", "internal/record/...", "internal/run/supervisor", "internal/serve/feed")},
	{"internal/serve/gateway", with("internal/host/...", "internal/record/...", "internal/run/...", "internal/serve/...", "internal/trust/...")},
	{"internal/serve/...", with("internal/record/...", "internal/run/...", "internal/trust/...")}, // a room without a rule of its own

	// Who wires. The command line reaches a server by the public client, and data by the app.
	{"internal/app", with("docs", "internal/...", "web")},
	{"cmd/claudeops/internal/early", []string{"internal/run/runner", "internal/run/sandbox"}},
	{"cmd/claudeops", with("client", "cmd/claudeops/internal/early", "internal/...", "web")},

	// What is for tests and figures.
	{"internal/testagent/...", []string{"internal/testagent/..."}},
	{"bench/...", with("client", "internal/...")},
	{"e2e/...", with("client", "e2e/...", "internal/...")},
}

// with gives the vocabulary and more.
func with(more ...string) []string { return append(more, vocabulary...) }

// matches reports whether a rule's pattern names a package.
func matches(pattern, path string) bool {
	root, below := strings.CutSuffix(pattern, "/...")
	return path == root || below && strings.HasPrefix(path, root+"/")
}

// Allowed reports whether one package of this module may import another. Paths are relative to it.
func Allowed(from, to string) bool {
	if from == to {
		return true
	}
	for _, rule := range Rules {
		if !matches(rule.Packages, from) {
			continue
		}
		for _, pattern := range rule.Imports {
			if matches(pattern, to) {
				return true
			}
		}
		return false
	}
	return false
}
