package gateway

import (
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"
)

// refuse answers a request that the guard does not let in. Where the configuration of the server or of
// a proxy may be the reason, a person who opens the page reads it there, and the log has it.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	if no.setup != "" && g.complaints.due(no.setup, time.Now()) {
		g.log.Warn("requests are refused because of their "+no.setup+"; this is logged once a minute", "reason", no.detail, "address", r.RemoteAddr, "host", r.Host, "origin", r.Header.Get("Origin"))
	} else {
		g.log.Debug("request refused", "address", r.RemoteAddr, "method", r.Method, "host", r.Host, "reason", no.detail)
	}
	p := g.refused(newProblem(no.status, no.code, no.detail))
	if no.setup == "" || r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		p.write(w)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	_ = refusalPage.Execute(w, p)
}

var refusalPage = template.Must(template.New("refusal").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ClaudeOps: {{.Title}}</title></head>
<body><h1>ClaudeOps refuses this request</h1><p>{{.Detail}}</p></body></html>
`))

// complaintEvery is how often one kind of refusal is logged.
const complaintEvery = time.Minute

// complaints keeps one kind of refusal from filling the log.
type complaints struct {
	mu   sync.Mutex
	last map[string]time.Time // by kind
}

// due reports whether a refusal of this kind is to be logged now, and takes note of it.
func (c *complaints) due(kind string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.last[kind]; ok && now.Sub(last) < complaintEvery {
		return false
	}
	if c.last == nil {
		c.last = map[string]time.Time{}
	}
	c.last[kind] = now
	return true
}
