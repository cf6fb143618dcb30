package health

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shirou/gopsutil/v4/process"
	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/kind/builtin"
)

// TestMain is also the program that the catalogue's invocation starts: `… builtin system-health`.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "builtin" && os.Args[2] == "system-health" {
		os.Exit(Main(context.Background(), os.Stdout, os.Stderr, os.Environ()))
	}
	goleak.VerifyTestMain(m)
}

// fake is a machine that is well, unless a test changes it.
type fake struct {
	host      Host
	busy      float64 // share of each second that every core is busy
	cores     int
	load      [3]float64
	memory    Memory
	swap      Swap
	mounts    []mount
	usage     map[string]usage
	processes []proc
	hot       map[int32]float64 // seconds of CPU per second
	network   []Interface
	services  Services
	clock     Clock
	fail      map[string]error
	began     time.Time
}

const gib = 1 << 30

func healthy() *fake {
	return &fake{
		host: Host{Hostname: "web-1", OS: "linux", Platform: "debian 12", Kernel: "6.1", Architecture: "x86_64", Cores: 4, CPUModel: "Model", UptimeSeconds: 300_000},
		busy: 0.1, cores: 4, load: [3]float64{0.5, 0.4, 0.3},
		memory: Memory{Total: 16 * gib, Used: 4 * gib, Available: 12 * gib, Percent: 25},
		swap:   Swap{Total: 4 * gib},
		mounts: []mount{{path: "/", device: "/dev/sda1", fstype: "ext4"}, {path: "/proc", device: "proc", fstype: "proc"}, {path: "/run", device: "tmpfs", fstype: "tmpfs"}},
		usage:  map[string]usage{"/": {total: 100 * gib, used: 40 * gib, free: 60 * gib, inodes: 1000, inodesUsed: 100, device: 1}},
		processes: []proc{
			{pid: 1, name: "init", state: process.Sleep, memory: 10 << 20}, {pid: 7, parent: 1, name: "postgres", state: process.Running, memory: 2 * gib},
		},
		hot:      map[int32]float64{7: 0.4},
		network:  []Interface{{Name: "eth0", PacketsReceived: 1_000_000, PacketsSent: 1_000_000, Errors: 3}},
		services: Services{Systemd: true},
		clock:    Clock{Known: true, Synchronized: true, MaxErrorMs: 12},
		fail:     map[string]error{},
	}
}

func (f *fake) sources() sources {
	f.began = time.Now()
	return sources{
		machine: func(context.Context) (Host, error) { return f.host, f.fail["machine"] },
		cores: func(context.Context) ([]coreTimes, error) {
			passed := time.Since(f.began).Seconds()
			list := make([]coreTimes, f.cores)
			for i := range list {
				list[i] = coreTimes{user: 1000 + passed*f.busy, idle: 9000 + passed*(1-f.busy)}
			}
			return list, f.fail["cores"]
		},
		load: func(context.Context) (float64, float64, float64, error) {
			return f.load[0], f.load[1], f.load[2], f.fail["load"]
		},
		memory: func(context.Context) (Memory, error) { return f.memory, f.fail["memory"] },
		swap:   func(context.Context) (Swap, error) { return f.swap, f.fail["swap"] },
		mounts: func(context.Context) ([]mount, error) { return append([]mount(nil), f.mounts...), f.fail["mounts"] },
		usage: func(_ context.Context, path string) (usage, error) {
			return f.usage[path], f.fail["usage:"+path]
		},
		processes: func(context.Context) ([]proc, error) {
			list := append([]proc(nil), f.processes...)
			for i := range list {
				list[i].seconds = 100 + f.hot[list[i].pid]*time.Since(f.began).Seconds()
			}
			return list, f.fail["processes"]
		},
		user:     func(context.Context, int32) string { return "root" },
		network:  func(context.Context) ([]Interface, error) { return f.network, f.fail["network"] },
		services: func(context.Context) (Services, error) { return f.services, f.fail["services"] },
		clock:    func(context.Context) (Clock, error) { return f.clock, f.fail["clock"] },
	}
}

