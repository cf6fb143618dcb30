package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/claudeops/claudeops/internal/run/kind/builtin"
	"github.com/claudeops/claudeops/internal/run/runner/health"
)

// runBuiltin is `claudeops builtin NAME`, which a runner starts.
func runBuiltin(args []string) int {
	if len(args) == 1 && args[0] == builtin.SystemHealth {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		return health.Main(ctx, os.Stdout, os.Stderr, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "claudeops builtin is started by a runner, with the name of something built in, such as "+builtin.SystemHealth)
	return exitUsage
}
