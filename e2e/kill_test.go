package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/process"
	"github.com/claudeops/claudeops/internal/testagent/lines"
	"github.com/claudeops/claudeops/protocol"
)

// TestServerKilled_nothing_is_lost kills the server with SIGKILL again and again, at moments that the
// seed gives, while an agent writes 2,000 numbered and checksummed lines a second and a reader follows
// by cursor. Whatever the kernel took of the agent must be stored, and must reach the reader, once and
// in order, and the agent must not notice.
func TestServerKilled_nothing_is_lost(t *testing.T) {
	t.Parallel()
	const rate, kills = 2000, 14
	s := seed(t)
	random := rand.New(rand.NewPCG(s, 1))
	w := newWorld(t)
	w.define("writer", fmt.Sprintf("command: [TESTAGENT, -rate, '%d', -seed, '%d']\n", rate, s))
	w.serve()
	ctx := testContext(t, 5*time.Minute)
	c := w.client()
	record := w.start(ctx, c, "writer", nil)
	agent, err := process.Find(record.PID)
	if err != nil {
		t.Fatal(err)
	}

	// The reader.
	var delivered atomic.Uint64
	var end protocol.Event
	reading := make(chan error, 1)
	gaps, duplicates := 0, 0
	go func() {
		reading <- func() error {
			next, line := uint64(1), uint64(1)
			for e, err := range c.Subscribe(ctx, protocol.Cursor{ExecutionID: record.ExecutionID}) {
				var gap *client.GapError
				if errors.As(err, &gap) {
					gaps++
					return gap
				}
				if err != nil {
					return err
				}
				switch {
				case e.Seq < next:
					duplicates++
					return fmt.Errorf("event %d came again", e.Seq)
				case e.Seq > next:
					gaps++
					return fmt.Errorf("event %d came where %d was due", e.Seq, next)
				}
				next++
				if e.Type == execution.TypeLog && e.Stream == execution.Stdout {
					got, err := lines.Parse([]byte(*e.Message), s)
					if err != nil {
						return err
					}
					if got.N != line {
						return fmt.Errorf("line %d came where %d was due", got.N, line)
					}
					line++
					delivered.Add(1)
				}
				end = e
			}
			return nil
		}()
	}()

	for kill := range kills {
		if kill%5 == 4 {
			// While it starts: before it has adopted anything, or in the middle of it.
			w.kill()
			w.launch()
			time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
		} else {
			until := delivered.Load() + uint64(200+random.IntN(1600))
			await(t, fmt.Sprintf("line %d has been delivered", until), func() bool {
				select {
				case err := <-reading:
					t.Fatalf("the reader ended in the middle: %v", err)
				default:
				}
				return delivered.Load() >= until
			})
		}
		if !agent.Alive() {
			t.Fatalf("the agent is gone after %d kills", kill)
		}
		w.kill()
		w.serve()
	}
	now, err := c.Get(ctx, record.ExecutionID)
	if err != nil || now.Status != execution.Running || now.PID != record.PID {
		t.Fatalf("after %d kills the record is %+v, %v", kills, now, err)
	}
	if !agent.Alive() {
		t.Fatal("the agent is another process now")
	}

	// The agent is asked to end, ends in order, and says how much the kernel took of it.
	if _, err := c.Cancel(ctx, record.ExecutionID, "the test has seen enough"); err != nil {
		t.Fatal(err)
	}
	if err := <-reading; err != nil {
		t.Fatal(err)
	}
	if end.Type != execution.TypeCancelled || end.Result == nil {
		t.Fatalf("the last event is %+v", end)
	}
	var result struct{ Written uint64 }
	if err := json.Unmarshal(end.Result, &result); err != nil {
		t.Fatal(err)
	}
	stored := uint64(0)
	for _, e := range w.journal(record.ExecutionID) {
		if e.Type == execution.TypeLog && e.Stream == execution.Stdout {
			stored++
		}
	}
	stray := len(strays(t, record.ExecutionID))
	t.Logf("acked %d / stored %d / delivered %d / gaps %d / duplicates %d / stray processes %d; %d kills, agent %d throughout, seed %d",
		result.Written, stored, delivered.Load(), gaps, duplicates, stray, kills, record.PID, s)
	if result.Written == 0 || stored != result.Written || delivered.Load() != result.Written || stray != 0 {
		t.Error("want the same number of lines everywhere and no stray process")
	}
}
