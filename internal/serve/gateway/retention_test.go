package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/protocol"
)

// constantKeeper says what a test tells it to.
type constantKeeper struct {
	mu     sync.Mutex
	policy retention.Policy
	plan   []retention.Removal
	report retention.Report
	err    error
	actor  retention.Actor
	disk   space.State
}

func (k *constantKeeper) Policy() retention.Policy { return k.policy }

func (k *constantKeeper) Preview(context.Context) ([]retention.Removal, error) { return k.plan, k.err }

func (k *constantKeeper) Run(_ context.Context, by retention.Actor) (retention.Report, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.actor = by
	return k.report, k.err
}

func (k *constantKeeper) Stats() retention.Stats { return retention.Stats{} }

func (k *constantKeeper) State() (space.State, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.disk, k.disk.DiskState != ""
}

func TestRetention_shows_what_goes_and_by_which_rules(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	d.keeper.policy = retention.Policy{
		Server: retention.Rules{LogsAge: retention.At(30 * 24 * time.Hour)},
		Agents: map[string]retention.Rules{"echo": {ExecutionsCount: retention.At(int64(3)), LogsAge: retention.At(time.Duration(retention.Unlimited))}},
	}
	ended := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	whole := retention.Removal{ID: strings.Repeat("0", 26), Agent: "echo", Ended: ended, Rule: retention.ExecutionsCount, Limit: "3", Own: true, Bytes: 100}
	logs := retention.Removal{ID: strings.Repeat("1", 26), Agent: "df", Ended: ended.Add(time.Hour), Rule: retention.LogsAge, Limit: "30d", Bytes: 20}
	d.keeper.plan = []retention.Removal{whole, logs}
	d.keeper.report = retention.Report{Removed: []retention.Removal{whole}, Failed: []retention.Failure{{Removal: logs, Err: errors.New("secret path")}}, Spared: []retention.Removal{logs}}

	shown := decode[RetentionReport](t, d.do(t, "GET", "/api/retention", "", d.as(d.jwt(t, "reader", protocol.PermRead), nil)), 200)
	if !shown.DryRun || len(shown.Removals) != 2 || shown.Removals[0].What != "execution" || shown.Removals[1].What != "logs" || !shown.Removals[0].Own ||
		shown.Totals != (RetentionTotals{Executions: 1, Logs: 1, Bytes: 120}) || shown.Rules.Rules != d.keeper.policy.Server || shown.Agents["echo"].Rules != d.keeper.policy.Agents["echo"] {
		t.Errorf("%+v", shown)
	}
	if one := decode[RetentionReport](t, d.do(t, "GET", "/api/retention?limit=1", "", d.as(d.token, nil)), 200); len(one.Removals) != 1 || !one.More || one.Totals.Logs != 1 {
		t.Errorf("%+v", one)
	}
	if got := d.do(t, "POST", "/api/retention", "", d.as(d.jwt(t, "reader", protocol.PermRead), nil)); got.status != 403 {
		t.Errorf("a reader may remove: %d", got.status)
	}
	if d.keeper.actor.ID != "" {
		t.Error("it was carried out for somebody who may not")
	}
	done := decode[RetentionReport](t, d.do(t, "POST", "/api/retention", "", d.as(d.jwt(t, "boss", protocol.PermAdmin), nil)), 200)
	if done.DryRun || done.Totals != (RetentionTotals{Executions: 1, Bytes: 100, Failed: 1, Spared: 1}) || len(done.Removals) != 2 || done.Removals[0].Error == "" || strings.Contains(done.Removals[0].Error, "secret") {
		t.Errorf("%+v", done)
	}
	if d.keeper.actor.ID != "boss" || d.keeper.actor.Via != "rest" || d.keeper.actor.Address == "" {
		t.Errorf("it was carried out for %+v", d.keeper.actor)
	}
}

func TestPin_is_audited(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	id := d.supervisor.begin("echo")
	for _, method := range []string{"PUT", "DELETE"} {
		if got := d.do(t, method, "/api/executions/"+id+"/pin", "", d.as(d.token, nil)); got.status != 200 || strings.Contains(got.body, `"pinned":true`) != (method == "PUT") {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
		if got := d.do(t, method, "/api/executions/nope/pin", "", d.as(d.token, nil)); got.status != 400 {
			t.Errorf("%s of no id: %d", method, got.status)
		}
	}
	text, err := os.ReadFile(filepath.Join(d.dir, audit.File))
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"execution.pin", "execution.unpin"} {
		if !strings.Contains(string(text), fmt.Sprintf(`"action":%q,"target":%q,"outcome":"ok"`, action, id)) {
			t.Errorf("%s is not in the audit log: %s", action, text)
		}
	}
	if calls := slices.DeleteFunc(d.supervisor.called(), func(c string) bool { return strings.HasPrefix(c, "get ") }); len(calls) != 2 || calls[0] != "pin "+id+" owner true" {
		t.Errorf("%v", calls)
	}
	for query, want := range map[string]*bool{"?pinned=true": new(true), "?pinned=false": new(false), "": nil} {
		d.do(t, "GET", "/api/executions"+query, "", d.as(d.token, nil))
		if got := d.supervisor.filter.Pinned; (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%q filters by %v", query, got)
		}
	}
}

func TestSpace_is_told_by_readiness_the_host_and_the_metrics(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	tell := func(s space.State) {
		d.keeper.mu.Lock()
		d.keeper.disk = s
		d.keeper.mu.Unlock()
	}
	for _, test := range []struct {
		state  protocol.DiskState
		ready  string
		metric string
	}{
		{protocol.DiskOK, `{"status":"ok"}`, "claudeops_data_disk_low 0"},
		{protocol.DiskLow, `{"status":"ok","disk":"low"}`, "claudeops_data_disk_low 1"},
		{protocol.DiskCritical, `{"status":"ok","disk":"critical"}`, "claudeops_data_disk_low 2"},
	} {
		tell(space.State{DiskState: test.state, LowMark: 77, Condition: "it is full", Figures: space.Figures{Free: 5}})
		if got := d.do(t, "GET", "/readyz", "", nil); got.status != 200 || strings.TrimSpace(got.body) != test.ready {
			t.Errorf("readyz: %d %s, want %s", got.status, got.body, test.ready)
		}
		system := decode[protocol.SystemStatus](t, d.do(t, "GET", "/api/system", "", d.as(d.token, nil)), 200)
		if system.Disk.State != test.state || system.Disk.Free != 5 || system.Disk.LowMark != 77 || system.Disk.Condition != "it is full" {
			t.Errorf("system: %+v", system.Disk)
		}
		if got := d.do(t, "GET", "/metrics", "", d.as(d.token, nil)); !strings.Contains(got.body, test.metric+"\n") {
			t.Errorf("metrics have no %s", test.metric)
		}
	}
}
