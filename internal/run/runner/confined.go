package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/claudeops/claudeops/internal/run/sandbox"
)

const (
	tempDir     = "tmp"     // the agent's own TMPDIR, when it is confined
	failureFile = "enclose" // why it could not be confined or executed
)

// confined is the sandbox of one run. A nil confined is a run without: its methods do nothing.
type confined struct {
	policy  *sandbox.Policy
	place   sandbox.Place
	rules   sandbox.Rules
	missing []string // what the kernel can't enforce
	listen  *sandbox.Listener
	file    string // failureFile
}

// newConfined makes the directories that a confined run needs, and refuses a run whose sandbox is
// required and can't be enforced.
func newConfined(policy *sandbox.Policy, dir, result string) (*confined, error) {
	c := &confined{policy: policy, missing: policy.Missing(sandbox.Supported()), file: filepath.Join(dir, failureFile)}
	if policy.Required && len(c.missing) > 0 {
		return nil, fmt.Errorf("sandbox.required is set, and this machine can't enforce all of the sandbox: %s", strings.Join(c.missing, "; "))
	}
	home, _ := os.UserHomeDir()
	c.place = sandbox.Place{DataDir: filepath.Dir(filepath.Dir(dir)), Temp: filepath.Join(dir, tempDir), Result: result, Home: home}
	if err := removeTree(c.place.Temp); err != nil {
		return nil, fmt.Errorf("empty the temporary directory: %w", err)
	}
	if err := os.Mkdir(c.place.Temp, 0o700); err != nil {
		return nil, fmt.Errorf("make the temporary directory: %w", err)
	}
	// The files that are named to the kernel have to be there.
	for _, file := range []string{result, c.file} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			return nil, fmt.Errorf("prepare the sandbox: %w", err)
		}
	}
	return c, nil
}

// environment gives the agent its own temporary directory, and has tools keep their caches there that
// would write below the home directory, unless the definition says where.
func (c *confined) environment(env []string) []string {
	out := environment(env, map[string]string{"TMPDIR": c.place.Temp})
	if c.policy.Profile == sandbox.Full {
		return out
	}
	set := map[string]bool{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		set[name] = true
		if name == "HOME" {
			c.place.Home = value
		}
	}
	for _, kv := range [][2]string{
		{"XDG_CACHE_HOME", "cache"}, {"npm_config_cache", "npm"}, {"npm_config_userconfig", "npmrc"}, {"npm_config_logs_dir", "npm-logs"}, {"GOPATH", "go"}, {"GOCACHE", "go-build"}, {"PIP_CACHE_DIR", "pip"}, {"PYTHONPYCACHEPREFIX", "pycache"},
	} {
		if !set[kv[0]] {
			out = append(out, kv[0]+"="+filepath.Join(c.place.Temp, kv[1]))
		}
	}
	if !set["GOENV"] {
		out = append(out, "GOENV=off")
	}
	return out
}

// command is how the agent is started so that it is confined first.
func (c *confined) command(program string, argv, env []string, workdir, workspace string) (string, []string, error) {
	c.place.Program, c.place.Workdir, c.place.Workspace = program, workdir, workspace
	for _, kv := range env {
		switch name, value, _ := strings.Cut(kv, "="); name {
		case "PATH":
			c.place.Path = value
		case "HOME":
			c.place.Home = value
		}
	}
	if err := c.policy.Check(c.place.DataDir, c.place.Home); err != nil {
		return "", nil, err
	}
	if workdir != workspace && sandbox.Touches(workdir, c.place.DataDir) {
		return "", nil, fmt.Errorf("the working directory %s would open the data directory to a sandboxed agent: choose one beside it", workdir)
	}
	c.rules = c.policy.Rules(c.place)
	c.rules.Failure = c.file
	c.listen = sandbox.NewListener(c.policy, c.rules, c.place)
	executable := "/proc/self/exe" // also when the file was replaced since
	if runtime.GOOS != "linux" {
		var err error
		if executable, err = os.Executable(); err != nil {
			return "", nil, err
		}
	}
	words, err := sandbox.Argv(executable, &c.rules, program, argv)
	return executable, words, err
}

// warnings are what whoever reads the log should know of the sandbox at its start.
func (c *confined) warnings() []string {
	if c == nil {
		return nil
	}
	var list []string
	for _, text := range c.missing {
		list = append(list, "the sandbox is not enforced in full: "+text)
	}
	for _, path := range append(append([]string{}, c.policy.Read...), c.policy.Write...) {
		if rest, ok := strings.CutPrefix(path, "~"); ok {
			path = filepath.Join(c.place.Home, rest)
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			list = append(list, fmt.Sprintf("the sandbox can't allow %s, which does not exist: create it before the run", path))
		}
	}
	return list
}

// hear gives what to say of a line that the agent wrote: that the sandbox denied something, and how to
// allow it. Empty for everything else.
func (c *confined) hear(line []byte) string { return c.listen.Line(line) }

// failure is why the agent could not be confined or executed, "" when it was.
func (c *confined) failure() string {
	if c == nil {
		return ""
	}
	b, err := os.ReadFile(c.file)
	if err != nil {
		return ""
	}
	return string(b)
}

// remove takes away what only the sandbox needed.
func (c *confined) remove() error {
	if c == nil {
		return nil
	}
	return errors.Join(removeTree(c.place.Temp), removeTree(c.file))
}
