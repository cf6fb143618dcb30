package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// DefaultInterval is how often the rules are looked at where the operator sets nothing else. What is
// kept is bounded by them and by what is recorded in between.
const DefaultInterval = 15 * time.Minute

// Executions is whoever keeps executions.
type Executions interface {
	// Ended gives what may be touched, the last to end first.
	Ended(ctx context.Context) iter.Seq2[Ended, error]
	// Sizes gives how many bytes an execution takes on disk, 0 when nothing is left of it.
	Sizes(id string) (all, logs int64, err error)
	// Remove removes one whole, RemoveLogs its log lines. The code of their errors is conflict for one
	// that may not be touched any more, not_found for one that is gone.
	Remove(ctx context.Context, id string) error
	RemoveLogs(ctx context.Context, id string) (freed int64, err error)
}

// Actor is who has the rules carried out.
type Actor struct {
	ID      string // the user's id; "server" for the loop
	Kind    string // what the user presented; empty for the loop
	Address string
	Via     string // "rest", "cli", "loop"
}

// Loop is the actor of what nobody asked for.
var Loop = Actor{ID: "server", Via: "loop"}

// Options are what a Keeper is made of. Executions and Policy are needed.
type Options struct {
	Executions Executions
	Policy     func() Policy // now in force: definitions may change
	Interval   time.Duration // between two looks; 0: DefaultInterval
	Now        func() time.Time
	Sweep      func() error                         // finishes the removals that a crash has cut off, before each run; nil: there are none
	Audit      func(by Actor, r Removal, err error) // each removal and each attempt; nil: nobody
	Log        *slog.Logger
}

// Keeper looks at the rules now and then, and when it is asked to. It is safe for concurrent use.
type Keeper struct {
	options Options
	log     *slog.Logger

	turn chan struct{} // capacity 1: whoever has put something in carries the rules out
	soon chan struct{} // capacity 1: they are to be looked at now

	ctx    context.Context // ends with Stop
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	begun bool
	stats Stats
}

var errStopped = errors.New("retention is stopped")

// New makes a keeper. It does nothing by itself before Start.
func New(options Options) (*Keeper, error) {
	if options.Executions == nil || options.Policy == nil {
		return nil, errors.New("make retention: executions and a policy are needed")
	}
	if options.Interval == 0 {
		options.Interval = DefaultInterval
	}
	if options.Interval < 0 {
		return nil, fmt.Errorf("make retention: an interval of %v is none", options.Interval)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Audit == nil {
		options.Audit = func(Actor, Removal, error) {}
	}
	k := &Keeper{options: options, log: options.Log, turn: make(chan struct{}, 1), soon: make(chan struct{}, 1)}
	k.stats = newStats()
	k.ctx, k.cancel = context.WithCancelCause(context.Background())
	return k, nil
}

// Start begins to look at the rules. Starting twice, or after Stop, changes nothing.
func (k *Keeper) Start() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.begun || k.ctx.Err() != nil {
		return
	}
	k.begun = true
	k.work.Go(k.loop)
}

// Stop ends the loop, and whatever is being carried out after the execution it is at. It is safe to
// call twice, and before Start.
func (k *Keeper) Stop(ctx context.Context) error {
	k.mu.Lock()
	k.cancel(errStopped)
	k.mu.Unlock()
	done := make(chan struct{})
	go func() { // ends with the work; when ctx is over before, whoever called gives up waiting
		k.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop retention: %w", context.Cause(ctx))
	}
}

// Soon has the loop look at the rules now. It does not wait.
func (k *Keeper) Soon() {
	select {
	case k.soon <- struct{}{}:
	default:
	}
}

// firstLook is when a server first looks: after those who wait for it have been served.
const firstLook = 30 * time.Second

func (k *Keeper) loop() {
	timer := time.NewTimer(jittered(min(firstLook, k.options.Interval)))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-k.soon:
		case <-k.ctx.Done():
			return
		}
		if report, err := k.Run(k.ctx, Loop); err != nil && k.ctx.Err() == nil {
			k.log.Error("retention could not be carried out; it is tried again", "error", err, "removed", len(report.Removed))
		}
		timer.Reset(jittered(k.options.Interval))
	}
}

