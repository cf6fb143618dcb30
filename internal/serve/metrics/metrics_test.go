package metrics_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/record/sealer"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/feed"
	"github.com/claudeops/claudeops/internal/serve/metrics"
	"github.com/claudeops/claudeops/protocol"
)

const docs = "../../../docs/observability/"

// full is a set of which every metric has a figure.
func full(t *testing.T) *metrics.Set {
	t.Helper()
	s := metrics.New("1.2.3", metrics.Sources{
		Feed: func() feed.Stats {
			return feed.Stats{Feeds: 2, LiveReaders: 5, Subscriptions: 7, Frames: 11, Bytes: 13, ReadFrames: 17, GapsDamaged: 1, GatherWindow: 20 * time.Millisecond}
		},
		Supervisor: func() supervisor.Stats {
			return supervisor.Stats{Live: map[execution.Status]int{execution.Running: 3}, Adopted: 2, IndexLag: 1500 * time.Millisecond}
		},
		Counts: func() protocol.Executions { return protocol.Executions{Queued: 4, Running: 3} },
		Journal: func() journal.Stats {
			return journal.Stats{Syncs: 9, SyncTime: 90 * time.Millisecond, LastSync: time.Now()}
		},
		Sealer: func() sealer.Stats {
			return sealer.Stats{Sealed: 5, Plain: 800, Stored: 100, Worked: 250 * time.Millisecond, Failures: 1, Waiting: 2}
		},
		Connections: func() metrics.Connections {
			return metrics.Connections{Open: map[string]int{"websocket": 1}, Opened: map[string]uint64{"websocket": 6}, Users: 1}
		},
		Agents: func() (int, int) { return 8, 1 },
		Retention: func() retention.Stats {
			return retention.Stats{Removed: map[retention.Rule]uint64{retention.LogsAge: 2}, Freed: map[retention.Rule]uint64{retention.LogsAge: 2048}, Runs: 3, LastRun: time.Now()}
		},
		Space: func() (space.State, bool) {
			return space.State{DiskState: protocol.DiskLow, Figures: space.Figures{Free: 5, Total: 9, FreeInodes: 6, Inodes: 7}, LowMark: 8}, true
		},
		Host: func(context.Context) (protocol.SystemStatus, error) {
			return protocol.SystemStatus{Timestamp: execution.At(time.Now()), CPU: 50, Memory: protocol.Usage{Used: 1, Total: 2, Percent: 50},
				Disk: protocol.DiskUsage{Usage: protocol.Usage{Used: 3, Total: 4, Percent: 75}}}, nil
		},
	}, nil)
	now := time.Now().Add(time.Second)
	started := now.Add(-2 * time.Second)
	record := execution.Record{ExecutionID: "x", AgentType: "echo", QueuedAt: started.Add(-time.Second), StartedAt: &started, DurationMs: 2000, Cost: .25, ProcessesReaped: 2, DroppedLines: 3}
	tell := func(kind string, change func(*execution.Record)) {
		rec := record
		change(&rec)
		s.Event(nil, &execution.Event{Type: kind, Timestamp: execution.At(now)}, rec)
	}
	tell(execution.TypeQueued, func(*execution.Record) {})
	tell(execution.TypeStarted, func(*execution.Record) {})
	tell(execution.TypeCompleted, func(r *execution.Record) { r.Status = execution.Completed })
	tell(execution.TypeFailed, func(r *execution.Record) { r.Status, r.Reason = execution.Failed, string(execution.ReasonTimeout) })
	tell(execution.TypeFailed, func(r *execution.Record) { r.Status, r.Reason = execution.Failed, "words of somebody" })
	tell(execution.TypeCancelled, func(r *execution.Record) { r.Status, r.Reason = execution.Cancelled, "words of somebody" })
	s.Rejected("http", protocol.Internal)
	s.Closed(1006)
	s.Closed(3999)
	s.Request("GET /x")(time.Millisecond)
	return s
}

