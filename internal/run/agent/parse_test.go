package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const diskReport = `name: disk-report            # [a-z0-9-]{1,63}
title: Disk report
tags: [nightly, repo]
description: Shows how full each disk is.
command: [df, -h, "{{path}}"]
parameters:
  type: object
  properties: {path: {type: string, default: /}}
env: {LANG: C, PORT: 8080, DEBUG: true}
workdir: /srv
timeout: 10m
idleTimeout: 90s
stop: {signal: SIGINT, grace: 3s}
concurrency: 1
maxOutput: 1GiB
mask: [plain.text, {pattern: "sk-[a-z]+"}]
retention:
  logs: {age: 30d, size: 10GiB}
  executions: {age: unlimited, count: 1000}
`

func mustParse(t testing.TB, source string) *Definition {
	t.Helper()
	d, problems := Parse("test.yaml", []byte(source))
	if len(problems) > 0 {
		t.Fatalf("definition refused: %v\n%s", problems, source)
	}
	return d
}

func TestParse_every_field(t *testing.T) {
	t.Parallel()
	got := mustParse(t, diskReport)
	want := &Definition{
		Name: "disk-report", Title: "Disk report", Description: "Shows how full each disk is.", Tags: []string{"nightly", "repo"},
		Kind: "command", Runs: []any{"df", "-h", "{{path}}"},
		Parameters: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string","default":"/"}},"additionalProperties":false}`),
		Env:        map[string]string{"LANG": "C", "PORT": "8080", "DEBUG": "true"},
		Workdir:    "/srv", Timeout: 10 * time.Minute, IdleTimeout: 90 * time.Second,
		Stop: Stop{Signal: "SIGINT", Grace: 3 * time.Second}, Concurrency: 1, MaxOutput: 1 << 30,
		Mask: []string{"plain.text"}, MaskPatterns: []string{"sk-[a-z]+"}, File: "test.yaml",
		Retention: Retention{
			LogsAge: new(30 * 24 * time.Hour), LogsSize: new(int64(10 << 30)),
			ExecutionsAge: new(time.Duration(-1)), ExecutionsCount: new(int64(1000)),
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Definition{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestParse_defaults(t *testing.T) {
	t.Parallel()
	got := mustParse(t, "name: a\ncommand: [sleep, 5]\n")
	if got.Title != "a" || got.Stop != DefaultStop || got.Timeout != 0 || got.Runs.([]any)[1] != "5" {
		t.Errorf("got %+v", got)
	}
	if want := `{"type":"object","properties":{},"additionalProperties":false}`; string(got.Parameters) != want {
		t.Errorf("parameters %s, want %s", got.Parameters, want)
	}
}

// wrong lists definitions that must be refused, and where and how: "line:column field: words".
// publishedToo says that an editor with the published schema must refuse it as well.
var wrong = []struct {
	name         string
	source       string
	want         []string
	publishedToo bool
}{
	{"empty", "", []string{"0:0 : is empty"}, false},
	{"only a comment", "# nothing\n", []string{"0:0 : is empty"}, false},
	{"a list", "- a\n", []string{"1:1 : a definition is a mapping"}, true},
	{"a text", "hello\n", []string{"1:1 : a definition is a mapping"}, true},
	{"nothing said", "{}\n", []string{"1:1 command: missing", "1:1 name: missing"}, true},
	{"two documents", "name: a\ncommand: [a]\n---\nname: b\ncommand: [b]\n", []string{"3:1 : a second document"}, false},
	{"a tab", "name: a\n\tcommand: [a]\n", []string{"2:1 : line 2 is indented with a tab"}, false},
	{"bad indent", "name: a\n  command: [a]\n", []string{"2:10 : not valid YAML"}, false},
	{"open list", "name: a\ncommand: [a, b\n", []string{"3:1 : not valid YAML: while parsing a flow sequence that began on line 2"}, false},
	{"not UTF-8", "name: a\ncommand: [\xff]\n", []string{"2:11 : not valid YAML"}, false},
	{"a control character", "name: a\ncommand: [\x01]\n", []string{"2:11 : not valid YAML"}, false},
	{"unknown alias", "name: a\ncommand: [*x]\n", []string{"2:11 : unknown anchor"}, false},
	{"nested without end", "name: " + strings.Repeat("[", 200) + "\n", []string{"1:71 : not valid YAML"}, false},

	{"a tab before a list", "name: a\ncommand:\n\t- ls\n", []string{"3:1 : line 3 is indented with a tab"}, false},
	{"a tab first of all", "\tname: a\ncommand: [a]\n", []string{"1:1 : line 1 is indented with a tab"}, false},
	{"a tab in a script", "name: a\nshell: |\n  a\n\tb\n", []string{"4:1 : line 4 is indented with a tab"}, false},
	{"a glob", "name: a\ncommand: [ls, *.log]\n", []string{`2:15 : put it in quotes, like "*.log"`}, false},
	{"a glob in a list of lines", "name: a\ncommand:\n  - ls\n  - *.log\n", []string{`4:5 : put it in quotes, like "*.log"`}, false},
	{"a glob after a class", "name: a\ncommand: [ls, [a-z]*]\n", []string{"2:21 : begins with *"}, false},
	{"a percent sign", "name: a\ncommand: [date, %x]\n", []string{`2:17 : can't begin with %: put it in quotes, like "%x"`}, false},
	{"an at sign", "name: a\nshell: @echo\n", []string{`2:8 : can't begin with @: put it in quotes, like "@echo"`}, false},
	{"a dash in brackets", "name: a\ncommand: [cat, -, x]\n", []string{`2:16 : can't begin with -: put it in quotes, like "-"`}, false},
	{"an anchor", "name: a\ncommand: [ls, &x]\n", []string{`2:15 command.1: &x names an anchor`}, true},
	{"a tag", "name: a\ncommand: [ls, !x]\n", []string{`2:15 command.1: !x is a tag to YAML: put the text in quotes`}, false},
	{"a colon in text", "name: a\ncommand: [ls, a: b]\n", []string{`2:15 command.1: must be text, this is a mapping: text that holds ": " or begins with { must stand in quotes`}, true},
	{"a comment in brackets", "name: a\ncommand: [ls, #x]\n", []string{"3:1 : on line 2 # begins a comment"}, false},
	{"text after a quoted one", "name: a\nshell: \"$HOME\"/bin/x\n", []string{"2:15 : must be quoted as a whole"}, false},
	{"text after brackets", "name: a\nshell: [ -f x ] && y\n", []string{"2:17 : must be quoted as a whole"}, false},
	{"an open quote", "name: a\ncommand: [ls, 'x]\n", []string{"3:1 : the quotation mark on line 2 is never closed"}, false},
	{"a backslash", "name: a\ntitle: \"C:\\dir\"\ncommand: [ls]\n", []string{"2:11 : write \\\\ for one backslash"}, false},
	{"no space after a colon", "name: a\ncommand:[ls]\n", []string{"3:1 : on line 2 a space is missing after command:"}, false},
	{"no space in the line before", "name:a\ncommand: [ls]\n", []string{"2:8 : on line 1 a space is missing after name:"}, false},
	{"a list on the key's line", "name: a\ncommand: - ls\n", []string{"2:10 : a list begins on a line of its own"}, false},
	{"an invisible indent", "name: a\ncommand:\n\u00a0 - ls\n", []string{"invisible character U+00A0"}, false},
	{"an invisible space in a key", "name: a\n\u00a0command: [ls]\n", []string{"1:1 command: missing", "2:1 : invisible character U+00A0"}, true},
	{"curly quotes", "name: a\ncommand: [ls, “x y”]\n", []string{"2:15 command.1: curly quotation mark “"}, false},
	{"a leading zero", "name: a\ncommand: [a]\nparameters: {properties: {x: {default: 0755}}}\n", []string{"3:40 parameters.properties.x.default: 0o755"}, false},

	{"unknown field", "name: a\ncomand: [a]\n", []string{"1:1 command: missing", "2:1 comand: did you mean command?"}, true},
	{"another tool's field", "name: a\ncommand: [a]\ncwd: /\n", []string{"3:1 cwd: did you mean workdir?"}, true},
	{"separators", "name: a\ncommand: [a]\nidle_timeout: 1s\n", []string{"3:1 idle_timeout: did you mean idleTimeout?"}, true},
	{"twice", "name: a\ncommand: [a]\nname: b\n", []string{"3:1 name: is given twice, first on line 1"}, false},
	{"merge key", "name: a\ncommand: [a]\nenv: {<<: {A: b}}\n", []string{"3:7 env: merge keys"}, false},

	{"name in capitals", "name: Disk\ncommand: [a]\n", []string{`1:7 name: "Disk" can't be a name`}, true},
	{"name with a path", "name: ../../etc/passwd\ncommand: [a]\n", []string{"1:7 name: can't be a name"}, true},
	{"name with a slash", "name: a/b\ncommand: [a]\n", []string{"1:7 name: can't be a name"}, true},
	{"name with an escape", "name: \"a%2F\"\ncommand: [a]\n", []string{"1:7 name: can't be a name"}, true},
	{"name with a NUL", "name: \"a\\0b\"\ncommand: [a]\n", []string{"1:7 name: NUL"}, true},
	{"name of dots", "name: '..'\ncommand: [a]\n", []string{"1:7 name: can't be a name"}, true},
	{"name too long", "name: " + strings.Repeat("a", 64) + "\ncommand: [a]\n", []string{"1:7 name: 1 to 63"}, true},
	{"name with a line break", "name: \"a\\n\"\ncommand: [a]\n", []string{"1:7 name: can't be a name"}, true},
	{"name a number", "name: 12\ncommand: [a]\n", []string{"1:7 name: must be text, this is a number (12): put it in quotes"}, true},

	{"command and shell", "name: a\ncommand: [a]\nshell: b\n", []string{"3:8 shell: command and shell are given"}, true},
	{"shell and builtin", "name: a\nbuiltin: system-health\nshell: b\n", []string{"3:8 shell: shell and builtin are given"}, true},
	{"command as text", "name: a\ncommand: df -h\n", []string{"2:10 command: must be a list"}, true},
	{"command empty", "name: a\ncommand: []\n", []string{"2:10 command: is empty"}, true},
	{"program empty", "name: a\ncommand: ['']\n", []string{"2:11 command.0: is empty"}, true},
	{"argument missing", "name: a\ncommand: [a, ~]\n", []string{`2:14 command.1: is empty: for empty text write ""`}, true},
	{"argument a list", "name: a\ncommand: [a, [b]]\n", []string{"2:14 command.1: must be text, this is a list"}, true},
	{"argument with NUL", "name: a\ncommand: [a, \"\\0\"]\n", []string{"2:14 command.1: NUL"}, false},
	{"place unquoted", "name: a\ncommand: [a, {{path}}]\n", []string{`2:14 command.1: write "{{path}}"`}, true},
	{"place unknown", "name: a\ncommand: [a, '{{pth}}', '--x={{path}}']\nparameters: {properties: {path: {type: string}}}\n", []string{"2:14 command.1: {{pth}} is not in parameters: did you mean path?"}, false},
	{"place unknown inside", "name: a\ncommand: [a, '{{o.y}}']\nparameters: {properties: {o: {type: object, properties: {x: {type: string}}}}}\n", []string{"2:14 command.1: {{o.y}} is not in parameters"}, false},
	{"place unknown in env", "name: a\ncommand: [a]\nenv: {A: '{{x}}'}\n", []string{"3:10 env.A: {{x}} is not in parameters"}, false},
	{"shell empty", "name: a\nshell: ' '\n", []string{"2:8 shell: is empty"}, true},
	{"shell with a place", "name: a\nshell: 'df {{path}}'\nparameters: {properties: {path: {type: string}}}\n", []string{`2:8 shell: write "$CLAUDEOPS_PARAM_PATH"`}, false},
	{"unknown builtin", "name: a\nbuiltin: nothing\n", []string{`2:10 builtin: there is no builtin "nothing"`}, true},

	{"env a list", "name: a\ncommand: [a]\nenv: [A=b]\n", []string{"3:6 env: must be a mapping"}, true},
	{"env name", "name: a\ncommand: [a]\nenv: {A-B: c}\n", []string{"3:7 env.A-B: can't be the name of a variable"}, true},
	{"env reserved", "name: a\ncommand: [a]\nenv: {CLAUDEOPS_AGENT: c}\n", []string{"3:7 env.CLAUDEOPS_AGENT: set by ClaudeOps itself"}, true},
	{"env empty", "name: a\ncommand: [a]\nenv: {A: }\n", []string{"3:10 env.A: is empty"}, true},
	{"workdir relative", "name: a\ncommand: [a]\nworkdir: srv\n", []string{"3:10 workdir: must be an absolute path"}, true},

	{"timeout without unit", "name: a\ncommand: [a]\ntimeout: 10\n", []string{"3:10 timeout: 10 has no unit: write 10s"}, true},
	{"timeout in words", "name: a\ncommand: [a]\ntimeout: soon\n", []string{`3:10 timeout: "soon" is not a duration`}, true},
	{"timeout negative", "name: a\ncommand: [a]\ntimeout: -5s\n", []string{`3:10 timeout: "-5s" is not a duration`}, true},
	{"timeout endless", "name: a\ncommand: [a]\ntimeout: 999999d\n", []string{"3:10 timeout: longer than can be counted"}, false},
	{"timeout a list", "name: a\ncommand: [a]\ntimeout: [1s]\n", []string{"3:10 timeout: must be a duration"}, true},
	{"stop a text", "name: a\ncommand: [a]\nstop: SIGTERM\n", []string{"3:7 stop: must be a mapping"}, true},
	{"stop unknown signal", "name: a\ncommand: [a]\nstop: {signal: SIGFOO}\n", []string{"3:16 stop.signal: use one of SIGTERM"}, true},
	{"stop unknown field", "name: a\ncommand: [a]\nstop: {gracee: 1s}\n", []string{"3:8 stop.gracee: did you mean grace?"}, true},
	{"stop bad grace", "name: a\ncommand: [a]\nstop: {grace: 1x}\n", []string{`3:15 stop.grace: "1x" is not a duration`}, true},
	{"concurrency zero", "name: a\ncommand: [a]\nconcurrency: 0\n", []string{"3:14 concurrency: at least 1"}, true},
	{"concurrency a fraction", "name: a\ncommand: [a]\nconcurrency: 1.5\n", []string{"3:14 concurrency: whole number"}, true},
	{"concurrency text", "name: a\ncommand: [a]\nconcurrency: '1'\n", []string{"3:14 concurrency: whole number"}, true},
	{"concurrency huge", "name: a\ncommand: [a]\nconcurrency: 99999999999999999999\n", []string{"3:14 concurrency: whole number"}, false},
	{"size unit", "name: a\ncommand: [a]\nmaxOutput: 5XB\n", []string{`3:12 maxOutput: unknown unit "XB"`}, true},
	{"size zero", "name: a\ncommand: [a]\nmaxOutput: 0\n", []string{"3:12 maxOutput: more than 0"}, true},
	{"size of part bytes", "name: a\ncommand: [a]\nmaxOutput: 1.5B\n", []string{"3:12 maxOutput: whole number of bytes"}, false},
	{"size uncountable", "name: a\ncommand: [a]\nmaxOutput: 99999999TiB\n", []string{"3:12 maxOutput: more than can be counted"}, false},
	{"size negative", "name: a\ncommand: [a]\nmaxOutput: -1\n", []string{"3:12 maxOutput: is not a size"}, true},
	{"budget without effect", "name: a\ncommand: [a]\nbudget: {usd: 5}\n", []string{"3:9 budget: has no effect on command"}, false},
	{"budget a number", "name: a\ncommand: [a]\nbudget: 5\n", []string{"3:9 budget: must be a mapping"}, true},
	{"budget of nothing", "name: a\ncommand: [a]\nbudget: {usd: 0}\n", []string{"3:15 budget.usd: must be more than 0"}, true},
	{"budget below 0", "name: a\ncommand: [a]\nbudget: {perDay: -1}\n", []string{"3:18 budget.perDay: must be more than 0"}, true},
	{"budget without bound", "name: a\ncommand: [a]\nbudget: {perMonth: .inf}\n", []string{"3:20 budget.perMonth: must be more than 0 and at most"}, false},
	{"budget a text", "name: a\ncommand: [a]\nbudget: {usd: $5}\n", []string{"3:15 budget.usd: must be an amount in USD, like 0.50"}, true},
	{"budget of a week", "name: a\ncommand: [a]\nbudget: {perWeek: 5}\n", []string{"3:10 budget.perWeek: unknown field"}, true},
	{"budget notional a number", "name: a\ncommand: [a]\nbudget: {notional: 1}\n", []string{"3:20 budget.notional: must be true or false"}, true},
	{"mask a text", "name: a\ncommand: [a]\nmask: x\n", []string{"3:7 mask: must be a list"}, true},
	{"mask empty", "name: a\ncommand: [a]\nmask: ['']\n", []string{"3:8 mask.0: is empty"}, true},
	{"retention a text", "name: a\ncommand: [a]\nretention: 30d\n", []string{"3:12 retention: must be a mapping"}, true},
	{"retention of something else", "name: a\ncommand: [a]\nretention: {log: {age: 1d}}\n", []string{"3:13 retention.log: did you mean logs?"}, true},
	{"retention without unit", "name: a\ncommand: [a]\nretention: {logs: {age: 30}}\n", []string{"3:25 retention.logs.age: 30 has no unit: write 30d"}, true},
	{"retention too short", "name: a\ncommand: [a]\nretention: {executions: {age: 5s}}\n", []string{"3:31 retention.executions.age: less than the least, 1m0s; for no bound say unlimited"}, false},
	{"retention forever", "name: a\ncommand: [a]\nretention: {executions: {age: forever}}\n", []string{`3:31 retention.executions.age: "forever" is not a duration`}, true},
	{"retention of logs by count", "name: a\ncommand: [a]\nretention: {logs: {count: 3}}\n", []string{"3:20 retention.logs.count: logs has age and size"}, true},
	{"retention of executions by size", "name: a\ncommand: [a]\nretention: {executions: {size: 1GiB}}\n", []string{"3:26 retention.executions.size: executions has age and count"}, true},
	{"retention of nothing", "name: a\ncommand: [a]\nretention: {executions: {count: 0}}\n", []string{"3:33 retention.executions.count: from 1 on"}, true},
	{"retention of no bytes", "name: a\ncommand: [a]\nretention: {logs: {size: 0}}\n", []string{"3:26 retention.logs.size: more than 0"}, true},
	{"retention's size a list", "name: a\ncommand: [a]\nretention: {logs: {size: [1]}}\n", []string{"3:26 retention.logs.size: must be a size, like 10GiB, or unlimited"}, true},
	{"mask an expression", "name: a\ncommand: [a]\nmask: [{regex: 'a*'}]\n", []string{"3:8 mask.0: must be a text"}, true},
	{"mask a broken pattern", "name: a\ncommand: [a]\nmask: [{pattern: 'a('}]\n", []string{"3:18 mask.0.pattern: error parsing regexp: missing closing )"}, false},
	{"mask a pattern of nothing", "name: a\ncommand: [a]\nmask: [{pattern: 'a*'}]\n", []string{"3:18 mask.0.pattern: matches the empty text"}, false},

	{"schedule a text", "name: a\ncommand: [a]\nschedule: '@daily'\n", []string{"3:11 schedule: must be a list of schedules"}, true},
	{"schedule without cron", "name: a\ncommand: [a]\nschedule: [{timezone: UTC}]\n", []string{"3:12 schedule.0.cron: missing"}, true},
	{"schedule with four fields", "name: a\ncommand: [a]\nschedule: [{cron: '* * * *'}]\n", []string{"3:19 schedule.0.cron: has 4 fields, not 5"}, false},
	{"schedule of no zone", "name: a\ncommand: [a]\nschedule: [{cron: '@daily', timezone: Mars}]\n", []string{`3:39 schedule.0.timezone: there is no time zone "Mars"`}, false},
	{"schedule with unknown field", "name: a\ncommand: [a]\nschedule: [{cron: '@daily', overlapp: skip}]\n", []string{"3:29 schedule.0.overlapp: did you mean overlap?"}, true},
	{"schedule with unknown policy", "name: a\ncommand: [a]\nschedule: [{cron: '@daily', missed: al}]\n", []string{"3:37 schedule.0.missed: must be one of skip, latest, all"}, true},
	{"schedule with wrong parameters", "name: a\ncommand: [a]\nparameters: {required: [x], properties: {x: {type: integer}}}\nschedule: [{cron: '@daily', parameters: {x: y}}, {cron: '@hourly'}]\n", []string{"4:41 schedule.0.parameters: x must be an integer", "4:50 schedule.1.parameters: x is required"}, false},
	{"schedule enabled by a word", "name: a\ncommand: [a]\nschedule: [{cron: '@daily', enabled: sometimes}]\n", []string{"3:38 schedule.0.enabled: must be true or false"}, true},
	{"tags a text", "name: a\ncommand: [a]\ntags: nightly\n", []string{"3:7 tags: must be a list of texts"}, true},
	{"a tag with a space", "name: a\ncommand: [a]\ntags: [ok, a b]\n", []string{`3:12 tags.1: "a b" can't be a tag`}, true},
	{"a tag twice", "name: a\ncommand: [a]\ntags: [a, a]\n", []string{"3:11 tags.1: a is given twice"}, true},

	{"rules a mapping", "name: a\ncommand: [a]\napprovalRules: {tool: x}\n", []string{"3:16 approvalRules: must be a list"}, true},
	{"rule without then", "name: a\ncommand: [a]\napprovalRules: [{tool: x}]\n", []string{"3:17 approvalRules.0.then: missing"}, true},
	{"rule of nothing", "name: a\ncommand: [a]\napprovalRules: [{tool: '', then: ask}]\n", []string{"3:24 approvalRules.0.tool: is empty"}, true},
	{"rule's verdict", "name: a\ncommand: [a]\napprovalRules: [{tool: x, then: maybe}]\n", []string{"3:33 approvalRules.0.then: allow, deny or ask"}, true},
	{"rule's field", "name: a\ncommand: [a]\napprovalRules: [{tool: x, then: ask, mach: y}]\n", []string{"3:38 approvalRules.0.mach: did you mean match?"}, true},
	{"no time to approve", "name: a\ncommand: [a]\napprovalTimeout: 0\n", []string{"3:18 approvalTimeout: more than 0"}, true},
	{"no time to exit", "name: a\ncommand: [a]\nexitGrace: soon\n", []string{"3:12 exitGrace: is not a duration"}, true},
	{"onLimit", "name: a\ncommand: [a]\nonLimit: wait\n", []string{"3:10 onLimit: continue or fail"}, true},

	{"claude without a prompt", "name: a\nclaude: {model: x}\n", []string{"2:9 claude.prompt: is required"}, true},
	{"claude a text", "name: a\nclaude: hello\n", []string{"2:9 claude: must be a mapping, got text"}, true},
	{"claude's field", "name: a\nclaude: {prompt: x, modle: y}\n", []string{"2:21 claude.modle: unknown field: did you mean model?"}, true},
	{"claude's tools", "name: a\nclaude: {prompt: x, tools: {alow: [Read]}}\n", []string{"2:29 claude.tools.alow: did you mean allow?; claude.tools has allow, deny"}, true},
	{"claude's turns", "name: a\nclaude: {prompt: x, maxTurns: many}\n", []string{"2:31 claude.maxTurns: must"}, true},
	{"claude's place", "name: a\nclaude: {prompt: 'Review {{pth}}'}\nparameters: {properties: {path: {type: string}}}\n", []string{"2:18 claude.prompt: {{pth}} is not in parameters: did you mean path?"}, false},
	{"claude's own argument", "name: a\nclaude: {prompt: x, extraArgs: [--model, y]}\n", []string{"2:33 claude.extraArgs.0: --model is set by ClaudeOps: use model"}, false},
	{"claude's directory", "name: a\nclaude: {prompt: x, directories: [here]}\n", []string{"2:35 claude.directories.0: must be an absolute path"}, false},

	{"parameters a list", "name: a\ncommand: [a]\nparameters: [path]\n", []string{"3:13 parameters: must be a JSON Schema object"}, true},
	{"parameters another type", "name: a\ncommand: [a]\nparameters: {type: array}\n", []string{"3:20 parameters.type: must be object"}, true},
	{"parameter of unknown type", "name: a\ncommand: [a]\nparameters: {properties: {x: {type: strin}}}\n", []string{"3:37 parameters.properties.x.type: did you mean string?"}, true},
	{"parameter with bad pattern", "name: a\ncommand: [a]\nparameters: {properties: {x: {pattern: '('}}}\n", []string{"3:40 parameters.properties.x.pattern: is not a regular expression"}, false},
	{"parameter with bad keyword", "name: a\ncommand: [a]\nparameters: {properties: {x: {minimum: low}}}\n", []string{"3:40 parameters.properties.x.minimum: must be a number"}, true},
	{"parameters without properties", "name: a\ncommand: [a]\nparameters: {path: {type: string}}\n", []string{"3:20 parameters.path: is not a keyword of JSON Schema; a parameter stands under properties: parameters: {properties: {path: …}}"}, true},
	{"a parameter beside properties", "name: a\ncommand: [a]\nparameters: {properties: {a: {}}, path: {type: string}}\n", []string{"3:41 parameters.path: a parameter stands under properties"}, true},
	{"a parameter named like a keyword", "name: a\ncommand: [a]\nparameters: {items: {type: string}}\n", []string{"3:21 parameters.items: says nothing about an object"}, true},
	{"a mistyped keyword", "name: a\ncommand: [a]\nparameters: {properties: {x: {typ: string}}}\n", []string{"3:36 parameters.properties.x.typ: is not a keyword of JSON Schema: did you mean type?"}, true},
	{"a mistyped keyword of an item", "name: a\ncommand: [a]\nparameters: {properties: {x: {type: array, items: {anyOf: [{pattrn: a}]}}}}\n", []string{"3:69 parameters.properties.x.items.anyOf.0.pattrn: did you mean pattern?"}, true},
	{"another tool's keyword", "name: a\ncommand: [a]\nparameters: {properties: {x: {example: a}}}\n", []string{"3:40 parameters.properties.x.example: did you mean examples?"}, true},
	{"a keyword of another type", "name: a\ncommand: [a]\nparameters: {properties: {x: {type: string, minimum: 3}}}\n", []string{"3:54 parameters.properties.x.minimum: says nothing about a value of type string, only about one of type number"}, false},
	{"required but not described", "name: a\ncommand: [a]\nparameters: {required: [pth], properties: {path: {type: string}}}\n", []string{"3:25 parameters.required.0: pth is required but not among properties: did you mean path?"}, false},
	{"required a text", "name: a\ncommand: [a]\nparameters: {required: path}\n", []string{"3:24 parameters.required: must be an array"}, true},
	{"reference to nothing", "name: a\ncommand: [a]\nparameters: {properties: {x: {$ref: '#/$defs/y'}}}\n", []string{"3:37 parameters: there is nothing at #/$defs/y"}, false},
	{"reference elsewhere", "name: a\ncommand: [a]\nparameters: {properties: {x: {$ref: 'file:///etc/passwd'}}}\n", []string{"3:37 parameters: not loaded from elsewhere"}, false},
	{"parameter's name", "name: a\ncommand: [a]\nparameters: {properties: {'a b': {type: string}}}\n", []string{"3:34 parameters.properties.a b: can't be a parameter's name"}, true},
	{"parameters that clash", "name: a\ncommand: [a]\nparameters: {properties: {a-b: {type: string}, a_b: {type: string}}}\n", []string{"3:53 parameters.properties.a_b: would share the variable CLAUDEOPS_PARAM_A_B with a-b"}, false},
	{"wrong default", "name: a\ncommand: [a]\nparameters: {properties: {x: {type: integer, minimum: 5, default: 3}}}\n", []string{"3:67 parameters.properties.x.default: must be at least 5, got 3"}, false},
	{"wrong nested default", "name: a\ncommand: [a]\nparameters: {properties: {o: {type: object, default: {x: s}, properties: {x: {type: integer}}}}}\n", []string{"3:54 parameters.properties.o.default: in the default, x must be an integer"}, false},
	{"secret with a default", "name: a\ncommand: [a]\nparameters: {properties: {x: {type: string, writeOnly: true, default: hunter2}}}\n", []string{"3:71 parameters.properties.x.default: a secret parameter can't have default"}, false},
	{"secret with examples", "name: a\ncommand: [a]\nparameters: {properties: {x: {format: password, examples: [hunter2]}}}\n", []string{"3:59 parameters.properties.x.examples: a secret parameter can't have examples"}, false},
	{"number out of range", "name: a\ncommand: [a]\nparameters: {properties: {x: {minimum: 0." + strings.Repeat("0", 500) + "1}}}\n", []string{"3:40 parameters.properties.x.minimum: out of range"}, false},
	{"not a number", "name: a\ncommand: [a]\nparameters: {properties: {x: {minimum: .nan}}}\n", []string{"3:40 parameters.properties.x.minimum: nothing that JSON can hold"}, false},
	{"alias bomb", aliasBomb(), []string{" parameters.properties.", "too large or refers to itself"}, false},
	{"alias of itself", "name: a\ncommand: [a]\nparameters: &p {properties: {x: *p}}\n", []string{"too large or refers to itself"}, false},

	{"builtin's unknown parameter", "name: a\nbuiltin: system-health\nparameters: {properties: {cpuWarnPercnt: {default: 3}}}\n", []string{"3:42 parameters.properties.cpuWarnPercnt: did you mean cpuWarnPercent?"}, false},
	{"builtin's wrong default", "name: a\nbuiltin: system-health\nparameters: {properties: {cpuWarnPercent: {default: 300}}}\n", []string{"3:53 parameters.properties.cpuWarnPercent.default: at most 100, got 300"}, false},
	{"builtin's keyword", "name: a\nbuiltin: system-health\nparameters: {additionalProperties: true}\n", []string{"3:36 parameters.additionalProperties: can't be changed"}, false},
}

func aliasBomb() string {
	var b strings.Builder
	b.WriteString("name: a\ncommand: [a]\nparameters:\n  properties:\n    a0: &a0 {enum: [x, x, x, x, x, x, x, x, x, x]}\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "    a%d: &a%d {enum: [%s]}\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String()
}

func TestParse_wrong(t *testing.T) {
	t.Parallel()
	for _, tt := range wrong {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			d, problems := Parse("test.yaml", []byte(tt.source))
			if d != nil {
				t.Fatalf("accepted: %+v", d)
			}
			var got []string
			for _, p := range problems {
				if p.File != "test.yaml" || p.Message == "" {
					t.Errorf("problem without a file or message: %+v", p)
				}
				got = append(got, fmt.Sprintf("%d:%d %s: %s", p.Line, p.Column, p.Field, p.Message))
			}
			text := strings.Join(got, "\n")
			for i, want := range tt.want {
				place, words, exact := strings.Cut(want, ": ")
				if !exact || len(problems) <= i {
					if !strings.Contains(text, want) {
						t.Errorf("want %q in\n%s", want, text)
					}
					continue
				}
				if !strings.HasPrefix(got[i], place+": ") || !strings.Contains(got[i], words) {
					t.Errorf("want %q with %q, got\n%s", place, words, text)
				}
			}
		})
	}
}

func TestParse_reports_everything_at_once(t *testing.T) {
	t.Parallel()
	_, problems := Parse("x.yaml", []byte("name: A\ncommand: []\ntimeout: 5\nnonsense: 1\nmaxOutput: much\n"))
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5}, lines); diff != "" {
		t.Errorf("%v\n%s", problems, diff)
	}
	if got, want := problems[2].Error(), "x.yaml:3:10: timeout: 5 has no unit"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin %q", got, want)
	}
}

