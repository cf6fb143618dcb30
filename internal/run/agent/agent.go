// Package agent owns what can be run: definitions read from YAML files, their parameters, and the
// catalogue that keeps them current. It says exactly what a run would be (argv, environment,
// parameters, secrets) and never starts, stops or watches anything itself.
package agent

import (
	"encoding/json"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/runner/driver"
	"github.com/claudeops/claudeops/internal/run/sandbox"
	"github.com/claudeops/claudeops/internal/trust/mask"
	"github.com/claudeops/claudeops/internal/trust/secrets/source"
	"github.com/claudeops/claudeops/protocol"
)

// Masked stands wherever a secret's value would.
const Masked = mask.Text

// DefaultStop is how an agent is stopped when its definition says nothing else.
var DefaultStop = Stop{Signal: "SIGTERM", Grace: 10 * time.Second}

// ValidName reports whether name can be an agent's name. Whatever passes is safe as a file name
// and in a URL.
func ValidName(name string) bool {
	return len(name) >= 1 && len(name) <= 63 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Definition is one agent that can be run. It is immutable once made; everybody may share it.
type Definition struct {
	Name        string
	Title       string // Name when the file gives none
	Description string
	Tags        []string // of each of its executions
	Schedules   []Schedule

	Kind string // of package kinds: which one of their keys the definition has
	Runs any    // that key's value, {{parameter}} in it: see kind.Kind

	// Parameters is a JSON Schema object in the order it was written, with what is enforced
	// beside it made visible: an object that lists its properties takes no others unless it says so.
	Parameters json.RawMessage

	Env         map[string]string
	EnvFrom     map[string]source.Value // variables whose values are fetched when a run starts
	Workdir     string                  // empty: the run's scratch directory; may hold {{parameter}}
	Timeout     time.Duration           // of the whole run; 0 none
	IdleTimeout time.Duration           // without output; 0 none
	Stop        Stop
	Runtime
	Concurrency int   // runs at a time; 0 as many as the server allows
	MaxOutput   int64 // bytes; 0 no limit
	Budget      Budget
	Mask        []string // texts masked in output, beside the secrets
	Retention   Retention
	Sandbox     *sandbox.Policy // nil: not confined; paths may hold {{parameter}}

	Settings driver.Settings // what drivers carry out: approvals, the end of an agent
	OnLimit  string          // when an account's usage limit is met: LimitContinue or LimitFail

	MaskPatterns []string // expressions (RE2) whose matches within a line are masked in output

	File string // where it was read; empty for what is built in

	schema     *jsonschema.Schema
	kind       kind.Kind
	workdir    template
	env        []envEntry
	literals   []string // mask entries that are plain text
	executable string   // this program
	environ    []string // the allowlisted part of the server's environment
	line       int      // of name in File
	column     int
}

// Free reports whether running it costs no money by the token, so that no budget is for it.
func (d *Definition) Free() bool { return d.kind.Free }

// Stop is how an agent is asked to end, and how long it may take before it is killed.
type Stop struct {
	Signal string        // "SIGTERM"
	Grace  time.Duration // 0: killed at once after the signal
	ToMain bool          // the signal goes to the main process only, not to all of its tree
}

func (s Stop) to() string {
	if s.ToMain {
		return "main"
	}
	return "tree"
}

// Budget is what runs may cost. nil is no limit.
type Budget struct {
	USD      *protocol.MicroUSD // each run
	PerDay   *protocol.MicroUSD // all runs of the agent that were queued on one day
	PerMonth *protocol.MicroUSD // all runs of the agent that were queued in one month
	Notional bool               // count what a subscription pays for, too
}

// None reports whether nothing is limited.
func (b Budget) None() bool { return b.USD == nil && b.PerDay == nil && b.PerMonth == nil }

// envEntry is one variable of a definition's env.
type envEntry struct {
	name  string
	value template
}

// view is a definition as clients see it, but for the key of its kind. Durations are milliseconds,
// sizes bytes.
type view struct {
	Name          string          `json:"name"`
	Title         string          `json:"title"`
	Description   string          `json:"description,omitempty"`
	Tags          []string        `json:"tags,omitempty"`
	Schedule      []scheduleView  `json:"schedule,omitempty"`
	Driver        string          `json:"driver"`
	DriverTitle   string          `json:"driverTitle"`
	Runs          []kind.Row      `json:"runs"`
	Parameters    json.RawMessage `json:"parameters"`
	Env           []string        `json:"env,omitempty"` // names only: values may be secret
	Workdir       string          `json:"workdir,omitempty"`
	TimeoutMs     int64           `json:"timeoutMs,omitempty"`
	IdleTimeoutMs int64           `json:"idleTimeoutMs,omitempty"`
	Stop          stopView        `json:"stop"`
	runtimeView
	Concurrency int             `json:"concurrency,omitempty"`
	MaxOutput   int64           `json:"maxOutput,omitempty"`
	Budget      *budgetView     `json:"budget,omitempty"`
	Retention   *retentionView  `json:"retention,omitempty"`
	Sandbox     *sandbox.Policy `json:"sandbox,omitempty"`

	ApprovalRules     []driver.ApprovalRule `json:"approvalRules,omitempty"`
	ApprovalTimeoutMs int64                 `json:"approvalTimeoutMs,omitempty"`
	ExitGraceMs       int64                 `json:"exitGraceMs,omitempty"`
	OnLimit           string                `json:"onLimit,omitempty"`

	File string `json:"file,omitempty"`
}

type stopView struct {
	Signal  string `json:"signal"`
	GraceMs int64  `json:"graceMs"`
	To      string `json:"to"`
}

type budgetView struct {
	USD      *float64 `json:"usd,omitempty"`
	PerDay   *float64 `json:"perDay,omitempty"`
	PerMonth *float64 `json:"perMonth,omitempty"`
	Notional bool     `json:"notional,omitempty"`
}

func (b Budget) view() *budgetView {
	if b.None() {
		return nil
	}
	usd := func(m *protocol.MicroUSD) *float64 {
		if m == nil {
			return nil
		}
		return new(m.USD())
	}
	return &budgetView{usd(b.USD), usd(b.PerDay), usd(b.PerMonth), b.Notional}
}

// MarshalJSON gives what GET /api/agents shows. Of env it shows the names; secret values and
// masked literals that a command or script holds are masked.
func (d *Definition) MarshalJSON() ([]byte, error) {
	hidden, err := mask.New(d.staticSecrets(), nil)
	if err != nil {
		return nil, err
	}
	v := view{
		Name: d.Name, Title: d.Title, Description: d.Description, Tags: d.Tags, Schedule: d.scheduleViews(), Driver: d.Kind, DriverTitle: d.kind.Title,
		Parameters: d.Parameters,
		Workdir:    d.Workdir, TimeoutMs: d.Timeout.Milliseconds(), IdleTimeoutMs: d.IdleTimeout.Milliseconds(),
		Stop: stopView{Signal: d.Stop.Signal, GraceMs: d.Stop.Grace.Milliseconds(), To: d.Stop.to()}, runtimeView: d.Runtime.view(),
		Concurrency: d.Concurrency, MaxOutput: d.MaxOutput, Retention: d.Retention.view(), Sandbox: d.Sandbox, File: d.File,
		ApprovalRules: d.Settings.ApprovalRules, ApprovalTimeoutMs: d.Settings.ApprovalTimeout.Milliseconds(), ExitGraceMs: d.Settings.ExitGrace.Milliseconds(), OnLimit: d.OnLimit,
	}
	runs := mapTexts(d.Runs, hidden.String)
	v.Runs = d.kind.Runs(runs)
	for name := range d.Env {
		v.Env = append(v.Env, name)
	}
	for name := range d.EnvFrom {
		v.Env = append(v.Env, name)
	}
	sort.Strings(v.Env)
	v.Budget = d.Budget.view()
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	// The kind's own key stands beside the others, as it does in the file.
	b = append(b[:len(b)-1], ',')
	b = append(append(b, jsonText(d.Kind)...), ':')
	return append(append(b, jsonText(runs)...), '}'), nil
}

var secretName = regexp.MustCompile(`(?i)(TOKEN|SECRET|PASSW(OR)?D|PASSPHRASE|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL)`)

// staticSecrets are the secrets the definition itself holds: literals it asks to mask, and the
// values of env variables whose names say they are secret.
func (d *Definition) staticSecrets() []string {
	secrets := append([]string(nil), d.literals...)
	for _, entry := range d.env {
		if secretName.MatchString(entry.name) && entry.value.constant() && len(entry.value.text) >= mask.Shortest {
			secrets = append(secrets, entry.value.text)
		}
	}
	return longestFirst(secrets)
}