// examine runs the check on a machine and gives its lines and report.
func examine(t *testing.T, f *fake, change func(*Parameters)) (lines string, report Report, code int) {
	t.Helper()
	p := DefaultParameters()
	if change != nil {
		change(&p)
	}
	path := filepath.Join(t.TempDir(), "result.json")
	var stdout, stderr bytes.Buffer
	synctest.Test(t, func(t *testing.T) { // a second's sample takes no time
		code = run(t.Context(), &stdout, &stderr, p, f.sources(), path)
	})
	if code == exitDone {
		result, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(result, &report); err != nil {
			t.Fatal(err)
		}
	}
	return stdout.String() + stderr.String(), report, code
}

func TestRun_healthy(t *testing.T) {
	t.Parallel()
	lines, report, code := examine(t, healthy(), nil)
	if code != 0 || report.Overall != Healthy || len(report.Findings) != 0 || len(report.Unchecked) != 0 {
		t.Fatalf("exit %d, %s: %+v %+v", code, report.Overall, report.Findings, report.Unchecked)
	}
	if report.Summary != "everything that was checked is within its limits" {
		t.Errorf("summary %q", report.Summary)
	}
	m := report.Metrics
	if m.CPU.Percent != 10 || len(m.CPU.PerCore) != 4 || m.Load.PerCore != 0.1 || m.Disks[0].Percent != 40 || m.Disks[0].InodesPercent != 10 || len(m.Disks) != 1 || m.Processes.Total != 2 || m.Processes.Running != 1 {
		t.Errorf("metrics %+v", m)
	}
	want := []Process{{PID: 7, Name: "postgres", User: "root", CPUPercent: 40, Memory: 2 * gib}}
	if diff := cmp.Diff(want, m.Processes.TopByCPU); diff != "" {
		t.Error(diff)
	}
	if m.Docker != nil || strings.Contains(lines, "Containers") {
		t.Error("containers were looked at without being asked for")
	}
	checkLines(t, lines)
	if strings.Contains(lines, "::warning::") || strings.Contains(lines, "::error::") {
		t.Errorf("warnings on a healthy machine:\n%s", lines)
	}
	if !strings.HasSuffix(lines, "HEALTHY: everything that was checked is within its limits\n") {
		t.Errorf("the end:\n%s", lines)
	}
}

// checkLines sees to what a reader of the lines relies on: progress that only rises from 0 to 100,
// groups that are closed, no empty line.
func checkLines(t *testing.T, lines string) {
	t.Helper()
	last, open := -1.0, ""
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		var percent float64
		switch {
		case strings.HasPrefix(line, "::progress "):
			if _, err := fmt.Sscanf(line, "::progress %g::", &percent); err != nil || percent < last || percent > 100 || (last < 0 && percent != 0) {
				t.Errorf("%q after %v", line, last)
			}
			last = percent
		case strings.HasPrefix(line, "::group::"):
			if open != "" {
				t.Errorf("%q inside %q", line, open)
			}
			open = line
		case line == "::endgroup::":
			if open == "" {
				t.Error("a group ends that did not begin")
			}
			open = ""
		case line == "":
			t.Error("an empty line")
		case strings.HasPrefix(line, "::") && !strings.HasPrefix(line, "::warning::") && !strings.HasPrefix(line, "::error::"):
			t.Errorf("an unknown command %q", line)
		}
	}
	if last != 100 || open != "" {
		t.Errorf("ends at %v %%, in group %q", last, open)
	}
}

