package gateway

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/trust/audit"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// signedIn is who the caller is.
type signedIn struct {
	ID          string     `json:"id" doc:"The user's id."`
	Kind        string     `json:"kind" enum:"owner,session,jwt,key,execution" doc:"What the caller showed."`
	Permissions []string   `json:"permissions" nullable:"false" doc:"admin holds all of them. One with @ is for the agents alone that follow, as in agents:execute@deploy-*."`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty" doc:"When the credential ends at the latest; none: not by itself."`
	Version     string     `json:"version" doc:"The server's version."`
	ServerTime  time.Time  `json:"serverTime" doc:"The server's clock."`
}

type sessionAnswer struct{ Body signedIn }

type ticketAnswer struct {
	Body struct {
		Ticket    string    `json:"ticket" doc:"Good for one use."`
		ExpiresAt time.Time `json:"expiresAt"`
	}
}

type loginRequest struct {
	Body struct {
		Token string `json:"token" minLength:"1" doc:"The owner's token, an API key or a JWT."`
	}
}

type logoutRequest struct {
	Body *struct {
		Everywhere bool `json:"everywhere,omitempty" doc:"End every session of this user, not only this one."`
	}
}

func (g *Gateway) registerSignIn() {
	tags := []string{"sign in"}
	operation(g, huma.Operation{
		OperationID: "session", Method: http.MethodGet, Path: "/api/session", Tags: tags,
		Summary: "Who is signed in, and what they may do",
	}, func(ctx context.Context, _ *struct{}) (*sessionAnswer, error) {
		return g.sessionOf(principalOf(ctx)), nil
	})
	operation(g, huma.Operation{
		OperationID: "create-ticket", Method: http.MethodPost, Path: "/api/tickets", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "A ticket for one sign-in or one connection",
		Description: "It stands for the caller once, within 30 s: in GET /login?ticket= or in ?ticket= of a WebSocket. A token never stands in an address.",
	}, g.createTicket)
	operation(g, huma.Operation{
		OperationID: "login", Method: http.MethodPost, Path: "/login", Tags: tags,
		Summary: "Sign a browser in with a token",
	}, g.login)
	operation(g, huma.Operation{
		OperationID: "logout", Method: http.MethodPost, Path: "/logout", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Sign out",
	}, g.logout)
	g.documentRoute("GET", "/login", "login-by-ticket", "sign in", "Sign a browser in with a ticket",
		"Sets the cookie and leads to the page. `ticket` is good for one use; `next` may name the place in the page to go to. Without a ticket it is the page itself.",
		[]*huma.Param{queryParam("ticket", "From POST /api/tickets."), queryParam("next", "A path within the page.")},
		map[string]*huma.Response{"303": {Description: "Signed in: go to the page."}, "200": {Description: "The page."}})
	g.route("GET /login", g.loginByTicket)
}

func (g *Gateway) sessionOf(p auth.Principal) *sessionAnswer {
	out := &sessionAnswer{signedIn{ID: p.ID, Kind: p.Kind, Permissions: p.Permissions, Version: g.opts.Version, ServerTime: time.Now().UTC().Truncate(time.Millisecond)}}
	if out.Body.Permissions == nil {
		out.Body.Permissions = []string{}
	}
	if !p.Expires.IsZero() {
		expires := p.Expires.UTC().Truncate(time.Millisecond)
		out.Body.ExpiresAt = &expires
	}
	return out
}

func (g *Gateway) createTicket(ctx context.Context, _ *struct{}) (*ticketAnswer, error) {
	p := principalOf(ctx)
	ticket, expires, err := g.opts.Auth.IssueTicket(p)
	g.auditREST(ctx, p, audit.Entry{Action: "ticket.create"}, err)
	if err != nil {
		return nil, err
	}
	out := &ticketAnswer{}
	out.Body.Ticket, out.Body.ExpiresAt = ticket, expires.UTC().Truncate(time.Millisecond)
	return out, nil
}

func (g *Gateway) login(ctx context.Context, in *loginRequest) (*sessionAnswer, error) {
	p, err := g.opts.Auth.Token(ctx, in.Body.Token)
	if err != nil {
		g.auditStranger(ctx, "POST /login", err)
		return nil, err
	}
	e := exchangeOf(ctx)
	p, err = g.opts.Auth.SetSession(e.w, e.r, p)
	g.auditREST(ctx, p, audit.Entry{Action: "session.create", Detail: "with a token"}, err)
	if err != nil {
		return nil, err
	}
	return g.sessionOf(p), nil
}

func (g *Gateway) logout(ctx context.Context, in *logoutRequest) (*struct{}, error) {
	e := exchangeOf(ctx)
	p, err := g.opts.Auth.Request(e.r)
	known := err == nil
	cleared := g.opts.Auth.ClearSession(e.w, e.r)
	entry := audit.Entry{Action: "session.end"}
	if known && in.Body != nil && in.Body.Everywhere {
		entry.Detail = "everywhere"
		_, err = g.opts.Auth.EndSessions(p.ID)
		cleared = errors.Join(cleared, err)
	}
	if known {
		g.auditREST(ctx, p, entry, cleared)
	}
	return nil, cleared
}

// loginByTicket signs a browser in that came by a link. Programs that only look at links (previews,
// prefetching) must not use the ticket up.
func (g *Gateway) loginByTicket(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	ticket := query.Get("ticket")
	looking := r.Method == http.MethodHead || r.Header.Get("Purpose") != "" || r.Header.Get("Sec-Purpose") != ""
	switch {
	case ticket != "" && looking:
		w.WriteHeader(http.StatusNoContent)
		return
	case ticket == "":
		g.page.page(w, r, http.StatusOK)
		return
	}
	if g.guard.fromElsewhere(r) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", pagePolicy) // in a sandbox, the link would come from elsewhere too
		_ = confirmPage.Execute(w, g.opts.BasePath+"/login?"+query.Encode())
		return
	}
	next, err := g.nextPlace(query.Get("next"))
	if err == nil {
		err = g.redeem(w, r, ticket)
	}
	if err != nil {
		p := g.problem(r.Context(), err)
		if strings.Contains(r.Header.Get("Accept"), "text/html") && g.page.page(w, r, p.Status) {
			return
		}
		p.write(w)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// confirmPage asks whoever came by a link on another page before it replaces the session there is.
var confirmPage = template.Must(template.New("confirm").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ClaudeOps: sign in</title></head>
<body><h1>Sign in to ClaudeOps?</h1>
<p>Another page led here. Signing in replaces the session of this browser, if there is one.</p>
<p><a href="{{.}}">Sign in</a></p></body></html>
`))

func (g *Gateway) redeem(w http.ResponseWriter, r *http.Request, ticket string) error {
	p, err := g.opts.Auth.RedeemTicket(ticket)
	if err != nil {
		g.auditStranger(r.Context(), "GET /login", err)
		return err
	}
	signed, err := g.opts.Auth.SetSession(w, r, p)
	if err == nil {
		p = signed
	}
	g.auditREST(r.Context(), p, audit.Entry{Action: "session.create", Detail: "with a ticket"}, err)
	return err
}

// nextPlace is where to go after signing in: a path on this server and nowhere else.
func (g *Gateway) nextPlace(next string) (string, error) {
	if next == "" {
		return g.opts.BasePath + "/", nil
	}
	target, err := url.Parse(next)
	if err != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || target.Host != "" ||
		strings.ContainsFunc(next, func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }) {
		return "", fault.New(protocol.BadRequest, "next: must be a path on this server, like /executions")
	}
	return g.opts.BasePath + next, nil
}
