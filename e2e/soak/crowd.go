package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/e2e/road"
	"github.com/claudeops/claudeops/internal/trust/auth"
	"github.com/claudeops/claudeops/protocol"
)

// silent is a connection that has subscribed and is never heard of again, while its end stays open: what
// a server sees of a client that was unplugged. It neither reads nor answers.
type silent struct {
	conn   net.Conn
	since  time.Time
	server int // pid
}

// hold keeps silent clients from one round to the next.
type hold struct {
	mu     sync.Mutex
	silent []silent
	reaped int
}

// errNotUpgraded tells that the server answered, with something else.
var errNotUpgraded = errors.New("the server did not take a WebSocket")

// goSilent lets so many clients come and fall silent.
func (s *site) goSilent(ctx context.Context, n int) error {
	for range n {
		// The server may fall under it at any moment; then it has not happened.
		if err := s.oneSilent(ctx); errors.Is(err, errNotUpgraded) {
			return err
		}
	}
	return nil
}

func (s *site) oneSilent(ctx context.Context) error {
	token, err := auth.OwnerToken(s.data())
	if err != nil {
		return err
	}
	pid := s.pid()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", s.listen)
	if err != nil {
		return err
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET /api/ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", s.listen, token)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = errNotUpgraded
	}
	if err == nil {
		err = send(conn, `{"type":"executions:subscribe"}`)
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	_ = conn.SetDeadline(time.Time{})
	s.hold.mu.Lock()
	defer s.hold.mu.Unlock()
	s.hold.silent = append(s.hold.silent, silent{conn, time.Now(), pid})
	return nil
}

// send writes one masked text frame; the mask is zero.
func send(conn net.Conn, text string) error {
	if len(text) > 125 {
		return errors.New("too long for a short frame")
	}
	_, err := conn.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...))
	return err
}

// silentNow says how many silent clients the server may still have: those it has not had long enough to
// notice.
func (s *site) silentNow() int {
	s.hold.mu.Lock()
	defer s.hold.mu.Unlock()
	heartbeat := protocol.DefaultHeartbeat()
	most := time.Duration(heartbeat.IntervalMs+heartbeat.TimeoutMs)*time.Millisecond + 15*time.Second
	kept := s.hold.silent[:0]
	for _, one := range s.hold.silent {
		if one.server != s.pid() || time.Since(one.since) > most {
			// The server is to be through with it; if not, its count of connections says so.
			_ = one.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
			if _, err := io.Copy(io.Discard, one.conn); err == nil || !isTimeout(err) {
				s.hold.reaped++
				_ = one.conn.Close()
				continue
			}
		}
		kept = append(kept, one)
	}
	s.hold.silent = kept
	open := 0
	for _, one := range kept {
		if time.Since(one.since) <= most {
			open++
		}
	}
	return open
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (s *site) dropSilent() {
	s.hold.mu.Lock()
	defer s.hold.mu.Unlock()
	for _, one := range s.hold.silent {
		_ = one.conn.Close()
	}
	s.hold.silent = nil
}

// storm has many clients follow one quiet execution, drops all of them at once in the middle of a round,
// and gives a function that waits until the execution has ended and says whether each was whole.
func (s *site) storm(ctx context.Context, clients int, length time.Duration) func() (*run, error) {
	var crowd *run
	var failed error
	done := make(chan struct{})
	go func() { // the function below waits for it
		defer close(done)
		crowd, failed = s.storming(ctx, clients, length)
	}()
	return func() (*run, error) {
		<-done
		if failed != nil {
			failed = fmt.Errorf("%d clients dropped at once: %w", clients, failed)
		}
		return crowd, failed
	}
}

func (s *site) storming(ctx context.Context, clients int, length time.Duration) (*run, error) {
	way, err := road.Open(s.listen, 0)
	if err != nil {
		return nil, err
	}
	defer way.Close()
	p := &plan{agent: "writer", lines: true, ends: []string{cancelled}, seed: uint64(time.Now().UnixNano()), config: map[string]string{"rate": "5", "count": "0", "size": "100", "exit": "0"}}
	p.config["seed"] = fmt.Sprint(p.seed)
	r := &run{plan: p, cancel: make(chan struct{}), tally: fmt.Sprintf("%s/%016x", s.tallies(), p.seed)}
	p.config["tally"] = r.tally
	if r.id, err = s.execute(ctx, p.agent, p.config, fmt.Sprintf("storm-%d", p.seed)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.runs[r.id] = r
	s.mu.Unlock()
	var work sync.WaitGroup
	var there atomic.Int64
	var first atomic.Pointer[error]
	var given, back atomic.Int64
	dropped := make(chan struct{})
	for i := range clients {
		work.Go(func() {
			c, err := s.house.client(way.Addr(), client.WithTransports(client.WebSocket),
				client.WithBackoff(100*time.Millisecond, 5*time.Second), client.WithHandshakeTimeout(30*time.Second))
			if err != nil {
				first.CompareAndSwap(nil, &err)
				return
			}
			defer c.Close()
			next, came := uint64(1), false
			for m, err := range c.Messages(ctx, protocol.Cursor{ExecutionID: r.id}) {
				if err == nil && m.Seq != next {
					err = fmt.Errorf("client %d: event %d came where %d was due", i, m.Seq, next)
				}
				if err != nil {
					first.CompareAndSwap(nil, &err)
					return
				}
				if next == 1 {
					there.Add(1)
				}
				next++
				select {
				case <-dropped:
					if !came {
						came = true
						back.Add(1)
					}
				default:
				}
			}
			given.Add(int64(next - 1))
			// A runner that was killed ends the execution for all of them early.
			if next > 1 && !came {
				back.Add(1)
			}
		})
	}
	began := time.Now()
	err = await(ctx, 3*time.Minute, "all clients are there", func() (bool, error) {
		if err := first.Load(); err != nil {
			return false, *err
		}
		return there.Load() == int64(clients), nil
	})
	came := time.Since(began)
	if err == nil {
		if wait := length/2 - came; wait > 0 {
			later(ctx, wait)
		}
		began = time.Now()
		n := way.Drop()
		close(dropped)
		err = await(ctx, 3*time.Minute, "all clients are back", func() (bool, error) {
			if err := first.Load(); err != nil {
				return false, *err
			}
			return back.Load() == int64(clients), nil
		})
		if err == nil {
			s.say("%d clients came within %.1f s, %d were dropped at once, all were back with the next event within %.1f s", clients, came.Seconds(), n, time.Since(began).Seconds())
		}
	}
	// Whatever happened: the execution is ended, and with it every reader.
	drained := make(chan struct{})
	close(drained)
	p.endless = true
	if cancelErr := s.endIt(ctx, r, time.Now(), drained); cancelErr != nil {
		err = errors.Join(err, cancelErr)
	}
	work.Wait()
	if e := first.Load(); e != nil {
		err = errors.Join(err, *e)
	}
	record, e := s.record(ctx, r.id)
	if e != nil {
		return nil, errors.Join(err, e)
	}
	if want := int64(record.Head) * int64(clients); err == nil && given.Load() != want {
		err = fmt.Errorf("they were given %d events, want %d", given.Load(), want)
	}
	s.mu.Lock()
	s.stormed += given.Load()
	s.mu.Unlock()
	return r, err
}