func TestRun_findings(t *testing.T) {
	t.Parallel()
	full := func(percent uint64) map[string]usage {
		return map[string]usage{"/": {total: 100 * gib, used: percent * gib, free: (100 - percent) * gib, inodes: 1000, inodesUsed: 100, device: 1}}
	}
	for _, tt := range []struct {
		name     string
		change   func(*fake)
		overall  Overall
		id       string
		severity Severity
		evidence string
	}{
		{"disk just below", func(f *fake) { f.usage = full(84) }, Healthy, "", "", ""},
		{"disk at the warning", func(f *fake) { f.usage = full(85) }, Warning, "disk.space:/", SeverityWarning, "85.0 % used, 15.0 GiB of 100.0 GiB free"},
		{"disk critical", func(f *fake) { f.usage = full(97) }, Critical, "disk.space:/", SeverityCritical, "97.0 %"},
		{"inodes", func(f *fake) {
			f.usage["/"] = usage{total: 100, used: 1, free: 99, inodes: 1000, inodesUsed: 900, device: 1}
		}, Warning, "disk.inodes:/", SeverityWarning, "90.0 % used, 100 of 1000 left"},
		{"inodes critical", func(f *fake) {
			f.usage["/"] = usage{total: 100, used: 1, free: 99, inodes: 1000, inodesUsed: 1000, device: 1}
		}, Critical, "disk.inodes:/", SeverityCritical, "0 of 1000 left"},
		{"a full disk that is read-only", func(f *fake) { f.usage = full(100); f.mounts[0].readOnly = true }, Healthy, "", "", ""},
		{"a disk that does not answer", func(f *fake) { f.fail["usage:/"] = errUnresponsive }, Warning, "disk.unresponsive:/", SeverityWarning, "no answer in 5s"},
		{"CPU busy", func(f *fake) { f.busy = 0.9 }, Warning, "cpu.use", SeverityWarning, "90.0 % over 1.0 s on 4 cores; the busiest is postgres (pid 7)"},
		{"CPU full for a moment", func(f *fake) { f.busy = 1 }, Warning, "cpu.use", SeverityWarning, "short peak"},
		{"CPU full", func(f *fake) { f.busy = 1; f.load = [3]float64{5, 5, 5} }, Critical, "cpu.use", SeverityCritical, "100.0 %"},
		{"load", func(f *fake) { f.load = [3]float64{7, 7, 7} }, Warning, "load.high", SeverityWarning, "7.00 over 5 minutes, 1.75 per core"},
		{"load critical", func(f *fake) { f.load = [3]float64{1, 16, 1} }, Critical, "load.high", SeverityCritical, "4.00 per core"},
		{"memory", func(f *fake) { f.memory.Percent = 90 }, Warning, "memory.use", SeverityWarning, "the largest is postgres (pid 7) with 2.0 GiB"},
		{"memory critical", func(f *fake) { f.memory.Percent = 96 }, Critical, "memory.use", SeverityCritical, "96.0 %"},
		{"swap", func(f *fake) { f.swap = Swap{Total: 4 * gib, Used: 2 * gib, Percent: 50} }, Warning, "swap.use", SeverityWarning, "2.0 GiB of 4.0 GiB"},
		{"swap critical", func(f *fake) { f.swap.Percent = 99 }, Critical, "swap.use", SeverityCritical, ""},
		{"no swap", func(f *fake) { f.swap = Swap{} }, Healthy, "", "", ""},
		{"network", func(f *fake) { f.network[0].Drops = 50_000 }, Warning, "network.errors:eth0", SeverityWarning, "3 errors and 50000 drops"},
		{"a few network errors", func(f *fake) { f.network = []Interface{{Name: "eth0", PacketsReceived: 10, Errors: 10}} }, Healthy, "", "", ""},
		{"zombies", func(f *fake) {
			for i := range 12 {
				f.processes = append(f.processes, proc{pid: int32(100 + i), parent: 7, name: "x", state: process.Zombie})
			}
		}, Warning, "processes.zombies", SeverityWarning, "12 of them are children of postgres (pid 7)"},
		{"failed unit", func(f *fake) {
			f.services.Failed = []Unit{{Name: "nginx.service", Description: "A web server"}}
		}, Warning, "systemd.failed:nginx.service", SeverityWarning, "A web server"},
		{"no systemd", func(f *fake) { f.services = Services{} }, Healthy, "", "", ""},
		{"clock", func(f *fake) { f.clock.Synchronized = false }, Healthy, "clock.unsynchronized", SeverityInfo, "not synchronized"},
		{"clock unknown", func(f *fake) { f.clock = Clock{} }, Healthy, "", "", ""},
		{"restart due", func(f *fake) { f.host.RebootRequired = true }, Healthy, "host.reboot-required", SeverityInfo, "3 d 11 h"},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			f := healthy()
			tt.change(f)
			lines, report, code := examine(t, f, nil)
			checkLines(t, lines)
			if code != 0 || report.Overall != tt.overall {
				t.Errorf("exit %d, %s, want %s:\n%s", code, report.Overall, tt.overall, lines)
			}
			if tt.id == "" {
				if len(report.Findings) > 0 {
					t.Errorf("findings %+v", report.Findings)
				}
				return
			}
			if len(report.Findings) != 1 {
				t.Fatalf("findings %+v", report.Findings)
			}
			got := report.Findings[0]
			if got.ID != tt.id || got.Severity != tt.severity || !strings.Contains(got.Evidence, tt.evidence) || got.Title == "" || got.Recommendation == "" {
				t.Errorf("finding %+v", got)
			}
			mark := map[Severity]string{SeverityCritical: "::error::", SeverityWarning: "::warning::", SeverityInfo: ""}[tt.severity]
			if !strings.Contains(lines, "\n"+mark+got.Title+": "+got.Evidence+"\n") {
				t.Errorf("the finding is not told:\n%s", lines)
			}
		})
	}
}

