package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/gorilla/websocket"
)

func lockThread() { runtime.LockOSThread() }

// servePeer runs one of the peers written in Go: it prints its address, and publishes lines at the
// rate that comes on stdin.
func servePeer(args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	var handler http.Handler
	var publish func(message []byte)
	switch args[0] {
	case "gorilla":
		handler, publish = gorilla()
	case "centrifuge":
		handler, publish = centrifugeNode()
	case "bare":
		handler, publish = bare()
	default:
		log.Fatalf("no peer is called %q", args[0])
	}
	go func() { log.Fatal(http.Serve(listener, handler)) }()
	fmt.Println(listener.Addr())
	text, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return
	}
	rate, _ := strconv.Atoi(strings.TrimSpace(text))
	n := 0
	pace(rate, nil, func(count int) {
		for range count {
			publish(event(n))
			n++
		}
	})
}

// event is a line as the contract's message, encoded as programs usually do.
func event(n int) []byte {
	now := time.Now()
	b, _ := json.Marshal(struct {
		Type        string `json:"type"`
		ExecutionID string `json:"executionId"`
		Seq         int    `json:"seq"`
		Timestamp   string `json:"timestamp"`
		Level       string `json:"level"`
		Stream      string `json:"stream"`
		Message     string `json:"message"`
	}{"execution:log", "01jd3kq7f0e9aaaaaaaaaaaaaa", n, now.UTC().Format("2006-01-02T15:04:05.000Z"), "info", "stdout", string(appendLine(nil, now, n))})
	return b
}

// gorilla is the pattern its documentation recommends for broadcasts: a prepared message, a channel
// and a writing goroutine for each client.
func gorilla() (http.Handler, func([]byte)) {
	upgrader := websocket.Upgrader{EnableCompression: true}
	var mu sync.Mutex
	clients := map[chan *websocket.PreparedMessage]struct{}{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		out := make(chan *websocket.PreparedMessage, 4096)
		mu.Lock()
		clients[out] = struct{}{}
		mu.Unlock()
		go func() {
			for m := range out {
				if c.WritePreparedMessage(m) != nil {
					return
				}
			}
		}()
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				mu.Lock()
				delete(clients, out)
				mu.Unlock()
				return
			}
		}
	})
	return handler, func(message []byte) {
		m, err := websocket.NewPreparedMessage(websocket.TextMessage, message)
		if err != nil {
			log.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for out := range clients {
			select {
			case out <- m:
			default: // it drops what a slow client can't take
			}
		}
	}
}

// centrifugeNode is the library behind Centrifugo, with its WebSocket handler and memory broker.
func centrifugeNode() (http.Handler, func([]byte)) {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelNone})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "bench"}}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnSubscribe(func(_ centrifuge.SubscribeEvent, done centrifuge.SubscribeCallback) {
			done(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	handler := centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin: func(*http.Request) bool { return true }, UseWriteBufferPool: true,
		Compression: true, CompressionPreparedMessageCacheSize: 1 << 20,
	})
	return handler, func(message []byte) {
		if _, err := node.Publish("lines", message); err != nil {
			log.Fatal(err)
		}
	}
}

// bare is the floor: after the handshake, one write(2) of a ready frame for each line and reader.
func bare() (http.Handler, func([]byte)) {
	upgrader := websocket.Upgrader{}
	var mu sync.Mutex
	var clients []net.Conn
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		mu.Lock()
		clients = append(clients, c.NetConn())
		mu.Unlock()
	})
	return handler, func(message []byte) {
		frame := []byte{0x81, 126, byte(len(message) >> 8), byte(len(message))}
		frame = append(frame, message...)
		mu.Lock()
		defer mu.Unlock()
		for _, c := range clients {
			_, _ = c.Write(frame)
		}
	}
}
