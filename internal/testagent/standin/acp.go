package standin

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

var acpSessions = []string{"hello", "review", "tools", "ask", "cost", "refusal", "cut", "exit", "hang", "old", "sign-in", "form", "unknown-types"}

// acpAgent is an agent that speaks ACP.
type acpAgent struct {
	*player
	id       string
	incoming chan object
	asked    int
}

// acp plays an agent over the Agent Client Protocol.
func (p *player) acp() int {
	a := &acpAgent{player: p, id: "sess_1", incoming: make(chan object, 64)}
	p.listen()
	go func() {
		defer close(a.incoming)
		for line := range p.lines {
			var m object
			if json.Unmarshal([]byte(line), &m) == nil {
				a.incoming <- m
			}
		}
	}()
	forced := os.Getenv("STANDIN_SESSION")
	for m := range a.incoming {
		params, _ := m["params"].(object)
		switch m["method"] {
		case "initialize":
			version := 1
			if forced == "old" {
				version = 7
			}
			a.reply(m, object{"protocolVersion": version, "agentCapabilities": object{"loadSession": true}, "agentInfo": object{"name": "standin", "version": "1.2"}, "authMethods": []any{}})
		case "session/new":
			if forced == "sign-in" {
				a.say(object{"jsonrpc": "2.0", "id": m["id"], "error": object{"code": -32000, "message": "Authentication required"}})
				continue
			}
			a.reply(m, object{"sessionId": a.id})
		case "session/load":
			a.id, _ = params["sessionId"].(string)
			a.update(object{"sessionUpdate": "agent_message_chunk", "content": object{"type": "text", "text": "what was said before"}})
			a.reply(m, nil)
		case "session/set_mode":
			a.reply(m, object{})
			a.update(object{"sessionUpdate": "current_mode_update", "currentModeId": params["modeId"]})
		case "session/prompt":
			prompt := ""
			if blocks, ok := params["prompt"].([]any); ok && len(blocks) > 0 {
				first, _ := blocks[0].(object)
				prompt, _ = first["text"].(string)
			}
			name := session(prompt, acpSessions, "review")
			if !slices.Contains(acpSessions, name) {
				return unknownSession(name, acpSessions)
			}
			reason, code := a.turn(name)
			if code >= 0 {
				return code
			}
			a.reply(m, object{"stopReason": reason})
		case "session/cancel":
		default:
			if m["id"] != nil && m["method"] != nil {
				a.say(object{"jsonrpc": "2.0", "id": m["id"], "error": object{"code": -32601, "message": "Method not found"}})
			}
		}
	}
	return 0
}

func (a *acpAgent) reply(m object, result any) {
	a.say(object{"jsonrpc": "2.0", "id": m["id"], "result": result})
}

func (a *acpAgent) update(u object) {
	a.say(object{"jsonrpc": "2.0", "method": "session/update", "params": object{"sessionId": a.id, "update": u}})
}

func (a *acpAgent) text(kind string, parts ...string) {
	for _, part := range parts {
		a.update(object{"sessionUpdate": kind, "content": object{"type": "text", "text": part}})
		a.pause(30 * time.Millisecond)
	}
}

