// Package manual shows the documentation that the program brings along, as pages that need no
// network and no script. It holds no text of its own.
package manual

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// source is where links to files lead that are no pages of the manual.
const source = "https://github.com/claudeops/claudeops/blob/main/"

//go:embed page.gohtml style.css
var own embed.FS

var page = template.Must(template.ParseFS(own, "page.gohtml"))

// Manual is the pages. It is an http.Handler of paths without a leading slash: "" is the index,
// "protocol" the page protocol.md, "api" the reference of the REST API.
type Manual struct {
	pages []entry // in the order of the index
	api   func() []byte

	mu       sync.Mutex // guards rendered
	rendered map[string][]byte
}

// entry is one page.
type entry struct {
	Path  string // "decisions/0001-journal-format"
	Title string
	text  []byte
}

// New reads the pages: Markdown files, each beginning with its heading. api gives the OpenAPI document.
func New(files fs.FS, api func() []byte) (*Manual, error) {
	m := &Manual{api: api, rendered: map[string][]byte{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".md" {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		heading, _, _ := strings.Cut(string(content), "\n")
		title, ok := strings.CutPrefix(heading, "# ")
		if !ok {
			return fmt.Errorf("%s does not begin with its heading", name)
		}
		m.pages = append(m.pages, entry{strings.TrimSuffix(name, ".md"), title, content})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the manual: %w", err)
	}
	slices.SortFunc(m.pages, func(a, b entry) int { // those at the top before those in folders
		if d := strings.Count(a.Path, "/") - strings.Count(b.Path, "/"); d != 0 {
			return d
		}
		return strings.Compare(a.Path, b.Path)
	})
	return m, nil
}

// ServeHTTP answers with the page of the request's path.
func (m *Manual) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.URL.Path, ".md")
	if name == "style.css" {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		http.ServeFileFS(w, r, own, "style.css")
		return
	}
	body, err := m.render(name)
	if err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	status := http.StatusOK
	if body == nil {
		status = http.StatusNotFound
		body, _ = m.shell(name, "No such page", "<h1>No such page</h1>")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// render gives a page, nil when there is none.
func (m *Manual) render(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if body, ok := m.rendered[name]; ok {
		return body, nil
	}
	var body []byte
	var err error
	switch i := slices.IndexFunc(m.pages, func(e entry) bool { return e.Path == name }); {
	case name == "":
		body, err = m.shell(name, "Documentation", m.index())
	case name == "api":
		var reference template.HTML
		if reference, err = apiReference(m.api()); err == nil {
			body, err = m.shell(name, "REST API", reference)
		}
	case i >= 0:
		var content bytes.Buffer
		if err = markdown(path.Dir(name)).Convert(m.pages[i].text, &content); err == nil {
			// Raw HTML in Markdown is left out by the renderer, so nothing but its own is in there.
			body, err = m.shell(name, m.pages[i].Title, template.HTML(content.String()))
		}
	default:
		return nil, nil
	}
	if err == nil {
		m.rendered[name] = body
	}
	return body, err
}

func (m *Manual) index() template.HTML {
	var b strings.Builder
	b.WriteString("<h1>Documentation</h1><ul><li><a href=\"api\">REST API</a></li>")
	for _, e := range m.pages {
		fmt.Fprintf(&b, "<li><a href=%q>%s</a></li>", e.Path, template.HTMLEscapeString(e.Title))
	}
	b.WriteString("</ul>")
	return template.HTML(b.String())
}

// shell puts content into the page that all share.
func (m *Manual) shell(name, title string, content template.HTML) ([]byte, error) {
	var b bytes.Buffer
	err := page.Execute(&b, struct {
		Up, Title string
		Pages     []entry
		Path      string
		Content   template.HTML
	}{strings.Repeat("../", strings.Count(name, "/")), title, m.pages, name, content})
	return b.Bytes(), err
}

// markdown renders pages of a directory of the manual.
func markdown(dir string) goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(
		parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(links{dir}, 100))))
}

// links has links between files lead to pages of the manual, or to the source where there is none.
type links struct{ dir string }

// Transform changes the destinations of links.
func (l links) Transform(document *ast.Document, _ text.Reader, _ parser.Context) {
	_ = ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.Link); ok && entering {
			link.Destination = []byte(l.lead(string(link.Destination)))
		}
		if image, ok := n.(*ast.Image); ok && entering {
			image.Destination = []byte(l.lead(string(image.Destination)))
		}
		return ast.WalkContinue, nil
	})
}

func (l links) lead(to string) string {
	file, fragment, _ := strings.Cut(to, "#")
	if file == "" || strings.Contains(file, ":") || strings.HasPrefix(file, "/") {
		return to
	}
	if fragment != "" {
		fragment = "#" + fragment
	}
	whole := path.Join("docs", l.dir, file)
	if inside, ok := strings.CutPrefix(whole, "docs/"); ok && path.Ext(file) == ".md" && !strings.HasPrefix(inside, "../") {
		return strings.TrimSuffix(file, ".md") + fragment
	}
	return source + whole + fragment
}
