package retention

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPolicy_is_left_in_the_data_directory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, known, err := ReadPolicy(dir); known || err != nil {
		t.Fatalf("in an empty directory: %v, %v", known, err)
	}
	want := Policy{
		Server: Rules{LogsAge: At(30 * 24 * time.Hour), ExecutionsCount: At(int64(1000))},
		Agents: map[string]Rules{"a": {LogsSize: At(int64(1 << 30)), ExecutionsAge: At(time.Duration(Unlimited))}},
	}
	if err := WritePolicy(dir, want); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(dir, File))
	if err != nil || before.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", before, err)
	}
	if err := WritePolicy(dir, want); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(filepath.Join(dir, File)); err != nil || !os.SameFile(before, after) {
		t.Errorf("the same rules were written anew: %v", err)
	}
	got, known, err := ReadPolicy(dir)
	if diff := cmp.Diff(want, got); !known || err != nil || diff != "" {
		t.Errorf("%v, %v: -want +got\n%s", known, err, diff)
	}
	for _, text := range []string{"", "{", "[]", `{"server":{"executions":{"ageMs":5}}}`, `{"server":{},"agents":{"a":{"executions":{"count":0}}}}`} {
		if err := os.WriteFile(filepath.Join(dir, File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, _, err := ReadPolicy(dir); err == nil || !strings.Contains(err.Error(), "start a server") {
			t.Errorf("%q gives %+v, %v", text, p, err)
		}
	}
}

func TestRules_json_gives_the_same_rules(t *testing.T) {
	t.Parallel()
	property := func(seed uint64) bool {
		want := randomRules(rand.New(rand.NewPCG(seed, 2)))
		text, err := json.Marshal(want)
		var got Rules
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil || got != want {
			t.Errorf("%+v becomes %s becomes %+v, %v", want, text, got, err)
		}
		return err == nil && got == want
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		FormatAge(30 * 24 * time.Hour): "30d", FormatAge(36 * time.Hour): "1d12h", FormatAge(90 * time.Minute): "1h30m", FormatAge(time.Minute): "1m",
		FormatAge(61 * time.Second): "1m1s", FormatAge(Unlimited): "unlimited", FormatSize(10 << 30): "10GiB", FormatSize(1000): "1000B",
		FormatSize(1 << 50): "1024TiB", FormatSize(Unlimited): "unlimited", FormatCount(5): "5", FormatCount(Unlimited): "unlimited",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	r := Rules{LogsAge: At(time.Hour), LogsSize: At(int64(1 << 20)), ExecutionsAge: At(time.Duration(Unlimited)), ExecutionsCount: At(int64(7))}
	if got := strings.Join(r.Describe(), ", "); got != "logs.age 1h, logs.size 1MiB, executions.age unlimited, executions.count 7" {
		t.Error(got)
	}
}
