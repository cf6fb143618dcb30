package gateway_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

// eachTransport runs one suite against all ways to the same messages.
func eachTransport(t *testing.T, suite func(t *testing.T, via transport)) {
	t.Parallel()
	for name, via := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite(t, via)
		})
	}
}

func follow(t *testing.T, via transport, d *door, w wish) *line {
	t.Helper()
	l, err := via.open(t, d, d.owner, w)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func from(id string, seq uint64) wish {
	return wish{cursors: []protocol.Cursor{{ExecutionID: id, Seq: seq}}}
}

// events reads an execution's events from seq first to last and demands each once, in order.
func (l *line) events(id string, first, last uint64) {
	l.t.Helper()
	for want := first; want <= last; want++ {
		m := l.nextEvent(id)
		if m.Seq != want {
			l.t.Fatalf("%s: event %d (%s), want %d", id, m.Seq, m.Type, want)
		}
	}
}

func (l *line) nextEvent(id string) message {
	l.t.Helper()
	for {
		m := l.next()
		if m.Type == protocol.TypeError {
			l.t.Fatalf("error: %s %s", m.Code, m.Message)
		}
		if strings.HasPrefix(m.Type, "execution:") && m.Seq > 0 && m.ExecutionID == id {
			return m
		}
	}
}

func TestLive_Follow(t *testing.T) {
	eachTransport(t, func(t *testing.T, via transport) {
		t.Run("greets, then replay and live without a seam", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			id := d.begin("echo")
			d.log(id, 100)
			l := follow(t, via, d, wish{cursors: []protocol.Cursor{{ExecutionID: id}}, tail: "500"})
			hello := l.next()
			if hello.Type != "connection" || hello.Message != "Connected to Agent Runner" || hello.User.ID != "owner" || hello.Limits.MaxMessageBytes != 64<<10 {
				t.Fatalf("first message %+v", hello)
			}
			if m := l.next(); m.Type != "logs:subscribed" || m.From != 1 || m.Head != 101 {
				t.Fatalf("second message %+v", m)
			}
			go d.log(id, 200)
			l.events(id, 1, 301)
			d.finish(id)
			if m := l.nextEvent(id); m.Type != execution.TypeCompleted || m.Seq != 302 {
				t.Fatalf("last event %+v", m)
			}
		})
		t.Run("from a cursor", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			id := d.begin("echo")
			d.log(id, 20)
			l := follow(t, via, d, from(id, 15))
			l.events(id, 16, 21)
			d.log(id, 3)
			l.events(id, 22, 24)
		})
		t.Run("the tail", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			id := d.begin("echo")
			d.log(id, 20)
			l := follow(t, via, d, wish{cursors: []protocol.Cursor{{ExecutionID: id}}, tail: "5"})
			l.events(id, 17, 21)
		})
		t.Run("an execution that has ended", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			id := d.begin("echo")
			d.log(id, 3)
			d.finish(id)
			follow(t, via, d, from(id, 0)).events(id, 1, 5)
		})
		t.Run("comes back again and again", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			id := d.begin("echo")
			const lines = 600
			go d.log(id, lines)
			random := rand.New(rand.NewPCG(7, 7))
			seen := uint64(0)
			for seen < lines+1 {
				l := follow(t, via, d, from(id, seen))
				for range 1 + random.IntN(80) {
					if seen == lines+1 {
						break
					}
					m := l.nextEvent(id)
					if m.Seq != seen+1 {
						t.Fatalf("event %d after %d", m.Seq, seen)
					}
					seen = m.Seq
				}
				l.stop()
			}
		})
		t.Run("several at once", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			a, b := d.begin("echo"), d.begin("echo")
			d.log(a, 50)
			d.log(b, 10)
			l := follow(t, via, d, wish{cursors: []protocol.Cursor{{ExecutionID: a, Seq: 40}, {ExecutionID: b, Seq: 0}}})
			next := map[string]uint64{a: 41, b: 1}
			go func() {
				for range 20 {
					d.log(a, 1)
					d.log(b, 1)
				}
			}()
			for next[a] <= 71 || next[b] <= 31 {
				m := l.next()
				if m.Seq == 0 {
					continue
				}
				if m.Seq != next[m.ExecutionID] {
					t.Fatalf("%s: event %d, want %d", m.ExecutionID, m.Seq, next[m.ExecutionID])
				}
				next[m.ExecutionID]++
			}
		})
		t.Run("a cursor from the future", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			id := d.begin("echo")
			refused(t, via, d, from(id, 5), "bad_request", "last event")
		})
		t.Run("an execution that is not there", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			refused(t, via, d, from("01jd3kq7f00000000000000000", 0), "not_found", "01jd3kq7f0")
		})
		t.Run("an id that is a path", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			refused(t, via, d, from("../../../../../../etc/pass", 0), "bad_request", "execution")
		})
	})
}

