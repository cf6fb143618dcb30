package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// assets serves the dashboard: files that never change while the program runs. Each is read once.
type assets struct {
	files    fs.FS
	basePath string

	mu     sync.Mutex
	loaded map[string]*asset // by name; nil means that there is no such file
}

// asset is one file as it goes out.
type asset struct {
	contentType string
	cache       string
	plain       encoded
	gzip        encoded // empty: there is none
	brotli      encoded
}

type encoded struct {
	body []byte
	etag string
}

const indexFile = "index.html"

// hashed matches the names that the build makes from the content: what has another content has
// another name, so it may be kept for ever.
var hashed = regexp.MustCompile(`(^|/)assets/.*[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$`)

// contentTypes are given here because those of mime depend on the machine's files.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon",
	".js": "text/javascript; charset=utf-8", ".json": "application/json", ".map": "application/json",
	".mjs": "text/javascript; charset=utf-8", ".png": "image/png", ".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json",
	".woff2": "font/woff2",
}

// newAssets serves files, or, when there are none, a page that says so.
func newAssets(files fs.FS, basePath string) *assets {
	return &assets{files: files, basePath: basePath, loaded: map[string]*asset{}}
}

// ServeHTTP serves the file of the request's path. A path without an extension is a place within
// the page, so it gets the page; a file that isn't there is an error.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" || path.Ext(name) == "" {
		name = indexFile
	}
	found, err := a.load(name)
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	if found == nil {
		newProblem(http.StatusNotFound, "not_found", "there is no such file").write(w)
		return
	}
	found.serve(w, r, http.StatusOK)
}

// page answers with the page itself, whatever was asked for, under a status of its own.
func (a *assets) page(w http.ResponseWriter, r *http.Request, status int) bool {
	found, err := a.load(indexFile)
	if err != nil || found == nil {
		return false
	}
	found.serve(w, r, status)
	return true
}

func (f *asset) serve(w http.ResponseWriter, r *http.Request, status int) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.cache)
	h.Add("Vary", "Accept-Encoding")
	form := f.plain
	accepted := acceptedEncodings(r.Header.Get("Accept-Encoding"))
	switch {
	case f.brotli.body != nil && accepted["br"]:
		form = f.brotli
		h.Set("Content-Encoding", "br")
	case f.gzip.body != nil && accepted["gzip"]:
		form = f.gzip
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", form.etag)
	if status == http.StatusOK && matchesTag(r.Header.Get("If-None-Match"), form.etag) {
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(form.body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(form.body)
	}
}

// load reads a file, or gives nil when there is none.
func (a *assets) load(name string) (*asset, error) {
	if !fs.ValidPath(name) {
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.loaded[name]; ok {
		return found, nil
	}
	body, err := a.read(name)
	if err != nil {
		return nil, fmt.Errorf("read %s of the dashboard: %w", name, err)
	}
	if body == nil {
		if name != indexFile {
			return nil, nil // not remembered: anybody may ask for any number of names
		}
		body = []byte(noDashboard)
	}
	found := &asset{contentType: contentTypeOf(name), cache: "no-cache"}
	if hashed.MatchString(name) {
		found.cache = "public, max-age=31536000, immutable"
	}
	if name == indexFile {
		body = withBase(body, a.basePath)
	} else {
		for suffix, form := range map[string]*encoded{".gz": &found.gzip, ".br": &found.brotli} {
			small, err := a.read(name + suffix)
			if err != nil {
				return nil, fmt.Errorf("read %s%s of the dashboard: %w", name, suffix, err)
			}
			if small != nil {
				*form = newEncoded(small)
			}
		}
	}
	found.plain = newEncoded(body)
	a.loaded[name] = found
	return found, nil
}

// read gives a file's content, nil when it is not there or is a directory.
func (a *assets) read(name string) ([]byte, error) {
	if a.files == nil {
		return nil, nil
	}
	info, err := fs.Stat(a.files, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, err := fs.ReadFile(a.files, name)
	if body == nil && err == nil {
		body = []byte{}
	}
	return body, err
}

func newEncoded(body []byte) encoded {
	sum := sha256.Sum256(body)
	return encoded{body, `"` + hex.EncodeToString(sum[:12]) + `"`}
}

func contentTypeOf(name string) string {
	ext := path.Ext(name)
	if known := contentTypes[ext]; known != "" {
		return known
	}
	if known := mime.TypeByExtension(ext); known != "" {
		return known
	}
	return "application/octet-stream"
}

var (
	headTag      = regexp.MustCompile(`(?i)<head[^>]*>`)
	baseTag      = regexp.MustCompile(`(?i)\s*<base\b[^>]*>`)
	rootedTarget = regexp.MustCompile(`(?i)\b(src|href)="/([^/"][^"]*)"`)
)

// withBase tells the page where it lives: links that start at the root, and those relative to it,
// lead below basePath however deep the address in the browser is.
func withBase(page []byte, basePath string) []byte {
	page = baseTag.ReplaceAll(page, nil)
	if basePath != "" {
		page = rootedTarget.ReplaceAll(page, []byte(`$1="`+html.EscapeString(basePath)+`/$2"`))
	}
	at := headTag.FindIndex(page)
	if at == nil {
		return page
	}
	base := []byte(`<base href="` + html.EscapeString(basePath) + `/">`)
	return bytes.Join([][]byte{page[:at[1]], base, page[at[1]:]}, nil)
}

// acceptedEncodings reads Accept-Encoding, leaving out what the client gives the weight 0.
func acceptedEncodings(header string) map[string]bool {
	accepted := map[string]bool{}
	for _, entry := range strings.Split(header, ",") {
		name, params, _ := strings.Cut(entry, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			if parsed, err := strconv.ParseFloat(q, 64); err == nil {
				weight = parsed
			}
		}
		if weight > 0 {
			accepted[strings.ToLower(strings.TrimSpace(name))] = true
		}
	}
	return accepted
}

func matchesTag(header, etag string) bool {
	for _, entry := range strings.Split(header, ",") {
		entry = strings.TrimPrefix(strings.TrimSpace(entry), "W/")
		if entry == etag || entry == "*" {
			return true
		}
	}
	return false
}

// noDashboard is served by a build without the dashboard.
const noDashboard = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ClaudeOps</title></head>
<body><h1>ClaudeOps</h1><p>This build holds no dashboard: <code>make build</code> makes one that does.
The API is at <a href="openapi.json">openapi.json</a>.</p></body></html>
`
