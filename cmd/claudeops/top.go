package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

type topFlags struct {
	samples  int
	interval time.Duration
	agent    string
}

func (c *command) topCommand() *cobra.Command {
	f := &topFlags{}
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch what runs and waits, and the host",
		Long: `Shows the host and every execution that runs or waits, live, until q is pressed: how long it has
run, how many lines it has written and how fast, how far it is and what it has cost; below those,
what has ended last. The server may be restarted meanwhile.

  q, Ctrl-C   leave               x, y       cancel the selected one
  ↑ ↓ j k     select              enter, l   show or hide what the selected one writes
  g G         first, last         esc        close, or change one's mind

With -n, or when the output is no terminal, it prints that many samples and ends.`,
		Example: `  claudeops top
  claudeops top -n 1
  claudeops top -n 60 --interval 10s --json >> load.ndjson`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.top(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.IntVarP(&f.samples, "samples", "n", 0, "print `number` of samples, one below the other, and end (default: live on a terminal, else 1)")
	flags.DurationVarP(&f.interval, "interval", "d", 2*time.Second, "`time` between samples, 1s at least")
	flags.StringVar(&f.agent, "agent-type", "", "only executions of this `agent`")
	return cmd
}

func (c *command) top(ctx context.Context, f *topFlags) error {
	switch {
	case f.samples < 0:
		return usageError("-n %d: wants a number of samples", f.samples)
	case f.interval < time.Second:
		return usageError("--interval %v: wants 1s at least", f.interval)
	}
	in, tty := c.stdin.(*os.File)
	out, _ := c.stdout.(*os.File)
	if f.samples == 0 && !c.json && isTerminal(c.stdout) && tty && isTerminal(in) && os.Getenv("TERM") != "dumb" {
		return c.topLive(ctx, f, in, out)
	}
	return c.topPlain(ctx, f)
}

// running lists what runs, with how far the journal of each has grown.
func running(ctx context.Context, cl *client.Client, agent string) ([]protocol.Record, error) {
	return list(ctx, cl, client.Filter{AgentType: agent, Status: []protocol.Status{execution.Running, execution.Cancelling}}, 0)
}

// recentEnds is how many executions that have ended are kept in sight.
const recentEnds = 50

var ended = []protocol.Status{execution.Completed, execution.Failed, execution.Cancelled}

// topSample is what top --json prints.
type topSample struct {
	Timestamp  execution.Time         `json:"timestamp"`
	System     *protocol.SystemStatus `json:"system,omitempty"`
	Executions []topExecution         `json:"executions"`
}

type topExecution struct {
	protocol.Record
	LinesPerSecond float64 `json:"linesPerSecond"`
}

// topPlain prints samples.
func (c *command) topPlain(ctx context.Context, f *topFlags) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	samples := max(f.samples, 1)
	m := newTopModel(cl.URL())
	if err := c.topRefresh(ctx, cl, f, m); err != nil {
		return err
	}
	// A rate needs two looks: the first sample is printed after the shortest time that gives one.
	pause := time.Second
	for n := range samples {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		pause = f.interval
		if err := c.topRefresh(ctx, cl, f, m); err != nil {
			return err
		}
		if err := c.topPrint(m, n > 0); err != nil {
			return err
		}
	}
	return nil
}

// topRefresh looks at everything once.
func (c *command) topRefresh(ctx context.Context, cl *client.Client, f *topFlags, m *topModel) error {
	live, err := list(ctx, cl, client.Filter{AgentType: f.agent, Status: []protocol.Status{execution.Queued, execution.Running, execution.Cancelling}}, 0)
	if err != nil {
		return err
	}
	past, err := list(ctx, cl, client.Filter{AgentType: f.agent, Status: ended}, 10)
	if err != nil {
		return err
	}
	now := time.Now()
	m.snapshot(append(live, past...))
	m.measure(live, now)
	m.now = now
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("no sample of the host within 10 s"))
	defer cancel()
	for sample, err := range cl.System(ctx, 0) {
		if err == nil {
			m.host, m.hostErr = &sample, ""
		} else {
			m.host, m.hostErr = nil, err.Error()
		}
		break
	}
	return nil
}

func (c *command) topPrint(m *topModel, again bool) error {
	rows := m.rows()
	if c.json {
		sample := topSample{Timestamp: execution.At(m.now), System: m.host, Executions: []topExecution{}}
		for _, r := range rows {
			if !r.rec.Terminal {
				sample.Executions = append(sample.Executions, topExecution{r.rec, r.rate})
			}
		}
		return newLines(c.stdout).object(sample)
	}
	if again {
		if _, err := fmt.Fprintln(c.stdout); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(c.stdout, "claudeops %s  %s\n%s\n%s\n\n", m.server, m.now.Format("2006-01-02 15:04:05"), neutral(m.hostText()), m.summary()); err != nil {
		return err
	}
	t := &table{colors: map[int]func(string) string{2: statusColor}}
	t.add("ID", "AGENT", "STATUS", "DURATION", "LINES", "LINES/S", "PROGRESS", "COST", "DETAIL")
	for _, r := range rows {
		t.add(r.rec.ExecutionID, r.rec.AgentType, statusSign(r.rec.Status)+" "+string(r.rec.Status), recordDuration(r.rec, m.now),
			countText(r.rec.Head), rateText(r), progressText(r.rec), costText(r.rec), detailText(r.rec))
	}
	return t.print(c, c.stdout)
}
