package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/run/agent"
)

// registerSchema serves the JSON Schema of definitions to editors, which send no credential.
func (g *Gateway) registerSchema() {
	sum := sha256.Sum256(agent.SchemaJSON)
	etag := strconv.Quote(hex.EncodeToString(sum[:8]))
	g.route("GET /api/schemas/agent.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/schema+json")
		w.Header().Set("Cache-Control", "no-cache") // asks each time whether it is another
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(agent.SchemaJSON)
	})
	g.documentRoute(http.MethodGet, "/api/schemas/agent.json", "agent-schema", "agents", "The JSON Schema of an agent's definition",
		"For editors: a definition that begins with `# yaml-language-server: $schema=` and this address is checked as it is written.",
		nil, map[string]*huma.Response{"200": {
			Description: "A JSON Schema, draft 2020-12.",
			Content:     map[string]*huma.MediaType{"application/schema+json": {Schema: &huma.Schema{Type: huma.TypeObject}}},
		}})
}
