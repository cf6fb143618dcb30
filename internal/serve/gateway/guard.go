package gateway

import (
	"context"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// The two policies for what a browser may do with an answer. The page gets scripts, styles and data
// from this server alone and nothing inline, so that text in a log can't run; every other answer is
// data, which does nothing at all.
const (
	pagePolicy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; worker-src 'self'; manifest-src 'self'; object-src 'none'; frame-src 'none'; " +
		"base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
	dataPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)

const permissionsPolicy = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(self), " +
	"geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=(), clipboard-read=(), clipboard-write=(self)"

// What a configured foreign origin may send and read.
const (
	corsMethods = "GET, HEAD, POST, PUT, DELETE"
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID"
	corsExposed = "Content-Disposition, Location, Retry-After, WWW-Authenticate"
	corsSeconds = "600" // a browser keeps the answer to a preflight for so long
)

// guard lets through only what a client of this server could have sent: its Host is one of ours, so
// no foreign name was made to resolve to us; its Origin is our own or one the operator named, so no
// foreign page sent it; its path has nothing in it that two readers could read differently. It looks
// at every request, whatever it is for.
type guard struct {
	base    string          // the path the server is reached under, "" or like "/ops"
	hosts   map[string]bool // "name" for any port, "name:port" for that one
	origins map[string]bool
	proxies []netip.Prefix
	cross   *http.CrossOriginProtection
}

func newGuard(base string, hosts, origins []string, proxies []netip.Prefix) (*guard, error) {
	g := &guard{base: base, hosts: map[string]bool{}, origins: map[string]bool{}, proxies: proxies, cross: http.NewCrossOriginProtection()}
	for _, entry := range hosts {
		host, ok := parseHost(entry)
		if !ok {
			return nil, fmt.Errorf("allowed host %q is not a host name or address, with or without a port (like ops.example.com or 10.0.0.5:3000)", entry)
		}
		g.hosts[host.String()] = true
	}
	for _, entry := range origins {
		if strings.Contains(entry, "*") {
			return nil, fmt.Errorf("allowed origin %q: name each origin in full; there is no wildcard, because whatever page matched it could start agents", entry)
		}
		origin, ok := parseOrigin(entry)
		if !ok {
			return nil, fmt.Errorf("allowed origin %q is not an origin (like https://app.example.com: scheme, host, port if it is not the usual one, and nothing after it)", entry)
		}
		g.origins[origin.String()] = true
		for _, spelling := range []string{entry, origin.String()} {
			if err := g.cross.AddTrustedOrigin(spelling); err != nil {
				return nil, fmt.Errorf("allowed origin %q: %w", entry, err)
			}
		}
	}
	return g, nil
}

// refusal is why a request does not get in.
type refusal struct {
	status int
	code   protocol.Code
	detail string
	setup  string // "host" or "origin" where the server's or a proxy's configuration may be the reason
}

func refused(status int, code protocol.Code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, detail: fmt.Sprintf(format, args...)}
}

// misconfigured is a refusal that the operator can end by a flag or a header that a proxy sets.
func misconfigured(setup string, status int, format string, args ...any) *refusal {
	return &refusal{status: status, code: protocol.Forbidden, detail: fmt.Sprintf(format, args...), setup: setup}
}

