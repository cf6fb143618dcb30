package acp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/approval"
	"github.com/claudeops/claudeops/internal/run/transcript"
	"github.com/claudeops/claudeops/protocol"
)

// update is the content of a session/update.
type update struct {
	Kind    string          `json:"sessionUpdate"`
	Content json.RawMessage `json:"content"`

	// tool_call, tool_call_update
	ToolCallID string          `json:"toolCallId"`
	Title      string          `json:"title"`
	ToolKind   string          `json:"kind"`
	Status     string          `json:"status"`
	RawInput   json.RawMessage `json:"rawInput"`
	RawOutput  json.RawMessage `json:"rawOutput"`

	Entries []struct {
		Content string `json:"content"`
		Status  string `json:"status"`
	} `json:"entries"`

	Cost *struct {
		Amount   float64 `json:"amount"`
		Currency string  `json:"currency"`
	} `json:"cost"`

	ModeID  string `json:"currentModeId"`
	Message string `json:"message"`
	Text    string `json:"text"`
}

type handler struct {
	read    func(a *agent, u *update)
	becomes string // for docs/claude.md
}

// updates has the updates that the driver knows.
var updates = map[string]handler{
	"user_message_chunk":        {func(*agent, *update) {}, "`raw`"},
	"agent_message_chunk":       {(*agent).readMessage, "`text`: the parts are put together, and are not kept themselves"},
	"agent_thought_chunk":       {(*agent).readThought, "`thinking`: the parts are put together, and are not kept themselves"},
	"tool_call":                 {(*agent).readTool, "`tool`"},
	"tool_call_update":          {(*agent).readTool, "`tool_result` when it is completed or has failed, else `raw`"},
	"plan":                      {(*agent).readPlan, "`todo`, `execution:progress`"},
	"usage_update":              {(*agent).readUsage, "`execution:cost`, where it has a cost in USD, else `raw`"},
	"available_commands_update": {func(*agent, *update) {}, "`raw`"},
	"current_mode_update":       {(*agent).readMode, "`notice`"},
	"config_option_update":      {func(*agent, *update) {}, "`raw`"},
	"session_info_update":       {func(*agent, *update) {}, "`raw`"},
	"notice":                    {(*agent).readNotice, "`notice`"},
	"compaction_update":         {(*agent).readCompaction, "`notice`"},
}

// update turns an update into events. A kind that is not known passes through as raw.
func (a *agent) update(params json.RawMessage) {
	var p struct {
		Update update `json:"update"`
	}
	readJSON(params, &p)
	u := &p.Update
	if a.loading {
		a.say.End("before this execution: " + u.Kind)
		return
	}
	if u.Kind != "agent_message_chunk" && u.Kind != "agent_thought_chunk" {
		a.flush()
	}
	if h, ok := updates[u.Kind]; ok {
		h.read(a, u)
	}
	a.say.End("session/update " + u.Kind)
}

func (a *agent) readMessage(u *update) { a.chunk(transcript.Text, u) }
func (a *agent) readThought(u *update) { a.chunk(transcript.Thinking, u) }

// chunk adds a part of a message.
func (a *agent) chunk(kind string, u *update) {
	text := contentText(u.Content)
	a.say.Drop()
	if a.chunks.kind != kind {
		a.flush()
		a.chunks.kind = kind
	}
	a.chunks.text.WriteString(text)
}

// flush tells the message that has come in parts.
func (a *agent) flush() {
	kind, text := a.chunks.kind, a.chunks.text.String()
	a.chunks = block{}
	if strings.TrimSpace(text) == "" {
		return
	}
	level := execution.Info
	if kind == transcript.Thinking {
		level = execution.Debug
	} else {
		a.answer = text
	}
	a.say.SayBefore(level, text, transcript.Data{Kind: kind})
}

// contentText reads a block of content, or a list of them.
func contentText(raw json.RawMessage) string {
	var one struct {
		Type    string          `json:"type"`
		Text    string          `json:"text"`
		Content json.RawMessage `json:"content"`
		Path    string          `json:"path"`
		OldText string          `json:"oldText"`
		NewText string          `json:"newText"`
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		var parts []string
		for _, item := range list {
			if text := contentText(item); text != "" {
				parts = append(parts, text)
			}
		}
		return strings.Join(parts, "\n")
	}
	if !readJSON(raw, &one) {
		return ""
	}
	switch one.Type {
	case "text":
		return one.Text
	case "content":
		return contentText(one.Content)
	case "diff":
		return "changed " + one.Path
	case "image":
		return "(an image)"
	}
	return one.Text
}

