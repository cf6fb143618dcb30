package health

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/load"
)

// cpu watches for the sample's length. Processes and the network are measured over the same time.
func (c *check) cpu(ctx context.Context) error {
	before, err := c.from.cores(ctx)
	if err != nil {
		return err
	}
	// A failure here is told by the step it belongs to.
	processesBefore, _ := c.from.processes(ctx)
	networkBefore, _ := c.from.network(ctx)
	started := time.Now()
	if err := c.wait(ctx, "CPU: measuring", 5, 30); err != nil {
		return err
	}
	after, err := c.from.cores(ctx)
	if err != nil {
		return err
	}
	passed := time.Since(started).Seconds()
	c.busiest(ctx, processesBefore, passed)
	c.traffic(ctx, networkBefore, passed)

	if len(after) != len(before) {
		return errors.New("a core came or went while it was measured")
	}
	var total coreTimes
	m := CPU{SampleSeconds: rounded(passed), PerCore: []float64{}}
	for i := range after {
		did := after[i].minus(before[i])
		total = total.plus(did)
		m.PerCore = append(m.PerCore, share(did.busy(), did.total()))
	}
	m.Percent = share(total.busy(), total.total())
	m.User, m.System = share(total.user, total.total()), share(total.system, total.total())
	m.IOWait, m.Steal = share(total.iowait, total.total()), share(total.steal, total.total())
	c.report.Metrics.CPU = m

	c.out.row("all cores", percent(m.Percent), fmt.Sprintf("user %.1f, system %.1f, waiting for disks %.1f, stolen %.1f", m.User, m.System, m.IOWait, m.Steal))
	for i, p := range m.PerCore {
		c.out.row(fmt.Sprintf("core %d", i), percent(p), bar(p))
	}
	severity, high := above(m.Percent, c.p.CPUWarnPercent, c.p.CPUCriticalPercent)
	if !high {
		return nil
	}
	evidence := fmt.Sprintf("%s over %.1f s on %s", percent(m.Percent), passed, count(len(after), "core", "cores"))
	if severity == SeverityCritical {
		// A full second may be a short peak; only a load to match makes it a lasting state.
		if one, _, _, err := c.from.load(ctx); err == nil && one < float64(len(after)) {
			severity = SeverityWarning
			evidence += fmt.Sprintf(", but a load of only %.2f: it may be a short peak", one)
		}
	}
	recommendation := "See which process it is in the list of processes below, and whether it should be doing that."
	if top := c.report.Metrics.Processes.TopByCPU; len(top) > 0 {
		evidence += fmt.Sprintf("; the busiest is %s (pid %d) with %s", top[0].Name, top[0].PID, percent(top[0].CPUPercent))
		recommendation = fmt.Sprintf("Look at %s (pid %d) first: limit it (nice, CPUQuota=), move it, or give the machine more cores.", top[0].Name, top[0].PID)
	}
	c.report.find(severity, "cpu.use", "The CPU is "+word(severity, "busy", "full"), evidence, recommendation)
	return nil
}

// wait lets the sample's time pass, and shows that it does by progress between from and to.
func (c *check) wait(ctx context.Context, what string, from, to float64) error {
	sample := c.p.sample()
	end := time.NewTimer(sample)
	defer end.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	started := time.Now()
	for {
		select {
		case <-end.C:
			return nil
		case <-second.C:
			if done := float64(time.Since(started)) / float64(sample); done < 1 {
				c.out.progress(math.Round(from+(to-from)*done), what)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *check) load(ctx context.Context) error {
	one, five, fifteen, err := c.from.load(ctx)
	if err != nil {
		return err
	}
	cores := max(1, len(c.report.Metrics.CPU.PerCore), c.report.Host.Cores)
	l := Load{One: one, Five: five, Fifteen: fifteen, PerCore: math.Round(five/float64(cores)*100) / 100}
	c.report.Metrics.Load = l
	c.out.row("1, 5, 15 minutes", fmt.Sprintf("%.2f", one), fmt.Sprintf("%.2f  %.2f", five, fifteen))
	c.out.row("per core", fmt.Sprintf("%.2f", l.PerCore), fmt.Sprintf("5 minutes, %s", count(cores, "core", "cores")))
	if severity, high := above(l.PerCore, c.p.LoadWarnPerCore, c.p.LoadCriticalPerCore); high {
		c.report.find(severity, "load.high", "The load is "+word(severity, "high", "very high"),
			fmt.Sprintf("%.2f over 5 minutes, %.2f per core", five, l.PerCore),
			"More wants to run than can: look for many busy processes, or for ones that wait on slow disks (state D in top).")
	}
	return nil
}

// bar draws a share in ten blocks.
func bar(percent float64) string {
	full := int(math.Round(min(max(percent, 0), 100) / 10))
	return strings.Repeat("▓", full) + strings.Repeat("░", 10-full)
}

// coreTimes is what one core did since the machine started, in seconds.
type coreTimes struct{ user, system, iowait, steal, idle float64 }

func (t coreTimes) busy() float64  { return t.user + t.system + t.steal }
func (t coreTimes) total() float64 { return t.busy() + t.iowait + t.idle }

func (t coreTimes) minus(o coreTimes) coreTimes {
	return coreTimes{t.user - o.user, t.system - o.system, t.iowait - o.iowait, t.steal - o.steal, t.idle - o.idle}
}

func (t coreTimes) plus(o coreTimes) coreTimes {
	return t.minus(coreTimes{-o.user, -o.system, -o.iowait, -o.steal, -o.idle})
}

func cores(ctx context.Context) ([]coreTimes, error) {
	times, err := cpu.TimesWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("read CPU times: %w", err)
	}
	if len(times) == 0 {
		return nil, errors.New("the system gives no CPU times")
	}
	list := make([]coreTimes, len(times))
	for i, t := range times {
		// Guest time is within user and nice already.
		list[i] = coreTimes{user: t.User + t.Nice, system: t.System + t.Irq + t.Softirq, iowait: t.Iowait, steal: t.Steal, idle: t.Idle}
	}
	return list, nil
}

func loadAverages(ctx context.Context) (one, five, fifteen float64, err error) {
	l, err := load.AvgWithContext(ctx)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("read the load: %w", err)
	}
	return l.Load1, l.Load5, l.Load15, nil
}
