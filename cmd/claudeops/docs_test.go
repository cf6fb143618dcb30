package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

//go:generate go test . -run ^TestDocs_list_every_flag$ -update-docs

var updateDocs = flag.Bool("update-docs", false, "write docs/command-line.md and the list in docs/environment.md anew")

// TestDocs_list_every_flag: the pages of the command line and of the environment say what the
// commands themselves say.
func TestDocs_list_every_flag(t *testing.T) {
	t.Parallel()
	root := (&command{}).root()
	const (
		commands    = "../../docs/command-line.md"
		environment = "../../docs/environment.md"
		begin, end  = "<!-- generated: flags -->\n", "<!-- end -->"
	)
	page, err := os.ReadFile(environment)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no part between %q and %q", environment, begin, end)
	}
	for path, wanted := range map[string]string{
		commands:    commandPage(root),
		environment: before + begin + variableTable(root) + end + after,
	} {
		if *updateDocs {
			if err := os.WriteFile(path, []byte(wanted), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if kept, err := os.ReadFile(path); err != nil || string(kept) != wanted {
			t.Errorf("%s is not what the commands say (%v): run `go generate ./cmd/claudeops`", path, err)
		}
	}
}

// shown are the commands that people call, in the order of the help.
func shown(root *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, cmd := range root.Commands() {
		if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		list = append(list, cmd)
		list = append(list, shown(cmd)...)
	}
	return list
}

func commandPage(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Command line\n\nGenerated from the commands; `claudeops help COMMAND` says the same. Most flags can be set by an\n[environment variable](environment.md) instead.\n\n")
	fmt.Fprintf(&b, "```\n%s\n```\n\nEvery command takes:\n\n%s", strings.TrimSpace(root.Long), flagTable(root.PersistentFlags()))
	for _, cmd := range shown(root) {
		fmt.Fprintf(&b, "\n## %s\n\n", cmd.CommandPath())
		text := cmd.Long
		if text == "" {
			text = cmd.Short + "."
		}
		fmt.Fprintf(&b, "%s\n\n```\n%s\n```\n", strings.TrimSpace(text), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\nFor example:\n\n```sh\n%s\n```\n", strings.ReplaceAll(strings.Trim(cmd.Example, "\n"), "\n  ", "\n")[2:])
		}
		if table := flagTable(cmd.LocalNonPersistentFlags()); table != "" {
			b.WriteString("\n" + table)
		}
	}
	return b.String()
}

func flagTable(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if b.Len() == 0 {
			b.WriteString("| flag | |\n|---|---|\n")
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value != "" {
			name += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && !strings.Contains(usage, "(default") {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
	})
	return b.String()
}

// variableTable lists the variables that stand for flags, with the commands that have them.
func variableTable(root *cobra.Command) string {
	var order []string
	where, usages := map[string][]string{}, map[string]string{}
	note := func(flags *pflag.FlagSet, command string) {
		flags.VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" || f.Annotations[noTwin] != nil {
				return
			}
			name := twin(f.Name)
			if where[name] == nil {
				order = append(order, name)
				_, usages[name] = pflag.UnquoteUsage(f)
			}
			where[name] = append(where[name], command)
		})
	}
	note(root.PersistentFlags(), "all")
	for _, cmd := range shown(root) {
		note(cmd.LocalNonPersistentFlags(), strings.TrimPrefix(cmd.CommandPath(), "claudeops "))
	}
	var b strings.Builder
	b.WriteString("| variable | of | |\n|---|---|---|\n")
	for _, name := range order {
		usage := usages[name]
		if len(where[name]) > 1 {
			usage = "as the flag of each" // the words differ
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.Join(where[name], ", "), strings.ReplaceAll(usage, "|", `\|`))
	}
	return b.String()
}
