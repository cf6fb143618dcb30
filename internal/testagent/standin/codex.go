package standin

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

var codexSessions = []string{"hello", "review", "tools", "failed", "interrupted", "usage-limit", "unknown-types", "hang-after"}

// codex plays codex exec --json.
func (p *player) codex() int {
	args := os.Args[1:]
	if len(args) == 0 || args[0] != "exec" || !slices.Contains(args, "--json") || args[len(args)-1] != "-" {
		fmt.Fprintln(os.Stderr, "error: the stand-in plays codex exec --json … -")
		return 2
	}
	thread, resumed := "0199a213-81c0-7800-8aa1-bbab2a035a53", false
	if i := slices.Index(args, "resume"); i > 0 && i+1 < len(args) {
		thread, resumed = args[i+1], true
	}
	p.listen()
	var prompt strings.Builder
	for line := range p.lines {
		prompt.WriteString(line + "\n")
	}
	name := session(prompt.String(), codexSessions, "review")
	if !slices.Contains(codexSessions, name) {
		return unknownSession(name, codexSessions)
	}
	// The usage is of the whole thread.
	in, cached, out := 10656, 9000, 120
	if resumed {
		in, cached, out = 2*in, 2*cached, 2*out
	}
	item := func(kind string, v object) { p.say(object{"type": "item." + kind, "item": v}) }
	completed := func() {
		p.say(object{"type": "turn.completed", "usage": object{"input_tokens": in, "cached_input_tokens": cached, "output_tokens": out}})
	}
	p.say(object{"type": "thread.started", "thread_id": thread})
	p.say(object{"type": "turn.started"})
	switch name {
	case "failed":
		p.say(object{"type": "error", "message": "stream error: retrying 1/5"})
		p.say(object{"type": "turn.failed", "error": object{"message": "the model is not available"}})
		return 1
	case "usage-limit":
		p.say(object{"type": "turn.failed", "error": object{"message": "You've hit your usage limit. Try again at 4:00 AM."}})
		return 1
	case "interrupted":
		item("started", object{"id": "item_0", "type": "command_execution", "command": "sleep 100", "aggregated_output": "", "status": "in_progress"})
		return 1
	case "unknown-types":
		p.say(object{"type": "moon.phase", "phase": "full"})
		item("completed", object{"id": "item_9", "type": "hologram", "x": 1})
		p.raw(`{"type":"item.completed","item":{"id":"item_7","type":"web_search","id":"ws_1","query":"golang"}}` + "\n")
		p.raw("not JSON\n")
	}
	if name == "tools" || name == "review" {
		item("completed", object{"id": "item_0", "type": "reasoning", "text": "First the tests."})
		item("started", object{"id": "item_1", "type": "todo_list", "items": []object{{"text": "Run the tests", "completed": false}, {"text": "Mend", "completed": false}}})
		p.pause(300 * time.Millisecond)
		item("started", object{"id": "item_2", "type": "command_execution", "command": "go test ./...", "aggregated_output": "", "exit_code": nil, "status": "in_progress"})
		p.pause(800 * time.Millisecond)
		item("completed", object{"id": "item_2", "type": "command_execution", "command": "go test ./...", "aggregated_output": "FAIL\n", "exit_code": 1, "status": "failed"})
		item("completed", object{"id": "item_3", "type": "file_change", "changes": []object{{"path": "main.go", "kind": "update"}}, "status": "completed"})
		item("started", object{"id": "item_4", "type": "mcp_tool_call", "server": "github", "tool": "list_issues", "arguments": object{"repo": "x"}, "status": "in_progress"})
		item("completed", object{"id": "item_4", "type": "mcp_tool_call", "server": "github", "tool": "list_issues", "error": object{"message": "no token"}, "status": "failed"})
		item("completed", object{"id": "item_5", "type": "error", "message": "a warning that ends nothing"})
		item("updated", object{"id": "item_1", "type": "todo_list", "items": []object{{"text": "Run the tests", "completed": true}, {"text": "Mend", "completed": true}}})
	}
	item("completed", object{"id": "item_6", "type": "agent_message", "text": "Done."})
	completed()
	if name == "hang-after" {
		return p.hang()
	}
	return 0
}
