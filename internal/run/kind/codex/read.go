package codex

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/internal/run/transcript"
)

// message is one event of codex exec --json.
type message struct {
	Type     string          `json:"type"`
	ThreadID string          `json:"thread_id"`
	Usage    *usage          `json:"usage"`
	Error    json.RawMessage `json:"error"`
	Message  string          `json:"message"`
	Item     *item           `json:"item"`
}

func (m *message) name() string {
	if m.Item != nil {
		return m.Type + " " + m.Item.Type
	}
	return m.Type
}

// usage is of the whole thread. Input includes what was cached, output the reasoning.
type usage struct {
	Input  int64 `json:"input_tokens"`
	Cached int64 `json:"cached_input_tokens"`
	Output int64 `json:"output_tokens"`
}

type item struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Command   string          `json:"command"`
	Output    string          `json:"aggregated_output"`
	ExitCode  *int            `json:"exit_code"`
	Status    string          `json:"status"`
	Changes   json.RawMessage `json:"changes"`
	Server    string          `json:"server"`
	Tool      string          `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
	Prompt    string          `json:"prompt"`
	Result    json.RawMessage `json:"result"`
	Error     json.RawMessage `json:"error"`
	Query     string          `json:"query"`
	Message   string          `json:"message"`
	Items     []struct {
		Text      string `json:"text"`
		Completed bool   `json:"completed"`
	} `json:"items"`
}

type handler struct {
	read    func(a *agent, m *message)
	becomes string // for docs/claude.md
}

var handlers = map[string]handler{
	"thread.started": {(*agent).readThread, "`execution:session`, `session`"},
	"turn.started":   {func(*agent, *message) {}, "`raw`"},
	"turn.completed": {(*agent).readCompleted, "`result`, `execution:cost`"},
	"turn.failed":    {(*agent).readFailed, "`result` with `isError`; the execution fails"},
	"item.started":   {(*agent).readItem, "by the item's type"},
	"item.updated":   {(*agent).readItem, "by the item's type"},
	"item.completed": {(*agent).readItem, "by the item's type"},
	"error":          {(*agent).readError, "`notice`; it does not end the turn"},
}

// itemHandler reads one type of item. done says that it is completed.
type itemHandler struct {
	read    func(a *agent, i *item, done bool)
	becomes string
}

var items = map[string]itemHandler{
	"agent_message":     {(*agent).readMessage, "`text`; the last one is the result"},
	"reasoning":         {(*agent).readReasoning, "`thinking`"},
	"command_execution": {(*agent).readCommand, "`tool`, then `tool_result`"},
	"file_change":       {(*agent).readChange, "`tool`, then `tool_result`"},
	"mcp_tool_call":     {(*agent).readTool, "`tool`, then `tool_result`"},
	"collab_tool_call":  {(*agent).readTool, "`tool`, then `tool_result`"},
	"web_search":        {(*agent).readSearch, "`tool`, then `tool_result`"},
	"todo_list":         {(*agent).readTodo, "`todo`, `execution:progress`"},
	"error":             {(*agent).readItemError, "`notice`"},
}

func (a *agent) readThread(m *message) {
	a.thread = m.ThreadID
	_ = a.session.Emit(&execution.Event{Type: execution.TypeSession, SessionID: m.ThreadID, Agent: "codex"})
	text := "Codex"
	if a.options.Model != "" {
		text += ", " + a.options.Model
	}
	a.say.Say(execution.Info, text, transcript.Data{Kind: transcript.Session, ID: m.ThreadID, Name: "Codex", Model: a.options.Model})
}

func (a *agent) readCompleted(m *message) {
	a.turns++
	a.failed = ""
	if m.Usage != nil {
		a.usage = m.Usage
		a.files.Save(a.thread, m.Usage)
	}
	failed := false
	a.say.Say(execution.Info, "done", transcript.Data{Kind: transcript.Result, IsError: &failed})
	a.tellCost()
	a.session.After(a.grace, func() {
		a.say.Say(execution.Warn, fmt.Sprintf("Codex did not exit within %s of its last turn and is ended; the result stands", a.grace),
			transcript.Data{Kind: transcript.Notice, Status: "exit_overdue"})
		a.session.End(a.outcome(), 0)
	})
}

func (a *agent) readFailed(m *message) {
	a.failed = errorText(m.Error)
	if a.failed == "" {
		a.failed = "Codex reported a failure"
	}
	failed := true
	a.say.Say(execution.Error, a.failed, transcript.Data{Kind: transcript.Result, IsError: &failed})
}

func (a *agent) readError(m *message) {
	text := m.Message
	if text == "" {
		text = errorText(m.Error)
	}
	if text != "" {
		a.say.Say(execution.Warn, text, transcript.Data{Kind: transcript.Notice, Status: "error"})
	}
}

// errorText reads an error, which is a text or an object with a message.
func errorText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var object struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(raw, &object) // what is no object has no message
	return object.Message
}

func (a *agent) readItem(m *message) {
	if m.Item == nil {
		return
	}
	if h, ok := items[m.Item.Type]; ok {
		h.read(a, m.Item, m.Type == "item.completed")
	}
}

func (a *agent) readMessage(i *item, done bool) {
	if done && i.Text != "" {
		a.answer = i.Text
		a.say.Say(execution.Info, i.Text, transcript.Data{Kind: transcript.Text})
	}
}

func (a *agent) readReasoning(i *item, done bool) {
	if done && i.Text != "" {
		a.say.Say(execution.Debug, i.Text, transcript.Data{Kind: transcript.Thinking})
	}
}

// call tells the beginning of a tool's use, once.
func (a *agent) call(i *item, name string, input any) {
	if a.told[i.ID] {
		return
	}
	a.told[i.ID] = true
	raw, err := json.Marshal(input)
	if err != nil {
		raw = []byte("{}")
	}
	a.say.Say(execution.Info, transcript.ToolLine(name, raw), transcript.Data{Kind: transcript.Tool, ID: i.ID, Name: name, Input: raw})
}

// came tells what came of it.
func (a *agent) came(i *item, name, text string, failed bool, content any) {
	delete(a.told, i.ID)
	raw, err := json.Marshal(content)
	if err != nil {
		raw = nil
	}
	level := execution.Info
	if failed {
		level = execution.Warn
	}
	a.say.Say(level, text, transcript.Data{Kind: transcript.ToolResult, ID: i.ID, Name: name, IsError: &failed, Content: raw, Status: i.Status})
}

func (a *agent) readCommand(i *item, done bool) {
	const name = "Shell"
	a.call(i, name, map[string]string{"command": i.Command})
	if !done {
		return
	}
	failed := i.Status == "failed" || i.Status == "declined" || i.ExitCode != nil && *i.ExitCode != 0
	text := strings.TrimRight(i.Output, "\n")
	if i.ExitCode != nil && *i.ExitCode != 0 {
		text = strings.TrimLeft(text+fmt.Sprintf("\nexit code %d", *i.ExitCode), "\n")
	}
	a.came(i, name, text, failed, i.Output)
}

func (a *agent) readChange(i *item, done bool) {
	const name = "Edit"
	var changes []struct {
		Path string `json:"path"`
		Kind string `json:"kind"`
	}
	_ = json.Unmarshal(i.Changes, &changes) // what can't be read is in the raw message
	lines := make([]string, len(changes))
	for n, c := range changes {
		lines[n] = c.Kind + " " + c.Path
	}
	input := map[string]any{"changes": i.Changes}
	if len(changes) > 0 {
		input["path"] = changes[0].Path
	}
	a.call(i, name, input)
	if done {
		a.came(i, name, strings.Join(lines, "\n"), i.Status == "failed", strings.Join(lines, "\n"))
	}
}

func (a *agent) readTool(i *item, done bool) {
	name := strings.Trim(i.Server+"/"+i.Tool, "/")
	input := any(i.Arguments)
	if len(i.Arguments) == 0 {
		input = map[string]string{"prompt": i.Prompt}
	}
	a.call(i, name, input)
	if done {
		failure := errorText(i.Error)
		text := failure
		if text == "" {
			text = transcript.Clip(string(i.Result), 4000)
		}
		a.came(i, name, text, i.Status == "failed" || failure != "", i.Result)
	}
}

func (a *agent) readSearch(i *item, done bool) {
	const name = "WebSearch"
	a.call(i, name, map[string]string{"query": i.Query})
	if done {
		a.came(i, name, i.Query, i.Status == "failed", i.Query)
	}
}

func (a *agent) readTodo(i *item, _ bool) {
	list := make([]transcript.Item, len(i.Items))
	lines := make([]string, len(i.Items))
	for n, todo := range i.Items {
		list[n] = transcript.Item{Text: todo.Text, Status: "pending"}
		lines[n] = "[ ] " + todo.Text
		if todo.Completed {
			list[n].Status = "completed"
			lines[n] = "[x] " + todo.Text
		}
	}
	if len(list) == 0 {
		return
	}
	a.say.Say(execution.Info, strings.Join(lines, "\n"), transcript.Data{Kind: transcript.Todo, ID: i.ID, Items: list})
	percent, _ := transcript.Done(list)
	a.session.Progress(percent, "", nil)
}

func (a *agent) readItemError(i *item, done bool) {
	if done && i.Message != "" {
		a.say.Say(execution.Warn, i.Message, transcript.Data{Kind: transcript.Notice, Status: "error"})
	}
}