func TestRun_thresholds_are_parameters(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Parameters){
		"cpu.use":               func(p *Parameters) { p.CPUWarnPercent = 10 },
		"load.high":             func(p *Parameters) { p.LoadWarnPerCore = 0.1 },
		"memory.use":            func(p *Parameters) { p.MemoryWarnPercent = 25 },
		"swap.use":              func(p *Parameters) { p.SwapWarnPercent = 0 },
		"disk.space:/":          func(p *Parameters) { p.DiskWarnPercent = 40 },
		"disk.inodes:/":         func(p *Parameters) { p.InodeWarnPercent = 10 },
		"network.errors:eth0":   func(p *Parameters) { p.NetworkErrorWarnPercent = 0.01 },
		"processes.zombies":     func(p *Parameters) { p.ZombieWarnCount = 1 },
		"critical disk.space:/": func(p *Parameters) { p.DiskCriticalPercent = 39 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := healthy()
			f.network[0].Errors = 400
			if name == "processes.zombies" {
				f.processes = append(f.processes, proc{pid: 9, parent: 1, state: process.Zombie})
			}
			_, report, _ := examine(t, f, change)
			want := Warning
			if strings.HasPrefix(name, "critical ") {
				want = Critical
			}
			if report.Overall != want || len(report.Findings) != 1 || report.Findings[0].ID != strings.TrimPrefix(name, "critical ") {
				t.Errorf("%s: %+v", report.Overall, report.Findings)
			}
		})
	}
}

func TestRun_worst_first_and_summed_up(t *testing.T) {
	t.Parallel()
	f := healthy()
	f.clock.Synchronized, f.busy, f.swap.Percent, f.memory.Percent = false, 0.9, 60, 99
	f.swap.Used = gib
	f.services.Failed = []Unit{{Name: "a.service"}, {Name: "b.service"}}
	_, report, _ := examine(t, f, nil)
	var severities []Severity
	for _, found := range report.Findings {
		severities = append(severities, found.Severity)
	}
	if diff := cmp.Diff([]Severity{"critical", "warning", "warning", "warning", "warning", "info"}, severities); diff != "" {
		t.Error(diff)
	}
	if want := "Memory is nearly used up; The CPU is busy; Swap is filling up; and 2 more"; report.Summary != want || report.Overall != Critical {
		t.Errorf("%s: %q, want %q", report.Overall, report.Summary, want)
	}
}