// toolNames are what people read of the protocol's kinds of tools.
var toolNames = map[string]string{"read": "Read", "edit": "Edit", "delete": "Delete", "move": "Move", "search": "Search", "execute": "Shell", "think": "Think", "fetch": "Fetch", "switch_mode": "Mode"}

func toolName(kind, title string) string {
	if name := toolNames[kind]; name != "" {
		return name
	}
	if title != "" {
		return title
	}
	return "Tool"
}

// toolInput is a call's input; where the agent gives none it is the title.
func toolInput(input json.RawMessage, title string) json.RawMessage {
	if len(input) > 0 && string(input) != "null" {
		return input
	}
	b, err := json.Marshal(map[string]string{"description": title})
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}

func (a *agent) readTool(u *update) {
	name, known := a.tools[u.ToolCallID]
	if !known {
		if u.Kind == "tool_call_update" && u.Status != "completed" && u.Status != "failed" && u.Title == "" {
			return
		}
		name = toolName(u.ToolKind, u.Title)
		a.tools[u.ToolCallID] = name
		input := toolInput(u.RawInput, u.Title)
		text := transcript.ToolLine(name, input)
		if u.Title != "" && len(u.RawInput) == 0 {
			text = name + ": " + u.Title
		}
		a.say.Say(execution.Info, text, transcript.Data{Kind: transcript.Tool, ID: u.ToolCallID, Name: name, Input: input})
	}
	if u.Status != "completed" && u.Status != "failed" {
		return
	}
	delete(a.tools, u.ToolCallID)
	failed := u.Status == "failed"
	level := execution.Info
	if failed {
		level = execution.Warn
	}
	text, content := contentText(u.Content), u.Content
	if text == "" {
		text, content = outputText(u.RawOutput), u.RawOutput
	}
	a.say.Say(level, text, transcript.Data{Kind: transcript.ToolResult, ID: u.ToolCallID, Name: name, IsError: &failed, Content: content})
}

func outputText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var fields struct {
		Output string `json:"output"`
		Stdout string `json:"stdout"`
	}
	if readJSON(raw, &fields) && fields.Output+fields.Stdout != "" {
		return fields.Output + fields.Stdout
	}
	return transcript.Clip(string(raw), 4000)
}

func (a *agent) readPlan(u *update) {
	items := make([]transcript.Item, len(u.Entries))
	lines := make([]string, len(u.Entries))
	marks := map[string]string{"completed": "[x] ", "in_progress": "[>] "}
	for i, entry := range u.Entries {
		items[i] = transcript.Item{Text: entry.Content, Status: entry.Status}
		mark, ok := marks[entry.Status]
		if !ok {
			mark = "[ ] "
		}
		lines[i] = mark + entry.Content
	}
	if len(items) == 0 {
		return
	}
	a.say.Say(execution.Info, strings.Join(lines, "\n"), transcript.Data{Kind: transcript.Todo, Items: items})
	percent, now := transcript.Done(items)
	a.session.Progress(percent, now, nil)
}

func (a *agent) readUsage(u *update) {
	if u.Cost == nil || u.Cost.Amount < 0 || u.Cost.Currency != "" && u.Cost.Currency != "USD" {
		return
	}
	a.spent = &u.Cost.Amount
	a.files.Save(a.id, u.Cost.Amount)
	a.tellCost()
}

func (a *agent) readMode(u *update) {
	a.say.Say(execution.Info, "mode: "+u.ModeID, transcript.Data{Kind: transcript.Notice, Status: u.ModeID})
}

func (a *agent) readNotice(u *update) {
	text := u.Message
	for _, other := range []string{u.Text, contentText(u.Content), u.Title} {
		if text == "" {
			text = other
		}
	}
	if text != "" {
		a.say.Say(execution.Info, text, transcript.Data{Kind: transcript.Notice})
	}
}

