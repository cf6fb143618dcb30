package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shirou/gopsutil/v4/process"
)

// busiest finds the processes that did most while the CPU was watched, and the largest.
func (c *check) busiest(ctx context.Context, before []proc, passed float64) {
	after, err := c.from.processes(ctx)
	if err != nil || before == nil {
		return
	}
	type key struct {
		pid     int32
		started int64
	}
	had := make(map[key]float64, len(before))
	for _, p := range before {
		had[key{p.pid, p.started}] = p.seconds
	}
	list := make([]Process, 0, len(after))
	for _, p := range after {
		// One that began meanwhile has done all it did in this time.
		did := p.seconds - had[key{p.pid, p.started}]
		list = append(list, Process{PID: p.pid, Name: shorten(clean(p.name), 40), CPUPercent: rounded(max(0, did) / passed * 100), Memory: p.memory})
	}
	top := func(figure func(p Process) float64) []Process {
		slices.SortStableFunc(list, func(a, b Process) int { return cmp.Compare(figure(b), figure(a)) })
		picked := []Process{}
		for _, p := range list[:min(c.p.TopProcesses, len(list))] {
			if figure(p) > 0 {
				p.User = clean(c.from.user(ctx, p.PID))
				picked = append(picked, p)
			}
		}
		return picked
	}
	m := &c.report.Metrics.Processes
	m.TopByCPU = top(func(p Process) float64 { return p.CPUPercent })
	m.TopByMemory = top(func(p Process) float64 { return float64(p.Memory) })
}

func (c *check) processes(ctx context.Context) error {
	all, err := c.from.processes(ctx)
	if err != nil {
		return err
	}
	names := make(map[int32]string, len(all))
	for _, p := range all {
		names[p.pid] = clean(p.name)
	}
	m := &c.report.Metrics.Processes
	m.Total = len(all)
	parents := map[int32]int{}
	for _, p := range all {
		switch p.state {
		case process.Running:
			m.Running++
		case process.Zombie:
			m.Zombies++
			parents[p.parent]++
		}
	}
	c.out.row("processes", fmt.Sprint(m.Total), fmt.Sprintf("%d running, %s", m.Running, count(m.Zombies, "zombie", "zombies")))
	if len(m.TopByCPU) > 0 {
		c.out.line("  busiest by CPU (100 %% is one core)")
		for _, p := range m.TopByCPU {
			c.out.row("  "+shorten(p.Name, 20), percent(p.CPUPercent), fmt.Sprintf("pid %-8d %s", p.PID, p.User))
		}
	}
	if len(m.TopByMemory) > 0 {
		c.out.line("  largest in memory")
		for _, p := range m.TopByMemory {
			c.out.row("  "+shorten(p.Name, 20), size(p.Memory), fmt.Sprintf("pid %-8d %s", p.PID, p.User))
		}
	}
	if m.Zombies >= c.p.ZombieWarnCount {
		var worst int32
		for parent, n := range parents {
			if n > parents[worst] || (n == parents[worst] && parent < worst) {
				worst = parent
			}
		}
		c.report.find(SeverityWarning, "processes.zombies", fmt.Sprintf("%d zombies", m.Zombies),
			fmt.Sprintf("%d of them are children of %s (pid %d)", parents[worst], names[worst], worst),
			fmt.Sprintf("%s does not collect its children: restart it, and report it to its makers.", names[worst]))
	}
	return nil
}

// proc is a process as it is at one moment.
type proc struct {
	pid     int32
	parent  int32
	name    string
	state   string // process.Running, process.Zombie …
	seconds float64
	memory  uint64
	started int64 // to tell a reused pid
}

// processes lists those that are there; one that ends meanwhile is left out.
func processes(ctx context.Context) ([]proc, error) {
	all, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	list := make([]proc, 0, len(all))
	for _, p := range all {
		times, err := p.TimesWithContext(ctx)
		if err != nil {
			continue
		}
		one := proc{pid: p.Pid, seconds: times.User + times.System}
		one.name, _ = p.NameWithContext(ctx)
		one.parent, _ = p.PpidWithContext(ctx)
		one.started, _ = p.CreateTimeWithContext(ctx)
		if states, err := p.StatusWithContext(ctx); err == nil && len(states) > 0 {
			one.state = states[0]
		}
		if m, err := p.MemoryInfoWithContext(ctx); err == nil && m != nil {
			one.memory = m.RSS
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		return nil, errors.New("no process can be seen")
	}
	return list, nil
}

func userOf(ctx context.Context, pid int32) string {
	p, err := process.NewProcessWithContext(ctx, pid)
	if err != nil {
		return ""
	}
	name, err := p.UsernameWithContext(ctx)
	if err != nil {
		return ""
	}
	return name
}