// refused demands a typed error, however the transport says it.
func refused(t *testing.T, via transport, d *door, w wish, code, about string) {
	t.Helper()
	l, err := via.open(t, d, d.owner, w)
	var r *refusal
	switch {
	case errors.As(err, &r):
		if r.Code != code || !strings.Contains(r.Detail, about) {
			t.Errorf("refused with %s: %s", r.Code, r.Detail)
		}
	case err != nil:
		t.Fatal(err)
	default:
		if m := l.await(protocol.TypeError); m.Code != code || !strings.Contains(m.Message, about) {
			t.Errorf("refused with %s: %s", m.Code, m.Message)
		}
	}
}

func TestLive_Executions(t *testing.T) {
	eachTransport(t, func(t *testing.T, via transport) {
		t.Run("a snapshot, then what happens", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			old := d.begin("echo")
			l := follow(t, via, d, wish{executions: true})
			m := l.await(protocol.TypeExecutionsSnapshot)
			if all := m.records(t); len(all) != 1 || all[0].ExecutionID != old {
				t.Fatalf("snapshot %+v", all)
			}
			id := d.begin("echo")
			l.learns(id, execution.TypeQueued, execution.Queued, 1)
			d.log(id, 5) // of which a feed of lifecycles says nothing
			d.finish(id)
			l.learns(id, execution.TypeCompleted, execution.Completed, 7)
		})
		t.Run("none twice beside the logs", func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			id := d.begin("echo")
			w := from(id, 0)
			w.executions = true
			l := follow(t, via, d, w)
			l.await(protocol.TypeExecutionsSnapshot)
			go func() {
				for i := range 50 {
					d.log(id, 1)
					p := float64(i)
					d.emit(id, &execution.Event{Type: execution.TypeProgress, Progress: &p})
				}
				d.finish(id)
			}()
			// The first event may have come before the snapshot; the rest without hole or double.
			first := l.nextEvent(id)
			l.events(id, first.Seq+1, 102)
		})
	})
}

// learns waits until the client hears of an event: by the event itself or, when it was away at that
// moment as one that polls is, by a new snapshot.
func (l *line) learns(id, event string, status execution.Status, seq uint64) {
	l.t.Helper()
	for {
		switch m := l.next(); m.Type {
		case execution.TypeLog:
			l.t.Fatal("a log line in the feed of lifecycles")
		case event:
			if m.ExecutionID == id && m.Seq == seq {
				return
			}
		case protocol.TypeExecutionsSnapshot:
			for _, rec := range m.records(l.t) {
				if rec.ExecutionID == id && rec.Status == status && rec.Head == seq {
					return
				}
			}
		}
	}
}

func TestLive_System(t *testing.T) {
	eachTransport(t, func(t *testing.T, via transport) {
		d := newDoor(t, nil)
		l := follow(t, via, d, wish{system: true})
		for range 2 {
			if m := l.await(protocol.TypeSystemStatus); m.Type == "" {
				t.Error("no sample")
			}
		}
	})
}

