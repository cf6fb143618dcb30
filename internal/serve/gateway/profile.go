package gateway

import (
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/claudeops/claudeops/internal/trust/audit"
)

// registerProfiles serves the runtime's profiles. They show what the program does, function names and
// stacks but no data, and a CPU profile costs time: they are the owner's.
func (g *Gateway) registerProfiles() {
	g.route("GET /debug/pprof/", func(w http.ResponseWriter, r *http.Request) {
		profile := strings.TrimPrefix(r.URL.Path, "/debug/pprof/")
		g.auditREST(r.Context(), principalOf(r.Context()), audit.Entry{Action: "profile.read", Target: quoted(profile)}, nil)
		switch profile {
		case "profile":
			pprof.Profile(w, r)
		case "trace":
			pprof.Trace(w, r)
		case "cmdline":
			// The command line may name files that hold secrets.
			http.NotFound(w, r)
		case "symbol":
			pprof.Symbol(w, r)
		default:
			pprof.Index(w, r)
		}
	})
}
