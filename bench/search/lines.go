package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/record/journal"
	"github.com/claudeops/claudeops/internal/run/runner/logline"
)

// needle stands in one line of every hundred thousand.
const needle = "checksum mismatch in segment 7f3a"

var paths = []string{"/api/v1/users", "/api/v1/orders/export", "/healthz", "/static/app.css", "/api/v2/search?q=report&page=3", "/login"}

var agents = []string{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "curl/8.5.0", "okhttp/4.12.0", "Go-http-client/2.0"}

var modules = []string{"http.server", "db.pool", "scheduler", "cache", "auth.session", "mailer", "worker-17", "indexer"}

var notes = []string{
	"request served from cache", "connection returned to pool", "job finished without findings", "session renewed for another hour",
	"retrying after a short pause", "object stored, 3 copies confirmed", "queue drained, waiting for more", "configuration reloaded, nothing changed",
}

// appendMessage appends line n as an agent writes it: size bytes, or a little more, of what logs are
// made of. One in a hundred says that it is an error, one in thirty is JSON, one in twenty quotes.
func appendMessage(b []byte, r *rand.Rand, at time.Time, n, size int) []byte {
	start := len(b)
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	switch {
	case n%100_000 == 77_777:
		b = fmt.Appendf(b, "%s ERROR [%s] %s of /var/lib/store/%08x.seg, ", at.Format("2006-01-02 15:04:05.000"), pick(modules), needle, r.Uint32())
	case n%100 == 50:
		b = fmt.Appendf(b, "%s ERROR [%s] connection to 10.%d.%d.%d:5432 refused: timeout after %d ms ", at.Format("2006-01-02 15:04:05.000"), pick(modules), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(9000))
	case n%30 == 7:
		b = fmt.Appendf(b, `{"time":"%s","level":"info","module":"%s","msg":"%s","requestId":"%08x-%04x"} `, at.Format(time.RFC3339Nano), pick(modules), pick(notes), r.Uint32(), r.IntN(1<<16))
	case n%20 == 3:
		b = fmt.Appendf(b, `%s INFO  [%s] "GET %s HTTP/1.1" 200 %d "%s" `, at.Format("2006-01-02 15:04:05.000"), pick(modules), pick(paths), r.IntN(90000), pick(agents))
	default:
		b = fmt.Appendf(b, "%s INFO  [%s] %s user=%d path=%s status=200 bytes=%d duration=%dms ", at.Format("2006-01-02 15:04:05.000"), pick(modules), pick(notes), r.IntN(1<<20), pick(paths), r.IntN(90000), r.IntN(900))
	}
	for len(b)-start < size {
		b = append(b, "trace="...)
		b = fmt.Appendf(b, "%016x ", r.Uint64())
		b = append(b, pick(notes)...)
		b = append(b, ' ')
	}
	if b[start] != '{' {
		b = b[:start+size]
	}
	return b
}

// fill writes a journal of n such lines, encoded as a runner does, with the events around them.
func fill(w journal.Writer, id string, n, size int) error {
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 1, 31, 14, 0, 0, 0, time.UTC)
	event := func(seq uint64, body string) []byte {
		return fmt.Appendf(nil, `{%s,"executionId":"%s","seq":%d,"timestamp":"%s"}`+"\n", body, id, seq, at.Format(execution.TimeFormat))
	}
	head := strings.Replace(string(event(1, `"type":"execution:queued"`)), `}`, `,"agentType":"bench","config":{},"trigger":{"kind":"cli","user":"owner"}}`, 1)
	if _, err := w.Append([]byte(head), 1); err != nil {
		return err
	}
	encoder := logline.NewEncoder(id)
	var batch, message []byte
	count := 0
	for i := range n {
		at = at.Add(time.Duration(r.IntN(3)) * time.Millisecond)
		message = appendMessage(message[:0], r, at, i, size)
		stream := logline.Stdout
		if i%16 == 5 {
			stream = logline.Stderr
		}
		batch = encoder.Append(batch, uint64(i)+2, at.UnixMilli(), logline.Guess(message), stream, message, false, nil)
		if count++; count == 350 || i == n-1 {
			if _, err := w.Append(batch, count); err != nil {
				return err
			}
			batch, count = batch[:0], 0
		}
	}
	end := strings.Replace(string(event(uint64(n)+2, `"type":"execution:completed"`)), `}`, `,"result":null,"cost":0,"exitCode":0,"durationMs":1,"processesReaped":0}`, 1)
	_, err := w.Append([]byte(end), 1)
	return err
}
