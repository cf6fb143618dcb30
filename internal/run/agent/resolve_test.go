package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/claudeops/claudeops/protocol"

	"github.com/claudeops/claudeops/internal/run/kind/builtin"
)

// newCatalogue opens a catalogue over files, with an environment as a server might have it.
func newCatalogue(t testing.TB, files map[string]string) *Catalogue {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, dir, name, text)
	}
	c, err := OpenCatalogue(Options{Dir: dir, Executable: "/usr/bin/claudeops", Environ: []string{
		"PATH=/usr/bin:/bin", "HOME=/home/ann", "USER=ann", "LOGNAME=ann", "LANG=C.UTF-8", "LC_ALL=C", "LC_TIME=de_DE", "TZ=UTC", "TMPDIR=/tmp", "SHELL=/bin/sh",
		"CLAUDEOPS_TOKEN=owner", "AWS_SECRET_ACCESS_KEY=aws", "LD_PRELOAD=x.so", "SSH_AUTH_SOCK=/x", "LCX=no", "PATHX=no", "BASH_FUNC_x%%=() { :; }", "noequals",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t testing.TB, c *Catalogue, name string) *Definition {
	t.Helper()
	d, ok := c.Get(name)
	if !ok {
		t.Fatalf("no agent %s; problems: %v", name, c.Problems())
	}
	return d
}

// run executes an invocation for real and gives its output.
func run(t testing.TB, inv *Invocation) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), inv.Argv[0], inv.Argv[1:]...)
	cmd.Env, cmd.Dir = inv.Env, inv.Workdir
	return cmd.Output()
}

