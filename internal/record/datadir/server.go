package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Server says where the server of a data directory is. It is a hint for the command line: whoever
// reads it must still see whether anything answers, because kill -9 leaves the file behind.
type Server struct {
	PID    int    `json:"pid"`
	Listen string `json:"listen"` // address, host:port
	URL    string `json:"url"`
	// Temporary says that it serves for one command only and ends with it.
	Temporary bool `json:"temporary,omitempty"`
}

// ErrNoServer tells that no server has announced itself.
var ErrNoServer = errors.New("no server has announced itself in the data directory")

func serverPath(dir string) string { return filepath.Join(dir, "server.json") }

// Announce writes where this process answers, into server.json and the lock.
func (d *Dir) Announce(listen, url string) error { return d.announce(listen, url, false) }

// AnnounceTemporary is Announce for a server that ends with the command it serves.
func (d *Dir) AnnounceTemporary(listen, url string) error { return d.announce(listen, url, true) }

func (d *Dir) announce(listen, url string, temporary bool) error {
	if err := d.SetListen(listen); err != nil {
		return err
	}
	text, err := json.Marshal(Server{PID: os.Getpid(), Listen: listen, URL: url, Temporary: temporary})
	if err != nil {
		return fmt.Errorf("announce the server: %w", err)
	}
	return WriteFile(serverPath(d.path), append(text, '\n'))
}

// Withdraw removes what Announce wrote. It is no error when there is nothing.
func (d *Dir) Withdraw() error {
	if err := os.Remove(serverPath(d.path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("withdraw the server's announcement: %w", err)
	}
	return nil
}

// FindServer reads what Announce wrote. ErrNoServer when there is nothing to read.
func FindServer(dir string) (Server, error) {
	data, err := os.ReadFile(serverPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return Server{}, fmt.Errorf("%w %s", ErrNoServer, dir)
	}
	if err != nil {
		return Server{}, fmt.Errorf("find the server of %s: %w", dir, err)
	}
	var s Server
	if err := json.Unmarshal(data, &s); err != nil || s.URL == "" {
		return Server{}, fmt.Errorf("find the server of %s: %s holds %.60q; remove it and start the server anew", dir, serverPath(dir), data)
	}
	return s, nil
}
