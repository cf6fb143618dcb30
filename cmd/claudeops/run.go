package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/app"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/datadir"
	"github.com/claudeops/claudeops/protocol"
	"github.com/claudeops/claudeops/web"
)

type runFlags struct {
	config     []string
	configFile string
	agents     string
	key        string
	detach     bool
	raw        bool
	quiet      bool
	timestamps bool
	tags       []string
}

func (c *command) runCommand() *cobra.Command {
	f, next := &runFlags{}, ""
	cmd := &cobra.Command{
		Use:   "run AGENT [-c key=value]…",
		Short: "Run an agent, show what it writes, end as it ends",
		Long: `Runs an agent, shows every line it writes where the agent wrote it (stdout or stderr), and ends with
the agent's exit code. Ctrl-C stops the agent and waits until nothing of it runs any more; a second
Ctrl-C returns at once, while the agent is still being stopped.

Values are read as the agent's parameters say: numbers, true and false, JSON for lists and objects.
key=@FILE takes the value from a file and key=- from standard input, without a line break at its end;
key=@@text is the text @text.

On a terminal the agent's colours are shown, and other control characters are made visible; in a pipe
escape sequences are left out. --raw gives the agent's bytes as they are.

When no server runs, one is started in this process, on the same data directory, for as long as it
takes.`,
		Example: `  claudeops run system-health
  claudeops run disk-report -c path=/var --json
  id=$(claudeops run nightly --detach)
  claudeops run --continue last "Now write the tests."`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeAgent,
		RunE: func(cmd *cobra.Command, args []string) error {
			if next != "" {
				return c.continueRun(cmd.Context(), next, args[0], f)
			}
			return c.run(cmd.Context(), args[0], f)
		},
	}
	f.register(c, cmd)
	flags := cmd.Flags()
	flags.StringVar(&next, "continue", "", "`ID` of an ended execution: start the next turn of its agent's session, with the prompt in place of AGENT")
	_ = flags.SetAnnotation("continue", noTwin, []string{"true"})
	flags.StringVar(&f.configFile, "config-file", "", "`file` with the parameters as a JSON object, - for standard input")
	_ = cmd.RegisterFlagCompletionFunc("config", c.completeParameter)
	return cmd
}

// register adds the flags that run and rerun share.
func (f *runFlags) register(c *command, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.config, "config", "c", nil, "a parameter, `key=value`, key=@file or key=- (repeatable)")
	_ = flags.SetAnnotation("config", noTwin, []string{"true"})
	flags.StringVar(&f.agents, "agents", "", "`directory` with agent definitions, when a server is started for this")
	flags.StringSliceVar(&f.tags, "tag", nil, "`tag` beside the agent's own, by which the execution is found (repeatable)")
	_ = flags.SetAnnotation("tag", noTwin, []string{"true"})
	flags.StringVar(&f.key, "idempotency-key", "", "`key` with which the same run is started once however often it is asked for")
	flags.BoolVarP(&f.detach, "detach", "d", false, "print the execution's id and leave it running")
	flags.BoolVar(&f.raw, "raw", false, "the agent's bytes as they are, escape sequences too")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "nothing but what the agent writes")
	flags.BoolVarP(&f.timestamps, "timestamps", "t", false, "the time before each line")
}

// signals counts how often the user has asked to end.
type signals struct {
	first  chan struct{} // closed at the first
	second chan struct{} // closed at the second
	stop   func()
}

func listenToUser() *signals {
	s := &signals{first: make(chan struct{}), second: make(chan struct{})}
	got := make(chan os.Signal, 2)
	done := make(chan struct{})
	signal.Notify(got, syscall.SIGINT, syscall.SIGTERM)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for _, ch := range []chan struct{}{s.first, s.second} {
			select {
			case <-got:
				close(ch)
			case <-done:
				return
			}
		}
	}()
	s.stop = func() {
		signal.Stop(got)
		close(done)
		wg.Wait()
	}
	return s
}

// errLeft ends following when the user leaves.
var errLeft = errors.New("the user leaves")

// starter makes an execution on a server.
type starter func(context.Context, *client.Client) (protocol.Record, error)

func (c *command) run(ctx context.Context, agent string, f *runFlags) error {
	return c.startAndFollow(ctx, f, func(ctx context.Context, cl *client.Client) (protocol.Record, error) {
		config, err := c.readConfig(ctx, cl, agent, f)
		if err != nil {
			return protocol.Record{}, err
		}
		return create(ctx, cl, agent, config, f)
	})
}

// continueRun starts the next turn of an execution's session.
func (c *command) continueRun(ctx context.Context, text, prompt string, f *runFlags) error {
	if len(f.config) > 0 || f.configFile != "" || f.key != "" || len(f.tags) > 0 {
		return usageError("--continue goes on with the parameters and tags of the earlier execution: leave -c, --config-file, --tag and --idempotency-key out")
	}
	return c.startAndFollow(ctx, f, func(ctx context.Context, cl *client.Client) (protocol.Record, error) {
		id, err := resolveID(ctx, cl, text)
		if err != nil {
			return protocol.Record{}, unknownID(err)
		}
		return cl.Continue(ctx, id, prompt)
	})
}

