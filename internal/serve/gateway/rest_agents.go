package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/kind"
	"github.com/claudeops/claudeops/internal/run/kind/kinds"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// agentBody is a definition in an answer. It marshals itself; AgentView is what the document says.
type agentBody struct{ *agent.Definition }

// Schema is AgentView's, and the key of each kind of agent.
func (agentBody) Schema(r huma.Registry) *huma.Schema {
	ref := r.Schema(reflect.TypeFor[AgentView](), true, "Agent")
	properties := r.SchemaFromRef(ref.Ref).Properties
	for _, k := range kinds.All() {
		properties[k.Name] = &huma.Schema{Description: k.Title + ": what the definition says, secrets masked. One of the kinds' keys is there."}
	}
	return ref
}

// AgentView describes how a definition marshals.
type AgentView struct {
	Name          string          `json:"name" pattern:"^[a-z0-9-]{1,63}$"`
	Title         string          `json:"title"`
	Description   string          `json:"description,omitempty"`
	Tags          []string        `json:"tags,omitempty" doc:"Of each of its executions."`
	Schedule      []AgentSchedule `json:"schedule,omitempty" doc:"When it is started without a hand."`
	Driver        string          `json:"driver" doc:"The kind of agent, as command or claude: the key of the definition that says what is run. The answer has that key beside these, secrets masked."`
	DriverTitle   string          `json:"driverTitle" doc:"The kind for people, as Claude Code."`
	Runs          []kind.Row      `json:"runs" nullable:"false" doc:"What is run, for people. Secrets masked."`
	Parameters    json.RawMessage `json:"parameters" doc:"The JSON Schema that an execution's config is validated against."`
	Env           []string        `json:"env,omitempty" doc:"The names alone."`
	Workdir       string          `json:"workdir,omitempty"`
	TimeoutMs     int64           `json:"timeoutMs,omitempty" doc:"Of the whole run; 0: none."`
	IdleTimeoutMs int64           `json:"idleTimeoutMs,omitempty" doc:"Without output; 0: none."`
	Stop          AgentStop       `json:"stop"`
	Output        string          `json:"output,omitempty" enum:"merged" doc:"merged: stdout and stderr are one pipe."`
	Commands      *bool           `json:"commands,omitempty" doc:"false: lines like ::progress 40:: are text."`
	Stdin         string          `json:"stdin,omitempty" enum:"open" doc:"open: text can be sent to it while it runs."`
	Limits        *AgentLimits    `json:"limits,omitempty" doc:"What one run may take of the machine."`
	Concurrency   int             `json:"concurrency,omitempty" doc:"Runs at a time, more are queued; 0: no limit of its own."`
	MaxOutput     int64           `json:"maxOutput,omitempty" doc:"Bytes; 0: no limit."`
	Budget        *AgentBudget    `json:"budget,omitempty"`
	Retention     *AgentRetention `json:"retention,omitempty" doc:"What it sets itself; the rest is as the server has it."`
	ApprovalRules []struct {
		Tool  string `json:"tool"`
		Match string `json:"match,omitempty"`
		Then  string `json:"then" enum:"allow,deny,ask"`
	} `json:"approvalRules,omitempty" doc:"What becomes of the uses of tools."`
	ApprovalTimeoutMs int64  `json:"approvalTimeoutMs,omitempty" doc:"Until a question is denied; 0: the default, an hour."`
	ExitGraceMs       int64  `json:"exitGraceMs,omitempty" doc:"From an agent's result to its end; 0: the default, a minute."`
	OnLimit           string `json:"onLimit,omitempty" enum:"continue,fail" doc:"What follows when the usage limit of the agent's account is met; absent: continue."`
	File              string `json:"file,omitempty" doc:"Where it was read; none for what is built in."`
}

// AgentSchedule is one schedule of a definition.
type AgentSchedule struct {
	Cron       string          `json:"cron"`
	Timezone   string          `json:"timezone"`
	JitterMs   int64           `json:"jitterMs,omitempty" doc:"A run begins up to so much after its due time."`
	Missed     string          `json:"missed" enum:"skip,latest,all"`
	Overlap    string          `json:"overlap" enum:"skip,queue,replace"`
	Parameters json.RawMessage `json:"parameters,omitempty" doc:"Secrets masked."`
	Enabled    bool            `json:"enabled"`
}

