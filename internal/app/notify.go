package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/serve/notify"
)

// openNotifier makes what tells people, and has it hear of every execution.
func (a *App) openNotifier() (err error) {
	file := a.config.NotificationsFile
	if file == "" {
		file = filepath.Join(a.dir.Path(), "notifications.yaml")
	}
	a.notifier, err = notify.New(notify.Options{
		File: file, Outbox: filepath.Join(a.dir.Path(), "outbox"),
		Runs: told{a.supervisor, a.index, a.store},
		Agents: func() []notify.Agent {
			definitions := a.catalogue.List()
			agents := make([]notify.Agent, len(definitions))
			for i, d := range definitions {
				agents[i] = notify.Agent{Name: d.Name, Title: d.Title}
			}
			return agents
		},
		Link: func(id string) string {
			if id == "" {
				return a.URL() + "/"
			}
			return a.URL() + "/executions/" + id
		},
		LowDisk: func() (bool, string) {
			s, ok := a.space.State()
			return ok && s.Condition != "", s.Condition
		},
		Log: a.log,
	})
	if err != nil {
		return err
	}
	a.supervisor.Lifecycle(func(_ []byte, e *execution.Event, rec execution.Record) { a.notifier.Event(e, rec) })
	return nil
}

// told is the executions of a data directory as notifications see them.
type told struct {
	supervisor *supervisor.Supervisor
	index      *index.Index
	store      *journal.Files
}

func (t told) Active(ctx context.Context) ([]execution.Record, error) {
	return t.all(ctx, index.Filter{Status: []execution.Status{execution.Queued, execution.Running, execution.Cancelling}})
}

func (t told) all(ctx context.Context, f index.Filter) (all []execution.Record, err error) {
	f.Limit = index.MaxLimit
	for {
		page, err := t.supervisor.List(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Executions...)
		if page.Next == "" {
			return all, nil
		}
		f.Cursor = page.Next
	}
}

func (t told) EndedSince(ctx context.Context, since time.Time) (all []execution.Record, err error) {
	const some = 1000
	id := ""
	for {
		page, err := t.index.EndedAfter(ctx, since, id, some)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			rec, err := t.supervisor.Get(ctx, e.ID)
			if err != nil {
				return nil, err
			}
			all = append(all, rec)
			since, id = e.At, e.ID
		}
		if len(page) < some {
			return all, nil
		}
	}
}

func (t told) Last(ctx context.Context, agent string, n int, states ...execution.Status) ([]execution.Record, error) {
	page, err := t.supervisor.List(ctx, index.Filter{AgentType: agent, Status: states, Limit: n})
	return page.Executions, err
}

// lookBack is how many events before the end are searched for log lines.
const lookBack = 100

func (t told) LastLines(_ context.Context, id string, n int) (lines []string, err error) {
	reader, err := t.store.Open(id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	head, err := reader.Head()
	if err != nil {
		return nil, err
	}
	at, _, err := reader.Locate(head.Seq - min(head.Seq, lookBack))
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	for {
		read, next, gap, err := reader.Read(at, head, buf)
		var short *journal.ErrShortBuffer
		switch {
		case errors.As(err, &short):
			buf = make([]byte, short.Need)
			continue
		case err != nil:
			return nil, err
		case read == 0 && gap == nil:
			return lines[max(0, len(lines)-n):], nil
		}
		for line := range strings.Lines(string(buf[:read])) {
			var e execution.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				return nil, fmt.Errorf("read an event of %s: %w", id, err)
			}
			if e.Type == execution.TypeLog && e.Message != nil {
				lines = append(lines, *e.Message)
			}
		}
		at = next
		lines = slices.Clone(lines[max(0, len(lines)-n):])
	}
}