// admit decides about one request. It gives the request on with its peer in the context, or says
// why not; done tells that it answered by itself.
func (g *guard) admit(w http.ResponseWriter, r *http.Request) (admitted *http.Request, no *refusal, done bool) {
	setSecurityHeaders(w.Header())
	peer := g.peer(r)
	r = r.WithContext(auth.WithPeer(r.Context(), peer))

	host, ok := parseHost(r.Host)
	switch {
	case g.probe(r): // whoever asks whether the server lives goes by its address
	case !ok:
		return nil, misconfigured("host", http.StatusMisdirectedRequest, "the Host header %.100q is not a host name or address", r.Host), false
	case !g.ours(host):
		return nil, misconfigured("host", http.StatusMisdirectedRequest,
			"this server does not answer to the name %.100q: reach it as localhost, or start it with --allow-host %s. Behind a proxy, have the proxy pass the browser's own Host header (nginx: proxy_set_header Host $http_host) and allow that name",
			r.Host, host.name), false
	}
	foreign, no := g.origin(w, r, host, peer)
	if no != nil {
		return nil, no, false
	}
	if no := checkPath(r); no != nil {
		return nil, no, false
	}
	if r.Method == http.MethodOptions && foreign && r.Header.Get("Access-Control-Request-Method") != "" {
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsSeconds)
		w.WriteHeader(http.StatusNoContent)
		return nil, nil, true
	}
	if no := g.crossOrigin(r, foreign); no != nil {
		return nil, no, false
	}
	if no := checkContentType(r); no != nil {
		return nil, no, false
	}
	return withoutLoneCookie(r), nil, false
}

// probe reports whether a request asks only whether the server lives. The answer holds nothing that a
// foreign name could be made to read.
func (g *guard) probe(r *http.Request) bool {
	path := strings.TrimPrefix(r.URL.Path, g.base)
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && len(r.Header.Values("Origin")) == 0 && (path == "/healthz" || path == "/readyz")
}

func setSecurityHeaders(h http.Header) {
	h.Set("Content-Security-Policy", dataPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", permissionsPolicy)
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Origin")
}

// ours reports whether the host is a name of this server. A loopback name or address always is:
// nobody else can make one lead to a place of theirs. Ports don't matter then, since tunnels and
// containers change them.
func (g *guard) ours(h host) bool {
	if h.name == "localhost" {
		return true
	}
	if ip, err := netip.ParseAddr(h.name); err == nil && ip.IsLoopback() {
		return true
	}
	return g.hosts[h.name] || h.port != "" && g.hosts[h.String()]
}

// origin checks the Origin header. foreign tells that it is another origin than our own, which the
// operator allowed; the headers that let its page read the answer are then set.
func (g *guard) origin(w http.ResponseWriter, r *http.Request, self host, peer auth.Peer) (foreign bool, no *refusal) {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return false, nil
	}
	if len(values) > 1 {
		return false, refused(http.StatusForbidden, protocol.Forbidden, "the request carries %d Origin headers", len(values))
	}
	from, ok := parseOrigin(values[0])
	if !ok {
		return false, refused(http.StatusForbidden, protocol.Forbidden, "the Origin header %.100q is not one that can be allowed", values[0])
	}
	scheme := "http"
	if peer.Secure {
		scheme = "https"
	}
	if from == (origin{scheme, self.withoutPort(scheme)}) {
		return false, nil
	}
	if !g.origins[from.String()] {
		return false, misconfigured("origin", http.StatusForbidden, "%s", g.explainOrigin(r, from, self))
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", values[0])
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", corsExposed)
	return true, nil
}

// explainOrigin says why the page at from may not use this server under the name self, and which header
// a proxy in between would have to set if the page is our own.
func (g *guard) explainOrigin(r *http.Request, from origin, self host) string {
	proxy := r.RemoteAddr
	if name, _, err := net.SplitHostPort(proxy); err == nil {
		proxy = name
	}
	switch {
	case from.host == self.withoutPort(from.scheme) && g.proxy(proxy):
		return fmt.Sprintf("the page came over %s and the proxy at %s says otherwise: have it set the header X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme)", from.scheme, proxy)
	case from.host == self.withoutPort(from.scheme):
		return fmt.Sprintf("the page came over %s and the request did not: have the proxy in between set the header X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme), and start the server with --trust-proxy %s", from.scheme, proxy)
	case from.host.name == self.name:
		return fmt.Sprintf("the page is at %s and the Host header says %s: if this is one page behind a proxy, have the proxy pass the Host header with its port (nginx: proxy_set_header Host $http_host); if it is another page that may use this server, start it with --allow-origin %s", from, self, from)
	default:
		return fmt.Sprintf("the page is at %s and the Host header says %s: if this is one page behind a proxy, have the proxy pass the browser's own Host header (nginx: proxy_set_header Host $http_host) and start the server with --allow-host %s; if it is another page that may use this server, start it with --allow-origin %s", from, self, from.host.name, from)
	}
}

// crossOrigin refuses what a browser says another site sent. An older browser says less, hence the
// comparison of Origin and Host for writes as well. A link that is followed to the page is no harm:
// the page shows nothing without the API, and the cookie does not come along.
func (g *guard) crossOrigin(r *http.Request, allowed bool) *refusal {
	if allowed {
		return nil
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "same-origin", "none":
	default:
		followed := (r.Method == http.MethodGet || r.Method == http.MethodHead) && g.leadsToPage(r) &&
			r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
		if !followed {
			return refused(http.StatusForbidden, protocol.Forbidden, "another site sent this request (Sec-Fetch-Site: %.40s)", site)
		}
	}
	if err := g.cross.Check(r); err != nil {
		return refused(http.StatusForbidden, protocol.Forbidden, "another site sent this request")
	}
	return nil
}

// leadsToPage reports whether a path is the page's and not one that answers with data.
func (g *guard) leadsToPage(r *http.Request) bool {
	path := strings.TrimPrefix(r.URL.Path, g.base)
	return path != "/metrics" && !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/debug/")
}

// fromElsewhere reports whether a page of another origin, on another port of this host too, led to a
// request. What comes from nowhere (an address typed, a link opened by another program) does not.
func (g *guard) fromElsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "none", "same-origin":
		return false
	case "":
	default:
		return true
	}
	referer := r.Header.Get("Referer")
	if referer == "" {
		return false
	}
	page, err := url.Parse(referer)
	return err != nil || page.Host != r.Host
}

