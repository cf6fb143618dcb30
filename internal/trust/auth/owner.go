package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/claudeops/claudeops/protocol"
)

// OwnerFile is the name, in the data directory, of the file that holds the owner's token.
const OwnerFile = "owner.token"

// minOwnerToken is how many characters an owner's token has at least: 32 of base64url are 192 bits.
const minOwnerToken = 32

// OwnerToken reads the owner's token of a data directory. It makes nothing: a directory without a
// token gives fs.ErrNotExist.
func OwnerToken(dataDir string) (string, error) {
	dir, err := os.OpenRoot(dataDir)
	if err != nil {
		return "", fmt.Errorf("read the owner's token: %w", err)
	}
	defer dir.Close()
	token, _, _, err := readOwner(dir)
	if err != nil {
		return "", fmt.Errorf("read the owner's token in %s: %w", dataDir, err)
	}
	return token, nil
}

// RotateOwnerToken gives a data directory a new owner's token. A server that runs on it takes the
// new one within a second: the old token, every session and every connection that rests on it end.
func RotateOwnerToken(dataDir string) (string, error) {
	dir, err := openDir(dataDir)
	if err != nil {
		return "", fmt.Errorf("rotate the owner's token: %w", err)
	}
	defer dir.Close()
	token := randomToken()
	if err := writeSecret(dir, OwnerFile, []byte(token+"\n"), true); err != nil {
		return "", fmt.Errorf("rotate the owner's token in %s: %w", dataDir, err)
	}
	return token, nil
}

// owner knows the owner's token, by its digest only, and follows the file.
type owner struct {
	dir *os.Root
	log *slog.Logger

	mu     sync.Mutex
	digest string
	info   fs.FileInfo // of the file when it was read
	looked time.Time
}

func openOwner(dir *os.Root, log *slog.Logger) (*owner, error) {
	o := &owner{dir: dir, log: log}
	if err := o.load(); err != nil {
		return nil, err
	}
	return o, nil
}

// load reads the token, and makes one when the file is missing. Two processes that make one at the
// same moment end up with the same.
func (o *owner) load() error {
	token, info, loose, err := readOwner(o.dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = writeSecret(o.dir, OwnerFile, []byte(randomToken()+"\n"), false)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		token, info, loose, err = readOwner(o.dir)
	}
	if err != nil {
		return err
	}
	if loose {
		o.log.Warn("the owner's token could be read by other users of this machine; its file is private now, but whoever read it still has it: delete the file to get a new token",
			"file", filepath.Join(o.dir.Name(), OwnerFile))
	}
	o.digest, o.info = digest(token), info
	return nil
}

func readOwner(dir *os.Root) (token string, info fs.FileInfo, loose bool, err error) {
	data, info, loose, err := readSecret(dir, OwnerFile)
	if err != nil {
		return "", nil, false, err
	}
	token = strings.TrimSpace(string(data))
	if len(token) < minOwnerToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", nil, false, fmt.Errorf("%s does not hold a token (%d printable characters at least, and nothing else): delete it, and the next start makes a new one",
			filepath.Join(dir.Name(), OwnerFile), minOwnerToken)
	}
	return token, info, loose, nil
}

// match gives the owner when token is the owner's token.
func (o *owner) match(token string) (Principal, bool) {
	o.refresh()
	o.mu.Lock()
	key := o.digest
	o.mu.Unlock()
	if subtle.ConstantTimeCompare([]byte(digest(token)), []byte(key)) != 1 {
		return Principal{}, false
	}
	return Principal{ID: OwnerID, Kind: KindOwner, Permissions: []string{protocol.PermAdmin}, root: KindOwner + ":" + key}, true
}

// current reports whether key is the digest of the owner's token as it is now.
func (o *owner) current(key string) bool {
	o.refresh()
	o.mu.Lock()
	defer o.mu.Unlock()
	return key == o.digest
}

// refresh takes over a file that somebody replaced, looking once a second at most. A file that
// can't be read changes nothing: the last good token stays.
func (o *owner) refresh() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if now.Sub(o.looked) < time.Second && now.After(o.looked.Add(-time.Second)) {
		return
	}
	o.looked = now
	info, err := o.dir.Lstat(OwnerFile)
	if err == nil && os.SameFile(info, o.info) && info.ModTime().Equal(o.info.ModTime()) && info.Size() == o.info.Size() {
		return
	}
	before := o.digest
	if err := o.load(); err != nil {
		o.log.Error("the owner's token can't be read; the last one stays valid", "error", err)
		return
	}
	if o.digest != before {
		o.log.Info("the owner's token was replaced; everything that rested on the old one has ended")
	}
}
