package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// TestError: the outermost code counts, the cause is kept for the log and not shown to the caller.
func TestError(t *testing.T) {
	t.Parallel()
	inner := fault.Wrap(protocol.NotFound, io.EOF, "there is no %s", "thing").With(map[string]int{"n": 1})
	err := fmt.Errorf("while looking: %w", inner)
	if fault.CodeOf(err) != protocol.NotFound || fault.Message(err) != "there is no thing" || fault.Details(err) == nil {
		t.Errorf("%v, %q, %v", fault.CodeOf(err), fault.Message(err), fault.Details(err))
	}
	if !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "EOF") || strings.Contains(fault.Message(err), "EOF") {
		t.Errorf("the cause is lost or shown: %v", err)
	}
	if outer := fault.Wrap(protocol.Unavailable, err, "later"); fault.CodeOf(outer) != protocol.Unavailable {
		t.Error("an inner code hides the outer one")
	}
}

func TestCodeOf_internal(t *testing.T) {
	t.Parallel()
	err := errors.New("pq: password is hunter2")
	if fault.CodeOf(err) != protocol.Internal || strings.Contains(fault.Message(err), "hunter2") || fault.Details(err) != nil {
		t.Errorf("%v %q", fault.CodeOf(err), fault.Message(err))
	}
}
