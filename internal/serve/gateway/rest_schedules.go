package gateway

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/run/cron"
	"github.com/claudeops/claudeops/internal/run/schedule"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// Schedules starts agents when they are due.
type Schedules interface {
	List() []schedule.Schedule
	Occurrences(from, to time.Time) ([]schedule.Occurrence, error)
	Pause(key schedule.Key, by string) error
	Resume(key schedule.Key, by string) error
	Run(ctx context.Context, key schedule.Key, user string) (execution.Record, error)
}

// previewed is how many due times a preview gives.
const previewed = 10

type schedulesAnswer struct {
	Body struct {
		Schedules []schedule.Schedule `json:"schedules" nullable:"false" doc:"By agent and place."`
	}
}

type scheduleAnswer struct{ Body schedule.Schedule }

type schedulePath struct {
	Agent string `path:"agent" doc:"The agent's name."`
	N     string `path:"n" doc:"The schedule's place in the agent's definition, from 0."`
}

type occurrencesQuery struct {
	From string `query:"from" doc:"RFC 3339; a week ago when absent."`
	To   string `query:"to" doc:"RFC 3339; a week from now when absent."`
}

type occurrencesAnswer struct {
	Body struct {
		Occurrences []schedule.Occurrence `json:"occurrences" nullable:"false" doc:"By time."`
	}
}

type previewQuery struct {
	Cron     string `query:"cron" required:"true" doc:"As in a definition."`
	Timezone string `query:"timezone" doc:"A name of the IANA database; that of the server when absent."`
}

type previewAnswer struct {
	Body struct {
		Text     string      `json:"text" doc:"When it is due, in words."`
		Timezone string      `json:"timezone"`
		Next     []time.Time `json:"next" nullable:"false" doc:"The next due times, with the offset of the time zone."`
	}
}

func (g *Gateway) registerSchedules() {
	tags := []string{"schedules"}
	operation(g, huma.Operation{
		OperationID: "list-schedules", Method: http.MethodGet, Path: "/api/schedules", Tags: tags,
		Summary: "When agents are started without a hand, and what came of it last",
	}, func(ctx context.Context, _ *struct{}) (*schedulesAnswer, error) {
		out := &schedulesAnswer{}
		p := principalOf(ctx)
		out.Body.Schedules = slices.DeleteFunc(g.opts.Schedules.List(), func(v schedule.Schedule) bool { return !maySee(p, v.Agent) })
		return out, nil
	})
	operation(g, huma.Operation{
		OperationID: "list-occurrences", Method: http.MethodGet, Path: "/api/schedules/occurrences", Tags: tags,
		Summary:     "What was due in a span of time and what came of it, and what is due in it",
		Description: "Of a schedule that is due often, the first 500 due times to come are listed.",
	}, g.listOccurrences)
	operation(g, huma.Operation{
		OperationID: "preview-schedule", Method: http.MethodGet, Path: "/api/schedules/preview", Tags: tags,
		Summary: "When an expression would be due",
	}, previewSchedule)
	for _, change := range []struct {
		name, summary string
		do            func(schedule.Key, string) error
	}{
		{"pause", "Keep a schedule from starting anything, over reloads and restarts", g.opts.Schedules.Pause},
		{"resume", "Let a schedule go on from now", g.opts.Schedules.Resume},
	} {
		operation(g, huma.Operation{
			OperationID: change.name + "-schedule", Method: http.MethodPost, Path: "/api/schedules/{agent}/{n}/" + change.name, Tags: tags,
			Summary: change.summary, DefaultStatus: http.StatusOK,
		}, func(ctx context.Context, in *schedulePath) (*scheduleAnswer, error) {
			return g.changeSchedule(ctx, in, change.name, change.do)
		})
	}
	operation(g, huma.Operation{
		OperationID: "run-schedule", Method: http.MethodPost, Path: "/api/schedules/{agent}/{n}/run", Tags: tags,
		Summary: "Start a schedule's run out of turn, with its parameters", DefaultStatus: http.StatusCreated,
	}, g.runSchedule)
}

