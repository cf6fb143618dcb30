package protocol_test

import (
	"strings"
	"testing"

	"github.com/claudeops/claudeops/protocol"
)

func TestValidateID(t *testing.T) {
	t.Parallel()
	good := "01jd3kq7f0e9aaaaaaaaaaaaaa"
	if err := protocol.ValidateID(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", good[1:], good + "a", strings.ToUpper(good), "../" + good[3:], good[:25] + "/", good[:25] + "\x00", good[:25] + "é"} {
		if protocol.ValidateID(bad) == nil {
			t.Errorf("%q passed", bad)
		}
	}
}