// TestLive_Ask sends every message type, right and wrong, over every transport.
func TestLive_Ask(t *testing.T) {
	eachTransport(t, func(t *testing.T, via transport) {
		d := newDoor(t, nil)
		id := d.begin("echo")
		d.log(id, 3)
		unknown := "01jd3kq7f00000000000009999"
		cases := []struct {
			name, send string
			answers    string // type/id/code or status of each answer
		}{
			{"ping", `{"type":"ping","id":"1","timestamp":17}`, "pong/1/"},
			{"status", fmt.Sprintf(`{"type":"agent:status","id":"1","executionId":%q}`, id), "execution:status/1/queued"},
			{"status of nothing", fmt.Sprintf(`{"type":"agent:status","id":"1","executionId":%q}`, unknown), "error/1/not_found"},
			{"execute without following", `{"type":"agent:execute","id":"1","agentType":"echo","subscribe":false}`, "ack/1/queued"},
			{"execute an unknown agent", `{"type":"agent:execute","id":"1","agentType":"nobody"}`, "error/1/not_found"},
			{"execute nothing", `{"type":"agent:execute","id":"1"}`, "error/1/bad_request"},
			{"execute with a strange wish", `{"type":"agent:execute","id":"1","agentType":"echo","onDisconnect":"explode"}`, "error/1/bad_request"},
			{"search", fmt.Sprintf(`{"type":"logs:search","id":"1","executionId":%q,"query":"li"}`, id), "logs:matches/1/ ack/1/"},
			{"search for nothing", fmt.Sprintf(`{"type":"logs:search","id":"1","executionId":%q}`, id), "error/1/bad_request"},
			{"search backwards sideways", fmt.Sprintf(`{"type":"logs:search","id":"1","executionId":%q,"query":"a","direction":"sideways"}`, id), "error/1/bad_request"},
			{"input nobody asked for", fmt.Sprintf(`{"type":"agent:input","id":"1","executionId":%q,"text":"x"}`, id), "error/1/conflict"},
			{"second auth", `{"type":"auth","id":"1","token":"x"}`, "error/1/conflict"},
			{"unknown type", `{"type":"agent:dance","id":"1"}`, "error/1/unknown_type"},
			{"no type", `{"id":"1"}`, "error/1/bad_request"},
			{"not JSON", `{"type":`, "error//bad_request"},
			{"not an object", `[1,2]`, "error//bad_request"},
			{"a field of the wrong type", `{"type":"agent:cancel","id":"1","executionId":7}`, "error/1/bad_request"},
			{"an id of the wrong type", `{"type":"ping","id":7}`, "error//bad_request"},
			{"negative cursor", fmt.Sprintf(`{"type":"logs:subscribe","id":"1","executionId":%q,"since":-1}`, id), "error/1/bad_request"},
			{"huge cursor", fmt.Sprintf(`{"type":"logs:subscribe","id":"1","executionId":%q,"since":9223372036854775808}`, id), "error/1/bad_request"},
			{"fractional cursor", fmt.Sprintf(`{"type":"logs:subscribe","id":"1","executionId":%q,"since":1.5}`, id), "error/1/bad_request"},
			{"unknown fields are ignored", `{"type":"ping","id":"1","colour":"blue"}`, "pong/1/"},
			{"several in a frame", "{\"type\":\"ping\",\"id\":\"1\"}\n\n{\"type\":\"ping\",\"id\":\"2\"}\n", "pong/1/ pong/2/"},
			{"cancel", fmt.Sprintf(`{"type":"agent:cancel","id":"1","executionId":%q,"reason":"enough"}`, id), "ack/1/cancelling"},
			{"cancel what has ended", fmt.Sprintf(`{"type":"agent:cancel","id":"1","executionId":%q}`, id), "ack/1/cancelled"},
		}
		for _, c := range cases {
			var got []string
			for _, m := range via.ask(t, d, d.owner, c.send) {
				if m.Type == protocol.TypeSystemStatus {
					continue
				}
				got = append(got, m.Type+"/"+m.ID+"/"+m.Code+m.Status)
			}
			if text := strings.Join(got, " "); text != c.answers {
				t.Errorf("%s: %s was answered with %s, want %s", c.name, c.send, text, c.answers)
			}
		}
	})
}

// TestLive_Permissions: every message type with every single permission, over every transport.
func TestLive_Permissions(t *testing.T) {
	eachTransport(t, func(t *testing.T, via transport) {
		d := newDoor(t, nil)
		id := d.begin("echo")
		tokens := map[string]string{}
		for _, permission := range protocol.Permissions {
			tokens[permission] = bearer(t, "somebody", time.Now().Add(time.Hour), permission)
		}
		tokens["nothing"] = bearer(t, "somebody", time.Now().Add(time.Hour))
		for _, spec := range protocol.RequestSpecs {
			need, ruled := protocol.MessagePermission[spec.Type]
			if !ruled {
				t.Errorf("%s has no rule", spec.Type)
			}
			for held, token := range tokens {
				text := fmt.Sprintf(`{"type":%q,"id":"1","executionId":%q,"agentType":"nobody","query":"x","token":"x"}`, spec.Type, id)
				forbidden := false
				for _, m := range via.ask(t, d, token, text) {
					forbidden = forbidden || m.Code == string(protocol.Forbidden)
				}
				allowed := need[0] == protocol.PermNone || slices.Contains(need, held) || held == protocol.PermAdmin
				if forbidden == allowed {
					t.Errorf("%s with %s: forbidden %v", spec.Type, held, forbidden)
				}
			}
		}
	})
}
