package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What has no peer to stand beside: how this server does in the situations that its design is for.

// extra is one such figure.
type extra struct {
	name    string
	measure func(ctx context.Context, binary string) (string, error)
}

var extras = []extra{
	{"ready after start, memory at rest", readiness},
	{"write(2) in the agent to read at the client, 100 lines/s", latency},
	{"replay of 3 million lines to a new reader", replay},
	{"100 readers × 1,000/s, 20 of them stalled", stalled},
	{"5,000 clients dropped at once", storm},
}

func readiness(ctx context.Context, binary string) (string, error) {
	var all []float64
	var kb float64
	for range 5 {
		began := time.Now()
		s, err := startOurs(ctx, binary)
		if err != nil {
			return "", err
		}
		all = append(all, float64(time.Since(began).Milliseconds()))
		time.Sleep(2 * time.Second)
		kb = residentKB(s.pid())
		s.stop()
	}
	return fmt.Sprintf("%.0f ms (median of 5), %.0f MB", middle(all), kb/1024), nil
}

func latency(ctx context.Context, binary string) (string, error) {
	s, err := startOurs(ctx, binary)
	if err != nil {
		return "", err
	}
	defer s.stop()
	if err := s.begin(100); err != nil {
		return "", err
	}
	r, err := startReaders(ctx, s, 1, 1, false)
	if err != nil {
		return "", err
	}
	defer r.stop()
	if _, err := r.until(func(one report) bool { return one.Lines > 100 }); err != nil {
		return "", err
	}
	var p50, p99 []float64
	for range 10 {
		one := <-r.reports
		p50, p99 = append(p50, one.P50), append(p99, one.P99)
	}
	return fmt.Sprintf("p50 %.2f ms, p99 %.2f ms (medians of 10 s)", middle(p50)/1000, middle(p99)/1000), nil
}

// fill runs the agent at full speed until its journal has so many events, and stops it.
func (s *server) fill(events uint64) error {
	body, err := s.post("/api/executions", `{"agentType":"lines","config":{"rate":2000000}}`)
	if err != nil {
		return err
	}
	var rec struct {
		ExecutionID string `json:"executionId"`
		Head        uint64 `json:"head"`
		Terminal    bool   `json:"terminal"`
	}
	if err := json.Unmarshal(body, &rec); err != nil {
		return err
	}
	s.execution = rec.ExecutionID
	for cancelled := false; !rec.Terminal; time.Sleep(20 * time.Millisecond) {
		body, err := s.get("/api/executions/" + rec.ExecutionID)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &rec); err != nil {
			return err
		}
		if rec.Head >= events && !cancelled {
			cancelled = true
			if _, err := s.post("/api/executions/"+rec.ExecutionID+"/cancel", `{}`); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *server) get(path string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

func replay(ctx context.Context, binary string) (string, error) {
	s, err := startOurs(ctx, binary)
	if err != nil {
		return "", err
	}
	defer s.stop()
	if err := s.fill(3_000_000); err != nil {
		return "", err
	}
	var speeds []float64
	var events, size int64
	for range 3 {
		conn, r, err := s.dial(fmt.Sprintf(`{"type":"logs:subscribe","executionId":%q}`, s.execution))
		if err != nil {
			return "", err
		}
		began := time.Now()
		events, size, err = drain(r)
		conn.Close()
		if err != nil {
			return "", err
		}
		speeds = append(speeds, float64(size)/1e6/time.Since(began).Seconds())
	}
	return fmt.Sprintf("%.0f MB/s (median of 3; %.1f million events, %.2f GB)", middle(speeds), float64(events)/1e6, float64(size)/1e9), nil
}

// dial opens a WebSocket by hand and sends some messages.
func (s *server) dial(messages ...string) (net.Conn, *bufio.Reader, error) {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprintf(conn, "GET /api/ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", s.address, s.token)
	r := bufio.NewReaderSize(conn, 1<<20)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		conn.Close()
		return nil, nil, fmt.Errorf("handshake: %s", resp.Status)
	}
	for _, m := range messages {
		if err := send(conn, m); err != nil {
			conn.Close()
			return nil, nil, err
		}
	}
	return conn, r, nil
}

// nextFrame reads one frame of the server.
func nextFrame(r *bufio.Reader, buf []byte) (op byte, payload []byte, err error) {
	head := make([]byte, 2, 10)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		_, err = io.ReadFull(r, head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:4]))
	case 127:
		_, err = io.ReadFull(r, head[2:10])
		n = binary.BigEndian.Uint64(head[2:10])
	}
	if err != nil {
		return 0, nil, err
	}
	if uint64(len(buf)) < n {
		buf = make([]byte, n)
	}
	_, err = io.ReadFull(r, buf[:n])
	return head[0] & 0x0f, buf[:n], err
}