func (a *agent) readCompaction(u *update) {
	text := "the conversation was compacted"
	if u.Status != "" {
		text += ": " + u.Status
	}
	a.say.Say(execution.Info, text, transcript.Data{Kind: transcript.Notice, Status: "compacted"})
}

// requests are what agents ask the client for, and what they become.
var requests = map[string]struct {
	read    func(a *agent, m *envelope)
	becomes string
}{
	"session/request_permission": {(*agent).readPermission, "`execution:approval`, or an answer by rule: `execution:approved`, `execution:denied`"},
	"elicitation/create":         {(*agent).readElicitation, "`execution:approval` of kind `question`"},
}

// request answers what the agent asks for.
func (a *agent) request(m *envelope) {
	if r, ok := requests[m.Method]; ok {
		r.read(a, m)
		return
	}
	a.rpc.refuse(m.ID, methodNotFound, "ClaudeOps does not offer "+m.Method)
}

type permissionOption struct {
	ID   string `json:"optionId"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

func (a *agent) readPermission(m *envelope) {
	var p struct {
		ToolCall update             `json:"toolCall"`
		Options  []permissionOption `json:"options"`
	}
	readJSON(m.Params, &p)
	call := p.ToolCall
	name := a.tools[call.ToolCallID]
	if name == "" {
		name = toolName(call.ToolKind, call.Title)
	}
	input := toolInput(call.RawInput, call.Title)
	title := call.Title
	if title == "" {
		title = transcript.Line(transcript.ToolLine(name, input))
	}
	id := m.ID
	a.desk.Ask(approval.Request{ID: requestID(id), Tool: name, Title: title, Input: input}, func(d approval.Decision) {
		a.rpc.reply(id, outcomeOf(d, p.Options))
	})
}

// requestID names a request by its JSON-RPC id.
func requestID(id json.RawMessage) string { return "acp-" + strings.Trim(string(id), `"`) }

// outcomeOf selects the option that a decision means, for this once: what is to hold for longer is
// remembered here, and never left to the agent.
func outcomeOf(d approval.Decision, options []permissionOption) any {
	want := "reject_once"
	if d.Allow {
		want = "allow_once"
	}
	i := slices.IndexFunc(options, func(o permissionOption) bool { return o.Kind == want })
	if i < 0 || d.Withdrawn {
		return map[string]any{"outcome": map[string]string{"outcome": "cancelled"}}
	}
	return map[string]any{"outcome": map[string]string{"outcome": "selected", "optionId": options[i].ID}}
}

// readElicitation asks a person to fill in a form. Where it has one field with choices they are the
// options; the answer is the field's value, or a JSON object with all of them.
func (a *agent) readElicitation(m *envelope) {
	var p struct {
		Message string `json:"message"`
		Schema  struct {
			Properties map[string]struct {
				Enum []string `json:"enum"`
			} `json:"properties"`
			Required []string `json:"required"`
		} `json:"requestedSchema"`
	}
	readJSON(m.Params, &p)
	field := ""
	if len(p.Schema.Required) > 0 {
		field = p.Schema.Required[0]
	}
	var options []protocol.ApprovalOption
	for name, property := range p.Schema.Properties {
		if field == "" {
			field = name
		}
		if name == field {
			for _, choice := range property.Enum {
				options = append(options, protocol.ApprovalOption{Label: choice})
			}
		}
	}
	id := m.ID
	title := p.Message
	if title == "" {
		title = fmt.Sprintf("%s has a question", a.name)
	}
	a.desk.Ask(approval.Request{ID: requestID(id), Kind: protocol.ApprovalQuestion, Tool: "elicitation", Title: title, Input: m.Params, Options: options}, func(d approval.Decision) {
		switch {
		case d.Withdrawn:
			a.rpc.reply(id, map[string]any{"action": "cancel"})
			return
		case !d.Allow:
			a.rpc.reply(id, map[string]any{"action": "decline"})
			return
		}
		content := map[string]any{}
		if json.Unmarshal([]byte(d.Text), &content) != nil || len(content) == 0 {
			content = map[string]any{field: d.Text}
		}
		a.rpc.reply(id, map[string]any{"action": "accept", "content": content})
	})
}
