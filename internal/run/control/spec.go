package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/sandbox"
	"github.com/claudeops/claudeops/protocol"
)

// Spec is what a runner is told about its execution: DIR/executions/<id>/spec.json, written by the
// server before it spawns the runner, readable by its owner only, and removed by the runner when
// the execution has ended, for it holds the agent's environment and secrets.
type Spec struct {
	ExecutionID  string          `json:"executionId"`
	Agent        string          `json:"agent"`
	Driver       string          `json:"driver"`            // "command", "shell" or "builtin"
	Argv         []string        `json:"argv"`              // argv[0] is looked up in PATH of Env
	Env          []string        `json:"env"`               // complete but for CLAUDEOPS_EXECUTION_ID, CLAUDEOPS_RESULT and CLAUDEOPS_WORKSPACE
	EnvFrom      EnvFrom         `json:"envFrom,omitempty"` // variables whose values the server fetches and gives to Spawn
	Workdir      string          `json:"workdir,omitempty"`
	Timeout      time.Duration   `json:"timeout,omitempty"`      // of the whole run; 0 is none
	IdleTimeout  time.Duration   `json:"idleTimeout,omitempty"`  // without output; 0 is none
	StopSignal   string          `json:"stopSignal,omitempty"`   // "SIGTERM" when empty
	StopGrace    time.Duration   `json:"stopGrace,omitempty"`    // from the stop signal to SIGKILL; 0 is DefaultStopGrace, negative is none
	StopTo       string          `json:"stopTo,omitempty"`       // who gets the stop signal: StopTree (when empty) or StopMain
	MergeOutput  bool            `json:"mergeOutput,omitempty"`  // stdout and stderr are one pipe
	PlainLines   bool            `json:"plainLines,omitempty"`   // lines that look like commands are text
	OpenStdin    bool            `json:"openStdin,omitempty"`    // stdin stays open
	Limits       Limits          `json:"limits,omitzero"`        // of the whole process tree
	MaxOutput    int64           `json:"maxOutput,omitempty"`    // bytes of output that are recorded; 0 is no limit
	Secrets      []string        `json:"secrets,omitempty"`      // literal values, masked wherever the runner writes
	Warnings     []string        `json:"warnings,omitempty"`     // log lines of level warn, right after the start
	Patterns     []string        `json:"patterns,omitempty"`     // expressions (RE2) whose matches are masked likewise, within a line
	SyncInterval time.Duration   `json:"syncInterval,omitempty"` // how long log lines may wait for fsync; 0 is DefaultSyncInterval
	NoCgroup     bool            `json:"noCgroup,omitempty"`     // keep to signals even where a cgroup v2 is writable
	Sandbox      *sandbox.Policy `json:"sandbox,omitempty"`      // how the agent is confined; nil: not at all
	Options      json.RawMessage `json:"options,omitempty"`      // for the driver
	Settings     driver.Settings `json:"settings,omitzero"`
	Account      string          `json:"account,omitempty"` // that the agent uses, for the server's queue
	Prices       string          `json:"prices,omitempty"`  // file with prices of models in place of the program's; empty: none
	Budget       *Budget         `json:"budget,omitempty"`  // what the run may cost; nil is no limit
}

// Budget is what one run may cost.
type Budget struct {
	USD      protocol.MicroUSD `json:"microUsd"`
	Notional bool              `json:"notional,omitempty"` // count what a subscription pays for, too
}

// Limits bound what the agent may take of the machine. A zero field is no limit.
type Limits struct {
	Memory int64   `json:"memory,omitempty"` // bytes
	PIDs   int64   `json:"pids,omitempty"`   // processes and threads at a time
	CPU    float64 `json:"cpu,omitempty"`    // processors
	Nice   int     `json:"nice,omitempty"`   // added to the runner's own
}

// What Spec leaves open.
const (
	DefaultStopGrace    = 10 * time.Second
	DefaultSyncInterval = time.Second
	DefaultStopSignal   = "SIGTERM"
)

// Who gets the stop signal. It is sent once; after the grace everything is killed.
const (
	StopTree = "tree" // every process that is alive at that moment
	StopMain = "main" // the main process, which sees to the others
)

// WriteSpec stores spec in the execution's directory, whole or not at all.
func WriteSpec(dir string, spec *Spec) error {
	b, err := json.Marshal(stored{Spec: spec, Raw: rawOf(spec)})
	if err != nil {
		return fmt.Errorf("write %s: %w", SpecFile, err)
	}
	f, err := os.CreateTemp(dir, SpecFile+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", SpecFile, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, SpecFile))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", SpecFile, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// ReadSpec reads the spec in the execution's directory and fills in what it leaves open.
func ReadSpec(dir string) (*Spec, error) {
	b, err := os.ReadFile(filepath.Join(dir, SpecFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", SpecFile, err)
	}
	spec := &Spec{}
	from := stored{Spec: spec}
	if err := json.Unmarshal(b, &from); err != nil {
		return nil, fmt.Errorf("read %s: %w", SpecFile, err)
	}
	if from.Raw != nil {
		spec.Argv, spec.Env, spec.Workdir = words(from.Raw.Argv), words(from.Raw.Env), string(from.Raw.Workdir)
	}
	if spec.StopSignal == "" {
		spec.StopSignal = DefaultStopSignal
	}
	if unix.SignalNum(spec.StopSignal) == 0 {
		return nil, fmt.Errorf("read %s: %q is no signal of this system; write it as SIGTERM, SIGINT …", SpecFile, spec.StopSignal)
	}
	switch spec.StopTo {
	case "":
		spec.StopTo = StopTree
	case StopTree, StopMain:
	default:
		return nil, fmt.Errorf("read %s: the stop signal can't go to %q; it goes to %s or %s", SpecFile, spec.StopTo, StopTree, StopMain)
	}
	if spec.StopGrace == 0 {
		spec.StopGrace = DefaultStopGrace
	}
	if spec.SyncInterval <= 0 {
		spec.SyncInterval = DefaultSyncInterval
	}
	return spec, nil
}

// stored is a spec as its file holds it. JSON strings hold only UTF-8, but arguments, environment
// and paths are any bytes: where they are not UTF-8, raw has them once more, as they are.
type stored struct {
	*Spec
	Raw *raw `json:"raw,omitempty"`
}

type raw struct {
	Argv    [][]byte `json:"argv"`
	Env     [][]byte `json:"env"`
	Workdir []byte   `json:"workdir"`
}

func rawOf(spec *Spec) *raw {
	all := append(append([]string{spec.Workdir}, spec.Argv...), spec.Env...)
	if !slices.ContainsFunc(all, func(s string) bool { return !utf8.ValidString(s) }) {
		return nil
	}
	r := &raw{Workdir: []byte(spec.Workdir)}
	for _, s := range spec.Argv {
		r.Argv = append(r.Argv, []byte(s))
	}
	for _, s := range spec.Env {
		r.Env = append(r.Env, []byte(s))
	}
	return r
}

func words(raw [][]byte) []string {
	out := make([]string, len(raw))
	for i, b := range raw {
		out[i] = string(b)
	}
	return out
}
