// Package claude is the kind of agent that is Claude Code, run headless: its key of a definition, the
// command line, and the driver that reads its stream of JSON messages (docs/claude.md has the table),
// answers what it asks, watches over it, and tells what it costs. It knows nothing of processes or
// journals.
package claude

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/run/approval"
	"github.com/claudeops/claudeops/internal/run/kind"
)

//go:embed schema.json
var schema string

// Kind is the kind.
func Kind() kind.Kind {
	return kind.Kind{
		Name: "claude", Title: "Claude Code",
		Aliases:  []string{"claudecode", "prompt"},
		Schema:   schema,
		Check:    check,
		Verbatim: []string{"resultSchema"},
		Needs:    map[string]string{"prompt": "is the prompt"},
		Start:    start,
		NextTurn: kind.Resume,
		Account:  []string{"HOME", "CLAUDE_CONFIG_DIR", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL"},
		Runs:     runs,
		Driver:   Driver{},
	}
}

// Options are the key's value with the parameters in place: what the driver is given.
type Options struct {
	Prompt         string          `json:"prompt"`
	Executable     string          `json:"executable,omitempty"`
	Model          string          `json:"model,omitempty"`
	MaxTurns       number          `json:"maxTurns,omitempty"`
	Effort         string          `json:"effort,omitempty"`
	Tools          Tools           `json:"tools"`
	PermissionMode string          `json:"permissionMode,omitempty"`
	SystemPrompt   string          `json:"systemPrompt,omitempty"`
	MCPConfig      json.RawMessage `json:"mcpConfig,omitempty"` // an object, or the path of a file
	Directories    []string        `json:"directories,omitempty"`
	Resume         string          `json:"resume,omitempty"`
	ResultSchema   json.RawMessage `json:"resultSchema,omitempty"`
	Approvals      approval.Mode   `json:"approvals,omitempty"`
	Interactive    bool            `json:"interactive,omitempty"`
	StallTimeout   duration        `json:"stallTimeout,omitempty"`
	ExtraArgs      []string        `json:"extraArgs,omitempty"`
}

// Tools are those that are used without asking, and those that are not used at all.
type Tools struct {
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

// number is a whole number, which may come from a parameter and so be text.
type number int

// UnmarshalJSON reads 20 and "20".
func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "" || text == "null" {
		return nil
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 {
		return fmt.Errorf("maxTurns must be a whole number from 1 on, this is %.40s", text)
	}
	*n = number(v)
	return nil
}

// duration is written as definitions write it.
type duration time.Duration

// UnmarshalJSON reads "15m".
func (d *duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil || text == "" {
		return err
	}
	v, err := time.ParseDuration(text)
	if err != nil || v <= 0 {
		return fmt.Errorf("stallTimeout must be a duration, like 15m, this is %.40q", text)
	}
	*d = duration(v)
	return nil
}

// MarshalJSON writes "15m0s".
func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

func decode(value any) (Options, error) {
	var o Options
	if err := kind.Decode(value, &o); err != nil {
		return o, err
	}
	return o, o.check()
}

func (o *Options) check() error {
	for _, dir := range o.Directories {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("claude.directories: %.80q must be an absolute path, like /srv/repo", dir)
		}
	}
	if strings.HasPrefix(o.Resume, "-") {
		return fmt.Errorf("claude.resume: %.80q is no session's id", o.Resume)
	}
	return nil
}

// check finds what the schema can't: paths that are not absolute, arguments that would change how the
// driver and the CLI talk.
func check(value any) []kind.Problem {
	fields, _ := value.(map[string]any)
	var problems []kind.Problem
	add := func(path, format string, args ...any) {
		problems = append(problems, kind.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if prompt, _ := fields["prompt"].(string); strings.TrimSpace(prompt) == "" {
		add("prompt", "is empty: say what Claude is to do")
	}
	for i, dir := range kind.Words(fields["directories"]) {
		if !filepath.IsAbs(dir) && !strings.HasPrefix(dir, "{{") {
			add("directories."+strconv.Itoa(i), "%.80q must be an absolute path, like /srv/repo", dir)
		}
	}
	for i, arg := range kind.Words(fields["extraArgs"]) {
		name, _, _ := strings.Cut(arg, "=")
		if field, ours := ownFlags[name]; ours {
			add("extraArgs."+strconv.Itoa(i), "%s is set by ClaudeOps%s", name, field)
		}
	}
	if text, ok := fields["stallTimeout"].(string); ok {
		var d duration
		if err := d.UnmarshalJSON([]byte(strconv.Quote(text))); err != nil {
			add("stallTimeout", "must be a duration, like 15m")
		}
	}
	return problems
}

// ownFlags are those that a definition has a field for, or that the driver needs as they are.
var ownFlags = map[string]string{
	"-p": "", "--print": "", "--output-format": "", "--input-format": "", "--verbose": "", "--permission-prompt-tool": ": use approvals",
	"--model": ": use model", "--max-turns": ": use maxTurns", "--effort": ": use effort", "--allowedTools": ": use tools.allow",
	"--allowed-tools": ": use tools.allow", "--disallowedTools": ": use tools.deny", "--disallowed-tools": ": use tools.deny",
	"--permission-mode": ": use permissionMode", "--append-system-prompt": ": use systemPrompt", "--mcp-config": ": use mcpConfig",
	"--add-dir": ": use directories", "--resume": ": use resume", "-r": ": use resume", "--json-schema": ": use resultSchema",
	"--bg": ": a process outside this execution could not be stopped",
}

func start(value any, _ kind.Context) (kind.Start, error) {
	o, err := decode(value)
	if err != nil {
		return kind.Start{}, err
	}
	raw, err := kind.Options(o)
	if err != nil {
		return kind.Start{}, err
	}
	return kind.Start{Argv: o.argv(), Options: raw}, nil
}

// longestArgument is how long a prompt may be to be given as an argument, which other users of the
// machine can see in the list of processes; a longer one goes over stdin.
const longestArgument = 32 << 10

// streams reports whether stdin is open: for approvals, further messages, and prompts that can't be
// an argument.
func (o *Options) streams() bool {
	return o.asks() || o.Interactive || len(o.Prompt) > longestArgument || strings.HasPrefix(o.Prompt, "-")
}

// asks reports whether the CLI is to ask before it uses a tool.
func (o *Options) asks() bool {
	return o.Approvals == approval.ModeAsk || o.Approvals == approval.ModeAllowListed
}

// argv is the command line.
func (o *Options) argv() []string {
	argv := []string{o.Executable}
	if argv[0] == "" {
		argv[0] = "claude"
	}
	if !o.streams() {
		argv = append(argv, "-p", o.Prompt)
	}
	argv = append(argv, "--output-format", "stream-json", "--verbose")
	if o.streams() {
		argv = append(argv, "--input-format", "stream-json")
	}
	if o.asks() {
		argv = append(argv, "--permission-prompt-tool", "stdio")
	}
	option := func(flag, value string) {
		if value != "" {
			argv = append(argv, flag, value)
		}
	}
	option("--model", o.Model)
	if o.MaxTurns > 0 {
		option("--max-turns", strconv.Itoa(int(o.MaxTurns)))
	}
	option("--effort", o.Effort)
	option("--allowedTools", strings.Join(o.Tools.Allow, ","))
	option("--disallowedTools", strings.Join(o.Tools.Deny, ","))
	option("--permission-mode", o.PermissionMode)
	option("--append-system-prompt", o.SystemPrompt)
	option("--mcp-config", argument(o.MCPConfig))
	for _, dir := range o.Directories {
		option("--add-dir", dir)
	}
	if o.Resume != "" {
		argv = append(argv, "--resume="+o.Resume)
	}
	option("--json-schema", argument(o.ResultSchema))
	return append(argv, o.ExtraArgs...)
}

// argument gives a text as it is, and anything else as JSON.
func argument(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

func runs(value any) []kind.Row {
	fields, _ := value.(map[string]any)
	var rows []kind.Row
	for _, f := range []struct{ name, label string }{{"prompt", "Prompt"}, {"model", "Model"}, {"permissionMode", "Permission mode"}, {"approvals", "Approvals"}, {"executable", "Executable"}} {
		if text, _ := fields[f.name].(string); text != "" {
			rows = append(rows, kind.Row{Label: f.label, Text: text})
		}
	}
	if tools, ok := fields["tools"].(map[string]any); ok {
		if allow := kind.Words(tools["allow"]); len(allow) > 0 {
			rows = append(rows, kind.Row{Label: "Allowed tools", Text: strings.Join(allow, ", ")})
		}
		if deny := kind.Words(tools["deny"]); len(deny) > 0 {
			rows = append(rows, kind.Row{Label: "Denied tools", Text: strings.Join(deny, ", ")})
		}
	}
	if dirs := kind.Words(fields["directories"]); len(dirs) > 0 {
		rows = append(rows, kind.Row{Label: "Directories", Text: strings.Join(dirs, ", ")})
	}
	return rows
}

// readOptions reads what the driver was given.
func readOptions(raw json.RawMessage) (Options, error) {
	var o Options
	if len(raw) == 0 {
		return o, errors.New("the agent's options are missing")
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("read the agent's options: %w", err)
	}
	return o, nil
}
