package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// caller calls the REST API in the name of whoever sent the outer request.
type caller struct {
	api   API
	outer *http.Request
}

// errEnough ends an answer whose reader has all it wants.
var errEnough = errors.New("the reader has enough")

// call sends a request and decodes the answer into out. An answer that is a problem document becomes
// an error with its text, which the model reads.
func (c caller) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	var buffer bytes.Buffer
	if err := c.stream(ctx, method, path, query, body, &buffer); err != nil {
		return err
	}
	if err := json.Unmarshal(buffer.Bytes(), out); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return nil
}

// stream sends a request and has the answer written to w as it comes.
func (c caller) stream(ctx context.Context, method, path string, query url.Values, body any, w io.Writer) (err error) {
	var content io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the body of %s %s: %w", method, path, err)
		}
		content = bytes.NewReader(encoded)
	}
	target := url.URL{Path: path, RawQuery: query.Encode()}
	inner, err := http.NewRequestWithContext(ctx, method, target.String(), content)
	if err != nil {
		return err
	}
	if body != nil {
		inner.Header.Set("Content-Type", "application/json")
	}
	answer := &answer{header: http.Header{}, out: w}
	defer func() {
		// A handler that can't finish an answer says so by this panic; net/http would cut the connection.
		if cut := recover(); cut != nil && cut != http.ErrAbortHandler {
			panic(cut)
		} else if cut != nil {
			err = answer.cut(ctx)
		}
	}()
	c.api(c.outer, answer, inner)
	return answer.err()
}

// answer is the http.ResponseWriter of a call within the process.
type answer struct {
	header  http.Header
	status  int
	out     io.Writer
	problem bytes.Buffer // of an answer that is no success
	failed  error        // what out said
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.status >= 300 {
		return a.problem.Write(b)
	}
	if a.failed != nil {
		return 0, a.failed
	}
	n, err := a.out.Write(b)
	a.failed = err
	return n, err
}

// Flush is there for streams; what was written has been taken already.
func (a *answer) Flush() {}

func (a *answer) err() error {
	switch {
	case a.failed != nil && !errors.Is(a.failed, errEnough):
		return a.failed
	case a.status < 300:
		return nil
	}
	var problem struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}
	if json.Unmarshal(a.problem.Bytes(), &problem) != nil || problem.Detail == "" {
		return fmt.Errorf("the server answered %d %s", a.status, http.StatusText(a.status))
	}
	return fmt.Errorf("%s: %s", problem.Code, problem.Detail)
}

// cut is the error of an answer that was given up before its end.
func (a *answer) cut(ctx context.Context) error {
	if errors.Is(a.failed, errEnough) {
		return nil
	}
	if a.failed != nil {
		return a.failed
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return errors.New("the answer was cut off; try again")
}
