package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// dockerTimeout is how long the engine may take over one answer. Statistics of an engine that
	// does not know one-shot take two seconds.
	dockerTimeout = 15 * time.Second
	// dockerAtOnce is how many containers are asked about at a time.
	dockerAtOnce = 8
	// maxDockerBytes is how long one answer may be.
	maxDockerBytes = 64 << 20
)

// engine talks to a Docker engine through its socket.
type engine struct {
	socket string
	client *http.Client
}

func newEngine(socket string) *engine {
	dialer := &net.Dialer{}
	return &engine{socket: socket, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		MaxConnsPerHost: dockerAtOnce,
	}}}
}

func (e *engine) close() { e.client.CloseIdleConnections() }

// get reads the answer to a path into v.
func (e *engine) get(ctx context.Context, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, dockerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, nil)
	if err != nil {
		return err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, maxDockerBytes)
	if response.StatusCode != http.StatusOK {
		var problem struct{ Message string }
		_ = json.NewDecoder(body).Decode(&problem) // what it says besides is a courtesy
		return fmt.Errorf("the engine answers %s %s", response.Status, clean(problem.Message))
	}
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("read the engine's answer to %s: %w", path, err)
	}
	return nil
}

// unavailable says in one line why there is no engine to talk to.
func (e *engine) unavailable(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no Docker here: no socket at " + e.socket
	case errors.Is(err, fs.ErrPermission):
		return "no permission to use " + e.socket + ": add this user to the group docker, or leave containers out"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at " + e.socket + ": the Docker engine is not running"
	default:
		return "Docker can't be asked through " + e.socket + ": " + clean(err.Error())
	}
}

// The engine's own names, as far as they are needed.
type (
	listed struct {
		ID    string `json:"Id"`
		Names []string
		Image string
		State string
	}
	inspected struct {
		RestartCount int
		State        struct {
			Status     string
			ExitCode   int
			OOMKilled  bool
			FinishedAt time.Time
			Health     *struct{ Status string }
		}
	}
	statistics struct {
		CPU    cpuStatistics `json:"cpu_stats"`
		Memory struct {
			Usage uint64            `json:"usage"`
			Limit uint64            `json:"limit"`
			Stats map[string]uint64 `json:"stats"`
		} `json:"memory_stats"`
	}
	cpuStatistics struct {
		Usage struct {
			Total  uint64   `json:"total_usage"`
			PerCPU []uint64 `json:"percpu_usage"`
		} `json:"cpu_usage"`
		System uint64 `json:"system_cpu_usage"`
		Online int    `json:"online_cpus"`
	}
)

// memory is what the container can't give back: without the file cache that counts as inactive, as
// docker stats has it.
func (s statistics) memory() uint64 {
	cache, ok := s.Memory.Stats["inactive_file"] // cgroup v2
	if !ok {
		cache = s.Memory.Stats["total_inactive_file"] // cgroup v1
	}
	return s.Memory.Usage - min(cache, s.Memory.Usage)
}

// cpuSince gives the use between two readings, 100 % being one core.
func (s statistics) cpuSince(before statistics) float64 {
	if s.CPU.System <= before.CPU.System || s.CPU.Usage.Total < before.CPU.Usage.Total {
		return 0
	}
	online := s.CPU.Online
	if online == 0 {
		online = max(1, len(s.CPU.Usage.PerCPU))
	}
	used := float64(s.CPU.Usage.Total - before.CPU.Usage.Total)
	return rounded(used / float64(s.CPU.System-before.CPU.System) * float64(online) * 100)
}

