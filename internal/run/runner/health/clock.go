package health

import (
	"context"
	"fmt"
)

func (c *check) clock(ctx context.Context) error {
	k, err := c.from.clock(ctx)
	if err != nil {
		return err
	}
	c.report.Metrics.Clock = k
	switch {
	case !k.Known:
		c.out.line("  this system does not tell whether its clock is kept in time")
	case k.Synchronized:
		c.out.row("clock", "in time", fmt.Sprintf("off by %.3f ms, by %.0f ms at most", k.OffsetMs, k.MaxErrorMs))
	default:
		c.out.row("clock", "not kept", "nothing keeps it in time")
		c.report.find(SeverityInfo, "clock.unsynchronized", "Nothing keeps the clock in time",
			"the kernel says that its clock is not synchronized",
			"Run chrony or systemd-timesyncd, unless the host of this machine sees to it: certificates, logs and logins depend on the time.")
	}
	return nil
}