// jittered keeps servers that were started together from working together: up to a tenth more or less.
func jittered(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// Policy gives the rules in force.
func (k *Keeper) Policy() Policy { return k.options.Policy() }

// Preview gives what Run would remove now, the first to have ended first.
func (k *Keeper) Preview(ctx context.Context) ([]Removal, error) {
	return k.plan(ctx, k.options.Policy())
}

func (k *Keeper) plan(ctx context.Context, policy Policy) ([]Removal, error) {
	if policy.Empty() {
		return nil, nil
	}
	plan, err := Plan(policy, k.options.Now(), k.options.Executions.Ended(ctx), func(id string) (all, logs int64, err error) {
		if err := ctx.Err(); err != nil {
			return 0, 0, context.Cause(ctx)
		}
		return k.options.Executions.Sizes(id)
	})
	if err != nil {
		return nil, fmt.Errorf("find what retention is to remove: %w", err)
	}
	return plan, nil
}

// Failure is a removal that could not be done, or not whole. It is tried again with the next run.
type Failure struct {
	Removal
	Err error
}

// Report says what a run has done.
type Report struct {
	Removed []Removal // Bytes is what was freed
	Failed  []Failure
	Spared  []Removal // pinned, gone, or worked on by others when it was their turn
}

// Run carries the rules out: one at a time, each when the one before has ended. An execution that
// can't be removed keeps no other from being so. The error says that the run did not come to its end.
func (k *Keeper) Run(ctx context.Context, by Actor) (report Report, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	k.mu.Lock()
	if k.ctx.Err() != nil {
		k.mu.Unlock()
		return report, fault.Wrap(protocol.Unavailable, errStopped, "the server is going away; try again in a moment")
	}
	k.work.Add(1) // under mu: Stop waits for it, or it is not begun
	k.mu.Unlock()
	defer k.work.Done()
	defer context.AfterFunc(k.ctx, func() { cancel(errStopped) })()
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return report, context.Cause(ctx)
	}
	began := time.Now()
	if k.options.Sweep != nil {
		if err := k.options.Sweep(); err != nil {
			k.log.Error("what an interrupted removal has left could not be deleted; it is tried again", "error", err)
		}
	}
	defer func() { k.count(report, err) }()
	policy := k.options.Policy()
	plan, err := k.plan(ctx, policy)
	if err != nil {
		return report, err
	}
	for _, r := range plan {
		if ctx.Err() != nil {
			return report, context.Cause(ctx)
		}
		k.carryOut(ctx, by, r, &report)
	}
	if len(plan) > 0 {
		sum := Sum(report.Removed)
		k.log.Info("retention was carried out", "by", by.ID, "executions", sum.Executions, "logs", sum.Logs, "bytes", sum.Bytes,
			"failed", len(report.Failed), "took", time.Since(began).Round(time.Millisecond))
	}
	return report, nil
}

func (k *Keeper) carryOut(ctx context.Context, by Actor, r Removal, report *Report) {
	var err error
	if r.Rule.Whole() {
		err = k.options.Executions.Remove(ctx, r.ID)
	} else {
		r.Bytes, err = k.options.Executions.RemoveLogs(ctx, r.ID)
	}
	switch code := fault.CodeOf(err); {
	case err == nil:
		report.Removed = append(report.Removed, r)
	case code == protocol.Conflict || code == protocol.NotFound:
		report.Spared = append(report.Spared, r)
		return // nothing was done, as whoever pinned it wanted
	case ctx.Err() != nil:
		return // it is the end of the run, and tried again with the next
	default:
		report.Failed = append(report.Failed, Failure{r, err})
		k.log.Error("an execution could not be removed; it is tried again", "executionId", r.ID, "agent", r.Agent, "rule", string(r.Rule), "error", err)
	}
	k.options.Audit(by, r, err)
}