func (c *check) containers(ctx context.Context) error {
	d := &Docker{Containers: []Container{}}
	c.report.Metrics.Docker = d
	e := newEngine(c.p.DockerSocket)
	defer e.close()
	var all []listed
	if err := e.get(ctx, "/containers/json?all=1", &all); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d.Reason = e.unavailable(err)
		c.out.line("  %s", d.Reason)
		return nil
	}
	d.Available = true
	if len(all) == 0 {
		c.out.line("  the engine has no containers")
		return nil
	}
	slices.SortStableFunc(all, func(a, b listed) int { return strings.Compare(a.name(), b.name()) })
	details := make([]inspected, len(all))
	failed := each(len(all), func(i int) error { return e.get(ctx, "/containers/"+url.PathEscape(all[i].ID)+"/json", &details[i]) })
	first, second := make([]statistics, len(all)), make([]statistics, len(all))
	read := func(into []statistics) []error {
		return each(len(all), func(i int) error {
			if all[i].State != "running" || failed[i] != nil {
				return nil
			}
			return e.get(ctx, "/containers/"+url.PathEscape(all[i].ID)+"/stats?stream=false&one-shot=true", &into[i])
		})
	}
	failedFirst := read(first)
	if slices.ContainsFunc(all, func(l listed) bool { return l.State == "running" }) {
		c.out.progress(90, "Containers: measuring")
		if err := c.wait(ctx, "Containers: measuring", 90, 97); err != nil {
			return err
		}
	}
	failedSecond := read(second)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i, l := range all {
		if failed[i] != nil {
			// Usually it was removed since it was listed.
			c.out.row(shorten(l.name(), 22), "gone", clean(failed[i].Error()))
			continue
		}
		one := Container{
			ID: shortID(l.ID), Name: l.name(), Image: clean(l.Image), State: clean(l.State),
			ExitCode: details[i].State.ExitCode, OOMKilled: details[i].State.OOMKilled, Restarts: details[i].RestartCount,
		}
		if h := details[i].State.Health; h != nil && h.Status != "none" {
			one.Health = clean(h.Status)
		}
		if l.State == "running" {
			d.Running++
			if failedFirst[i] == nil && failedSecond[i] == nil {
				one.CPUPercent = second[i].cpuSince(first[i])
				one.Memory, one.MemoryLimit = second[i].memory(), second[i].Memory.Limit
				one.MemoryPercent = share(float64(one.Memory), float64(one.MemoryLimit))
			}
		}
		d.Containers = append(d.Containers, one)
		c.container(one, details[i].State.FinishedAt)
	}
	c.out.row("containers", fmt.Sprint(len(d.Containers)), fmt.Sprintf("%d running", d.Running))
	return nil
}

// recently is how long ago a container may have ended badly to be worth a word.
const recently = 24 * time.Hour

func (c *check) container(one Container, finished time.Time) {
	state := one.State
	if one.Health != "" {
		state += ", " + one.Health
	}
	detail := fmt.Sprintf("%s, %s", state, count(one.Restarts, "restart", "restarts"))
	if one.State == "running" {
		detail += fmt.Sprintf(", memory %s", size(one.Memory))
		if one.MemoryLimit > 0 {
			detail += " of " + size(one.MemoryLimit)
		}
		c.out.row(shorten(one.Name, 22), percent(one.CPUPercent), detail)
	} else {
		c.out.row(shorten(one.Name, 22), "", fmt.Sprintf("%s, exit code %d", detail, one.ExitCode))
	}
	find := func(severity Severity, id, title, evidence, recommendation string) {
		c.report.find(severity, "container."+id+":"+one.Name, one.Name+" "+title, evidence, recommendation)
	}
	logs := "See why: docker logs --tail 100 " + one.Name + "."
	switch {
	case one.State == "restarting":
		find(SeverityCritical, "restarting", "keeps restarting", fmt.Sprintf("state restarting after %s, exit code %d", count(one.Restarts, "restart", "restarts"), one.ExitCode), logs)
	case one.State == "dead":
		find(SeverityWarning, "dead", "is dead", "the engine could not remove it", "Remove it: docker rm -f "+one.Name+".")
	case one.State == "running" && one.Health == "unhealthy":
		find(SeverityCritical, "unhealthy", "is unhealthy", "its own health check fails", "See what the check says: docker inspect --format '{{json .State.Health}}' "+one.Name+".")
	case one.State == "running" && one.Restarts >= c.p.ContainerRestartWarnCount:
		find(SeverityWarning, "restarts", "was restarted often", fmt.Sprintf("%d restarts, now running", one.Restarts), logs)
	case one.State == "exited" && one.OOMKilled:
		find(SeverityWarning, "out-of-memory", "ran out of memory", fmt.Sprintf("the kernel ended it, exit code %d", one.ExitCode), "Give it a higher limit (--memory), or find what grows in it.")
	case one.State == "exited" && one.ExitCode != 0 && time.Since(finished) < recently:
		find(SeverityInfo, "failed", "ended with an error", fmt.Sprintf("exit code %d, %s ago", one.ExitCode, span(time.Since(finished))), logs)
	}
	if one.State == "running" {
		if severity, high := above(one.MemoryPercent, c.p.MemoryWarnPercent, c.p.MemoryCriticalPercent); high {
			find(severity, "memory", "is near its memory limit", fmt.Sprintf("%s of %s (%s)", size(one.Memory), size(one.MemoryLimit), percent(one.MemoryPercent)),
				"Give it a higher limit (--memory), or find what grows in it, before the kernel ends it.")
		}
	}
}

func (l listed) name() string {
	if len(l.Names) > 0 {
		return clean(strings.TrimPrefix(l.Names[0], "/"))
	}
	return shortID(l.ID)
}

func shortID(id string) string { return clean(id[:min(12, len(id))]) }

// each calls do for 0 to n-1, a few at a time, and gives each one's error.
func each(n int, do func(i int) error) []error {
	failed := make([]error, n)
	turns := make(chan struct{}, dockerAtOnce)
	var all sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			failed[i] = do(i)
		})
	}
	all.Wait()
	return failed
}
