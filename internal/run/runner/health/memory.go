package health

import (
	"context"
	"fmt"

	"github.com/shirou/gopsutil/v4/mem"
)

func (c *check) memory(ctx context.Context) error {
	m, err := c.from.memory(ctx)
	if err != nil {
		return err
	}
	c.report.Metrics.Memory = m
	c.out.row("memory", percent(m.Percent), fmt.Sprintf("%s of %s used, %s to be had, %s cached", size(m.Used), size(m.Total), size(m.Available), size(m.Cached)))
	if severity, high := above(m.Percent, c.p.MemoryWarnPercent, c.p.MemoryCriticalPercent); high {
		evidence := fmt.Sprintf("%s used, %s of %s to be had", percent(m.Percent), size(m.Available), size(m.Total))
		recommendation := "Find what holds it in the list of processes, and restart, limit or move it, before the kernel ends one of its own choice."
		if top := c.report.Metrics.Processes.TopByMemory; len(top) > 0 {
			evidence += fmt.Sprintf("; the largest is %s (pid %d) with %s", top[0].Name, top[0].PID, size(top[0].Memory))
		}
		c.report.find(severity, "memory.use", "Memory is "+word(severity, "short", "nearly used up"), evidence, recommendation)
	}
	s, err := c.from.swap(ctx)
	if err != nil {
		return err
	}
	c.report.Metrics.Swap = s
	if s.Total == 0 {
		c.out.row("swap", "none", "")
		return nil
	}
	c.out.row("swap", percent(s.Percent), fmt.Sprintf("%s of %s used", size(s.Used), size(s.Total)))
	if severity, high := above(s.Percent, c.p.SwapWarnPercent, c.p.SwapCriticalPercent); high {
		c.report.find(severity, "swap.use", "Swap is "+word(severity, "filling up", "nearly used up"),
			fmt.Sprintf("%s of %s used", size(s.Used), size(s.Total)),
			"Memory is or was too short: see what grew, and give it a limit or the machine more memory.")
	}
	return nil
}

func memory(ctx context.Context) (Memory, error) {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return Memory{}, fmt.Errorf("read memory: %w", err)
	}
	used := m.Total - min(m.Available, m.Total)
	return Memory{Total: m.Total, Used: used, Available: m.Available, Cached: m.Cached + m.Buffers, Percent: share(float64(used), float64(m.Total))}, nil
}

func swap(ctx context.Context) (Swap, error) {
	s, err := mem.SwapMemoryWithContext(ctx)
	if err != nil {
		return Swap{}, fmt.Errorf("read swap: %w", err)
	}
	return Swap{Total: s.Total, Used: s.Used, Percent: share(float64(s.Used), float64(s.Total))}, nil
}
