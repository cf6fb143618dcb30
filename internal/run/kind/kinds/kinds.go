// Package kinds lists the kinds of agents there are. A new kind is one package beside this one and
// one line here.
package kinds

import (
	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/acp"
	"github.com/claudeops/claudeops/internal/run/kind/builtin"
	"github.com/claudeops/claudeops/internal/run/kind/claude"
	"github.com/claudeops/claudeops/internal/run/kind/codex"
	"github.com/claudeops/claudeops/internal/run/kind/command"
	"github.com/claudeops/claudeops/internal/run/kind/script"
)

//go:generate go test . -run ^TestDocs_tables_are_fresh$ -update-docs

// All lists the kinds in the order in which people are told of them.
func All() []kind.Kind {
	return []kind.Kind{
		command.Kind(),
		script.Kind(),
		builtin.Kind(),
		claude.Kind(),
		acp.Kind(),
		codex.Kind(),
	}
}
