package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// report is what the readers tell on stdout, once a second.
type report struct {
	Connected int     `json:"connected"`
	Lines     int64   `json:"lines"` // since the start
	Bytes     int64   `json:"bytes"`
	Cut       int     `json:"cut"` // readers that the server has hung up on
	P50       float64 `json:"p50"` // µs, of the last second
	P99       float64 `json:"p99"`
}

// dialect is how a server wants to be spoken to, once the WebSocket stands.
type dialect struct {
	path   string
	header string
	hello  []string                                      // messages to send at once
	answer func(payload []byte) (reply string)           // to a message that wants one
	inner  func(payload []byte) (lines int, isLine bool) // how many lines a payload holds
}

func dialectOf(name, token, execution string) dialect {
	switch name {
	case "claudeops":
		d := dialect{path: "/api/ws", header: "Authorization: Bearer " + token + "\r\n"}
		if execution != "" {
			d.hello = []string{fmt.Sprintf(`{"type":"logs:subscribe","executionId":%q,"tail":0}`, execution)}
		}
		return d
	case "socket.io":
		return dialect{path: "/socket.io/?EIO=4&transport=websocket", hello: []string{"40"}, answer: func(p []byte) string {
			if len(p) == 1 && p[0] == '2' {
				return "3"
			}
			return ""
		}}
	case "centrifuge":
		return dialect{path: "/", hello: []string{`{"id":1,"connect":{}}`, `{"id":2,"subscribe":{"channel":"lines"}}`}, answer: func(p []byte) string {
			if string(bytes.TrimSpace(p)) == "{}" {
				return "{}"
			}
			return ""
		}}
	}
	return dialect{path: "/"}
}

type load struct {
	lines, bytes atomic.Int64
	connected    atomic.Int64
	cut          atomic.Int64
	sampleEvery  int

	mu      sync.Mutex
	samples []float64
}

func loadMain(args []string) {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	name := flags.String("server", "", "which dialect")
	address := flags.String("address", "", "host:port")
	readers := flags.Int("readers", 100, "how many")
	token := flags.String("token", "", "credential")
	execution := flags.String("execution", "", "what to follow")
	deflate := flags.Bool("deflate", false, "offer permessage-deflate")
	sample := flags.Int("sample", 1, "look at the age of every n-th frame")
	_ = flags.Parse(args)
	l := &load{sampleEvery: *sample}
	d := dialectOf(*name, *token, *execution)
	gate := make(chan struct{}, 64)
	for i := range *readers {
		gate <- struct{}{}
		go func() {
			connected := false
			err := l.read(*address, d, *deflate, i == 0, func() { connected = true; <-gate })
			if !connected {
				fmt.Fprintln(os.Stderr, "load:", err)
				os.Exit(1)
			}
			l.cut.Add(1) // some servers hang up on who is slow
		}()
	}
	out := json.NewEncoder(os.Stdout)
	for range time.Tick(time.Second) {
		l.mu.Lock()
		samples := l.samples
		l.samples = nil
		l.mu.Unlock()
		r := report{Connected: int(l.connected.Load()), Lines: l.lines.Load(), Bytes: l.bytes.Load(), Cut: int(l.cut.Load())}
		if len(samples) > 0 {
			slices.Sort(samples)
			r.P50, r.P99 = samples[len(samples)/2], samples[len(samples)*99/100]
		}
		if out.Encode(r) != nil {
			return
		}
	}
}

func (l *load) read(address string, d dialect, deflate, first bool, ready func()) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	extension := ""
	if deflate {
		extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n", d.path, address, d.header, extension)
	r := bufio.NewReaderSize(conn, 64)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != 101 {
		return fmt.Errorf("handshake: %s", resp.Status)
	}
	for _, text := range d.hello {
		if err := send(conn, text); err != nil {
			return err
		}
	}
	l.connected.Add(1)
	ready()
	p := &reader{load: l, d: d, conn: conn, deflate: deflate, first: first}
	early, _ := r.Peek(r.Buffered())
	if err := p.feed(early); err != nil {
		return err
	}
	buf := make([]byte, 4<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		l.bytes.Add(int64(n))
		if err := p.feed(buf[:n]); err != nil {
			return err
		}
		if n == len(buf) && n < 256<<10 {
			buf = make([]byte, 2*n)
		}
	}
}

func send(conn net.Conn, text string) error {
	b := []byte{0x81}
	if len(text) < 126 {
		b = append(b, 0x80|byte(len(text)))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(len(text)))
	}
	b = append(b, 0, 0, 0, 0)
	_, err := conn.Write(append(b, text...))
	return err
}

// reader takes frames apart no further than it must: counting lines costs the load's core.
type reader struct {
	load    *load
	d       dialect
	conn    net.Conn
	deflate bool
	first   bool

	pending []byte // of a frame not whole yet
	frames  int
}

func (p *reader) feed(b []byte) error {
	if len(p.pending) > 0 {
		p.pending = append(p.pending, b...)
		b = p.pending
	}
	for {
		frame, payload, packed, rest, ok := cut(b)
		if !ok {
			break
		}
		b = rest
		if err := p.frame(frame, payload, packed); err != nil {
			return err
		}
	}
	p.pending = append(p.pending[:0], b...)
	return nil
}

// cut takes the first whole frame off b.
func cut(b []byte) (op byte, payload []byte, packed bool, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, false, b, false
	}
	n, at := int(b[1]&0x7f), 2
	switch n {
	case 126:
		if len(b) < 4 {
			return 0, nil, false, b, false
		}
		n, at = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return 0, nil, false, b, false
		}
		n, at = int(binary.BigEndian.Uint64(b[2:])), 10
	}
	if len(b) < at+n {
		return 0, nil, false, b, false
	}
	return b[0] & 0x0f, b[at : at+n], b[0]&0x40 != 0, b[at+n:], true
}

var marker = []byte("t=1")

func (p *reader) frame(op byte, payload []byte, packed bool) error {
	switch op {
	case 8:
		return fmt.Errorf("the server closed: %q", payload)
	case 9:
		_, err := p.conn.Write(append([]byte{0x8a, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...))
		return err
	case 10:
		return nil
	}
	p.frames++
	if p.deflate && !p.first && (packed || bytes.Contains(payload[:min(len(payload), 600)], marker)) {
		// Every reader gets the same frames: the first one's lines stand for all.
		return nil
	}
	if packed {
		plain, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
		if err != nil {
			return fmt.Errorf("inflate: %w", err)
		}
		payload = plain
	}
	if p.d.answer != nil {
		if reply := p.d.answer(payload); reply != "" {
			return send(p.conn, reply)
		}
	}
	at := bytes.Index(payload[:min(len(payload), 600)], marker)
	if at < 0 {
		return nil
	}
	lines := int64(bytes.Count(payload, []byte{'\n'}))
	if payload[len(payload)-1] != '\n' {
		lines++
	}
	p.load.lines.Add(lines)
	if p.frames%p.load.sampleEvery == 0 && len(payload) > at+21 {
		if sent, err := strconv.ParseInt(string(payload[at+2:at+21]), 10, 64); err == nil {
			age := float64(time.Now().UnixNano()-sent) / 1e3
			p.load.mu.Lock()
			p.load.samples = append(p.load.samples, age)
			p.load.mu.Unlock()
		}
	}
	return nil
}
