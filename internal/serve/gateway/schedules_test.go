package gateway

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/schedule"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

// scheduled is a catalogue of one agent with two schedules.
type scheduled struct{ d *agent.Definition }

func (s scheduled) List() []*agent.Definition                 { return []*agent.Definition{s.d} }
func (s scheduled) Subscribe(func()) func()                   { return func() {} }
func (s scheduled) Get(name string) (*agent.Definition, bool) { return s.d, name == s.d.Name }

// doorRuns lets a scheduler start what the door's supervisor makes of it.
type doorRuns struct{}

func (doorRuns) Start(_ context.Context, r schedule.Request) (execution.Record, error) {
	return execution.Record{ExecutionID: "01jd3kq7f0e9aaaaaaaaaaaaaa", AgentType: r.Agent, Status: execution.Queued,
		Trigger: execution.Trigger{Kind: "schedule", User: r.User, Manual: r.Manual}}, nil
}
func (doorRuns) Running(context.Context, string) (bool, error) { return false, nil }
func (doorRuns) Cancel(context.Context, string, string) error  { return nil }

func (d *door) schedules(t testing.TB) *schedule.Scheduler {
	t.Helper()
	definition, problems := agent.Parse("nightly.yaml", []byte("name: echo\ncommand: [x]\nparameters: {properties: {token: {type: string, writeOnly: true}}}\nschedule:\n  - {cron: '30 2 * * 1-5', timezone: Europe/Berlin, parameters: {token: hunter2hunter2}}\n  - {cron: every 90m, enabled: false}\n"))
	if definition == nil {
		t.Fatal(problems)
	}
	s, err := schedule.Open(schedule.Options{DataDir: d.dir, Catalogue: scheduled{definition}, Runs: doorRuns{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	owner := d.as(d.token, nil)
	list := func() []schedule.Schedule {
		t.Helper()
		got := d.do(t, "GET", "/api/schedules", "", owner)
		var body struct{ Schedules []schedule.Schedule }
		if err := json.Unmarshal([]byte(got.body), &body); got.status != 200 || err != nil || strings.Contains(got.body, "hunter2") {
			t.Fatalf("%d %s %v", got.status, got.body, err)
		}
		return body.Schedules
	}
	views := list()
	if len(views) != 2 || views[0].Text != "02:30 every weekday" || views[0].Timezone != "Europe/Berlin" || len(views[0].Next) < 5 ||
		string(views[0].Parameters) != `{"token":"••••••"}` || views[1].Enabled || len(views[1].Next) != 0 {
		t.Errorf("%+v", views)
	}
	for _, change := range []struct {
		action string
		paused bool
	}{{"pause", true}, {"pause", true}, {"resume", false}} {
		if got := d.do(t, "POST", "/api/schedules/echo/0/"+change.action, "", owner); got.status != 200 || !strings.Contains(got.body, `"n":0`) {
			t.Errorf("%s: %d %s", change.action, got.status, got.body)
		}
		if views := list(); views[0].Paused != change.paused || views[1].Paused {
			t.Errorf("after %s: %+v", change.action, views)
		}
	}
	got := d.do(t, "POST", "/api/schedules/echo/0/run", "", owner)
	if got.status != 201 || !strings.Contains(got.body, `"trigger":{"kind":"schedule","user":"owner","manual":true}`) || !strings.HasSuffix(got.header.Get("Location"), "/api/executions/01jd3kq7f0e9aaaaaaaaaaaaaa") {
		t.Errorf("run: %d %s", got.status, got.body)
	}
	for path, status := range map[string]int{"/api/schedules/echo/2/run": 404, "/api/schedules/other/0/pause": 404, "/api/schedules/echo/x/pause": 400} {
		if got := d.do(t, "POST", path, "", owner); got.status != status {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := d.do(t, "POST", "/api/schedules/echo/0/run", "", d.as(d.jwt(t, "ann", protocol.PermRead), nil)); got.status != 403 {
		t.Errorf("a reader runs a schedule: %d", got.status)
	}
	preview := d.do(t, "GET", "/api/schedules/preview?cron=30+2+*+*+*&timezone=Asia/Tokyo", "", owner)
	if preview.status != 200 || !strings.Contains(preview.body, `"text":"02:30 every day"`) || strings.Count(preview.body, "T02:30:00+09:00") != 10 {
		t.Errorf("preview: %d %s", preview.status, preview.body)
	}
	for _, wrong := range []string{"preview?cron=x", "preview", "preview?cron=@daily&timezone=Mars", "occurrences?from=x", "occurrences?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"} {
		if got := d.do(t, "GET", "/api/schedules/"+wrong, "", owner); got.status != 400 && got.status != 422 {
			t.Errorf("%s: %d %s", wrong, got.status, got.body)
		}
	}
	if got := d.do(t, "GET", "/api/schedules/occurrences", "", owner); got.status != 200 || strings.Count(got.body, `"outcome":"due"`) < 4 {
		t.Errorf("occurrences: %d %s", got.status, got.body)
	}
	text, err := os.ReadFile(filepath.Join(d.dir, audit.File))
	if err != nil || !strings.Contains(string(text), `"action":"schedule.pause","target":"echo/0","outcome":"ok"`) || !strings.Contains(string(text), `"action":"schedule.run"`) {
		t.Errorf("audit: %s %v", text, err)
	}
}
