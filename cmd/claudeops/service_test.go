package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// shipped is the service of the files in docs/service.
var shipped = service{
	system: true, executable: "/usr/local/bin/claudeops", dataDir: "/var/lib/claudeops", runAs: "claudeops",
	arguments: []string{"serve", "--data", "/var/lib/claudeops", "--agents", "/etc/claudeops/agents"}, logFile: "/var/lib/claudeops/server.log",
}

func TestService_shipped_files(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"claudeops.service": shipped.unit(), launchdLabel + ".plist": shipped.plist()} {
		path := "../../docs/service/" + name
		if os.Getenv("UPDATE_SERVICE_FILES") != "" {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not what claudeops service install writes (%v); run the test with UPDATE_SERVICE_FILES=1", path, err)
		}
	}
}

func TestService_unit(t *testing.T) {
	t.Parallel()
	s := service{executable: "/opt/a b/claudeops", arguments: []string{"serve", "--data", `/home/x/50% "data"`, "$HOME", ""}}
	unit := s.unit()
	for _, want := range []string{
		`ExecStart="/opt/a b/claudeops" serve --data "/home/x/50%% \"data\"" $$HOME ""` + "\n",
		"KillMode=process\n", "WantedBy=default.target\n", "Delegate=yes\n",
	} {
		if !strings.Contains(unit, want) {
			t.Errorf("%q is missing:\n%s", want, unit)
		}
	}
	if strings.Contains(unit, "User=") {
		t.Errorf("a user's unit names a user:\n%s", unit)
	}
	decoder := xml.NewDecoder(strings.NewReader(service{executable: "/a&b", arguments: []string{"<x>"}}.plist()))
	var words []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok {
			words = append(words, string(text))
		}
	}
	if all := strings.Join(words, " "); !strings.Contains(all, "/a&b") || !strings.Contains(all, "<x>") {
		t.Errorf("the property list holds %q", all)
	}
	if err := checkUnitText([]string{"a\nExecStartPre=/bin/evil"}); err == nil {
		t.Error("a line break was taken")
	}
}