func TestParse_too_long(t *testing.T) {
	t.Parallel()
	_, problems := Parse("x.yaml", []byte("name: a\ncommand: [a]\n#"+strings.Repeat("x", MaxFileBytes)))
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "at most") {
		t.Errorf("got %v", problems)
	}
}

func TestParse_literal_braces_stay(t *testing.T) {
	t.Parallel()
	d := mustParse(t, `{name: a, command: [docker, ps, --format, "{{.Names}} {{json .}}", '\{{end}}', "{{ x }}"], parameters: {properties: {x: {default: 1}}}}`)
	inv, err := d.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"docker", "ps", "--format", "{{.Names}} {{json .}}", "{{end}}", "1"}, inv.Argv); diff != "" {
		t.Error(diff)
	}
}

func TestParse_empty_documents(t *testing.T) {
	t.Parallel()
	const agent = "name: a\ncommand: [ls]\n"
	for _, source := range []string{agent + "---\n", agent + "---\n# nothing\n---\n", agent + "...\n", "---\n---\n" + agent, "# first\n---\n" + agent + "--- \n", strings.ReplaceAll(agent, "\n", "\r\n") + "---\r\n"} {
		if got := mustParse(t, source); got.Name != "a" {
			t.Errorf("%q gives %+v", source, got)
		}
	}
}

