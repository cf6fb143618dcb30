// Package approval decides what an agent may do: by a definition's rules, and by asking people. It
// knows no agent's protocol: a driver says what its agent asks for, and is told the answer.
package approval

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/transcript"
)

// What a rule can say.
const (
	Allow = "allow"
	Deny  = "deny"
	Ask   = "ask"
)

// Rule is a rule of a definition's approvalRules.
type Rule = driver.ApprovalRule

// Describe writes a rule for people.
func Describe(r Rule) string {
	if r.Match == "" {
		return fmt.Sprintf("%s: %s", r.Tool, r.Then)
	}
	return fmt.Sprintf("%s %q: %s", r.Tool, r.Match, r.Then)
}

// Verdict is what rules say of one use of a tool.
type Verdict struct {
	Then string
	Rule *Rule  // nil when none matched
	Why  string // for people, where it is not plain from the rule
}

// Decide gives what the rules say; Ask when none matches. The command of a shell is taken apart: an
// allow holds only if each simple command in it is allowed, a deny if one is denied, and what can't be
// taken apart is asked.
func Decide(rules []Rule, tool string, input json.RawMessage) Verdict {
	main := transcript.MainArgument(input)
	if command, ok := shellCommand(tool, input); ok {
		return decideCommand(rules, tool, command)
	}
	raw, clean := main, main
	if strings.Contains(main, "/") && !strings.Contains(main, "://") {
		clean = path.Clean(main) // a way around by .. is none
	}
	for i := range rules {
		r := &rules[i]
		if !Glob(r.Tool, tool) {
			continue
		}
		matched := r.Match == "" || Glob(r.Match, clean)
		if r.Then == Deny {
			matched = matched || Glob(r.Match, raw)
		}
		if matched {
			return Verdict{Then: r.Then, Rule: r}
		}
	}
	return Verdict{Then: Ask, Why: "no rule matches"}
}

// shellTools are the names under which agents run a shell's command.
var shellTools = map[string]bool{"bash": true, "shell": true, "execute": true, "run_shell_command": true, "terminal": true}

// shellCommand gives the command if the tool runs one.
func shellCommand(tool string, input json.RawMessage) (string, bool) {
	if !shellTools[strings.ToLower(tool)] {
		return "", false
	}
	return transcript.MainArgument(input), true
}

// Glob reports whether text matches pattern: * stands for any text, ? for one character.
func Glob(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, from := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