// drain reads an execution to its last event.
func drain(r *bufio.Reader) (events, size int64, err error) {
	buf := make([]byte, 1<<20)
	for {
		op, payload, err := nextFrame(r, buf)
		switch {
		case err != nil:
			return events, size, err
		case op == 8:
			return events, size, fmt.Errorf("closed: %q", payload)
		case op != 1:
			continue
		}
		size += int64(len(payload))
		events += int64(bytes.Count(payload, []byte{'\n'}))
		if bytes.Contains(payload[max(0, len(payload)-400):], []byte(`{"type":"execution:cancelled"`)) {
			return events, size, nil
		}
	}
}

// stalled compares the others' p99 with and without a fifth of the readers that read nothing, and has
// those read on at the end.
func stalled(ctx context.Context, binary string) (string, error) {
	s, err := startOurs(ctx, binary)
	if err != nil {
		return "", err
	}
	defer s.stop()
	if err := s.begin(1000); err != nil {
		return "", err
	}
	r, err := startReaders(ctx, s, 80, 1, false)
	if err != nil {
		return "", err
	}
	defer r.stop()
	if _, err := r.until(func(one report) bool { return one.Connected == 80 && one.Lines > 0 }); err != nil {
		return "", err
	}
	p99 := func(seconds int) float64 {
		<-r.reports
		var all []float64
		for range seconds {
			all = append(all, (<-r.reports).P99)
		}
		return middle(all)
	}
	alone := p99(8)
	before := residentKB(s.pid())
	type lazy struct {
		conn net.Conn
		r    *bufio.Reader
	}
	var twenty []lazy
	for range 20 {
		conn, reader, err := s.dial(fmt.Sprintf(`{"type":"logs:subscribe","executionId":%q}`, s.execution))
		if err != nil {
			return "", err
		}
		defer conn.Close()
		twenty = append(twenty, lazy{conn, reader})
	}
	// Their sockets fill within a second or two of the past they ask for; what follows is stall.
	with := p99(20)
	after := residentKB(s.pid())
	r.stop()
	if _, err := s.post("/api/executions/"+s.execution+"/cancel", `{}`); err != nil {
		return "", err
	}
	var whole atomic.Int64
	var work sync.WaitGroup
	for _, one := range twenty {
		work.Go(func() {
			if contiguous(one.r) == nil {
				whole.Add(1)
			}
		})
	}
	work.Wait()
	s.execution = ""
	return fmt.Sprintf("others' p99 %.1f ms, %.1f ms without the stalled; memory %+.1f MB; %d of 20 caught up whole",
		with/1000, alone/1000, (after-before)/1024, whole.Load()), nil
}

// contiguous reads an execution from its first event to its last and demands each.
func contiguous(r *bufio.Reader) error {
	buf := make([]byte, 1<<20)
	want := uint64(1)
	for {
		op, payload, err := nextFrame(r, buf)
		if err != nil {
			return err
		}
		if op != 1 {
			continue
		}
		for line := range bytes.Lines(payload) {
			var e struct {
				Type string `json:"type"`
				Seq  uint64 `json:"seq"`
			}
			if err := json.Unmarshal(line, &e); err != nil {
				return err
			}
			if e.Seq == 0 {
				continue
			}
			if e.Seq != want {
				return fmt.Errorf("event %d, want %d", e.Seq, want)
			}
			want++
			if strings.HasPrefix(e.Type, "execution:c") && e.Type != "execution:cost" {
				return nil
			}
		}
	}
}

