package agent

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/internal/run/sandbox"
	"github.com/claudeops/claudeops/internal/trust/mask"
	"github.com/claudeops/claudeops/internal/trust/secrets/source"
	"github.com/claudeops/claudeops/protocol"
)

// Invocation is exactly what one run starts, and what must be hidden about it.
type Invocation struct {
	Driver       string
	Argv         []string
	Options      json.RawMessage // for the driver; may be nil
	Account      string          // that the agent uses, where its use is limited: see kind.Kind
	Env          []string        // complete, sorted by name, each name once
	Workdir      string          // empty: the run's scratch directory
	Config       json.RawMessage
	MaskedConfig json.RawMessage // Config with secrets masked: what may be shown and stored
	Secrets      []string        // texts to mask in output, in all their forms, longest first
	Sandbox      *sandbox.Policy // nil: not confined
	EnvFrom      map[string]source.Value
	Warnings     []string // what whoever reads the output should know, such as a secret that can't be masked
}

// inherited are the variables of the server that an agent gets. LC_* comes with them. Nothing
// else of the server's environment reaches an agent.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "SHELL"}

// defaultPath is for a server that was itself started without PATH.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// allowlisted picks from environ what an agent may inherit.
func allowlisted(environ []string) []string {
	var kept []string
	path := false
	for _, variable := range environ {
		name, _, ok := strings.Cut(variable, "=")
		if ok && (slices.Contains(inherited, name) || strings.HasPrefix(name, "LC_")) {
			kept = append(kept, variable)
			path = path || name == "PATH"
		}
	}
	if !path {
		kept = append(kept, defaultPath)
	}
	return kept
}

// Resolve makes an invocation from the parameters of one run. A *ConfigError names each wrong one.
func (d *Definition) Resolve(config json.RawMessage) (*Invocation, error) {
	return d.ResolveTurn(config, nil)
}

// ResolveTurn is Resolve for the next turn of a session; nil begins one.
func (d *Definition) ResolveTurn(config json.RawMessage, turn *Turn) (*Invocation, error) {
	values, err := d.readConfig(config)
	if err != nil {
		return nil, err
	}
	lookup := func(name string) (string, bool) {
		value, ok := values[name]
		if !ok && strings.Contains(name, ".") {
			value, ok = dig(values, strings.Split(name, "."))
		}
		if !ok || value == nil {
			return "", false
		}
		return valueText(value), true
	}
	hidden := secretPaths(d.schema, values)
	inv := &Invocation{
		Driver: d.Kind, Config: jsonText(values), MaskedConfig: jsonText(maskAt(values, hidden)),
		Secrets: d.staticSecrets(), EnvFrom: d.EnvFrom,
	}
	for _, path := range hidden {
		value, _ := dig(values, path)
		texts, short := secretTexts(value)
		inv.Secrets = append(inv.Secrets, texts...)
		if len(short) > 0 {
			inv.Warnings = append(inv.Warnings, fmt.Sprintf("the secret %s is shorter than %d bytes, so it is not masked in the output: use a longer one", strings.Join(path, "."), mask.Shortest))
		}
	}
	inv.Secrets = longestFirst(inv.Secrets)
	if inv.Workdir, err = d.resolveWorkdir(lookup); err != nil {
		return nil, err
	}
	if inv.Sandbox, err = d.resolveSandbox(lookup); err != nil {
		return nil, err
	}
	started, err := d.start(lookup, turn)
	if err != nil {
		return nil, err
	}
	inv.Argv, inv.Options = started.Argv, started.Options
	if inv.Env, err = d.resolveEnv(values, inv.Config, lookup); err != nil {
		return nil, err
	}
	if turn != nil && turn.Workdir != "" {
		inv.Workdir = turn.Workdir
	}
	inv.Account = d.account(inv.Env)
	if err := d.fits(inv, values); err != nil {
		return nil, err
	}
	return inv, nil
}

// valueText is how a parameter reaches a program: text as it is, everything else as JSON.
func valueText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return string(jsonText(value))
}

func (d *Definition) resolveWorkdir(lookup func(string) (string, bool)) (string, error) {
	dir, absent := d.workdir.fill(lookup)
	if d.Workdir == "" || absent {
		return "", nil
	}
	if !filepath.IsAbs(dir) {
		return "", d.configError(d.workdir.names()[0], "gives the working directory %q, which must be an absolute path, like /srv", clip(dir))
	}
	return filepath.Clean(dir), nil
}

func (d *Definition) resolveEnv(values map[string]any, config []byte, lookup func(string) (string, bool)) ([]string, error) {
	variables := map[string]string{}
	for _, variable := range d.environ {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	// Python writes what it prints in blocks when it writes to a pipe: its log would come late. Other
	// languages have no such variable.
	variables["PYTHONUNBUFFERED"] = "1"
	for _, entry := range d.env {
		if value, absent := entry.value.fill(lookup); absent {
			delete(variables, entry.name)
		} else {
			variables[entry.name] = value
		}
	}
	from := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		// Only names that a variable can have; the others are in CLAUDEOPS_CONFIG. Those that
		// the definition lists can all have one.
		if values[name] == nil || !validParameter(name) {
			continue
		}
		variable := variableName(name)
		if other, clash := from[variable]; clash {
			return nil, d.configError(name, "would share the variable %s with %s: rename it", variable, other)
		}
		from[variable] = name
		variables[variable] = valueText(values[name])
	}
	variables["CLAUDEOPS_AGENT"] = d.Name
	variables["CLAUDEOPS_CONFIG"] = string(config)
	env := make([]string, 0, len(variables))
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	sort.Strings(env)
	return env, nil
}

const (
	// maxString is the longest argument or variable that Linux's exec takes (MAX_ARG_STRLEN less
	// the NUL). Held everywhere, so that a definition means the same on every machine.
	maxString = 128<<10 - 1
	// runnerReserve is left for what the runner adds to the environment, with long paths.
	runnerReserve = 16 << 10
)

// execLimit is how many bytes all arguments and variables may take together: a quarter of the
// stack's limit, as Linux has it, never less than 128 KiB nor more than 6 MiB.
func execLimit() int {
	const least, most = 128 << 10, 6 << 20
	var stack unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &stack); err != nil {
		return least
	}
	return int(min(max(uint64(stack.Cur)/4, least), most))
}

// fits refuses before it is queued what exec would refuse when it is started.
func (d *Definition) fits(inv *Invocation, values map[string]any) error {
	const remedy = "put long text into a file and give its path"
	tooLarge := func(field, format string, args ...any) error {
		err := d.configError(field, format, args...)
		err.code = protocol.TooLarge
		return err
	}
	largest, size := "config", 0
	for _, name := range slices.Sorted(maps.Keys(values)) {
		n := len(valueText(values[name]))
		if n > size {
			largest, size = name, n
		}
	}
	total := 0
	for _, list := range [][]string{inv.Argv, inv.Env} {
		for _, text := range list {
			if len(text) > maxString {
				what := "an argument"
				if name, _, ok := strings.Cut(text, "="); ok && strings.HasPrefix(name, "CLAUDEOPS_") {
					what = name
				}
				return tooLarge(largest, "is too long (%d bytes): %s would have %d bytes and a program can be given at most %d in one; %s", size, what, len(text), maxString, remedy)
			}
			total += len(text) + 1 + 8 // its NUL and its pointer
		}
	}
	if limit := execLimit() - runnerReserve; total > limit {
		return tooLarge(largest, "is too long (%d bytes): all arguments and variables together would have %s, and a program can be given at most %d; %s", size, fmt.Sprintf("%d bytes", total), limit, remedy)
	}
	return nil
}