func TestRun_what_can_not_be_checked_is_told(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"machine", "cores", "load", "memory", "swap", "mounts", "usage:/", "processes", "network", "services", "clock"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			f := healthy()
			f.fail[source] = errors.New("no luck\n::error::with it")
			lines, report, code := examine(t, f, nil)
			checkLines(t, lines)
			if code != 0 || report.Overall != Healthy || len(report.Unchecked) != 1 || !strings.Contains(report.Unchecked[0].Reason, "no luck") {
				t.Errorf("exit %d, %+v", code, report.Unchecked)
			}
			if !strings.Contains(report.Summary, "1 check could not be done") {
				t.Errorf("summary %q", report.Summary)
			}
			if !strings.Contains(lines, "no luck") || strings.Contains(lines, "\n::error::") {
				t.Errorf("lines\n%s", lines)
			}
		})
	}
}

func TestRun_fails_when_it_could_do_nothing(t *testing.T) {
	t.Parallel()
	f := healthy()
	for _, source := range []string{"machine", "cores", "load", "memory", "mounts", "processes", "network", "services", "clock"} {
		f.fail[source] = errors.New("no /proc")
	}
	if lines, _, code := examine(t, f, nil); code != exitFailed || !strings.Contains(lines, "nothing at all could be checked") {
		t.Errorf("exit %d:\n%s", code, lines)
	}
}

func TestRun_names_can_not_speak_for_it(t *testing.T) {
	t.Parallel()
	evil := "x\n::error::pwned\r::progress 1::\x1b[2J\u2028"
	f := healthy()
	f.host.Hostname, f.host.Platform, f.host.CPUModel = evil, evil, evil
	f.processes[1].name = evil
	f.mounts[0] = mount{path: "/" + evil, device: evil, fstype: evil}
	f.usage = map[string]usage{"/" + evil: {total: 100, used: 99, free: 1}}
	f.network[0].Name = evil
	f.services.Failed = []Unit{{Name: evil, Description: evil}}
	lines, _, code := examine(t, f, nil)
	checkLines(t, lines)
	if code != 0 || strings.Contains(lines, "\n::error::pwned") || strings.ContainsAny(lines, "\r\x1b\u2028") {
		t.Errorf("exit %d:\n%q", code, lines)
	}
}

func TestRun_broken_off(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := DefaultParameters()
		p.SampleSeconds = 60
		var stderr bytes.Buffer
		ended := make(chan int)
		go func() { ended <- run(ctx, io.Discard, &stderr, p, healthy().sources(), "") }()
		time.Sleep(10 * time.Second)
		cancel(errors.New("stopped by ann"))
		if code := <-ended; code != exitFailed || !strings.Contains(stderr.String(), "broken off: stopped by ann") {
			t.Errorf("exit %d: %s", code, &stderr)
		}
	})
}

func TestRun_shows_that_a_long_sample_goes_on(t *testing.T) {
	t.Parallel()
	lines, _, _ := examine(t, healthy(), func(p *Parameters) { p.SampleSeconds = 60 })
	checkLines(t, lines)
	if n := strings.Count(lines, "CPU: measuring"); n < 50 {
		t.Errorf("a minute's sample was shown %d times", n)
	}
}

func TestRun_result_that_can_not_be_written(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		code := run(t.Context(), io.Discard, &stderr, DefaultParameters(), healthy().sources(), filepath.Join(t.TempDir(), "no", "such", "dir"))
		if code != exitFailed || !strings.Contains(stderr.String(), "write the report") {
			t.Errorf("exit %d: %s", code, &stderr)
		}
	})
}

func TestMain_wrong_parameters(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{"{": "unexpected EOF", `{"cpuWarn":1}`: `unknown field "cpuWarn"`, `{"sampleSeconds":0}`: "sampleSeconds", `{"sampleSeconds":1e9}`: "sampleSeconds", `{"topProcesses":-1}`: "topProcesses"} {
		var stderr bytes.Buffer
		if code := Main(t.Context(), io.Discard, &stderr, []string{"CLAUDEOPS_CONFIG=" + config}); code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit %d, %s", config, code, &stderr)
		}
	}
}

