package approval

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// decideCommand decides on a shell's command.
func decideCommand(rules []Rule, tool, command string) Verdict {
	parts, err := simpleCommands(command)
	if err != nil || len(parts) == 0 {
		// A rule for every command of the tool holds for this one too, unless it allows.
		for i := range rules {
			if r := &rules[i]; Glob(r.Tool, tool) && (r.Match == "" || Glob(r.Match, command)) && r.Then == Deny {
				return Verdict{Then: Deny, Rule: r}
			}
		}
		if err == nil {
			return Verdict{Then: Ask, Why: "there is no command in it"}
		}
		return Verdict{Then: Ask, Why: fmt.Sprintf("the command can't be taken apart: %v", err)}
	}
	verdict := Verdict{Then: Allow}
	for _, part := range parts {
		switch one := decidePart(rules, tool, part); one.Then {
		case Deny:
			return one
		case Allow:
			if verdict.Then == Allow {
				verdict.Rule = one.Rule
			}
		default:
			if verdict.Then == Allow {
				verdict = one
			}
		}
	}
	return verdict
}

// decidePart decides on one simple command. A deny is looked for first: no spelling gets around it.
func decidePart(rules []Rule, tool string, part simpleCommand) Verdict {
	for i := range rules {
		r := &rules[i]
		if !Glob(r.Tool, tool) {
			continue
		}
		matched := r.Match == "" || Glob(r.Match, part.text)
		if r.Then == Deny && !matched {
			for _, spelling := range part.spellings {
				matched = matched || Glob(r.Match, spelling)
			}
		}
		if !matched {
			continue
		}
		v := Verdict{Then: r.Then, Rule: r}
		if r.Then != Allow {
			v.Why = part.text
		}
		return v
	}
	return Verdict{Then: Ask, Why: "no rule matches " + part.text}
}

// simpleCommand is one command that a shell would run, or a file that it would write.
type simpleCommand struct {
	text      string   // as written, with single spaces
	spellings []string // what it is with quotes and the program's directory taken away
}

// simpleCommands takes a command apart: at ;, &&, ||, | and newlines, and inside substitutions,
// compound commands and functions.
func simpleCommands(command string) ([]simpleCommand, error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command), "")
	if err != nil {
		return nil, err
	}
	printer := syntax.NewPrinter(syntax.SingleLine(true))
	var parts []simpleCommand
	var failed error
	add := func(node syntax.Node, words []*syntax.Word) {
		var b strings.Builder
		if err := printer.Print(&b, node); err != nil {
			failed = errors.Join(failed, err)
			return
		}
		part := simpleCommand{text: strings.TrimSpace(b.String())}
		if plain := plainWords(words); len(plain) > 0 {
			part.spellings = append(part.spellings, strings.Join(plain, " "))
			plain[0] = path.Base(plain[0])
			part.spellings = append(part.spellings, strings.Join(plain, " "))
			// A program that starts another is no way around a rule about the other.
			for len(plain) > 1 && launchers[plain[0]] {
				plain = plain[1:]
				for len(plain) > 1 && (strings.HasPrefix(plain[0], "-") || strings.Contains(plain[0], "=")) {
					plain = plain[1:]
				}
				plain[0] = path.Base(plain[0])
				part.spellings = append(part.spellings, strings.Join(plain, " "))
			}
		}
		parts = append(parts, part)
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.CallExpr:
			add(n, n.Args)
		case *syntax.DeclClause, *syntax.LetClause, *syntax.ArithmCmd, *syntax.TestClause:
			add(n, nil)
		case *syntax.Redirect:
			if writes(n) {
				var word strings.Builder
				if n.Word != nil {
					failed = errors.Join(failed, printer.Print(&word, n.Word))
				}
				parts = append(parts, simpleCommand{text: n.Op.String() + " " + word.String()})
			}
		}
		return true
	})
	return parts, failed
}

// launchers are programs whose arguments are another command.
var launchers = map[string]bool{"sudo": true, "doas": true, "env": true, "nohup": true, "nice": true, "time": true, "timeout": true,
	"xargs": true, "command": true, "exec": true, "builtin": true, "stdbuf": true, "setsid": true}

// writes reports whether a redirection writes a file other than /dev/null.
func writes(r *syntax.Redirect) bool {
	switch r.Op {
	case syntax.RdrOut, syntax.AppOut, syntax.RdrInOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll:
		return r.Word == nil || r.Word.Lit() != "/dev/null"
	case syntax.DplOut:
		// >&2 copies a descriptor; >&file writes one.
		return r.Word == nil || strings.Trim(r.Word.Lit(), "0123456789-") != "" || r.Word.Lit() == ""
	}
	return false
}

// plainWords gives the words without their quotes. A part that only running would tell is left out.
func plainWords(words []*syntax.Word) []string {
	var plain []string
	for _, word := range words {
		var b strings.Builder
		for _, part := range word.Parts {
			plainPart(&b, part)
		}
		plain = append(plain, b.String())
	}
	return plain
}

func plainPart(b *strings.Builder, part syntax.WordPart) {
	switch p := part.(type) {
	case *syntax.Lit:
		escaped := false
		for _, r := range p.Value {
			if r == '\\' && !escaped {
				escaped = true
				continue
			}
			escaped = false
			b.WriteRune(r)
		}
	case *syntax.SglQuoted:
		b.WriteString(p.Value)
	case *syntax.DblQuoted:
		for _, inner := range p.Parts {
			plainPart(b, inner)
		}
	}
}