func TestResolve_environment_is_the_allowlist_and_nothing_else(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{"a.yaml": `
name: show-env
command: [env, -0]
env: {LANG: C, EXTRA: "{{path}}/x", GONE: "{{missing}}"}
parameters: {properties: {path: {type: string}, missing: {type: string}, dry-run: {default: true}, o: {default: {b: [1, "x"]}}, nothing: {type: [string, "null"]}}}
`})
	inv, err := get(t, c, "show-env").Resolve(json.RawMessage(`{"path":"/srv","nothing":null}`))
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, inv)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	slices.Sort(got)
	want := []string{
		"CLAUDEOPS_AGENT=show-env", `CLAUDEOPS_CONFIG={"dry-run":true,"nothing":null,"o":{"b":[1,"x"]},"path":"/srv"}`,
		"CLAUDEOPS_PARAM_DRY_RUN=true", `CLAUDEOPS_PARAM_O={"b":[1,"x"]}`, "CLAUDEOPS_PARAM_PATH=/srv",
		"EXTRA=/srv/x", "HOME=/home/ann", "LANG=C", "LC_ALL=C", "LC_TIME=de_DE", "LOGNAME=ann", "PATH=/usr/bin:/bin", "PYTHONUNBUFFERED=1",
		"SHELL=/bin/sh", "TMPDIR=/tmp", "TZ=UTC", "USER=ann",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestResolve_server_without_PATH(t *testing.T) {
	t.Parallel()
	c, err := OpenCatalogue(Options{Environ: []string{"HOME=/"}})
	if err != nil {
		t.Fatal(err)
	}
	inv, err := get(t, c, builtin.SystemHealth).Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(inv.Env, defaultPath) {
		t.Errorf("no PATH in %q", inv.Env)
	}
}

// hostile are values that a shell, an option parser or a careless quoting would take for something else.
var hostile = []string{
	"; touch /tmp/pwned", "$(touch /tmp/pwned)", "`id`", "a\nb", "-rf", "--help", "'", `"`, `\`, "a b", "*", "~", "&& false", "| cat", "> /dev/null",
	"{{path}}", "${HOME}", "$HOME", "%s%n", "\t\r\v", "", " ", "\x7f\x1b[31m", "héllo ☃ 𝒳", "=", "CLAUDEOPS_AGENT=x",
}

func TestResolve_parameters_arrive_as_literal_bytes(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{
		"argv.yaml":  "name: argv\ncommand: [printf, '%s\\0', '{{x}}', '--x={{x}}', 'a{{x}}b{{x}}c']\nparameters: {properties: {x: {type: string}}}\n",
		"shell.yaml": "name: shell\nshell: 'printf \"%s\\0\" \"$CLAUDEOPS_PARAM_X\" \"--x=$CLAUDEOPS_PARAM_X\" \"a${CLAUDEOPS_PARAM_X}b${CLAUDEOPS_PARAM_X}c\"'\nparameters: {properties: {x: {type: string}}}\n",
	})
	for _, agent := range []string{"argv", "shell"} {
		for _, value := range hostile {
			t.Run(agent+"/"+value, func(t *testing.T) {
				t.Parallel()
				config, err := json.Marshal(map[string]string{"x": value})
				if err != nil {
					t.Fatal(err)
				}
				inv, err := get(t, c, agent).Resolve(config)
				if err != nil {
					t.Fatal(err)
				}
				if agent == "argv" {
					inv.Argv = append([]string{inv.Argv[0], "--"}, inv.Argv[1:]...)
				}
				out, err := run(t, inv)
				if err != nil {
					t.Fatal(err)
				}
				want := value + "\x00--x=" + value + "\x00a" + value + "b" + value + "c\x00"
				if string(out) != want {
					t.Errorf("got %q, want %q", out, want)
				}
			})
		}
	}
}

func TestResolve_argv(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{"a.yaml": `
name: argv
command: ["{{program}}", "{{text}}", "--n={{n}}", "{{o.inner}}", "{{list}}", "{{flag}}", last]
workdir: "{{dir}}"
parameters:
  properties:
    program: {type: string}
    dir: {type: string}
    text: {type: [string, "null"]}
    n: {type: integer}
    o: {type: object, properties: {inner: {type: string}}}
    list: {type: array}
    flag: {type: boolean}
`})
	d := get(t, c, "argv")
	for _, tt := range []struct {
		config string
		want   []string
	}{
		{`{"program":"p"}`, []string{"p", "--n=", "last"}},
		{`{"program":"p","text":null,"flag":false}`, []string{"p", "--n=", "false", "last"}},
		{`{"program":"p","text":"","n":0,"o":{"inner":"i"},"list":[1,"a<b"],"flag":true}`, []string{"p", "", "--n=0", "i", `[1,"a<b"]`, "true", "last"}},
	} {
		inv, err := d.Resolve(json.RawMessage(tt.config))
		if err != nil {
			t.Errorf("%s: %v", tt.config, err)
			continue
		}
		if diff := cmp.Diff(tt.want, inv.Argv); diff != "" {
			t.Errorf("%s: %s", tt.config, diff)
		}
		if inv.Workdir != "" {
			t.Errorf("%s: workdir %q without the parameter", tt.config, inv.Workdir)
		}
	}
	for config, field := range map[string]string{`{}`: "program", `{"program":""}`: "program", `{"program":"p","dir":"relative"}`: "dir"} {
		var wrong *ConfigError
		if _, err := d.Resolve(json.RawMessage(config)); !errors.As(err, &wrong) || wrong.Fields[0].Field != field {
			t.Errorf("%s: got %v, want %s named", config, err, field)
		}
	}
	inv, err := d.Resolve(json.RawMessage(`{"program":"p","dir":"/srv/../tmp"}`))
	if err != nil || inv.Workdir != "/tmp" {
		t.Errorf("got %+v, %v", inv, err)
	}
}

func TestResolve_drivers(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{"s.yaml": "name: s\nshell: echo $HOME\n"})
	for name, want := range map[string][]string{
		"s":                  {"/bin/sh", "-c", "echo $HOME"},
		builtin.SystemHealth: {"/usr/bin/claudeops", "builtin", builtin.SystemHealth},
	} {
		inv, err := get(t, c, name).Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, inv.Argv); diff != "" {
			t.Error(diff)
		}
	}
}

func TestResolve_open_names_share_no_variable(t *testing.T) {
	t.Parallel()
	d := mustParse(t, "name: a\ncommand: ['true']\nparameters: {additionalProperties: true}\n")
	var wrong *ConfigError
	if _, err := d.Resolve(json.RawMessage(`{"a-b":"1","a_b":"2"}`)); !errors.As(err, &wrong) || wrong.Fields[0].Field != "a_b" {
		t.Errorf("got %v", err)
	}
	inv, err := d.Resolve(json.RawMessage(`{"a b":"1","ä":"2","x\n=y":"3"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range inv.Env {
		if strings.HasPrefix(variable, "CLAUDEOPS_PARAM_") {
			t.Errorf("%q can't be a variable", variable)
		}
	}
}

// TestResolve_exec_limits goes to the very limits of this machine's exec: what Resolve lets pass
// runs, and what it refuses exec would refuse.
func TestResolve_exec_limits(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{
		"one.yaml":  "name: one\ncommand: ['true']\nparameters: {properties: {x: {type: string}}}\n",
		"many.yaml": "name: many\ncommand: ['true'" + strings.Repeat(", '{{x}}'", 60) + "]\nparameters: {properties: {x: {type: string}}}\n",
	})
	config := func(n int) json.RawMessage { return json.RawMessage(`{"x":"` + strings.Repeat("a", n) + `"}`) }
	// CLAUDEOPS_CONFIG={"x":"…"} is the longest string of the first agent.
	longest := maxString - len(`CLAUDEOPS_CONFIG={"x":""}`)
	inv, err := get(t, c, "one").Resolve(config(longest))
	if err != nil {
		t.Fatalf("at the limit: %v", err)
	}
	if _, err := run(t, inv); err != nil {
		t.Errorf("exec refuses what Resolve let pass: %v", err)
	}
	var wrong *ConfigError
	_, err = get(t, c, "one").Resolve(config(longest + 1))
	if !errors.As(err, &wrong) || wrong.Code() != protocol.TooLarge || wrong.Fields[0].Field != "x" || !strings.Contains(err.Error(), "file") {
		t.Errorf("past the limit: %v", err)
	}
	cmd := exec.Command("true")
	cmd.Env = []string{"CLAUDEOPS_CONFIG=" + string(config(longest+1))}
	if err := cmd.Run(); !errors.Is(err, syscall.E2BIG) {
		t.Errorf("this machine's exec takes more than Resolve: %v", err)
	}

	// All together.
	limit := execLimit()
	lo, hi := 0, 120<<10
	for lo < hi {
		middle := (lo + hi + 1) / 2
		if _, err := get(t, c, "many").Resolve(config(middle)); err == nil {
			lo = middle
		} else {
			hi = middle - 1
		}
	}
	if lo == 0 || lo*62 > limit {
		t.Fatalf("the longest that passes is %d, with %d bytes for all", lo, limit)
	}
	inv, err = get(t, c, "many").Resolve(config(lo))
	if err != nil {
		t.Fatal(err)
	}
	inv.Env = append(inv.Env, "CLAUDEOPS_WORKSPACE="+strings.Repeat("w", runnerReserve-100))
	if _, err := run(t, inv); err != nil {
		t.Errorf("with %d bytes each and what the runner adds, exec refuses what Resolve let pass: %v", lo, err)
	}
	_, err = get(t, c, "many").Resolve(config(lo + 1))
	if !errors.As(err, &wrong) || wrong.Code() != protocol.TooLarge {
		t.Errorf("past the limit of all: %v", err)
	}
}

func TestResolve_shell_script_is_never_spliced(t *testing.T) {
	t.Parallel()
	c := newCatalogue(t, map[string]string{"s.yaml": "name: s\nshell: |\n  printf '%s' \"$CLAUDEOPS_PARAM_X\"\n  exit 3\nparameters: {properties: {x: {type: string}}}\n"})
	marker := t.TempDir() + "/pwned"
	config, _ := json.Marshal(map[string]string{"x": `"; touch ` + marker + `; "`})
	inv, err := get(t, c, "s").Resolve(config)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, inv)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("got %v, want exit 3", err)
	}
	if !bytes.Contains(out, []byte(marker)) {
		t.Errorf("got %q", out)
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		t.Error("the parameter was run")
	}
}

