package app

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestExplain: only what came of the data directory is blamed on it.
func TestExplain(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	denied := func(path string) error {
		return fmt.Errorf("open: %w", &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES})
	}
	for _, tt := range []struct {
		err    error
		blamed bool
	}{
		{denied(filepath.Join(data, "index.db")), true},
		{denied(data), true},
		{denied(filepath.Dir(data)), true},
		{denied("index.db"), true}, // of an os.Root in it
		{denied("/etc/ssl/private/key.pem"), false},
		{denied(data + "-agents"), false},
		{certificateError{denied("key.pem")}, false},
		{errors.New("agent definitions"), false},
	} {
		if got := strings.Contains(explain(tt.err, data).Error(), "data directory"); got != tt.blamed {
			t.Errorf("%v: blamed on the data directory: %v", tt.err, got)
		}
	}
}
