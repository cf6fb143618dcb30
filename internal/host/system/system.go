// Package system samples the machine: CPU, memory, the data directory's disk, load. It keeps no
// history, runs nothing while nobody asks, and knows nothing of executions: their counts are the
// caller's to fill in.
package system

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

const (
	// freshFor is how long one sample serves everybody who asks. A little under the shortest
	// interval a client may ask for, so that each of its ticks gets a new one.
	freshFor = 900 * time.Millisecond
	// staleAfter is when the last sample is too old to take CPU use since then: an average over
	// an hour says nothing about now.
	staleAfter = time.Minute
	// window is how long CPU is measured when there is no recent sample.
	window = 250 * time.Millisecond
)

// ticks are processor time counters, in seconds since the machine started.
type ticks struct{ busy, total float64 }

// sources are where the figures come from.
type sources struct {
	cpu    func(ctx context.Context) (ticks, error)
	memory func(ctx context.Context) (protocol.Usage, error)
	disk   func(ctx context.Context, path string) (protocol.Usage, error)
	load   func(ctx context.Context) ([3]float64, error)
}

// Sampler gives system:status messages. One sample serves all who ask at about the same time.
type Sampler struct {
	path    string
	sources sources

	turn chan struct{} // holds the right to take a sample; waiting for it ends with the asker's context

	mu     sync.Mutex
	last   protocol.SystemStatus
	at     time.Time // of last; zero before the first
	before *ticks    // at the time of last; nil when they could not be read
}

// New makes a sampler whose disk figures are of the file system that holds path.
func New(path string) *Sampler {
	return newSampler(path, sources{cpu: cpuTicks, memory: memoryUsage, disk: diskUsage, load: loadAverages})
}

func newSampler(path string, from sources) *Sampler {
	return &Sampler{path: path, sources: from, turn: make(chan struct{}, 1)}
}

// Sample gives the state of the machine now, not older than a second. The first call, and one
// after a minute in which nobody asked, takes a quarter of a second to see what the CPU does.
// Figures that can't be had are zero and the error says which; the others are good.
func (s *Sampler) Sample(ctx context.Context) (protocol.SystemStatus, error) {
	if status, ok := s.fresh(); ok {
		return status, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return protocol.SystemStatus{}, context.Cause(ctx)
	}
	if status, ok := s.fresh(); ok { // somebody else took it while we waited
		return status, nil
	}
	return s.take(ctx)
}

func (s *Sampler) fresh() (protocol.SystemStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, !s.at.IsZero() && time.Since(s.at) < freshFor
}

func (s *Sampler) take(ctx context.Context) (protocol.SystemStatus, error) {
	var failures []error
	failed := func(what string, err error) {
		if err != nil {
			failures = append(failures, fmt.Errorf("read %s: %w", what, err))
		}
	}
	s.mu.Lock()
	before := s.before
	if time.Since(s.at) >= staleAfter {
		before = nil
	}
	s.mu.Unlock()
	if before == nil {
		if first, err := s.sources.cpu(ctx); err == nil {
			before = &first
			wait := time.NewTimer(window)
			defer wait.Stop()
			select {
			case <-wait.C:
			case <-ctx.Done():
				return protocol.SystemStatus{}, context.Cause(ctx)
			}
		}
	}
	status := protocol.SystemStatus{Type: protocol.TypeSystemStatus}
	var now *ticks
	t, err := s.sources.cpu(ctx)
	failed("CPU times", err)
	if err == nil {
		now = &t
		if before != nil {
			status.CPU = share(now.busy-before.busy, now.total-before.total)
		}
	}
	status.Memory, err = s.sources.memory(ctx)
	failed("memory", err)
	status.Disk.Path = s.path
	status.Disk.Usage, err = s.sources.disk(ctx, s.path)
	failed("disk usage of "+s.path, err)
	status.Load, err = s.sources.load(ctx)
	failed("load", err)
	if ctx.Err() != nil {
		// What one impatient asker broke off must not be served to the others.
		return protocol.SystemStatus{}, context.Cause(ctx)
	}
	at := time.Now()
	status.Timestamp = execution.At(at)
	s.mu.Lock()
	s.last, s.at, s.before = status, at, now
	s.mu.Unlock()
	return status, errors.Join(failures...)
}

// share is part of whole in percent, 0 to 100, with one decimal.
func share(part, whole float64) float64 {
	if !(whole > 0) || !(part > 0) {
		return 0
	}
	return float64(int(min(part/whole, 1)*1000+0.5)) / 10
}

func cpuTicks(ctx context.Context) (ticks, error) {
	times, err := cpu.TimesWithContext(ctx, false)
	if err != nil {
		return ticks{}, err
	}
	if len(times) == 0 {
		return ticks{}, errors.New("the system gives none")
	}
	t := times[0]
	// Guest time is within user and nice already.
	idle := t.Idle + t.Iowait
	busy := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal
	return ticks{busy: busy, total: busy + idle}, nil
}

func memoryUsage(ctx context.Context) (protocol.Usage, error) {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return protocol.Usage{}, err
	}
	// What is not available to programs is used: caches can be given back.
	used := m.Total - min(m.Available, m.Total)
	return protocol.Usage{Used: used, Total: m.Total, Percent: share(float64(used), float64(m.Total))}, nil
}

func diskUsage(ctx context.Context, path string) (protocol.Usage, error) {
	d, err := disk.UsageWithContext(ctx, path)
	if err != nil {
		return protocol.Usage{}, err
	}
	// Percent is of what ordinary users may fill, as df has it: blocks kept for root don't count.
	return protocol.Usage{Used: d.Used, Total: d.Total, Percent: share(float64(d.Used), float64(d.Used+d.Free))}, nil
}

func loadAverages(ctx context.Context) ([3]float64, error) {
	l, err := load.AvgWithContext(ctx)
	if err != nil {
		return [3]float64{}, err
	}
	return [3]float64{l.Load1, l.Load5, l.Load15}, nil
}