// storm drops 5,000 clients that follow one execution, has all of them come back with their cursors,
// and checks that each is whole.
func storm(ctx context.Context, binary string) (string, error) {
	const clients = 5000
	s, err := startOurs(ctx, binary)
	if err != nil {
		return "", err
	}
	defer s.stop()
	if err := s.begin(20); err != nil {
		return "", err
	}
	seen := make([]uint64, clients)
	conns := make([]net.Conn, clients)
	readers := make([]*bufio.Reader, clients)
	gate := make(chan struct{}, 128)
	var failed atomic.Pointer[error]
	// follow connects every client behind what it has seen and reads some events on.
	follow := func(more uint64) time.Duration {
		began := time.Now()
		var work sync.WaitGroup
		for i := range clients {
			work.Go(func() {
				subscribe := fmt.Sprintf(`{"type":"logs:subscribe","executionId":%q,"since":%d}`, s.execution, seen[i])
				gate <- struct{}{}
				conn, r, err := s.dial(subscribe)
				<-gate
				if err != nil {
					failed.Store(&err)
					return
				}
				conns[i], readers[i] = conn, r
				for until := seen[i] + more; seen[i] < until; {
					op, payload, err := nextFrame(r, nil)
					if err == nil && op == 9 {
						_, err = conn.Write([]byte{0x8a, 0x80, 0, 0, 0, 0})
					}
					if err == nil && op == 8 {
						err = fmt.Errorf("client %d: the server closed: %q", i, payload)
					}
					if err != nil {
						failed.Store(&err)
						return
					}
					for line := range bytes.Lines(payload) {
						var e struct {
							Seq          uint64 `json:"seq"`
							Code         string `json:"code"`
							RetryAfterMs int64  `json:"retryAfterMs"`
						}
						if json.Unmarshal(line, &e) != nil {
							continue
						}
						if e.Code == "rate_limited" { // they are all one user's: it comes back when it was told to
							time.Sleep(time.Duration(e.RetryAfterMs)*time.Millisecond + rand.N(time.Second))
							if err := send(conn, subscribe); err != nil {
								failed.Store(&err)
								return
							}
						} else if e.Code != "" {
							err := fmt.Errorf("client %d: %s", i, line)
							failed.Store(&err)
							return
						}
						if e.Seq == 0 {
							continue
						}
						if e.Seq != seen[i]+1 {
							err := fmt.Errorf("client %d: event %d after %d", i, e.Seq, seen[i])
							failed.Store(&err)
							return
						}
						seen[i] = e.Seq
					}
				}
			})
		}
		work.Wait()
		return time.Since(began)
	}
	follow(1)
	for i := range conns {
		if conns[i] != nil {
			conns[i].Close()
		}
	}
	back := follow(5)
	for i := range conns {
		if conns[i] != nil {
			conns[i].Close()
		}
	}
	if err := failed.Load(); err != nil {
		return "", *err
	}
	return fmt.Sprintf("all %d back and whole after %.1f s (128 dialling at a time, five more events each), seqs %d–%d",
		clients, back.Seconds(), slices.Min(seen), slices.Max(seen)), nil
}

func runExtras(ctx context.Context, binary, which string) ([][2]string, error) {
	var rows [][2]string
	for _, e := range extras {
		if !strings.Contains(e.name, which) {
			continue
		}
		text, err := e.measure(ctx, binary)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", e.name, err)
		}
		rows = append(rows, [2]string{e.name, text})
		fmt.Fprintf(os.Stdout, "%s: %s\n", e.name, text)
	}
	return rows, nil
}
