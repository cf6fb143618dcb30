package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/claudeops/claudeops/client"
	"github.com/claudeops/claudeops/internal/execution"
	"github.com/claudeops/claudeops/protocol"
)

func (c *command) approvalsCommand() *cobra.Command {
	follow := false
	cmd := &cobra.Command{
		Use:   "approvals",
		Short: "List what agents wait to have answered; -f stays and asks",
		Long: `Lists what agents ask for and nobody has answered, oldest first. With -f it stays, shows each request as
it comes, and takes the answer from standard input.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if follow {
				return c.followApprovals(cmd.Context())
			}
			return c.approvals(cmd.Context())
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "stay, and ask for answers")
	return cmd
}

func (c *command) approvals(ctx context.Context) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	list, err := cl.Approvals(ctx)
	if err != nil {
		return err
	}
	if c.json {
		out := newLines(c.stdout)
		for _, a := range list {
			if err := out.object(a); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(c.stderr, "Nothing waits for an answer.")
		return nil
	}
	t := &table{}
	t.add("EXECUTION", "AGENT", "REQUEST", "TOOL", "ASKS FOR", "EXPIRES")
	for _, a := range list {
		expires := ""
		if a.ExpiresAt != nil {
			expires = "in " + time.Until(a.ExpiresAt.Time).Round(time.Second).String()
		}
		t.add(a.ExecutionID, a.AgentType, a.RequestID, a.Tool, a.Title, expires)
	}
	return t.print(c, c.stdout)
}

// approvalsPause is how often it is looked for new requests.
const approvalsPause = time.Second

// followApprovals asks for an answer to each request, one after the other.
func (c *command) followApprovals(ctx context.Context) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	in := bufio.NewReader(c.stdin)
	skipped := map[string]bool{}
	for ctx.Err() == nil {
		list, err := cl.Approvals(ctx)
		if err != nil {
			return err
		}
		for _, a := range list {
			key := a.ExecutionID + " " + a.RequestID
			if skipped[key] {
				continue
			}
			answered, err := c.askFor(ctx, cl, in, a)
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			case !answered:
				skipped[key] = true
			}
		}
		select {
		case <-time.After(approvalsPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// askFor shows a request and passes on what is typed. It is false when the request is left to others.
func (c *command) askFor(ctx context.Context, cl *client.Client, in *bufio.Reader, a client.Approval) (bool, error) {
	fmt.Fprintf(c.stdout, "\n%s %s asks: %s\n", a.AgentType, a.ExecutionID, flat(a.Title))
	if a.Kind == protocol.ApprovalQuestion {
		for i, o := range a.Options {
			fmt.Fprintf(c.stdout, "  %d  %s  %s\n", i+1, flat(o.Label), flat(o.Description))
		}
		fmt.Fprint(c.stdout, "the answer, its number, or d to deny, s to skip: ")
	} else {
		fmt.Fprintf(c.stdout, "  %s %s\n", a.Tool, flat(string(a.Input)))
		fmt.Fprint(c.stdout, "a to allow, r to allow for the rest of the run, d [reason] to deny, s to skip: ")
	}
	line, err := in.ReadString('\n')
	text := strings.TrimSpace(line)
	if err != nil && text == "" {
		return false, io.EOF
	}
	answer, ok := answerOf(a, text)
	if !ok {
		return false, nil
	}
	return true, c.answered(cl.Answer(ctx, a.ExecutionID, answer), a.RequestID)
}

// answerOf reads what a person typed.
func answerOf(a client.Approval, text string) (client.Answer, bool) {
	answer := client.Answer{RequestID: a.RequestID}
	word, rest, _ := strings.Cut(text, " ")
	switch {
	case text == "" || word == "s":
		return answer, false
	case word == "d":
		answer.Text = strings.TrimSpace(rest)
	case a.Kind == protocol.ApprovalQuestion:
		answer.Allow, answer.Text = true, choice(a.Options, text)
	case word == "a":
		answer.Allow = true
	case word == "r":
		answer.Allow, answer.Scope = true, protocol.ScopeRun
	default:
		return answer, false
	}
	return answer, true
}

// choice gives the option that a number stands for, and any other text as it is.
func choice(options []protocol.ApprovalOption, text string) string {
	for i, o := range options {
		if text == fmt.Sprint(i+1) {
			return o.Label
		}
	}
	return text
}

// answered says what became of an answer. That another was faster is no error of this one.
func (c *command) answered(err error, request string) error {
	var refused *client.Error
	if errors.As(err, &refused) && refused.Code == protocol.Conflict {
		fmt.Fprintf(c.stderr, "%s\n", refused.Message)
		return nil
	}
	if err == nil {
		fmt.Fprintf(c.stderr, "answered %s\n", request)
	}
	return err
}

type answerFlags struct {
	request string
	run     bool
	text    string
}

func (c *command) approveCommand() *cobra.Command {
	f := &answerFlags{}
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Allow what an agent asks for, or answer its question",
		Long: `Allows what the execution's agent asks for. Where several requests wait, --request names the one that is
meant. A question is answered with --answer.`,
		Example: `  claudeops approve last
  claudeops approve 01jd3w --request req_2 --run
  claudeops approve last --answer main`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeID(1, execution.Running),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.answer(cmd.Context(), args[0], f, true)
		},
	}
	cmd.Flags().StringVar(&f.request, "request", "", "`id` of the request, where several wait")
	cmd.Flags().BoolVar(&f.run, "run", false, "allow the same use of the tool for the rest of the run")
	cmd.Flags().StringVar(&f.text, "answer", "", "`text` of the answer to a question")
	return cmd
}

func (c *command) denyCommand() *cobra.Command {
	f := &answerFlags{}
	cmd := &cobra.Command{
		Use:               "deny ID",
		Short:             "Deny what an agent asks for",
		Long:              `Denies what the execution's agent asks for. The reason reaches the agent, which goes on without.`,
		Example:           `  claudeops deny last --reason "not on a Friday"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeID(1, execution.Running),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.answer(cmd.Context(), args[0], f, false)
		},
	}
	cmd.Flags().StringVar(&f.request, "request", "", "`id` of the request, where several wait")
	cmd.Flags().StringVar(&f.text, "reason", "", "`why`, for the agent and the record")
	return cmd
}

func (c *command) answer(ctx context.Context, text string, f *answerFlags, allow bool) error {
	cl, err := c.connect(ctx)
	if err != nil {
		return err
	}
	id, err := resolveID(ctx, cl, text)
	if err != nil {
		return err
	}
	request := f.request
	if request == "" {
		if request, err = c.onlyRequest(ctx, cl, id); err != nil {
			return err
		}
	}
	answer := client.Answer{RequestID: request, Allow: allow, Text: f.text}
	if f.run {
		answer.Scope = protocol.ScopeRun
	}
	if err := cl.Answer(ctx, id, answer); err != nil {
		return err
	}
	return c.answered(nil, request)
}

// onlyRequest gives the request of an execution that waits, where there is one.
func (c *command) onlyRequest(ctx context.Context, cl *client.Client, id string) (string, error) {
	record, err := cl.Get(ctx, id)
	if err != nil {
		return "", err
	}
	switch pending := record.PendingApprovals; len(pending) {
	case 0:
		return "", fmt.Errorf("execution %s waits for no answer", id)
	case 1:
		return pending[0].RequestID, nil
	default:
		ids := make([]string, len(pending))
		for i, p := range pending {
			ids[i] = p.RequestID
		}
		return "", usageError("%d requests of execution %s wait: name one with --request, of %s", len(pending), id, strings.Join(ids, ", "))
	}
}

// toolInput makes the input of a tool of what is typed: JSON as it is, any other text as its main argument.
func toolInput(tool, text string) json.RawMessage {
	if strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	field := "path"
	switch {
	case strings.Contains(text, "://"):
		field = "url"
	case tool == "Bash" || tool == "Shell":
		field = "command"
	}
	b, err := json.Marshal(map[string]string{field: text})
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}