// checkPath refuses paths that two programs on the way could read differently, and everything that
// could climb out of a directory. None of our paths needs any of it.
func checkPath(r *http.Request) *refusal {
	bad := func(what string) *refusal {
		return refused(http.StatusBadRequest, protocol.BadRequest, "the path holds %s", what)
	}
	path := r.URL.Path
	if !strings.HasPrefix(path, "/") {
		return bad("no leading slash")
	}
	if strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' || c == '%' || c == '\ufffd' }) {
		return bad("a control character, a backslash, a percent sign or invalid UTF-8")
	}
	if strings.Contains(strings.ToLower(r.URL.EscapedPath()), "%2f") {
		return bad("an encoded slash")
	}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		if segment == "." || segment == ".." || segment == "" && i != len(segments)-1 {
			return bad("an empty segment, or one of dots")
		}
	}
	return nil
}

// checkContentType takes only JSON where something is sent. A page elsewhere can make a browser
// send forms and plain text without asking; JSON it can't.
func checkContentType(r *http.Request) *refusal {
	if safeMethod(r.Method) {
		return nil
	}
	values := r.Header.Values("Content-Type")
	if len(values) == 0 && r.ContentLength == 0 {
		return nil
	}
	if len(values) == 1 {
		if media, params, err := mime.ParseMediaType(values[0]); err == nil && (media == "application/json" || media == "application/x-ndjson") &&
			(params["charset"] == "" || strings.EqualFold(params["charset"], "utf-8")) {
			return nil
		}
	}
	return refused(http.StatusUnsupportedMediaType, protocol.BadRequest, "send JSON, with `Content-Type: application/json`; this is %.100q", strings.Join(values, ", "))
}

// withoutLoneCookie takes the cookies off a request that changes something and that no browser of
// today would send like this: without saying where it comes from. A program shows its token.
func withoutLoneCookie(r *http.Request) *http.Request {
	if safeMethod(r.Method) && !upgrades(r) || r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Cookie") == "" {
		return r
	}
	r = r.Clone(context.WithValue(r.Context(), loneCookieKey{}, true))
	r.Header.Del("Cookie")
	return r
}

