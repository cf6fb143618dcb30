// Command echo answers every message with itself through this project's WebSocket layer, so that
// conformance suites that want an echo can be run against the layer from outside: Autobahn's
// fuzzingclient, for one. It is no part of the product.
//
//	go run ./internal/serve/websocket/echo -listen 127.0.0.1:9001
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/claudeops/claudeops/internal/serve/websocket"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9001", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, *listen); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("ws://%s/\n", l.Addr())
	server := &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Suites send messages far larger, and in far more pieces, than any client of ours.
const (
	maxMessage   = 64 << 20
	maxFragments = 1 << 20
)

func echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Upgrade(w, r, websocket.Options{
		Deflate: true, MaxMessage: maxMessage, MaxFragments: maxFragments, Binary: true, Timeout: 5 * time.Second,
	})
	if err != nil {
		return // it has been answered
	}
	c.Pull = func() []byte { return nil }
	c.OnMessage = func(payload []byte) error { return c.Answer(websocket.Text(payload)) }
	c.OnBinary = func(payload []byte) error { return c.Answer(websocket.Binary(payload)) }
	c.Serve()
}
