package gateway

import (
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the answer, in bytes, below which compressing saves nothing. Answers that carry a
// secret (tickets, new keys) are smaller, so none is compressed together with what a caller sent.
const minCompressed = 2 << 10

// compressedTypes are what REST answers with that shrinks. Streams are not among them: each of their
// parts must go out at once.
var compressedTypes = []string{"application/json", "application/problem+json", "application/openapi+json", "application/schema+json", "text/csv", "text/markdown"}

var gzipped = mustWrap()

func mustWrap() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.EnableZstd(false), gzhttp.ContentTypeFilter(func(contentType string) bool {
		media, _, err := mime.ParseMediaType(contentType)
		return err == nil && slices.Contains(compressedTypes, media)
	}))
	if err != nil {
		panic("gateway: gzip: " + err.Error()) // the options are constants above
	}
	return wrap
}

// compressed has a route's answers compressed where the client takes gzip and the answer is no stream.
// The page's files have forms of their own, made when it is built.
func compressed(pattern string, handler http.HandlerFunc) http.HandlerFunc {
	_, path, _ := strings.Cut(pattern, " ")
	if path != "/openapi.json" && !strings.HasPrefix(path, "/api/") || streams(pattern) {
		return handler
	}
	return gzipped(handler)
}

// streams reports whether a route's answer may go on for as long as its client likes.
func streams(pattern string) bool {
	switch pattern {
	case "GET /api/ws", "GET /api/events", "GET /api/poll", "POST /api/messages", "GET /api/search", "POST /mcp":
		return true
	}
	return strings.HasSuffix(pattern, "/events") || strings.HasSuffix(pattern, "/log") || strings.HasSuffix(pattern, "/search")
}