// startAndFollow starts an execution, shows it to its end, and ends as it ends.
func (c *command) startAndFollow(ctx context.Context, f *runFlags, start starter) error {
	user := listenToUser()
	defer user.stop()
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer leave(nil)

	p := c.newPrinter()
	p.raw, p.quiet, p.timestamps = f.raw, f.quiet || c.json, f.timestamps
	r := &following{c: c, p: p, agents: f.agents}

	// Until the execution has begun, the first Ctrl-C leaves.
	begun := make(chan struct{})
	wg.Go(func() {
		select {
		case <-user.first:
			leave(errLeft)
		case <-begun:
		case <-ctx.Done():
		}
	})
	cl, err := r.server(ctx)
	if err != nil {
		return runError(leaving(ctx, err))
	}
	record, err := start(ctx, cl)
	if errors.Is(context.Cause(ctx), errLeft) {
		p.note(yellow, "!", "left before the server answered; whether the execution was started is not known: claudeops ps"+c.dataFlag()+" lists what runs")
		return &exitError{code: exitCancelled}
	}
	if err != nil {
		return runError(r.withoutDefinitions(err))
	}
	close(begun)
	r.record, r.cursor = record, protocol.Cursor{ExecutionID: record.ExecutionID}
	if f.detach {
		return c.detach(ctx, r, cl, record)
	}
	if record.QueueReason != "" {
		p.note(yellow, "◌", "waits: "+record.QueueReason)
	}
	wg.Go(func() { r.obey(ctx, user, leave) })
	end, err := r.toEnd(ctx)
	if errors.Is(err, errLeft) {
		p.note(yellow, "!", r.leftText())
		return &exitError{code: exitCancelled}
	}
	if err != nil {
		return runError(err)
	}
	// What is asked next, such as ps -a, hears of the end then. That it ended is known already.
	last, err := r.current().Wait(ctx, record.ExecutionID)
	code := exitFailure
	switch {
	case end != nil:
		code = outcomeOfEvent(end).code()
	case err != nil:
		return runError(err)
	default: // its last event is missing
		code = outcomeOfRecord(last).code()
	}
	if code != exitOK {
		return &exitError{code: code}
	}
	return nil
}

func leaving(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errLeft) {
		return &exitError{code: exitCancelled}
	}
	return err
}

// withoutDefinitions says why an agent is unknown to a server that was started for this command, and
// has no definitions.
func (r *following) withoutDefinitions(err error) error {
	if r.local == nil || client.CodeOf(err) != protocol.NotFound {
		return err
	}
	if r.agents == "" {
		return fmt.Errorf("%w. No server runs, so one was started in this process, and it has no definitions: name their directory with --agents, or start a server with: claudeops serve --agents DIR%s", err, r.c.dataFlag())
	}
	return fmt.Errorf("%w. No server runs, so one was started in this process, with the definitions in %s", err, r.agents)
}

// create makes an execution.
func create(ctx context.Context, cl *client.Client, agent string, config json.RawMessage, f *runFlags) (protocol.Record, error) {
	var options []client.ExecuteOption
	if len(f.tags) > 0 {
		options = append(options, client.WithTags(f.tags...))
	}
	if f.key != "" {
		options = append(options, client.WithIdempotencyKey(f.key))
	}
	return cl.Create(ctx, agent, config, options...)
}

