package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/app"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// TestAbsence_outlives_the_server: what was started to end with its caller ends with it also when the
// server is another one by the time the caller has stayed away long enough.
func TestAbsence_outlives_the_server(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("sleeper", "description: Sleeps.\ncommand: [sleep, '1000']\n")
	ctx := testContext(t, time.Minute)
	// Within this process, so that callers need not stay away for half a minute.
	serve := func(graceMs int64) (*app.App, func()) {
		limits := protocol.DefaultLimits()
		limits.DisconnectGraceMs = graceMs
		a, err := app.New(app.Config{DataDir: w.dir, AgentsDir: w.agents, Listen: "127.0.0.1:0", Executable: binary, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		running, stop := context.WithCancel(ctx)
		ready, done := make(chan struct{}), make(chan error, 1)
		go func() { done <- a.Run(running, func() { close(ready) }) }()
		select {
		case <-ready:
		case err := <-done:
			t.Fatalf("the server did not become ready: %v", err)
		}
		return a, func() {
			stop()
			if err := <-done; err != nil {
				t.Errorf("the server ended with %v", err)
			}
		}
	}
	connect := func(a *app.App) *client.Client {
		token, err := a.Token()
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.New(a.URL(), client.WithToken(token), client.WithMaxAttempts(1))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	const hour = 3_600_000
	a, stop := serve(hour)
	c := connect(a)
	bound, err := c.Execute(ctx, "sleeper", nil, client.WithCancelOnDisconnect())
	if err != nil {
		t.Fatal(err)
	}
	free, err := c.Execute(ctx, "sleeper", nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := c.Close(); err != nil {
		t.Error(err)
	}

	a, stop = serve(50)
	defer stop()
	token, err := a.Token()
	if err != nil {
		t.Fatal(err)
	}
	looking, err := client.New(a.URL(), client.WithToken(token))
	if err != nil {
		t.Fatal(err)
	}
	defer looking.Close()
	var rec protocol.Record
	await(t, "the execution of the one who stayed away has ended", func() bool {
		if rec, err = looking.Get(ctx, bound.ExecutionID); err != nil { // REST: that is nobody being there
			t.Fatal(err)
		}
		return rec.Terminal
	})
	if rec.Status != execution.Cancelled || rec.Reason != "its caller stayed away" || len(strays(t, bound.ExecutionID)) != 0 {
		t.Errorf("it ended as %s, %q, and left %v", rec.Status, rec.Reason, strays(t, bound.ExecutionID))
	}
	if rec, err := looking.Get(ctx, free.ExecutionID); err != nil || rec.Terminal {
		t.Errorf("the other one is %s, %v", rec.Status, err)
	}
}
