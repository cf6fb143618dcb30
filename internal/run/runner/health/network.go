package health

import (
	"context"
	"fmt"
	"math"

	"github.com/shirou/gopsutil/v4/net"
)

// traffic measures the network over the time the CPU was watched.
func (c *check) traffic(ctx context.Context, before []Interface, passed float64) {
	after, err := c.from.network(ctx)
	if err != nil {
		return
	}
	for _, i := range after {
		for _, b := range before {
			if b.Name == i.Name && i.BytesReceived >= b.BytesReceived && i.BytesSent >= b.BytesSent {
				i.ReceivePerSecond = rounded(float64(i.BytesReceived-b.BytesReceived) / passed)
				i.SendPerSecond = rounded(float64(i.BytesSent-b.BytesSent) / passed)
			}
		}
		i.ErrorPercent = errorShare(i)
		i.Name = clean(i.Name)
		c.report.Metrics.Network = append(c.report.Metrics.Network, i)
	}
}

// errorShare keeps two decimals: a hundredth of a percent of errors is worth seeing.
func errorShare(i Interface) float64 {
	bad := float64(i.Errors + i.Drops)
	all := float64(i.PacketsReceived+i.PacketsSent) + bad
	if all == 0 {
		return 0
	}
	return math.Round(bad/all*10_000) / 100
}

// fewErrors are not worth a word whatever their share: an interface that carried ten packets and
// dropped one is not ill.
const fewErrors = 100

func (c *check) network(ctx context.Context) error {
	if c.report.Metrics.Network == nil {
		list, err := c.from.network(ctx)
		if err != nil {
			return err
		}
		c.report.Metrics.Network = []Interface{}
		for _, i := range list {
			i.ErrorPercent, i.Name = errorShare(i), clean(i.Name)
			c.report.Metrics.Network = append(c.report.Metrics.Network, i)
		}
	}
	if len(c.report.Metrics.Network) == 0 {
		c.out.line("  no interface can be seen")
	}
	for _, i := range c.report.Metrics.Network {
		c.out.row(shorten(i.Name, 22), fmt.Sprintf("%.2f %%", i.ErrorPercent),
			fmt.Sprintf("%d errors, %d dropped of %d packets; now in %s/s, out %s/s", i.Errors, i.Drops, i.PacketsReceived+i.PacketsSent, size(uint64(i.ReceivePerSecond)), size(uint64(i.SendPerSecond))))
		if i.ErrorPercent >= c.p.NetworkErrorWarnPercent && i.Errors+i.Drops >= fewErrors {
			c.report.find(SeverityWarning, "network.errors:"+i.Name, i.Name+" loses packets",
				fmt.Sprintf("%d errors and %d drops in %d packets (%.2f %%) since the machine started", i.Errors, i.Drops, i.PacketsReceived+i.PacketsSent, i.ErrorPercent),
				fmt.Sprintf("See what kind they are (ip -s -s link show %s; ethtool -S %s): errors are cable, port or driver, drops a queue too small or a host too busy.", i.Name, i.Name))
		}
	}
	return nil
}

func network(ctx context.Context) ([]Interface, error) {
	counters, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("read network counters: %w", err)
	}
	list := make([]Interface, 0, len(counters))
	for _, c := range counters {
		list = append(list, Interface{
			Name: c.Name, BytesReceived: c.BytesRecv, BytesSent: c.BytesSent, PacketsReceived: c.PacketsRecv, PacketsSent: c.PacketsSent,
			Errors: c.Errin + c.Errout, Drops: c.Dropin + c.Dropout,
		})
	}
	return list, nil
}
