package manual_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/claudeops/claudeops/docs"
	"github.com/claudeops/claudeops/internal/serve/manual"
)

func openapi() []byte {
	b, err := os.ReadFile("../../../docs/openapi.json")
	if err != nil {
		panic(err)
	}
	return b
}

// get gives a page of the manual and its status.
func get(t *testing.T, m http.Handler, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.Path = path
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

var href = regexp.MustCompile(`href="([^"#]*)`)

// Every link between pages leads to a page.
func TestManual_has_no_dead_links(t *testing.T) {
	t.Parallel()
	m, err := manual.New(docs.Files, openapi)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"": true}
	for waiting := []string{""}; len(waiting) > 0; waiting = waiting[1:] {
		at := waiting[0]
		status, body := get(t, m, at)
		if status != http.StatusOK || !strings.Contains(body, "<h1") {
			t.Errorf("%q: %d", at, status)
		}
		for _, link := range href.FindAllStringSubmatch(body, -1) {
			if link[1] == "" || strings.Contains(link[1], ":") {
				continue
			}
			base, err := url.Parse("http://server/docs/" + at)
			if err != nil {
				t.Fatal(err)
			}
			target, err := base.Parse(link[1])
			if err != nil {
				t.Fatal(err)
			}
			page, inside := strings.CutPrefix(target.Path, "/docs/")
			if !inside || page == "style.css" || seen[page] {
				continue
			}
			seen[page] = true
			waiting = append(waiting, page)
		}
	}
	if !seen["protocol"] || !seen["api"] || len(seen) < 12 {
		t.Errorf("only these pages were found: %v", seen)
	}
}

func TestManual_shows_text_and_no_foreign_HTML(t *testing.T) {
	t.Parallel()
	m, err := manual.New(fstest.MapFS{
		"one.md":     {Data: []byte("# One\n\n<script>alert(1)</script>\n\n[two](dir/two.md#x) [code](../cmd/main.go) [js](javascript:alert(1))\n")},
		"dir/two.md": {Data: []byte("# Two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[one](../one.md)\n")},
	}, openapi)
	if err != nil {
		t.Fatal(err)
	}
	_, one := get(t, m, "one")
	for _, want := range []string{`href="dir/two#x"`, `href="https://github.com/claudeops/claudeops/blob/main/cmd/main.go"`} {
		if !strings.Contains(one, want) {
			t.Errorf("%s is missing in %s", want, one)
		}
	}
	if strings.Contains(one, "<script") || strings.Contains(one, "javascript:") {
		t.Errorf("it can run: %s", one)
	}
	if _, two := get(t, m, "dir/two"); !strings.Contains(two, "<table>") || !strings.Contains(two, `href="../one"`) || !strings.Contains(two, `href="../style.css"`) {
		t.Errorf("it is %s", two)
	}
	if status, _ := get(t, m, "none"); status != http.StatusNotFound {
		t.Errorf("a page that is none: %d", status)
	}
	if _, err := manual.New(fstest.MapFS{"x.md": {Data: []byte("text")}}, openapi); err == nil {
		t.Error("a page without a heading was taken")
	}
}