func TestParse_quantities(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"0": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "250ms": 250 * time.Millisecond, "1.5s": 1500 * time.Millisecond} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]int64{"1": 1, "512MB": 512e6, "1GiB": 1 << 30, "1.5GiB": 3 << 29, "10 kB": 10_000, "7b": 7, "2TiB": 2 << 40} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestDefinition_MarshalJSON(t *testing.T) {
	t.Parallel()
	d := mustParse(t, `
name: view
command: [curl, -H, "Authorization: literal-mask-value", "x=env-token-value"]
env: {API_TOKEN: env-token-value, PLAIN: env-plain-value}
mask: [literal-mask-value]
parameters: {properties: {z: {type: string}, a: {type: string}, m: {type: string}}}
timeout: 1m
`)
	got, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"view","title":"view","driver":"command","driverTitle":"Command","runs":[{"label":"Command","text":"curl -H 'Authorization: ••••••' 'x=••••••'"}],` +
		`"parameters":{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"},"m":{"type":"string"}},"additionalProperties":false},` +
		`"env":["API_TOKEN","PLAIN"],"timeoutMs":60000,"stop":{"signal":"SIGTERM","graceMs":10000,"to":"tree"},"file":"test.yaml","command":["curl","-H","Authorization: ••••••","x=••••••"]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// TestParse_runtime: how a process is run, and what is wrong with it.
func TestParse_runtime(t *testing.T) {
	t.Parallel()
	const head = "name: a\nshell: x\n"
	d, problems := Parse("a.yaml", []byte(head+"output: merged\ncommands: false\nstdin: open\nstop: {signal: int, grace: 0, to: main}\nlimits: {memory: 2GiB, pids: 512, cpu: 1.5, nice: 10}\n"))
	if len(problems) > 0 {
		t.Fatalf("%v", problems)
	}
	want := Runtime{MergeOutput: true, PlainLines: true, OpenStdin: true, Limits: Limits{Memory: 2 << 30, PIDs: 512, CPU: 1.5, Nice: 10}}
	if d.Runtime != want || d.Stop != (Stop{Signal: "SIGINT", ToMain: true}) {
		t.Errorf("%+v, %+v", d.Runtime, d.Stop)
	}
	if d, problems := Parse("a.yaml", []byte(head+"output: separate\ncommands: true\nstdin: closed\nstop: {to: tree}\nlimits: {}\n")); len(problems) > 0 || d.Runtime != (Runtime{}) || d.Stop != DefaultStop {
		t.Errorf("the usual, written out: %+v, %v", d, problems)
	}
	for source, says := range map[string]string{
		"output: both":             `output can't be "both"; it is merged or separate`,
		"output: merge":            "did you mean merged?",
		"output: [merged]":         "must be merged or separate",
		"commands: maybe":          "must be true",
		"commands: \"false\"":      "must be true",
		"stdin: opened":            "did you mean open?",
		"stop: {to: all}":          "it is main or tree",
		"stop: {from: main}":       "stop has signal, grace and to",
		"limits: {memory: 0}":      "must be more than 0",
		"limits: {memory: lots}":   "limits.memory",
		"limits: {pids: 0}":        "must be from 1 to",
		"limits: {pids: 1.5}":      "must be a whole number",
		"limits: {cpu: 0}":         "must be 0.01 processors or more",
		"limits: {cpu: .nan}":      "must be 0.01 processors or more",
		"limits: {cpu: two}":       "must be a number of processors",
		"limits: {nice: 40}":       "must be from -39 to 39",
		"limits: {ram: 1GiB}":      "limits has memory, pids, cpu and nice",
		"limits: 2GiB":             "limits",
		"stdin: {{x}}":             "stdin",
		"limits: {memory: 1.5GiB,": "YAML",
	} {
		_, problems := Parse("a.yaml", []byte(head+source+"\n"))
		found := false
		for _, p := range problems {
			found = found || strings.Contains(p.Field+" "+p.Message, says)
			if p.Line == 0 && says != "YAML" {
				t.Errorf("%s: no line in %+v", source, p)
			}
		}
		if !found {
			t.Errorf("%s: %v does not say %q", source, problems, says)
		}
	}
}