// TestResolve_short_secrets: what can't be masked is told, and the secret itself is not.
func TestResolve_short_secrets(t *testing.T) {
	t.Parallel()
	d, problems := Parse("test.yaml", []byte("name: a\ncommand: [x]\nenv: {API_TOKEN: abc, EMPTY_TOKEN: '', LANG: C}\nmask: [xy, long-enough]\nparameters: {properties: {pin: {type: integer, writeOnly: true}, key: {format: password}}}\n"))
	if d == nil || len(problems) != 2 {
		t.Fatalf("%v", problems)
	}
	for i, want := range []string{"test.yaml:3:18: warning: env.API_TOKEN: has a secret's name and is shorter than 4 bytes", "test.yaml:4:8: warning: mask.0: is shorter than 4 bytes"} {
		if got := problems[i].Error(); !strings.HasPrefix(got, want) || strings.Contains(got, "abc") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	inv, err := d.Resolve(json.RawMessage(`{"pin":123,"key":"long enough"}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Warnings) != 1 || !strings.HasPrefix(inv.Warnings[0], "the secret pin is shorter than 4 bytes, so it is not masked") || strings.Contains(inv.Warnings[0], "123") {
		t.Errorf("warnings %q", inv.Warnings)
	}
	if slices.Contains(inv.Secrets, "123") || slices.Contains(inv.Secrets, "abc") {
		t.Errorf("secrets %q", inv.Secrets)
	}
}

// TestResolve_integers: what the schema calls an integer reaches the program as one, exactly.
func TestResolve_integers(t *testing.T) {
	t.Parallel()
	d := mustParse(t, `
name: a
command: [x, "{{n}}", "n={{n}}", "{{list}}", "{{either}}", "{{choice}}", "{{ratio}}", "{{o.n}}"]
parameters:
  $defs: {count: {type: integer}}
  properties:
    n: {type: integer, default: 7.0}
    list: {type: array, items: {$ref: "#/$defs/count"}}
    either: {type: [integer, string]}
    choice: {enum: [1, 20]}
    ratio: {type: number}
    o: {type: object, properties: {n: {type: integer}}}
`)
	for _, tt := range []struct{ config, argv, stored string }{
		{`{}`, `x 7 n=7`, `{"n":7}`},
		{`{"n":5.0}`, `x 5 n=5`, `{"n":5}`},
		{`{"n":1e2}`, `x 100 n=100`, `{"n":100}`},
		{`{"n":-0.0}`, `x 0 n=0`, `{"n":0}`},
		{`{"n":9007199254740993}`, `x 9007199254740993 n=9007199254740993`, `{"n":9007199254740993}`},
		{`{"n":123456789012345678901234567890}`, `x 123456789012345678901234567890 n=123456789012345678901234567890`, `{"n":123456789012345678901234567890}`},
		{`{"n":1,"list":[1.0,2e1]}`, `x 1 n=1 [1,20]`, `{"list":[1,20],"n":1}`},
		{`{"n":1,"either":3.0}`, `x 1 n=1 3`, `{"either":3,"n":1}`},
		{`{"n":1,"either":"3.0"}`, `x 1 n=1 3.0`, `{"either":"3.0","n":1}`},
		{`{"n":1,"choice":2e1}`, `x 1 n=1 20`, `{"choice":20,"n":1}`},
		{`{"n":1,"ratio":5.0}`, `x 1 n=1 5.0`, `{"n":1,"ratio":5.0}`},
		{`{"n":1,"o":{"n":4.0}}`, `x 1 n=1 4`, `{"n":1,"o":{"n":4}}`},
	} {
		inv, err := d.Resolve(json.RawMessage(tt.config))
		if err != nil {
			t.Errorf("%s: %v", tt.config, err)
			continue
		}
		if got := strings.Join(inv.Argv, " "); got != tt.argv || string(inv.Config) != tt.stored || string(inv.MaskedConfig) != tt.stored {
			t.Errorf("%s gives %s and %s, want %s and %s", tt.config, got, inv.Config, tt.argv, tt.stored)
		}
	}
	for _, wrong := range []string{`{"n":5.5}`, `{"n":"5"}`, `{"n":1e-1}`} {
		if inv, err := d.Resolve(json.RawMessage(wrong)); err == nil {
			t.Errorf("%s gives %v", wrong, inv.Argv)
		}
	}
}

// TestResolve_names_of_other_languages: a parameter may have any name that a variable can.
func TestResolve_names_of_other_languages(t *testing.T) {
	t.Parallel()
	d := mustParse(t, "name: a\ncommand: [x, '{{constructor}}', '{{__proto__}}']\nparameters: {properties: {constructor: {type: string, maxLength: 3}, __proto__: {type: string}}}\n")
	inv, err := d.Resolve(json.RawMessage(`{"constructor":"😀é中","__proto__":"p"}`))
	if err != nil || strings.Join(inv.Argv, " ") != "x 😀é中 p" {
		t.Errorf("%v, %v", inv, err)
	}
	if _, err := d.Resolve(json.RawMessage(`{"constructor":"1234"}`)); err == nil || !strings.Contains(err.Error(), "constructor must have at most 3 characters, has 4") {
		t.Error(err)
	}
}
