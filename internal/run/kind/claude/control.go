package claude

import (
	"encoding/json"

	"github.com/claudeops/claudeops/internal/run/approval"
	"github.com/claudeops/claudeops/internal/run/transcript"
	"github.com/claudeops/claudeops/protocol"
)

// readControl answers what the CLI asks for.
func (a *agent) readControl(m *message) {
	if m.RequestID == "" || m.Request == nil {
		return
	}
	id := m.RequestID
	if m.Request.Subtype != "can_use_tool" {
		a.refuse(id, "unsupported request "+m.Request.Subtype)
		return
	}
	input := m.Request.Input
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	r := approval.Request{ID: id, Kind: protocol.ApprovalTool, Tool: m.Request.ToolName, Title: m.Request.Title, Input: input}
	if r.Title == "" {
		r.Title = transcript.Line(transcript.ToolLine(r.Tool, input))
	}
	if r.Tool == questionTool {
		r.Kind = protocol.ApprovalQuestion
		r.Title, r.Options = question(input)
	}
	a.desk.Ask(r, func(d approval.Decision) { a.answer(r, d) })
}

func (a *agent) refuse(id, why string) {
	_ = a.send(map[string]any{"type": "control_response", "response": map[string]any{"subtype": "error", "request_id": id, "error": why}})
}

// answer gives a decision to the CLI. The input is always echoed: older CLIs require it.
func (a *agent) answer(r approval.Request, d approval.Decision) {
	a.silence.Spoke()
	response := map[string]any{"behavior": "deny", "message": firstOf(d.Reason, "denied")}
	if d.Allow {
		updated := r.Input
		if r.Kind == protocol.ApprovalQuestion {
			updated = answered(r.Input, d.Text)
		}
		response = map[string]any{"behavior": "allow", "updatedInput": updated}
	}
	_ = a.send(map[string]any{"type": "control_response", "response": map[string]any{"subtype": "success", "request_id": r.ID, "response": response}})
}

// readCancel closes a question that the CLI does not ask any more; nothing may be sent for it.
func (a *agent) readCancel(m *message) { a.desk.Withdraw(m.RequestID) }

// questionTool is the tool by which Claude asks a person.
const questionTool = "AskUserQuestion"

type questions struct {
	Questions []struct {
		Question string `json:"question"`
		Header   string `json:"header"`
		Options  []struct {
			Label       string `json:"label"`
			Description string `json:"description"`
		} `json:"options"`
	} `json:"questions"`
}

// question gives the first question with its choices; further ones are in the input.
func question(input json.RawMessage) (title string, options []protocol.ApprovalOption) {
	var q questions
	if !readJSON(input, &q) || len(q.Questions) == 0 {
		return "Claude has a question", nil
	}
	for _, o := range q.Questions[0].Options {
		options = append(options, protocol.ApprovalOption{Label: o.Label, Description: o.Description})
	}
	return firstOf(q.Questions[0].Question, q.Questions[0].Header), options
}

// answered puts the answers into the input. The text is the answer to the first question, or, as a JSON
// object, the answers by question.
func answered(input json.RawMessage, text string) json.RawMessage {
	var fields map[string]any
	var q questions
	if json.Unmarshal(input, &fields) != nil || fields == nil {
		return input
	}
	readJSON(input, &q)
	answers := map[string]any{}
	if json.Unmarshal([]byte(text), &answers) != nil || len(answers) == 0 {
		answers = map[string]any{}
		if len(q.Questions) > 0 {
			answers[firstOf(q.Questions[0].Question, q.Questions[0].Header)] = text
		}
	}
	fields["answers"] = answers
	b, err := json.Marshal(fields)
	if err != nil {
		return input
	}
	return b
}
