package control

import (
	"os"
	"path/filepath"
)

// shorten reaches dir through a link in the temporary directory.
func shorten(dir string) (string, func(), error) {
	tmp, err := os.MkdirTemp("/tmp", "claudeops-")
	if err != nil {
		return "", nil, err
	}
	link := filepath.Join(tmp, "x")
	if err := os.Symlink(dir, link); err != nil {
		_ = os.RemoveAll(tmp)
		return "", nil, err
	}
	return link, func() { _ = os.RemoveAll(tmp) }, nil
}