// AgentStop is how an agent is asked to end.
type AgentStop struct {
	Signal  string `json:"signal"`
	GraceMs int64  `json:"graceMs" doc:"How long it has to end by itself before it is killed."`
	To      string `json:"to" enum:"tree,main" doc:"Who gets the signal: every process alive at that moment, or the main process."`
}

// AgentLimits are what one run may take of the machine.
type AgentLimits struct {
	Memory int64   `json:"memory,omitempty" doc:"Bytes."`
	PIDs   int64   `json:"pids,omitempty" doc:"Processes and threads at a time."`
	CPU    float64 `json:"cpu,omitempty" doc:"Processors."`
	Nice   int     `json:"nice,omitempty" doc:"Added to the server's own."`
}

// AgentBudget is what an agent's runs may cost, in USD.
type AgentBudget struct {
	USD      *float64 `json:"usd,omitempty" doc:"Each run."`
	PerDay   *float64 `json:"perDay,omitempty" doc:"All runs queued on one day."`
	PerMonth *float64 `json:"perMonth,omitempty" doc:"All runs queued in one month."`
	Notional bool     `json:"notional,omitempty" doc:"Counts what a subscription pays for, too."`
}

// AgentRetention is for how long, and how much of an agent's executions is kept.
type AgentRetention struct {
	Logs *struct {
		AgeMs *int64 `json:"ageMs,omitempty" doc:"Since the end; -1: no bound."`
		Size  *int64 `json:"size,omitempty" doc:"Bytes of all together; -1: no bound."`
	} `json:"logs,omitempty" doc:"Log lines."`
	Executions *struct {
		AgeMs *int64 `json:"ageMs,omitempty" doc:"Since the end; -1: no bound."`
		Count *int64 `json:"count,omitempty" doc:"How many; -1: no bound."`
	} `json:"executions,omitempty" doc:"Whole executions."`
}

type agentsAnswer struct {
	Body struct {
		Agents   []agentBody     `json:"agents" nullable:"false" doc:"By name."`
		Problems []agent.Problem `json:"problems" nullable:"false" doc:"What is wrong with definition files. The last good form of a file that has become wrong is still among agents."`
	}
}

type agentAnswer struct{ Body agentBody }

type agentPath struct {
	Name string `path:"name" doc:"The agent's name."`
}

// agentsOf are the agents that a caller may know of: those it may start, and those whose executions it may read.
func agentsOf(p auth.Principal) auth.Scope { return p.Scope(protocol.PermExecute, protocol.PermRead) }

func (g *Gateway) registerAgents() {
	operation(g, huma.Operation{
		OperationID: "list-agents", Method: http.MethodGet, Path: "/api/agents", Tags: []string{"agents"},
		Summary: "What can be run, and what is wrong with definitions",
	}, func(ctx context.Context, _ *struct{}) (*agentsAnswer, error) {
		out := &agentsAnswer{}
		out.Body.Agents, out.Body.Problems = []agentBody{}, []agent.Problem{}
		scope := agentsOf(principalOf(ctx))
		for _, d := range g.opts.Catalogue.List() {
			if scope.Allows(d.Name) {
				out.Body.Agents = append(out.Body.Agents, agentBody{d})
			}
		}
		if scope.All() { // they name files and what is in them
			out.Body.Problems = append(out.Body.Problems, g.opts.Catalogue.Problems()...)
		}
		return out, nil
	})
	operation(g, huma.Operation{
		OperationID: "get-agent", Method: http.MethodGet, Path: "/api/agents/{name}", Tags: []string{"agents"},
		Summary: "One agent's definition",
	}, func(ctx context.Context, in *agentPath) (*agentAnswer, error) {
		d, ok := g.opts.Catalogue.Get(in.Name)
		if !ok || !agentsOf(principalOf(ctx)).Allows(in.Name) {
			return nil, fault.New(protocol.NotFound, "there is no agent %.100q; GET /api/agents lists them", in.Name)
		}
		return &agentAnswer{agentBody{d}}, nil
	})
}
