package health

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
)

func (c *check) machine(ctx context.Context) error {
	h, err := c.from.machine(ctx)
	if err != nil {
		return err
	}
	c.report.Host = h
	c.out.row("host", "", h.Hostname)
	system := fmt.Sprintf("%s, kernel %s, %s", h.Platform, h.Kernel, h.Architecture)
	if h.Virtualization != "" {
		system += ", inside " + h.Virtualization
	}
	c.out.row("system", "", system)
	c.out.row("processor", count(h.Cores, "core", "cores"), h.CPUModel)
	uptime := time.Duration(h.UptimeSeconds) * time.Second
	c.out.row("up for", span(uptime), "since "+h.BootedAt.Format("2006-01-02 15:04 UTC"))
	if h.RebootRequired {
		c.report.find(SeverityInfo, "host.reboot-required", "A restart is due",
			"/var/run/reboot-required is there, after "+span(uptime)+" of uptime",
			"Restart the machine when it suits, so that updated libraries and the new kernel are in use.")
	}
	return nil
}

func machine(ctx context.Context) (Host, error) {
	info, err := host.InfoWithContext(ctx)
	if err != nil {
		return Host{}, fmt.Errorf("read what machine this is: %w", err)
	}
	h := Host{
		Hostname: info.Hostname, OS: info.OS, Platform: strings.TrimSpace(info.Platform + " " + info.PlatformVersion),
		Kernel: info.KernelVersion, Architecture: info.KernelArch, UptimeSeconds: info.Uptime,
		BootedAt: time.Unix(int64(info.BootTime), 0).UTC(),
	}
	if info.VirtualizationRole == "guest" {
		h.Virtualization = info.VirtualizationSystem
	}
	// Neither is worth failing for.
	if models, err := cpu.InfoWithContext(ctx); err == nil && len(models) > 0 {
		h.CPUModel = strings.Join(strings.Fields(models[0].ModelName), " ")
	}
	if n, err := cpu.CountsWithContext(ctx, true); err == nil {
		h.Cores = n
	}
	_, err = os.Stat("/var/run/reboot-required")
	h.RebootRequired = err == nil
	return h, nil
}
