package main

import (
	"context"
	"fmt"
	"html"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/claudeops/claudeops/internal/app"
)

// signInPage is the file that leads a browser to the sign-in link. The link stands in a file that only
// its owner can read, because every user of the machine can read the arguments of a program.
const signInPage = ".sign-in.html"

// signInPageLife is how long that file is left for the browser to read.
const signInPageLife = time.Minute

// desktopOpener is the program that opens a file in the user's browser; "" where there is no desktop.
func desktopOpener() string {
	name := "xdg-open"
	switch {
	case runtime.GOOS == "darwin":
		name = "open"
	case os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "":
		return ""
	}
	if os.Getenv("SSH_CONNECTION") != "" {
		return "" // the desktop is not where the user is
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// openBrowser shows the page in the user's browser, signed in. Where that fails the link that was
// printed is there to be used.
func (c *command) openBrowser(ctx context.Context, a *app.App, dataDir string, log *slog.Logger) {
	opener := desktopOpener()
	if opener == "" {
		return
	}
	if err := c.showInBrowser(ctx, a, opener, filepath.Join(dataDir, signInPage)); err != nil && ctx.Err() == nil {
		log.Warn("the browser could not be opened; use the link", "error", err)
	}
}

func (c *command) showInBrowser(ctx context.Context, a *app.App, opener, page string) error {
	link, _, err := a.SignInLink(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("<!doctype html><meta charset=utf-8><meta name=referrer content=no-referrer><title>ClaudeOps</title><meta http-equiv=refresh content=\"0;url=%s\">\n", html.EscapeString(link))
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		return err
	}
	defer os.Remove(page)
	opening, cancel := context.WithTimeout(ctx, signInPageLife)
	defer cancel()
	cmd := exec.CommandContext(opening, opener, page)
	if out, err := cmd.CombinedOutput(); err != nil && opening.Err() == nil {
		return fmt.Errorf("%s: %w: %.200s", opener, err, out)
	}
	<-opening.Done() // the browser may read the file later than its opener ends
	return nil
}
