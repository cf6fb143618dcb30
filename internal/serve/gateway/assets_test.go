package gateway

import (
	"strings"
	"testing"
)

func TestAssets(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	hashedFile := "/assets/app-B7f3kQ9z.js"
	for path, want := range map[string]struct {
		status int
		media  string
		cache  string
		starts string
	}{
		"/":                    {200, "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		"/index.html":          {200, "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		"/executions/01jd":     {200, "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		"/agents":              {200, "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		"/agents/":             {200, "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		"/assets":              {200, "text/html; charset=utf-8", "no-cache", "<!doctype html>"},
		"/favicon.svg":         {200, "image/svg+xml", "no-cache", "<svg"},
		hashedFile:             {200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "console.log(1)"},
		"/assets/plain.js":     {200, "text/javascript; charset=utf-8", "no-cache", "console.log(2)"},
		"/assets/gone-aaaa.js": {404, "application/problem+json", "no-store", ""},
		"/missing.png":         {404, "application/problem+json", "no-store", ""},
	} {
		got := d.do(t, "GET", path, "", nil)
		if got.status != want.status || got.header.Get("Content-Type") != want.media || got.header.Get("Cache-Control") != want.cache || !strings.HasPrefix(got.body, want.starts) {
			t.Errorf("%s: %d %q %q %.40q", path, got.status, got.header.Get("Content-Type"), got.header.Get("Cache-Control"), got.body)
		}
		if head := d.do(t, "HEAD", path, "", nil); head.status != got.status || head.body != "" || head.header.Get("Content-Length") != got.header.Get("Content-Length") {
			t.Errorf("HEAD %s: %d, %q", path, head.status, head.header.Get("Content-Length"))
		}
		if want.status != 200 {
			continue
		}
		tag := got.header.Get("ETag")
		for match, status := range map[string]int{tag: 304, "W/" + tag: 304, `"x", ` + tag: 304, "*": 304, `"x"`: 200, strings.Trim(tag, `"`): 200} {
			again := d.do(t, "GET", path, "", map[string]string{"If-None-Match": match})
			if again.status != status || status == 304 && again.body != "" {
				t.Errorf("%s with If-None-Match %s: %d, want %d", path, match, again.status, status)
			}
		}
	}
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "gzip, deflate, br": "br", "br;q=0, gzip": "gzip", "br;q=0,gzip;q=0.0": "", "identity": "", "BR": "br", "gzip;q=0.5": "gzip", "gzip;q=x": "gzip", "xbr": "",
	} {
		got := d.do(t, "GET", hashedFile, "", map[string]string{"Accept-Encoding": accept})
		if got.header.Get("Content-Encoding") != want || !strings.Contains(strings.Join(got.header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("Accept-Encoding %q: %q", accept, got.header.Get("Content-Encoding"))
		}
		plain := d.do(t, "GET", hashedFile, "", nil)
		if want != "" && got.header.Get("ETag") == plain.header.Get("ETag") {
			t.Errorf("two forms of a file have one tag")
		}
	}
	// The page's own policy lets it work, and nothing inline.
	policy := d.do(t, "GET", "/", "", nil).header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'self'", "script-src 'self'", "connect-src 'self'", "object-src 'none'", "base-uri 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
}

func TestAssets_the_page_knows_where_it_lives(t *testing.T) {
	t.Parallel()
	page := `<html><HEAD lang=x><base href="/old/"><link href="/a.css"><script src="./b.js"></script><a href="//other/x"></a><a href="https://x/y"></a></head></html>`
	for base, want := range map[string]string{
		"":     `<html><HEAD lang=x><base href="/"><link href="/a.css"><script src="./b.js"></script><a href="//other/x"></a><a href="https://x/y"></a></head></html>`,
		"/ops": `<html><HEAD lang=x><base href="/ops/"><link href="/ops/a.css"><script src="./b.js"></script><a href="//other/x"></a><a href="https://x/y"></a></head></html>`,
	} {
		if got := string(withBase([]byte(page), base)); got != want {
			t.Errorf("below %q:\n%s\nwant\n%s", base, got, want)
		}
	}
}

func TestAssets_of_a_build_without_a_dashboard(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *Options) { o.Assets = nil })
	got := d.do(t, "GET", "/", "", nil)
	if got.status != 200 || !strings.Contains(got.body, "make build") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := d.do(t, "GET", "/app.js", "", nil); got.status != 404 {
		t.Errorf("%d", got.status)
	}
}
