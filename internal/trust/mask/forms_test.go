package mask_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/mask"
)

var formSecrets = []string{
	"hunter22", "pa$$w0rd!", `it's "a" \ secret`, "a/b+c=d&e?f", "<tag>&amp;", "naïve–päss中😀", "tab\tand space",
	strings.Repeat("long-secret/", 12), "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQ==\n-----END KEY-----\n",
}

// TestForms: whatever way a program writes a secret, nothing of it that can be read is left.
func TestForms(t *testing.T) {
	t.Parallel()
	marshal := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	ways := map[string]func(string) string{
		"itself":              func(s string) string { return s },
		"JSON":                marshal,
		"JSON in JSON":        func(s string) string { return marshal(marshal(s)) },
		"a query":             url.QueryEscape,
		"a lower-case query":  func(s string) string { return lower(url.QueryEscape(s)) },
		"a path":              url.PathEscape,
		"userinfo":            func(s string) string { return url.UserPassword("u", s).String() },
		"encodeURIComponent":  func(s string) string { return node(t, `encodeURIComponent(s)`, s) },
		"JSON.stringify":      func(s string) string { return node(t, `JSON.stringify(s)`, s) },
		"URLSearchParams":     func(s string) string { return node(t, `new URLSearchParams({s}).toString()`, s) },
		"HTML":                html.EscapeString,
		"an HTML template":    template.HTMLEscapeString,
		"hex":                 func(s string) string { return fmt.Sprintf("%x", s) },
		"upper-case hex":      func(s string) string { return fmt.Sprintf("%X", s) },
		"a quoted shell word": func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
		"printf %q":           func(s string) string { return bash(t, `printf '%q' "$1"`, s) },
		"${var@Q}":            func(s string) string { return bash(t, `printf '%s' "${1@Q}"`, s) },
		"set -x":              func(s string) string { return bash(t, `set -x; : "$1"`, s) },
		"base64(1)":           func(s string) string { return bash(t, `printf '%s' "$1" | base64`, s) },
	}
	for _, secret := range formSecrets {
		ms := masker(t, []string{secret})
		for name, way := range ways {
			written := way(secret)
			out := ms.String("before " + written + " after")
			rest := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(out, "before "), " after"), m, "")
			// What frames the secret may stay, and a base64 character that it makes up in part.
			if len(rest) > 24 || !strings.Contains(out, m) {
				t.Errorf("%q as %s: %q is left of %q", secret, name, rest, written)
			}
		}
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
			for before := range 3 {
				for after := range 3 {
					written := encoding.EncodeToString([]byte("xyz"[:before] + secret + "xyz"[:after]))
					rest := strings.ReplaceAll(ms.String(written), m, "")
					if len(rest) > 10 {
						t.Errorf("%q in base64 behind %d and before %d bytes: %q is left of %q", secret, before, after, rest, written)
					}
				}
			}
		}
	}
}

// TestForms_short: what is too short to be masked without ruining the log is masked as it stands only.
func TestForms_short(t *testing.T) {
	t.Parallel()
	if forms := mask.Forms("a&b"); len(forms) != 1 {
		t.Errorf("%q", forms)
	}
	if forms := mask.Forms(""); forms != nil {
		t.Errorf("%q", forms)
	}
	for _, form := range mask.Forms("a\nbcde") {
		if len(form) < mask.Shortest {
			t.Errorf("%q is too short", form)
		}
	}
}

func lower(text string) string {
	b := []byte(text)
	for i := range b {
		if i+2 < len(b) && b[i] == '%' {
			copy(b[i+1:], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

func node(t *testing.T, expression, s string) string {
	t.Helper()
	return run(t, exec.Command("node", "-e", "const s = process.argv[1]; process.stdout.write("+expression+")", "--", s))
}

func bash(t *testing.T, script, s string) string {
	t.Helper()
	return run(t, exec.Command("bash", "-c", script, "bash", s))
}

func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// BenchmarkStream masks a log line by line with five secrets.
func BenchmarkStream(b *testing.B) {
	ms := masker(b, formSecrets[:5])
	line := []byte(strings.Repeat("2026-01-02T03:04:05Z level=info msg=\"request served\" path=/api/items ", 3) + "\n")
	s := ms.Stream()
	b.SetBytes(int64(len(line)))
	var out []byte
	for b.Loop() {
		out = s.Append(out[:0], line)
	}
}
