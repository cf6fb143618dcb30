package agents_test

import (
	"os"
	"testing"

	"github.com/claudeops/claudeops/internal/testagent/standin"
)

func TestMain(m *testing.M) {
	if standin.Named() {
		os.Exit(standin.Main())
	}
	os.Exit(m.Run())
}