// call asks the client; cancelled says that the turn is to end.
func (a *acpAgent) call(method string, params object) (answer object, cancelled bool) {
	a.asked++
	id := float64(100 + a.asked)
	a.say(object{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	for m := range a.incoming {
		switch {
		case m["method"] == "session/cancel":
			cancelled = true
		case m["id"] == id && m["method"] == nil:
			return m, cancelled
		}
	}
	return nil, true
}

// turn plays a session. code is the exit code where the agent ends in it, else -1.
func (a *acpAgent) turn(name string) (reason string, code int) {
	plan := func(states ...string) {
		a.update(object{"sessionUpdate": "plan", "entries": []object{{"content": "Look", "priority": "high", "status": states[0]}, {"content": "Tell", "priority": "low", "status": states[1]}}})
	}
	switch name {
	case "refusal":
		a.text("agent_message_chunk", "I won't.")
		return "refusal", -1
	case "cut":
		a.text("agent_message_chunk", "As far as")
		return "max_tokens", -1
	case "exit":
		fmt.Fprintln(os.Stderr, "panic: out of ideas")
		return "", 7
	case "hang":
		a.text("agent_message_chunk", "Thinking.")
		for m := range a.incoming {
			if m["method"] == "session/cancel" {
				return "cancelled", -1
			}
		}
		return "", 0
	case "unknown-types":
		a.update(object{"sessionUpdate": "moon_phase", "phase": "full"})
		a.say(object{"jsonrpc": "2.0", "method": "_vendor/thing", "params": object{}})
		answer, _ := a.call("fs/read_text_file", object{"path": "/etc/passwd"})
		failure, _ := answer["error"].(object)
		a.text("agent_message_chunk", fmt.Sprintf("refused with %v", failure["code"]))
		return "end_turn", -1
	case "form":
		answer, _ := a.call("elicitation/create", object{"sessionId": a.id, "mode": "form", "message": "Which branch?", "requestedSchema": object{"type": "object", "properties": object{"branch": object{"type": "string", "enum": []string{"main", "next"}}}, "required": []string{"branch"}}})
		result, _ := answer["result"].(object)
		a.text("agent_message_chunk", fmt.Sprintf("%v %v", result["action"], result["content"]))
		return "end_turn", -1
	case "ask":
		answer, cancelled := a.call("session/request_permission", object{"sessionId": a.id, "toolCall": object{"toolCallId": "call_1", "title": "make release", "kind": "execute", "rawInput": object{"command": "make release"}},
			"options": []object{{"optionId": "always", "name": "Always", "kind": "allow_always"}, {"optionId": "once", "name": "Once", "kind": "allow_once"}, {"optionId": "no", "name": "No", "kind": "reject_once"}}})
		result, _ := answer["result"].(object)
		outcome, _ := result["outcome"].(object)
		if cancelled {
			return "cancelled", -1
		}
		a.text("agent_message_chunk", strings.TrimSpace(fmt.Sprintf("%v %v", outcome["outcome"], outcome["optionId"])))
		return "end_turn", -1
	case "hello":
		a.text("agent_message_chunk", "Hel", "lo.")
		return "end_turn", -1
	}
	a.text("agent_thought_chunk", "First ", "the ", "layout.")
	plan("in_progress", "pending")
	a.text("agent_message_chunk", "I look", " at the", " files.")
	a.update(object{"sessionUpdate": "tool_call", "toolCallId": "call_1", "title": "ls -1", "kind": "execute", "status": "pending", "rawInput": object{"command": "ls -1"}})
	a.pause(300 * time.Millisecond)
	a.update(object{"sessionUpdate": "tool_call_update", "toolCallId": "call_1", "status": "in_progress"})
	a.pause(500 * time.Millisecond)
	a.update(object{"sessionUpdate": "tool_call_update", "toolCallId": "call_1", "status": "completed", "content": []object{{"type": "content", "content": object{"type": "text", "text": "README.md\nmain.go"}}}})
	a.update(object{"sessionUpdate": "tool_call", "toolCallId": "call_2", "title": "Edit main.go", "kind": "edit", "status": "failed", "content": []object{{"type": "diff", "path": "/srv/main.go", "oldText": "a", "newText": "b"}}})
	a.update(object{"sessionUpdate": "available_commands_update", "availableCommands": []any{}})
	if name == "cost" || name == "review" {
		a.update(object{"sessionUpdate": "usage_update", "used": 12000, "size": 200000, "cost": object{"amount": 0.0423, "currency": "USD"}})
	}
	plan("completed", "completed")
	a.text("agent_message_chunk", "Two files.")
	return "end_turn", -1
}
