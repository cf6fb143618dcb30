package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// program is the command line of a coding agent.
type program struct {
	name, install string
	signIn        string   // the command that signs in
	files         []string // below the home directory; any of them means that somebody is signed in
	variables     []string // any of them signs in, too
}

var programs = []program{
	{"claude", "npm install -g @anthropic-ai/claude-code", "claude, then /login", []string{".claude/.credentials.json"}, []string{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"}},
	{"codex", "npm install -g @openai/codex", "codex login", []string{".codex/auth.json"}, []string{"OPENAI_API_KEY", "CODEX_API_KEY"}},
	{"opencode", "npm install -g opencode-ai", "opencode auth login", []string{".local/share/opencode/auth.json"}, nil},
	{"gemini", "npm install -g @google/gemini-cli", "gemini", []string{".gemini/oauth_creds.json"}, []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"}},
	{"goose", "see https://block.github.io/goose", "goose configure", []string{".config/goose/config.yaml"}, nil},
	{"copilot", "npm install -g @github/copilot", "copilot, then /login", []string{".copilot/config.json"}, []string{"GH_TOKEN", "GITHUB_TOKEN"}},
	{"cursor-agent", "see https://cursor.com/cli", "cursor-agent login", []string{".config/cursor/auth.json"}, []string{"CURSOR_API_KEY"}},
}

// versionWait is how long a program may take to say its version.
const versionWait = 10 * time.Second

// lookAtPrograms looks for the command lines of coding agents. That one is missing is no problem: only
// claude is named when it is, because it is the one that most definitions use.
func lookAtPrograms(ctx context.Context) []finding {
	found := make([]*finding, len(programs))
	done := make(chan struct{})
	for i, p := range programs {
		go func() {
			defer func() { done <- struct{}{} }()
			found[i] = p.look(ctx)
		}()
	}
	for range programs {
		<-done
	}
	var findings []finding
	for i, f := range found {
		switch {
		case f != nil:
			findings = append(findings, *f)
		case i == 0:
			findings = append(findings, finding{programs[0].name, notable, "is not installed", programs[0].install})
		}
	}
	return findings
}

// look asks a program for its version, and sees whether somebody is signed in. Nil: it is not installed.
func (p program) look(ctx context.Context) *finding {
	path, err := exec.LookPath(p.name)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, versionWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	err = cmd.Run()
	version, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
	switch {
	case ctx.Err() != nil:
		return &finding{p.name, broken, path + " does not say its version within " + versionWait.String(), p.install}
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return &finding{p.name, broken, path + " --version fails: " + shorten(version, 80) + " (" + err.Error() + ")", p.install}
	}
	f := &finding{p.name, fine, shorten(version, 60) + ", " + path, ""}
	if !p.signedIn() {
		f.State, f.Detail, f.Fix = notable, f.Detail+", nobody is signed in as far as its files say", p.signIn
	}
	return f
}

func (p program) signedIn() bool {
	for _, name := range p.variables {
		if os.Getenv(name) != "" {
			return true
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return false
	}
	for _, file := range p.files {
		if info, err := os.Stat(filepath.Join(home, file)); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}
