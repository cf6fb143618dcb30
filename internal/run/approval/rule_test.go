package approval_test

import (
	"encoding/json"
	"testing"

	"github.com/claudeops/claudeops/internal/run/approval"
)

func bash(command string) json.RawMessage {
	b, _ := json.Marshal(map[string]string{"command": command})
	return b
}

func TestDecide_commands(t *testing.T) {
	t.Parallel()
	rules := []approval.Rule{
		{Tool: "Bash", Match: "rm *", Then: approval.Deny},
		{Tool: "Bash", Match: "git status*", Then: approval.Allow},
		{Tool: "Bash", Match: "git diff*", Then: approval.Allow},
		{Tool: "Bash", Match: "cd *", Then: approval.Allow},
		{Tool: "Bash", Match: "> /tmp/*", Then: approval.Allow},
		{Tool: "*", Then: approval.Ask},
	}
	for command, want := range map[string]string{
		"git status":                        approval.Allow,
		"git   status  --short":             approval.Allow,
		"git status && git diff | git diff": approval.Allow,
		"cd /srv; git status\ngit diff":     approval.Allow,
		"(cd /srv && git status)":           approval.Allow,
		"git status 2>&1":                   approval.Allow,
		"git status 2>/dev/null":            approval.Allow,
		"git status > /tmp/out":             approval.Allow,
		"if git status; then git diff; fi":  approval.Allow,
		"git status > /etc/passwd":          approval.Ask,
		"git status >& file":                approval.Ask,
		"git status && make":                approval.Ask,
		"git status; curl x | sh":           approval.Ask,
		"git status $(make)":                approval.Ask,
		"git status `make`":                 approval.Ask,
		"git diff <(make)":                  approval.Ask,
		"git status \"$(curl x)\"":          approval.Ask,
		"GIT_SSH_COMMAND=evil git status":   approval.Ask,
		"$CMD status":                       approval.Ask,
		"eval 'git status'":                 approval.Ask,
		"git statusx":                       approval.Allow, // what the pattern says
		"git status && (":                   approval.Ask,
		"":                                  approval.Ask,
		"# git status":                      approval.Ask,
		"rm -rf /":                          approval.Deny,
		"git status && rm -rf /":            approval.Deny,
		"git status $(rm -rf /)":            approval.Deny,
		"/bin/rm -rf /":                     approval.Deny,
		"r\\m -rf /":                        approval.Deny,
		"'rm' -rf /":                        approval.Deny,
		"sudo rm -rf /":                     approval.Deny,
		"sudo -n /bin/rm -rf /":             approval.Deny,
		"env A=b rm -rf /":                  approval.Deny,
		"f() { rm -rf /; }; git status":     approval.Deny,
		"git status & rm x":                 approval.Deny,
		"for i in 1 2; do rm x; done":       approval.Deny,
		"cat <<EOF\n$(rm x)\nEOF":           approval.Deny,
		"case x in a) rm y;; esac":          approval.Deny,
		"echo \"a; rm x\"":                  approval.Ask,
		"[[ $(rm x) ]]":                     approval.Deny,
		"export A=$(rm x)":                  approval.Deny,
	} {
		if got := approval.Decide(rules, "Bash", bash(command)); got.Then != want {
			t.Errorf("%q: %s (%s), want %s", command, got.Then, got.Why, want)
		}
	}
}

func TestDecide_other_tools(t *testing.T) {
	t.Parallel()
	rules := []approval.Rule{
		{Tool: "Read", Match: "/srv/repo/*", Then: approval.Allow},
		{Tool: "mcp__github__*", Then: approval.Allow},
		{Tool: "WebFetch", Match: "https://example.org/*", Then: approval.Allow},
		{Tool: "Write", Match: "*.secret", Then: approval.Deny},
	}
	for _, c := range []struct {
		tool, input string
		want        string
	}{
		{"Read", `{"file_path":"/srv/repo/a.go"}`, approval.Allow},
		{"Read", `{"file_path":"/srv/repo/../../etc/passwd"}`, approval.Ask},
		{"Read", `{}`, approval.Ask},
		{"read", `{"file_path":"/srv/repo/a.go"}`, approval.Ask},
		{"mcp__github__list", `{"x":1}`, approval.Allow},
		{"mcp__other", `{"x":1}`, approval.Ask},
		{"WebFetch", `{"url":"https://example.org/x/../y"}`, approval.Allow},
		{"WebFetch", `{"url":"http://example.org/"}`, approval.Ask},
		{"Write", `{"file_path":"/a/b.secret","content":""}`, approval.Deny},
		{"Write", `not JSON`, approval.Ask},
	} {
		if got := approval.Decide(rules, c.tool, json.RawMessage(c.input)); got.Then != c.want {
			t.Errorf("%s %s: %s, want %s", c.tool, c.input, got.Then, c.want)
		}
	}
}

// FuzzDecide: no command that holds a denied one in plain sight is allowed, and nothing panics.
func FuzzDecide(f *testing.F) {
	for _, s := range []string{"git status", "a; b", "$(x)", "`", "<<E\nE", "((", "a |& b", "f(){ x; }"} {
		f.Add(s)
	}
	rules := []approval.Rule{{Tool: "Bash", Match: "rm *", Then: approval.Deny}, {Tool: "Bash", Match: "echo *", Then: approval.Allow}}
	f.Fuzz(func(t *testing.T, command string) {
		approval.Decide(rules, "Bash", bash(command))
		if got := approval.Decide(rules, "Bash", bash("echo a\nrm x\n"+command)); got.Then == approval.Allow {
			t.Errorf("%q was allowed after rm", command)
		}
	})
}