func scrape(t *testing.T, s *metrics.Set) string {
	t.Helper()
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func TestSet_says_what_its_sources_say(t *testing.T) {
	t.Parallel()
	text := scrape(t, full(t))
	for _, want := range []string{
		`claudeops_executions{state="running"} 3`, `claudeops_executions{state="cancelling"} 0`, `claudeops_queue_length 4`,
		`claudeops_readers{place="live"} 5`, `claudeops_readers{place="catching_up"} 2`, `claudeops_gather_window_seconds 0.02`,
		`claudeops_executions_ended_total{agent="echo",outcome="completed",reason=""} 1`,
		`claudeops_executions_ended_total{agent="echo",outcome="failed",reason="timeout"} 1`,
		`claudeops_executions_ended_total{agent="echo",outcome="failed",reason="other"} 1`,
		`claudeops_executions_ended_total{agent="echo",outcome="cancelled",reason=""} 1`,
		`claudeops_execution_cost_usd_total{agent="echo"} 1`, `claudeops_execution_duration_seconds_sum{agent="echo"} 8`,
		`claudeops_rejections_total{code="internal",via="http"} 1`, `claudeops_rejections_total{code="conflict",via="message"} 0`,
		`claudeops_connections_closed_total{code="1006"} 1`, `claudeops_connections_closed_total{code="other"} 1`,
		`claudeops_journal_gaps_total{reason="damaged"} 1`, `claudeops_index_lag_seconds 1.5`, `claudeops_host_cpu_ratio 0.5`,
		`claudeops_data_disk_used_ratio 0.75`, `claudeops_agent_problems 1`,
		`claudeops_journals_sealed_total 5`, `claudeops_seal_plain_bytes_total 800`, `claudeops_seal_stored_bytes_total 100`,
		`claudeops_seal_seconds_total 0.25`, `claudeops_seal_failures_total 1`, `claudeops_seal_waiting 2`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(text, "words of somebody") {
		t.Error("what somebody wrote became a label")
	}
}

func TestSet_gives_what_it_can_when_a_source_fails(t *testing.T) {
	t.Parallel()
	s := metrics.New("v", metrics.Sources{Host: func(context.Context) (protocol.SystemStatus, error) {
		return protocol.SystemStatus{}, errors.New("no host")
	}}, nil)
	text := scrape(t, s)
	if !strings.Contains(text, "claudeops_build_info") || strings.Contains(text, "claudeops_host_cpu_ratio ") || strings.Contains(text, "claudeops_queue_length ") {
		t.Errorf("%s", text)
	}
}

var (
	nameOf  = regexp.MustCompile(`\b(?:claudeops|go|process)_[a-z0-9_]+`)
	withOf  = regexp.MustCompile(`\b((?:claudeops|go|process)_[a-z0-9_]+)\{([^}]*)\}`)
	labelOf = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	groupOf = regexp.MustCompile(`(?:by|on)\s*\(([^)]*)\)`)
	typeOf  = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	lineOf  = regexp.MustCompile(`(?m)^([a-z0-9_]+)\{([^}]*)\}`)
)

// known gives every name that may stand in an expression, and the labels of each.
func known(text string) (names map[string]bool, labels map[string][]string) {
	names, labels = map[string]bool{}, map[string][]string{}
	for _, m := range typeOf.FindAllStringSubmatch(text, -1) {
		if m[2] != "histogram" {
			names[m[1]] = true
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			names[m[1]+suffix] = true
		}
	}
	for _, m := range lineOf.FindAllStringSubmatch(text, -1) {
		for _, l := range labelOf.FindAllStringSubmatch(m[2], -1) {
			labels[m[1]] = append(labels[m[1]], l[1])
		}
	}
	return names, labels
}

// check finds what in an expression can't be right: names and labels that do not exist, brackets.
func check(t *testing.T, where, expression string, names map[string]bool, labels map[string][]string) {
	t.Helper()
	if strings.TrimSpace(expression) == "" {
		t.Errorf("%s: there is no expression", where)
	}
	found := nameOf.FindAllString(expression, -1)
	var all []string // labels that any of the metrics has
	for _, name := range found {
		if !names[name] {
			t.Errorf("%s: there is no metric %s", where, name)
		}
		all = append(all, labels[name]...)
	}
	all = append(all, "instance", "job")
	for _, m := range withOf.FindAllStringSubmatch(expression, -1) {
		for _, l := range labelOf.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "instance" && l[1] != "job" && !slices.Contains(labels[m[1]], l[1]) {
				t.Errorf("%s: %s has no label %s", where, m[1], l[1])
			}
		}
	}
	for _, m := range groupOf.FindAllStringSubmatch(expression, -1) {
		for label := range strings.SplitSeq(m[1], ",") {
			if label = strings.TrimSpace(label); !slices.Contains(all, label) {
				t.Errorf("%s: none of its metrics has the label %s", where, label)
			}
		}
	}
	var open []rune
	closes := map[rune]rune{')': '(', ']': '[', '}': '{'}
	for _, r := range expression {
		switch r {
		case '(', '[', '{':
			open = append(open, r)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != closes[r] {
				t.Fatalf("%s: brackets do not match in %s", where, expression)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 || strings.Count(expression, `"`)%2 != 0 {
		t.Errorf("%s: brackets or quotes are not closed in %s", where, expression)
	}
}

func TestAlerts_speak_of_metrics_there_are(t *testing.T) {
	t.Parallel()
	names, labels := known(scrape(t, full(t)))
	text, err := os.ReadFile(docs + "alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	had := map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || had[rule.Alert] || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
				t.Errorf("rule %q of group %q has no name of its own, no severity or no summary", rule.Alert, group.Name)
			}
			had[rule.Alert] = true
			if rule.For != "" {
				if _, err := time.ParseDuration(rule.For); err != nil {
					t.Errorf("%s: %v", rule.Alert, err)
				}
			}
			check(t, rule.Alert, rule.Expr, names, labels)
		}
	}
	if len(had) < 10 {
		t.Errorf("only %d rules were read", len(had))
	}
}

func TestDashboard_shows_every_metric_and_no_other(t *testing.T) {
	t.Parallel()
	names, labels := known(scrape(t, full(t)))
	text, err := os.ReadFile(docs + "grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	ids, shown := map[int]bool{}, ""
	for _, panel := range board.Panels {
		if ids[panel.ID] || panel.Title == "" {
			t.Errorf("panel %d %q has no id of its own or no title", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			check(t, panel.Title, target.Expr, names, labels)
			shown += target.Expr + "\n"
		}
	}
	for name := range names {
		base := strings.TrimSuffix(name, "_bucket")
		if !strings.HasPrefix(name, "claudeops_") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count") {
			continue
		}
		if !strings.Contains(shown, base) {
			t.Errorf("%s is on no panel", base)
		}
	}
}

func TestDocument_names_every_metric_and_no_other(t *testing.T) {
	t.Parallel()
	names, _ := known(scrape(t, full(t)))
	text, err := os.ReadFile(docs + "observability.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range names {
		base := strings.TrimSuffix(name, "_bucket")
		if strings.HasPrefix(name, "claudeops_") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && !strings.Contains(string(text), "`"+base) {
			t.Errorf("%s is not explained", base)
		}
	}
	for _, name := range regexp.MustCompile(`claudeops_[a-z0-9_]+`).FindAllString(string(text), -1) {
		if !names[name] && !names[name+"_bucket"] {
			t.Errorf("there is no metric %s", name)
		}
	}
}
