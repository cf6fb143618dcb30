package system

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/claudeops/claudeops/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a made-up machine whose CPU is busy for a given share of the time that passes.
type machine struct {
	start   time.Time
	busy    atomic.Int64 // percent
	samples atomic.Int64
	mu      sync.Mutex
	at      time.Time
	ticks   ticks
	fail    error
}

func newMachine(busy int64) *machine {
	m := &machine{start: time.Now(), at: time.Now()}
	m.busy.Store(busy)
	return m
}

func (m *machine) sources() sources {
	return sources{
		cpu: func(context.Context) (ticks, error) {
			m.samples.Add(1)
			m.mu.Lock()
			defer m.mu.Unlock()
			passed := time.Since(m.at).Seconds()
			m.at = time.Now()
			m.ticks.total += passed
			m.ticks.busy += passed * float64(m.busy.Load()) / 100
			return m.ticks, nil
		},
		memory: func(context.Context) (protocol.Usage, error) {
			return protocol.Usage{Used: 41, Total: 100, Percent: 41}, m.fail
		},
		disk: func(_ context.Context, path string) (protocol.Usage, error) {
			return protocol.Usage{Used: 63, Total: 100, Percent: 63}, nil
		},
		load: func(context.Context) ([3]float64, error) { return [3]float64{1, 2, 3}, nil },
	}
}

func TestSampler_CPU_is_since_the_last_sample(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(80)
		s := newSampler("/data", m.sources())
		status, err := s.Sample(t.Context())
		if err != nil || status.CPU != 80 {
			t.Fatalf("got %v %%, %v; want 80", status.CPU, err)
		}
		if status.Type != protocol.TypeSystemStatus || status.Memory.Percent != 41 || status.Disk.Path != "/data" || status.Disk.Percent != 63 || status.Load != [3]float64{1, 2, 3} || !status.Timestamp.Equal(time.Now().Truncate(time.Millisecond)) {
			t.Errorf("got %+v", status)
		}
		m.busy.Store(20)
		time.Sleep(5 * time.Second)
		if status, _ = s.Sample(t.Context()); status.CPU != 20 {
			t.Errorf("after 5 s at 20 %%: %v %%", status.CPU)
		}
		// Nobody asks for an hour, in which the machine is idle; then it is busy.
		m.busy.Store(0)
		time.Sleep(time.Hour)
		if _, err := m.sources().cpu(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.busy.Store(100)
		if status, _ = s.Sample(t.Context()); status.CPU != 100 {
			t.Errorf("after an idle hour, now busy: %v %%", status.CPU)
		}
	})
}

func TestSampler_many_askers_cost_one_sample(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(50)
		s := newSampler("/data", m.sources())
		var askers sync.WaitGroup
		for range 100 {
			askers.Go(func() {
				if status, err := s.Sample(t.Context()); err != nil || status.CPU != 50 {
					t.Errorf("got %v, %v", status.CPU, err)
				}
			})
		}
		askers.Wait()
		if n := m.samples.Load(); n != 2 { // before and after the window
			t.Errorf("100 askers at once: CPU times were read %d times", n)
		}
		for range 10 {
			time.Sleep(time.Second)
			for range 100 {
				if _, err := s.Sample(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := m.samples.Load(); n != 12 {
			t.Errorf("10 seconds of 100 askers: CPU times were read %d times", n-2)
		}
	})
}

func TestSampler_an_asker_who_leaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(50)
		s := newSampler("/data", m.sources())
		ctx, cancel := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		askers.Go(func() {
			if _, err := s.Sample(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("who left: %v", err)
			}
		})
		synctest.Wait()
		askers.Go(func() {
			if status, err := s.Sample(t.Context()); err != nil || status.CPU != 50 {
				t.Errorf("who stayed: %v, %v", status.CPU, err)
			}
		})
		synctest.Wait()
		cancel()
		askers.Wait()
	})
}

func TestSampler_says_what_it_could_not_read(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(50)
		m.fail = errors.New("no /proc here")
		s := newSampler("/data", m.sources())
		status, err := s.Sample(t.Context())
		if err == nil || !strings.Contains(err.Error(), "read memory: no /proc here") {
			t.Errorf("got %v", err)
		}
		if status.CPU != 50 || status.Disk.Percent != 63 {
			t.Errorf("the other figures are missing: %+v", status)
		}
	})
}

func TestSampler_this_machine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := New(dir)
	ctx, stop := context.WithCancel(t.Context())
	var spinner sync.WaitGroup
	spinner.Go(func() { // something to see
		for ctx.Err() == nil {
			runtime.Gosched()
		}
	})
	status, err := s.Sample(t.Context())
	stop()
	spinner.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if status.CPU <= 0 || status.CPU > 100 {
		t.Errorf("CPU %v %% while a core is busy", status.CPU)
	}
	for what, u := range map[string]protocol.Usage{"memory": status.Memory, "disk": status.Disk.Usage} {
		if u.Total == 0 || u.Used == 0 || u.Used > u.Total || u.Percent <= 0 || u.Percent > 100 {
			t.Errorf("%s %+v", what, u)
		}
	}
	if status.Disk.Path != dir {
		t.Errorf("disk of %s", status.Disk.Path)
	}
}
