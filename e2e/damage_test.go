package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/protocol"
)

// damaged is an execution whose journal was changed while nobody looked.
type damaged struct {
	id       string
	finished bool // before; otherwise its runner was killed in the middle
	how      string
	events   [][]byte // as they were written
}

// size is what the events take in the journal.
func (d *damaged) size() int { return len(bytes.Join(d.events, []byte{'\n'})) + 1 }

// TestDamage starts the server on a data directory in which journals were cut within their last events
// and had bits flipped, of executions that had ended and of some that ran when everything was killed.
// Every execution comes to a true end; no reader is ever given an event other than it was written; what
// is missing is told; who was not damaged does not notice.
func TestDamage(t *testing.T) {
	t.Parallel()
	const each = 18
	s := seed(t)
	random := rand.New(rand.NewPCG(s, 1))
	w := newWorld(t, "--seal-after", "never") // sealed journals are damaged in their own room's tests
	const words = "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo the quick brown fox jumps over the lazy dog $i; done"
	w.define("ends", "shell: '"+words+"'\n")
	w.define("stays", "shell: '"+words+"; exec sleep 1000'\n")
	w.serve()
	ctx := testContext(t, 3*time.Minute)
	c := w.client()
	var all []*damaged
	for range each {
		for _, agent := range []string{"ends", "stays"} {
			ack, err := c.Execute(ctx, agent, nil)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &damaged{id: ack.ExecutionID, finished: agent == "ends"})
		}
	}
	for _, d := range all {
		for m, err := range c.Messages(ctx, protocol.Cursor{ExecutionID: d.id}) {
			if err != nil {
				t.Fatal(err)
			}
			d.events = append(d.events, bytes.Clone(m.Raw))
			if !d.finished && len(d.events) == 32 {
				break
			}
		}
	}
	// What is synced is known to the index, and can be told from what is not.
	await(t, "all journals have been synced", func() bool {
		for _, d := range all {
			index, err := os.ReadFile(w.file(d, "events.idx"))
			const header, entry = 16, 32
			if err != nil || len(index) < header+entry {
				return false
			}
			// Its last entry begins with the place up to which it stands for the events, in little-endian.
			end := 0
			for i := range 8 {
				end |= int(index[len(index)-entry+i]) << (8 * i)
			}
			if end < d.size() {
				return false
			}
		}
		return true
	})
	w.kill()
	for _, pid := range w.runners() {
		id, err := process.Find(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := id.Signal(9); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "no runner is left", func() bool { return len(w.runners()) == 0 })

	for i, d := range all {
		path := w.file(d, "events.ndjson")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole := d.size()
		if len(data) < whole {
			t.Fatalf("%s: %d bytes are stored of %d that were delivered", d.id, len(data), whole)
		}
		switch i / 2 % 3 {
		case 0:
			d.how = "left alone"
			continue
		case 1: // within its last two events
			size := whole - 1 - random.IntN(len(d.events[len(d.events)-1])+len(d.events[len(d.events)-2]))
			d.how = fmt.Sprintf("cut from %d to %d bytes", whole, size)
			err = os.Truncate(path, int64(size))
		case 2:
			at, bit := random.IntN(whole), random.IntN(8)
			d.how = fmt.Sprintf("bit %d of byte %d flipped", bit, at)
			data[at] ^= 1 << bit
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	w.serve()
	c = w.client()
	var checks sync.WaitGroup
	for i, d := range all {
		transport := []client.Transport{client.WebSocket, client.SSE, client.Poll}[i/2/3%3]
		checks.Go(func() { w.checkDamaged(ctx, t, c, d, transport) })
	}
	checks.Wait()
}

func (w *world) file(d *damaged, name string) string {
	return filepath.Join(w.dir, "executions", d.id, name)
}

func (w *world) checkDamaged(ctx context.Context, t *testing.T, c *client.Client, d *damaged, transport client.Transport) {
	what := fmt.Sprintf("%s (finished %v, %s)", d.id, d.finished, d.how)
	record, err := c.Wait(ctx, d.id)
	if err != nil || !record.Terminal {
		t.Errorf("%s: the record is %+v, %v", what, record, err)
		return
	}
	switch {
	case d.finished && record.Status != execution.Completed:
		t.Errorf("%s: it had completed; now the record says %s, %s %s", what, record.Status, record.Reason, record.Error)
	case !d.finished && (record.Status != execution.Failed || record.Reason != string(execution.ReasonRunnerLost)):
		t.Errorf("%s: its runner was killed; the record says %s, %s %s", what, record.Status, record.Reason, record.Error)
	}
	if ack, err := c.Cancel(ctx, d.id, ""); err != nil || ack.Status != record.Status {
		t.Errorf("%s: cancelling it gives %+v, %v", what, ack, err)
	}
	reader := w.client(client.WithTransports(transport))
	for name, messages := range map[string]func(func(client.Message, error) bool){
		"its history":                      c.History(ctx, protocol.Cursor{ExecutionID: d.id}),
		"a reader by " + string(transport): reader.Messages(ctx, protocol.Cursor{ExecutionID: d.id}),
	} {
		next, gaps, last := uint64(1), uint64(0), ""
		for m, err := range messages {
			var gap *client.GapError
			if errors.As(err, &gap) {
				if gap.From != next || gap.To < gap.From || gap.Reason != "damaged" {
					t.Errorf("%s: %s: told %v where event %d is due", what, name, gap, next)
				}
				gaps += gap.To + 1 - gap.From
				next = gap.To + 1
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %v", what, name, err)
				break
			}
			if m.Seq != next {
				t.Errorf("%s: %s: event %d came where %d is due", what, name, m.Seq, next)
			}
			next = m.Seq + 1
			last = m.Type
			if i := int(m.Seq) - 1; i < len(d.events) && !bytes.Equal(m.Raw, d.events[i]) && !(!d.finished && m.Type == execution.TypeFailed) {
				t.Errorf("%s: %s: event %d is %s; it was written as %s", what, name, m.Seq, m.Raw, d.events[i])
			}
		}
		if d.how == "left alone" && (gaps > 0 || d.finished && next != uint64(len(d.events))+1) {
			t.Errorf("%s: %s: %d events are missing, and %d were given", what, name, gaps, next-1)
		}
		if !execution.IsTerminalType(last) && gaps == 0 {
			t.Errorf("%s: %s ends with %q and says of nothing that it is missing", what, name, last)
		}
		if next != record.Head+1 {
			t.Errorf("%s: %s ends before event %d; the record has %d", what, name, next, record.Head)
		}
	}
}
