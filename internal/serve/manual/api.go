package manual

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// document is what the reference shows of an OpenAPI document.
type document struct {
	Info  struct{ Title, Description string }
	Paths map[string]map[string]json.RawMessage
}

type operation struct {
	Method, Path         string   `json:"-"`
	ID                   string   `json:"operationId"`
	Summary, Description string   //
	Tags                 []string //
	Parameters           []struct {
		Name, In, Description string
		Required              bool
	}
}

var methods = []string{"get", "post", "put", "patch", "delete"}

var reference = template.Must(template.New("api").Parse(`<h1>REST API</h1>
<p>{{.Info.Description}} The whole document, with every schema: <a href="../openapi.json">openapi.json</a>.</p>
{{range .Tags}}<h2 id="{{.Name}}">{{.Name}}</h2>
{{range .Operations}}<section><h3 id="{{.ID}}"><code>{{.Method}} {{.Path}}</code></h3>
<p>{{.Summary}}. {{.Description}}</p>
{{if .Parameters}}<table><thead><tr><th>Parameter</th><th>In</th><th></th></tr></thead><tbody>
{{range .Parameters}}<tr><td><code>{{.Name}}</code>{{if .Required}} (required){{end}}</td><td>{{.In}}</td><td>{{.Description}}</td></tr>
{{end}}</tbody></table>{{end}}</section>
{{end}}{{end}}`))

// apiReference renders an OpenAPI document.
func apiReference(openapi []byte) (template.HTML, error) {
	var d document
	if err := json.Unmarshal(openapi, &d); err != nil {
		return "", fmt.Errorf("read the OpenAPI document: %w", err)
	}
	type tag struct {
		Name       string
		Operations []operation
	}
	byTag := map[string]*tag{}
	var tags []*tag
	for path, item := range d.Paths {
		for _, method := range methods {
			raw, ok := item[method]
			if !ok {
				continue
			}
			op := operation{Method: strings.ToUpper(method), Path: path}
			if err := json.Unmarshal(raw, &op); err != nil {
				return "", fmt.Errorf("read %s %s of the OpenAPI document: %w", method, path, err)
			}
			name := "other"
			if len(op.Tags) > 0 {
				name = op.Tags[0]
			}
			if byTag[name] == nil {
				byTag[name] = &tag{Name: name}
				tags = append(tags, byTag[name])
			}
			byTag[name].Operations = append(byTag[name].Operations, op)
		}
	}
	slices.SortFunc(tags, func(a, b *tag) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range tags {
		slices.SortFunc(t.Operations, func(a, b operation) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), slices.Index(methods, strings.ToLower(a.Method))-slices.Index(methods, strings.ToLower(b.Method)))
		})
	}
	var b bytes.Buffer
	err := reference.Execute(&b, struct {
		document
		Tags []*tag
	}{d, tags})
	return template.HTML(b.String()), err
}
