package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/host/space"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/internal/record/index"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/record/retention"
	"github.com/claudeops/claudeops/internal/run/agent"
	"github.com/claudeops/claudeops/internal/run/supervisor"
	"github.com/claudeops/claudeops/internal/trust/audit"
)

// keeping is the executions of a data directory as retention sees them.
type keeping struct {
	supervisor *supervisor.Supervisor
	store      *journal.Files
}

func (k keeping) Ended(ctx context.Context) iter.Seq2[retention.Ended, error] {
	return func(yield func(retention.Ended, error) bool) {
		for e, err := range k.supervisor.Ended(ctx) {
			if !yield(retention.Ended{ID: e.ID, Agent: e.Agent, At: e.At, LogsRemoved: e.LogsRemoved}, err) {
				return
			}
		}
	}
}

// Sizes counts the files there are; of them the journal knows its own.
func (k keeping) Sizes(id string) (all, logs int64, err error) {
	dir, err := k.store.Dir(id)
	if err != nil {
		return 0, 0, err
	}
	usage, err := k.store.Usage(id)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return 0, 0, err
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				all += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("find the size of execution %s: %w", id, err)
	}
	return all, usage.Stored, nil
}

func (k keeping) Remove(ctx context.Context, id string) error { return k.supervisor.Remove(ctx, id) }

func (k keeping) RemoveLogs(ctx context.Context, id string) (int64, error) {
	return k.supervisor.RemoveLogs(ctx, id)
}

// policy puts the server's rules and those of the definitions together.
func policy(server retention.Rules, definitions []*agent.Definition) retention.Policy {
	p := retention.Policy{Server: server, Agents: map[string]retention.Rules{}}
	for _, d := range definitions {
		own := retention.Rules{
			LogsAge: bound(d.Retention.LogsAge), LogsSize: bound(d.Retention.LogsSize),
			ExecutionsAge: bound(d.Retention.ExecutionsAge), ExecutionsCount: bound(d.Retention.ExecutionsCount),
		}
		if own != (retention.Rules{}) {
			p.Agents[d.Name] = own
		}
	}
	return p
}

func bound[T time.Duration | int64](limit *T) retention.Bound[T] {
	if limit == nil {
		return retention.Bound[T]{}
	}
	return retention.At(*limit)
}

// recordRemoval puts what retention has done, or tried, into the audit log.
func recordRemoval(log *audit.Log, by retention.Actor, r retention.Removal, err error) {
	action, outcome := "execution.remove", audit.OK
	if !r.Rule.Whole() {
		action = "execution.remove-logs"
	}
	if err != nil {
		outcome = string(fault.CodeOf(err))
	}
	log.Record(context.Background(), audit.Entry{
		Actor: by.ID, Kind: by.Kind, Address: by.Address, Via: by.Via, Action: action, Target: r.ID, Outcome: outcome,
		Detail: fmt.Sprintf("agent %s, ended %s, %d bytes, rule %s %s", r.Agent, r.Ended.UTC().Format(time.RFC3339), r.Bytes, r.Rule, r.Limit),
	})
}

// openKeeper makes retention, with the rules that the definitions and the configuration have.
func (a *App) openKeeper() (err error) {
	a.keeper, err = retention.New(retention.Options{
		Executions: keeping{a.supervisor, a.store},
		Policy:     func() retention.Policy { return policy(a.config.Retention, a.catalogue.List()) },
		Interval:   a.config.RetentionInterval, Sweep: a.store.Sweep, Log: a.log,
		Audit: func(by retention.Actor, r retention.Removal, err error) { recordRemoval(a.audit, by, r, err) },
	})
	return err
}

// roomChanged holds the queue up while the disk is nearly full, and makes what room the rules allow.
func (a *App) roomChanged(s space.State) {
	a.supervisor.Hold(s.Condition)
	if s.Condition != "" {
		a.keeper.Soon()
	}
}

// startKeeper leaves the rules for whoever comes when there is no server, and begins to look at them.
func (a *App) startKeeper() error {
	note := func() error { return retention.WritePolicy(a.dir.Path(), a.keeper.Policy()) }
	if err := note(); err != nil {
		return err
	}
	a.unnoted = a.catalogue.Subscribe(func() {
		if err := note(); err != nil {
			a.log.Error("the rules of retention could not be noted; without a server the old ones count", "error", err)
		}
	})
	a.keeper.Start()
	return nil
}

// Record is a data directory that nobody serves, held by this process, for what retention does to it.
type Record struct {
	*retention.Keeper

	close []func() error
}

// OpenRecord takes the lock of a data directory, and the rules that its last server had. A
// *datadir.LockedError says who has it.
func OpenRecord(ctx context.Context, config Config) (_ *Record, err error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	r := &Record{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	// Opening would make it.
	if _, err := os.Stat(config.DataDir); errors.Is(err, fs.ErrNotExist) {
		return nil, noRules(config.DataDir)
	}
	dir, err := datadir.Open(config.DataDir)
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, dir.Close)
	rules, known, err := retention.ReadPolicy(dir.Path())
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, noRules(dir.Path())
	}
	log, err := audit.Open(dir.Path(), config.Log)
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, log.Close)
	catalogue, err := agent.OpenCatalogue(agent.Options{Executable: config.Executable, Log: config.Log})
	if err != nil {
		return nil, err
	}
	store, err := journal.OpenDir(dir.Path())
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, store.Close)
	x, err := index.Open(dir.Index(), index.WithLog(config.Log))
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, x.Close)
	// What is not in the index is not seen, and what is there without a journal is forgotten.
	if err := x.Fill(ctx, store); err != nil {
		return nil, err
	}
	s, err := supervisor.Open(supervisor.Options{
		DataDir: dir.Path(), Executable: config.Executable, Catalogue: catalogue, Store: store, Index: x, Log: config.Log,
	})
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, func() error { return s.Stop(context.Background()) })
	r.Keeper, err = retention.New(retention.Options{
		Executions: keeping{s, store}, Policy: func() retention.Policy { return rules }, Sweep: store.Sweep, Log: config.Log,
		Audit: func(by retention.Actor, removal retention.Removal, err error) { recordRemoval(log, by, removal, err) },
	})
	return r, err
}

func noRules(dir string) error {
	return fmt.Errorf("no server has left rules in %s: they are given to claudeops serve, as --retention-… or in definitions", dir)
}

// Close gives the directory up.
func (r *Record) Close() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	r.close = nil
	return errors.Join(errs...)
}