func (in *schedulePath) key() (schedule.Key, error) {
	n, err := strconv.Atoi(in.N)
	if err != nil {
		return schedule.Key{}, badField("n", "must be a whole number from 0, not %.40q", in.N)
	}
	return schedule.Key{Agent: in.Agent, N: n}, nil
}

func (g *Gateway) changeSchedule(ctx context.Context, in *schedulePath, name string, do func(schedule.Key, string) error) (*scheduleAnswer, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	p := principalOf(ctx)
	if err = mayChange(p, key.Agent); err == nil {
		err = do(key, p.ID)
	}
	g.auditREST(ctx, p, audit.Entry{Action: "schedule." + name, Target: key.String()}, err)
	if err != nil {
		return nil, err
	}
	for _, v := range g.opts.Schedules.List() {
		if v.Agent == key.Agent && v.N == key.N {
			return &scheduleAnswer{v}, nil
		}
	}
	return &scheduleAnswer{schedule.Schedule{Agent: key.Agent, N: key.N}}, nil // it went in between
}

func (g *Gateway) runSchedule(ctx context.Context, in *schedulePath) (*createAnswer, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	p := principalOf(ctx)
	var rec execution.Record
	if err = mayChange(p, key.Agent); err == nil {
		rec, err = g.opts.Schedules.Run(ctx, key, p.ID)
	}
	g.auditREST(ctx, p, audit.Entry{Action: "schedule.run", Target: rec.ExecutionID, Detail: "schedule " + key.String()}, err)
	if err != nil {
		return nil, err
	}
	return &createAnswer{Status: http.StatusCreated, Location: g.opts.BasePath + "/api/executions/" + rec.ExecutionID, Body: limited(rec, p)}, nil
}

// maySee reports whether a caller may know of an agent's schedules.
func maySee(p auth.Principal, agent string) bool {
	return p.CanFor(protocol.PermRead, agent) || p.CanFor(protocol.PermExecute, agent)
}

// mayChange refuses who may not start an agent. Who may not know of it is told that there is none.
func mayChange(p auth.Principal, agent string) error {
	if !maySee(p, agent) {
		return fault.New(protocol.NotFound, "there is no agent %.100q; GET /api/agents lists them", agent)
	}
	return mayExecute(p, agent)
}

func (g *Gateway) listOccurrences(ctx context.Context, in *occurrencesQuery) (*occurrencesAnswer, error) {
	const week = 7 * 24 * time.Hour
	from, err := timeParam("from", in.From)
	if err != nil {
		return nil, err
	}
	to, err := timeParam("to", in.To)
	if err != nil {
		return nil, err
	}
	if from.IsZero() {
		from = time.Now().Add(-week)
	}
	if to.IsZero() {
		to = time.Now().Add(week)
	}
	if !to.After(from) {
		return nil, badField("to", "must be after from")
	}
	out := &occurrencesAnswer{}
	list, err := g.opts.Schedules.Occurrences(from, to)
	p := principalOf(ctx)
	out.Body.Occurrences = slices.DeleteFunc(list, func(o schedule.Occurrence) bool { return !maySee(p, o.Agent) })
	return out, err
}

func previewSchedule(_ context.Context, in *previewQuery) (*previewAnswer, error) {
	e, err := cron.Parse(in.Cron)
	if err != nil {
		return nil, badField("cron", "%s", err)
	}
	zone := time.Local
	if in.Timezone != "" {
		if zone, err = time.LoadLocation(in.Timezone); err != nil {
			return nil, badField("timezone", "there is no time zone %.40q: give its name in the IANA database, like Europe/Berlin", in.Timezone)
		}
	}
	out := &previewAnswer{}
	out.Body.Text, out.Body.Timezone, out.Body.Next = e.Words(), schedule.ZoneName(zone), e.NextN(time.Now(), zone, previewed)
	return out, nil
}