// detach prints the id and leaves. A server in this process first sees to it that the agent runs.
func (c *command) detach(ctx context.Context, r *following, cl *client.Client, record protocol.Record) error {
	if c.json {
		if err := newLines(c.stdout).object(record); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintln(c.stdout, record.ExecutionID); err != nil {
		return err
	}
	if r.local == nil {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for m, err := range cl.Messages(waiting, r.cursor) {
		if err != nil || m.Type != execution.TypeQueued {
			break
		}
	}
	r.p.note(dim, "·", "no server is running; start one with claudeops serve"+c.dataFlag()+" to see it or stop it")
	return nil
}

// following is one execution followed to its end, over as many servers as that takes.
type following struct {
	c      *command
	p      *printer
	agents string

	cursor protocol.Cursor
	record protocol.Record // as it was started
	local  *local          // the server in this process, if there is one

	stopping atomic.Bool // the server has taken the request to stop it

	mu sync.Mutex // guards cl
	cl *client.Client
}

// server finds a server, or starts one here.
func (r *following) server(ctx context.Context) (*client.Client, error) {
	f, err := r.c.findServer(ctx)
	for attempt := 0; errors.Is(err, errNoServer) && r.c.url == ""; attempt++ {
		r.local, err = r.c.startLocal(r.agents)
		if err == nil {
			f, err = r.local.found()
			break
		}
		if !errors.Is(err, datadir.ErrLocked) || attempt == 50 {
			return nil, err
		}
		// Somebody has just taken the directory and will say in a moment where to be found.
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		f, err = r.c.findServer(ctx)
	}
	if err != nil {
		return nil, err
	}
	cl, err := r.c.newClient(f, client.WithState(r.state))
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.cl = cl
	r.mu.Unlock()
	return cl, nil
}

func (r *following) current() *client.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cl
}

// state tells of a connection that stays lost.
func (r *following) state(s client.State) {
	if s.Status == client.Waiting && s.Err != nil {
		r.p.note(yellow, "!", fmt.Sprintf("connection lost (%v); trying again in %s", s.Err, durationText(s.RetryIn)))
	}
}

// toEnd shows every event until the last, which it returns.
func (r *following) toEnd(ctx context.Context) (*protocol.Event, error) {
	for futile := 0; ; futile++ {
		from := r.cursor.Seq
		end, err := r.follow(ctx, r.current())
		if end != nil || err == nil {
			return end, r.p.failed
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		// A server that lived for another command is gone with it. Any other error is the answer.
		if client.CodeOf(err) != "" || errors.Is(err, client.ErrCredential) || errors.Is(err, errOutput) || r.c.url != "" {
			return nil, err
		}
		if r.cursor.Seq > from {
			futile = 0
		} else if futile == 5 {
			return nil, err
		}
		if _, err := r.server(ctx); err != nil {
			return nil, err
		}
	}
}

var errOutput = errors.New("write the output")

// follow shows events from the cursor on. No end and no error: the execution ended before the cursor.
func (r *following) follow(ctx context.Context, cl *client.Client) (*protocol.Event, error) {
	out := newLines(r.c.stdout)
	for m, err := range cl.Messages(ctx, r.cursor) {
		var gap *client.GapError
		if errors.As(err, &gap) {
			r.cursor.Seq = gap.To
			if r.c.json {
				err = out.object(gapMessage(gap))
			} else {
				r.p.note(yellow, "!", gap.Error())
				err = nil
			}
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errOutput, err)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		r.cursor.Seq = m.Seq
		if r.c.json {
			out.message(m.Raw)
			if out.failed != nil {
				return nil, fmt.Errorf("%w: %w", errOutput, out.failed)
			}
			if !execution.IsTerminalType(m.Type) {
				continue
			}
		}
		e, err := m.Event()
		if err != nil {
			return nil, err
		}
		if !r.c.json {
			r.p.event(&e)
			if r.p.failed != nil {
				return nil, fmt.Errorf("%w: %w", errOutput, r.p.failed)
			}
		}
		if e.Terminal() {
			return &e, nil
		}
	}
	return nil, nil
}

// obey cancels at the first Ctrl-C and leaves at the second.
func (r *following) obey(ctx context.Context, user *signals, leave context.CancelCauseFunc) {
	select {
	case <-user.first:
	case <-ctx.Done():
		return
	}
	r.p.note(yellow, "◐", "stopping; Ctrl-C again returns at once, and stopping goes on")
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, err := r.current().Cancel(ctx, r.cursor.ExecutionID, "interrupted at the terminal")
		switch {
		case err == nil:
			r.stopping.Store(true)
		case ctx.Err() == nil:
			r.p.note(red, "✕", "stop: "+err.Error())
		}
	}()
	select {
	case <-user.second:
		leave(errLeft)
	case <-ctx.Done():
	}
	<-asked
}

// leftText says what becomes of an execution that the user has left with a second Ctrl-C.
func (r *following) leftText() string {
	id, flags := r.cursor.ExecutionID, r.c.dataFlag()
	if r.stopping.Load() {
		return fmt.Sprintf("%s is still being stopped; see it with: claudeops logs -f %s%s, wait for its end with: claudeops cancel %s%s",
			r.record.AgentType, id, flags, id, flags)
	}
	return fmt.Sprintf("the server has not confirmed the stop, so %s may go on; see it with: claudeops logs -f %s%s, stop it with: claudeops cancel %s%s",
		r.record.AgentType, id, flags, id, flags)
}

// local is a server in this process.
type local struct {
	app *app.App
}

// startLocal starts a server in this process, for as long as the command lasts.
func (c *command) startLocal(agents string) (*local, error) {
	dir, err := c.dataDir()
	if err != nil {
		return nil, err
	}
	log, err := newLog(c.stderr, "text", "error")
	if err != nil {
		return nil, err
	}
	a, err := app.New(app.Config{
		DataDir: dir, AgentsDir: agents, Listen: "127.0.0.1:0", Temporary: true, Assets: web.Dashboard(), Version: buildInfo().Version, Log: log,
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- a.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		stop()
		return nil, err
	}
	earlier := c.close
	c.close = func() error {
		var err error
		if earlier != nil {
			err = earlier()
		}
		stop()
		return errors.Join(err, <-done)
	}
	return &local{app: a}, nil
}

func (l *local) found() (found, error) {
	token, err := l.app.Token()
	return found{url: l.app.URL(), token: token, temporary: true}, err
}
