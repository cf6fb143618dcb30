package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/protocol"
)

// Start an agent and print what it writes, until it ends. A lost connection in between is bridged.
func Example() {
	c, err := client.New("http://127.0.0.1:3000", client.WithToken(os.Getenv("CLAUDEOPS_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()

	started, err := c.Execute(ctx, "disk-report", map[string]any{"path": "/"})
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range c.Subscribe(ctx, protocol.Cursor{ExecutionID: started.ExecutionID}) {
		var gap *client.GapError
		if errors.As(err, &gap) {
			fmt.Println(gap)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		switch {
		case event.Message != nil:
			fmt.Println(*event.Message)
		case event.Terminal():
			fmt.Println("ended:", event.Type)
		}
	}
}

// Keep the cursor to go on later, in another process even, where this one stopped.
func ExampleClient_Subscribe() {
	c, err := client.New("http://127.0.0.1:3000", client.WithToken(os.Getenv("CLAUDEOPS_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	cursor := protocol.Cursor{ExecutionID: "01jd3w0000000000000000000a", Seq: 1200}
	for event, err := range c.Subscribe(context.Background(), cursor) {
		if err != nil {
			log.Fatal(err)
		}
		cursor.Seq = event.Seq
	}
}

// Watch everything that starts, moves and ends.
func ExampleClient_Executions() {
	c, err := client.New("http://127.0.0.1:3000", client.WithToken(os.Getenv("CLAUDEOPS_TOKEN")),
		client.WithState(func(s client.State) { log.Println(s.Status, s.Transport, s.Err) }))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	for update, err := range c.Executions(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		if update.Snapshot != nil {
			fmt.Println(len(update.Snapshot), "executions")
			continue
		}
		fmt.Println(update.Record.AgentType, update.Record.Status)
	}
}

// Find what went wrong in the last day, wherever it was written, and stop at the first.
func ExampleClient_Search() {
	c, err := client.New("http://127.0.0.1:3000", client.WithToken(os.Getenv("CLAUDEOPS_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	query := client.SearchQuery{Text: `timeout|refused`, Regexp: true, Levels: []protocol.Level{"error"}, Since: time.Now().Add(-24 * time.Hour)}
	for found, err := range c.Search(context.Background(), query) {
		if err != nil {
			log.Fatal(err)
		}
		for _, match := range found.Matches {
			fmt.Println(match.ExecutionID, match.Seq, match.Message)
			return
		}
	}
}
