package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

func FuzzParseHost(f *testing.F) {
	for _, seed := range []string{"localhost:3000", "[::1]:80", "evil.example", "127.0.0.1", "localhost.", "a@b", "[::1%25eth0]", "ＬＯＣＡＬＨＯＳＴ"} {
		f.Add(seed)
	}
	g, err := newGuard("", []string{"ops.example", "lan.example:8443"}, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := parseHost(text)
		if !ok {
			return
		}
		if again, ok := parseHost(h.String()); !ok || again != h {
			t.Fatalf("%q reads as %q, which reads as %q", text, h, again)
		}
		if strings.ContainsAny(h.name, "/@ \t\r\n%\\") || strings.ContainsAny(h.port, " -+") {
			t.Fatalf("%q reads as %+v", text, h)
		}
		if g.ours(h) {
			ip := net.ParseIP(h.name)
			if h.name != "localhost" && (ip == nil || !ip.IsLoopback()) && h.name != "ops.example" && h.String() != "lan.example:8443" {
				t.Fatalf("%q is taken for ours", text)
			}
		}
	})
}

func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"http://localhost:3000", "null", "https://app.example", "http://localhost:3000@evil", "http://localhost:3000.evil", "http://[::1]:3000", "https://localhost:3000"} {
		f.Add(seed, "localhost:3000")
	}
	g, err := newGuard("", nil, []string{"https://app.example"}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, hostText string) {
		self, ok := parseHost(hostText)
		if !ok {
			return
		}
		r := &http.Request{Header: http.Header{"Origin": {text}}, Host: hostText, Method: "GET"}
		foreign, no := g.origin(httptest.NewRecorder(), r, self, auth.Peer{})
		if no != nil {
			return
		}
		if foreign {
			if text != "https://app.example" && text != "https://app.example:443" && !strings.EqualFold(text, "https://app.example") && !strings.EqualFold(text, "https://app.example:443") {
				t.Fatalf("%q passes as an allowed origin", text)
			}
			return
		}
		// Our own: nothing but the host, in front of which stands http://, and port 80 or none.
		plain := func(s string) string { return strings.TrimSuffix(strings.ToLower(s), ":80") }
		if h, _ := parseHost(strings.TrimPrefix(text, "http://")); plain(h.String()) != plain(self.String()) || !strings.HasPrefix(text, "http://") {
			t.Fatalf("%q passes as the origin of %q", text, hostText)
		}
	})
}

func TestRefusal_text_is_bounded(t *testing.T) {
	t.Parallel()
	no := refused(421, protocol.Forbidden, "the Host header %.100q", strings.Repeat("\x00", 10000))
	if len(no.detail) > 1000 {
		t.Errorf("the text has %d bytes", len(no.detail))
	}
	if fmt.Sprint(no.status) == "" {
		t.Fatal("no status")
	}
}
