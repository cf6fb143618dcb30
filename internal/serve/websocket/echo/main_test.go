package main

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// What suites send that no client of ours does: binary, megabytes, thousands of fragments.
func TestEcho(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(server.Close)
	noise := make([]byte, 8<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, mode := range map[string]websocket.CompressionMode{
		"plain": websocket.CompressionDisabled, "deflated": websocket.CompressionNoContextTakeover,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{CompressionMode: mode})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			c.SetReadLimit(-1)
			for _, sent := range []struct {
				kind websocket.MessageType
				data []byte
			}{
				{websocket.MessageText, nil},
				{websocket.MessageText, []byte(strings.Repeat("καλημέρα ", 100_000))},
				{websocket.MessageBinary, []byte{0xff, 0, 0xfe}},
				{websocket.MessageBinary, noise},
			} {
				w, err := c.Writer(t.Context(), sent.kind)
				if err != nil {
					t.Fatal(err)
				}
				for rest := sent.data; len(rest) > 0; {
					n := min(len(rest), 4096)
					if _, err := w.Write(rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				kind, data, err := c.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if kind != sent.kind || !bytes.Equal(data, sent.data) {
					t.Fatalf("%d bytes as %v came back as %d bytes as %v", len(sent.data), sent.kind, len(data), kind)
				}
			}
			if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}
