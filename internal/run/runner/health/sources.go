package health

import (
	"context"
)

// sources are where everything comes from.
type sources struct {
	machine   func(ctx context.Context) (Host, error)
	cores     func(ctx context.Context) ([]coreTimes, error)
	load      func(ctx context.Context) (one, five, fifteen float64, err error)
	memory    func(ctx context.Context) (Memory, error)
	swap      func(ctx context.Context) (Swap, error)
	mounts    func(ctx context.Context) ([]mount, error)
	usage     func(ctx context.Context, path string) (usage, error)
	processes func(ctx context.Context) ([]proc, error)
	user      func(ctx context.Context, pid int32) string
	network   func(ctx context.Context) ([]Interface, error)
	services  func(ctx context.Context) (Services, error)
	clock     func(ctx context.Context) (Clock, error)
}

func thisMachine(environ []string) sources {
	return sources{
		machine: machine, cores: cores, load: loadAverages, memory: memory, swap: swap, mounts: mounts, usage: usageOf,
		processes: processes, user: userOf, network: network, clock: clock,
		services: func(ctx context.Context) (Services, error) { return services(ctx, environ) },
	}
}