type loneCookieKey struct{}

func hadLoneCookie(r *http.Request) bool {
	had, _ := r.Context().Value(loneCookieKey{}).(bool)
	return had
}

// loneCookie tells the sender of such a request what to do instead.
func loneCookie(err error) error {
	return fault.Wrap(protocol.Forbidden, err,
		"a cookie counts for a change only together with an Origin header, as browsers send it: programs send `Authorization: Bearer TOKEN`")
}

func safeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func upgrades(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// peer finds out where the request comes from. What a proxy says of it counts only when the
// operator named the proxy.
func (g *guard) peer(r *http.Request) auth.Peer {
	p := auth.Peer{Address: r.RemoteAddr, Secure: r.TLS != nil}
	if name, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		p.Address = name
	}
	if !g.proxy(p.Address) {
		return p
	}
	if proto := lastElement(r.Header.Values("X-Forwarded-Proto")); proto != "" {
		p.Secure = strings.EqualFold(proto, "https")
	}
	// Each proxy adds, on the right, whom it heard from: the first that is no proxy of ours is the client.
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		ip, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		p.Address = ip.Unmap().String()
		if !g.proxy(p.Address) {
			break
		}
	}
	return p
}

func (g *guard) proxy(address string) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(g.proxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func lastElement(values []string) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// clientAddress is the IP address the request came from.
func clientAddress(r *http.Request) string { return auth.PeerOf(r.Context()).Address }

// host is a name or address, lower case, with the port when one is given.
type host struct{ name, port string }

func (h host) String() string {
	name := h.name
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if h.port == "" {
		return name
	}
	return name + ":" + h.port
}

// withoutPort leaves the port out where it is the scheme's own.
func (h host) withoutPort(scheme string) host {
	if scheme == "http" && h.port == "80" || scheme == "https" && h.port == "443" {
		h.port = ""
	}
	return h
}

// parseHost reads a Host header strictly: what is odd is not a host.
func parseHost(text string) (host, bool) {
	var h host
	switch {
	case len(text) == 0 || len(text) > 300:
		return host{}, false
	case text[0] == '[':
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return host{}, false
		}
		ip, err := netip.ParseAddr(text[1:end])
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return host{}, false
		}
		h.name, text = ip.String(), text[end+1:]
		if text == "" {
			return h, true
		}
		if text[0] != ':' {
			return host{}, false
		}
		h.port = text[1:]
	default:
		name, port, found := strings.Cut(text, ":")
		h.name, h.port = strings.ToLower(name), port
		if !validName(h.name) {
			return host{}, false
		}
		if !found {
			return h, true
		}
	}
	return h, validPort(h.port)
}

func validName(name string) bool {
	if name == "" || len(name) > 253 || name[0] == '.' || name[len(name)-1] == '.' || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

func validPort(port string) bool {
	if port == "" || len(port) > 5 || port[0] == '0' {
		return false
	}
	n := 0
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
		n = n*10 + int(port[i]-'0')
	}
	return n <= 65535
}

// origin is scheme, host and port of a page.
type origin struct {
	scheme string
	host   host
}

func (o origin) String() string { return o.scheme + "://" + o.host.String() }

// parseOrigin reads an Origin header. "null", which sandboxed frames, files and data: pages send
// alike, is none.
func parseOrigin(text string) (origin, bool) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme == "" || len(scheme) > 40 || scheme[0] < 'a' || scheme[0] > 'z' {
		return origin{}, false
	}
	for i := range len(scheme) {
		c := scheme[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
			return origin{}, false
		}
	}
	h, ok := parseHost(rest)
	if !ok {
		return origin{}, false
	}
	return origin{scheme, h.withoutPort(scheme)}, true
}