// TestParameters_are_the_catalogues sees that a run through the catalogue and one by hand mean
// the same: same names, same defaults.
func TestParameters_are_the_catalogues(t *testing.T) {
	t.Parallel()
	inv := invocation(t, `{}`)
	var got Parameters
	d := json.NewDecoder(bytes.NewReader(inv.Config))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(DefaultParameters(), got); diff != "" {
		t.Errorf("-here +catalogue\n%s", diff)
	}
	var names map[string]any
	if err := json.Unmarshal(inv.Config, &names); err != nil {
		t.Fatal(err)
	}
	for i := range reflect.TypeFor[Parameters]().NumField() {
		if name := reflect.TypeFor[Parameters]().Field(i).Tag.Get("json"); names[name] == nil {
			t.Errorf("the catalogue's schema lacks %s", name)
		}
	}
}

func invocation(t *testing.T, config string) *agent.Invocation {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := agent.OpenCatalogue(agent.Options{Executable: executable})
	if err != nil {
		t.Fatal(err)
	}
	d, ok := c.Get(builtin.SystemHealth)
	if !ok {
		t.Fatal("the catalogue has no system-health")
	}
	inv, err := d.Resolve(json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// TestMain_this_machine runs the whole thing for real, as a child process started as the catalogue
// says, and looks at what any reader of an agent would get.
func TestMain_this_machine(t *testing.T) {
	t.Parallel()
	inv := invocation(t, `{"sampleSeconds":0.2,"includeDockerStats":true,"dockerSocket":"/nowhere/docker.sock"}`)
	result := filepath.Join(t.TempDir(), "result.json")
	cmd := exec.CommandContext(t.Context(), inv.Argv[0], inv.Argv[1:]...)
	cmd.Env = append(inv.Env, "CLAUDEOPS_RESULT="+result, "GOCOVERDIR="+t.TempDir()) // the latter for runs with -cover
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %s\n%s", err, &stderr, out)
	}
	checkLines(t, string(out))
	text, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	var report Report
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&report); err != nil {
		t.Fatal(err)
	}
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	m := report.Metrics
	switch {
	case report.Host.Hostname != hostname, report.Host.Cores < 1, report.Host.UptimeSeconds == 0, report.Host.Kernel == "":
		t.Errorf("host %+v", report.Host)
	case len(m.CPU.PerCore) != report.Host.Cores, m.CPU.Percent < 0, m.CPU.Percent > 100:
		t.Errorf("CPU %+v", m.CPU)
	case m.Memory.Total == 0, m.Memory.Used == 0, m.Memory.Used >= m.Memory.Total:
		t.Errorf("memory %+v", m.Memory)
	case len(m.Disks) == 0, m.Disks[0].Mount != "/", m.Disks[0].Total == 0:
		t.Errorf("disks %+v", m.Disks)
	case m.Processes.Total < 2, len(m.Processes.TopByMemory) == 0, m.Processes.TopByMemory[0].Memory == 0, m.Processes.TopByMemory[0].Name == "":
		t.Errorf("processes %+v", m.Processes)
	case len(m.Network) == 0:
		t.Error("no network interface")
	case m.Docker == nil, m.Docker.Available, !strings.Contains(m.Docker.Reason, "no socket at /nowhere/docker.sock"):
		t.Errorf("docker %+v", m.Docker)
	case report.DurationMs < 200, report.CheckedAt.IsZero():
		t.Errorf("took %d ms at %v", report.DurationMs, report.CheckedAt)
	case len(report.Unchecked) > 0:
		t.Errorf("unchecked %+v", report.Unchecked)
	}
	if !regexp.MustCompile(`(?m)^(HEALTHY|WARNING|CRITICAL): .`).Match(out) || !bytes.Contains(out, []byte("there is no Docker here")) {
		t.Errorf("lines\n%s", out)
	}
	if _, err := os.Stat("/run/systemd/system"); errors.Is(err, os.ErrNotExist) != bytes.Contains(out, []byte("systemd does not run here")) {
		t.Errorf("systemd: %v, but\n%s", err, out)
	}
}
