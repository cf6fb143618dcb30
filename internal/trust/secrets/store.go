// Package secrets keeps values that agents are given and that nobody is shown: a file in the data
// directory, encrypted with age, and the key to it, which may be kept elsewhere. It also fetches values
// from files and commands. It hands values out to whoever starts an agent, and to nobody else.
package secrets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"filippo.io/age"

	"github.com/claudeops/claudeops/internal/trust/secrets/source"
)

// Names in the data directory.
const (
	File     = "secrets.age" // the values, encrypted
	KeyFile  = "secrets.key" // the key, when it is not kept elsewhere; no part of a backup
	lockFile = "secrets.lock"
)

// Where else the key may be: in a variable, in a file that a variable names, or in a systemd credential.
const (
	KeyVariable     = "CLAUDEOPS_SECRETS_KEY"
	KeyFileVariable = "CLAUDEOPS_SECRETS_KEY_FILE"
	Credential      = "claudeops-secrets-key"
)

// ErrNotFound tells that there is no secret of a name.
var ErrNotFound = errors.New("there is no such secret")

// Info is a secret without its value.
type Info struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// Store is the secrets of one data directory. It reads the file anew each time, so that several
// processes may use one; it is safe for concurrent use.
type Store struct {
	dir string
	mu  sync.Mutex
}

// New gives the store of a data directory. It touches nothing.
func New(dir string) *Store { return &Store{dir: dir} }

// entry is one secret as it is stored.
type entry struct {
	Value     string    `json:"value"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

type content struct {
	Secrets map[string]entry `json:"secrets"`
}

// Get gives a secret's value.
func (s *Store) Get(name string) (string, error) {
	all, err := s.read()
	if err != nil {
		return "", err
	}
	found, ok := all.Secrets[name]
	if !ok {
		return "", fmt.Errorf("%w: %q; store it with: claudeops secrets set %s", ErrNotFound, name, name)
	}
	return found.Value, nil
}

// List gives the names, sorted.
func (s *Store) List() ([]Info, error) {
	all, err := s.read()
	if err != nil {
		return nil, err
	}
	list := make([]Info, 0, len(all.Secrets))
	for name, e := range all.Secrets {
		list = append(list, Info{name, e.CreatedAt, e.UpdatedAt})
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Set stores a value, in place of one of that name.
func (s *Store) Set(name, value string) (Info, error) {
	if !source.ValidName(name) {
		return Info{}, fmt.Errorf("%.100q can't be a secret's name: use 1 to 100 of a-z, A-Z, 0-9, _, . and -, a letter or digit first", name)
	}
	if err := Check(value); err != nil {
		return Info{}, err
	}
	var info Info
	err := s.change(func(all *content) error {
		now := time.Now().UTC().Truncate(time.Millisecond)
		e := entry{value, now, now}
		if earlier, ok := all.Secrets[name]; ok {
			e.CreatedAt = earlier.CreatedAt
		}
		all.Secrets[name] = e
		info = Info{name, e.CreatedAt, e.UpdatedAt}
		return nil
	})
	return info, err
}

// Remove forgets a secret.
func (s *Store) Remove(name string) error {
	return s.change(func(all *content) error {
		if _, ok := all.Secrets[name]; !ok {
			return fmt.Errorf("%w: %.100q", ErrNotFound, name)
		}
		delete(all.Secrets, name)
		return nil
	})
}

// Rotate makes a new key and encrypts everything with it. Whoever has the old key can read no copy that
// is made from now on. Interrupted at any point, the store can be read with the key that is there.
func (s *Store) Rotate() error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	old, from, err := s.key()
	if err != nil {
		return err
	}
	if from != s.path(KeyFile) {
		return fmt.Errorf("the key comes from %s, where it has to be replaced: list the secrets, make another key with age-keygen, and set them again", from)
	}
	if old == nil {
		return errors.New("there is nothing to rotate: no secret was stored yet")
	}
	all, err := s.readWith(old)
	if err != nil {
		return err
	}
	next, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	if err := s.write(all, old.Recipient(), next.Recipient()); err != nil {
		return err
	}
	if err := replace(s.path(KeyFile), []byte(next.String()+"\n")); err != nil {
		return err
	}
	return s.write(all, next.Recipient())
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// change reads, changes and writes the store.
func (s *Store) change(change func(*content) error) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	key, _, err := s.key()
	if err != nil {
		return err
	}
	if key == nil {
		if _, err := os.Lstat(s.path(File)); err == nil {
			return s.noKey()
		}
		if key, err = age.GenerateX25519Identity(); err != nil {
			return err
		}
		if err := replace(s.path(KeyFile), []byte(key.String()+"\n")); err != nil {
			return err
		}
	}
	all, err := s.readWith(key)
	if err != nil {
		return err
	}
	if err := change(all); err != nil {
		return err
	}
	return s.write(all, key.Recipient())
}

func (s *Store) noKey() error {
	return fmt.Errorf("%s can't be read without its key: put it back as %s, or give it in %s or %s", s.path(File), s.path(KeyFile), KeyVariable, KeyFileVariable)
}

// read gives what is stored; nothing where there is no store yet.
func (s *Store) read() (*content, error) {
	key, _, err := s.key()
	if err != nil {
		return nil, err
	}
	return s.readWith(key)
}

func (s *Store) readWith(key *age.X25519Identity) (*content, error) {
	all := &content{Secrets: map[string]entry{}}
	sealed, err := os.ReadFile(s.path(File))
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	if key == nil {
		return nil, s.noKey()
	}
	plain, err := age.Decrypt(bytes.NewReader(sealed), key)
	if err != nil {
		return nil, fmt.Errorf("decrypt %s: %w", s.path(File), err)
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		return nil, fmt.Errorf("decrypt %s: %w", s.path(File), err)
	}
	if err := json.Unmarshal(b, all); err != nil {
		return nil, fmt.Errorf("read the secrets: %w", err)
	}
	if all.Secrets == nil {
		all.Secrets = map[string]entry{}
	}
	return all, nil
}

func (s *Store) write(all *content, to ...age.Recipient) error {
	plain, err := json.Marshal(all)
	if err != nil {
		return err
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to...)
	if err != nil {
		return fmt.Errorf("encrypt the secrets: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return fmt.Errorf("encrypt the secrets: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("encrypt the secrets: %w", err)
	}
	return replace(s.path(File), sealed.Bytes())
}

// key gives the key and where it is from; nil where there is none yet.
func (s *Store) key() (*age.X25519Identity, string, error) {
	text, from := os.Getenv(KeyVariable), KeyVariable
	if text == "" {
		file := s.path(KeyFile)
		if named := os.Getenv(KeyFileVariable); named != "" {
			file = named
		} else if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
			if path := filepath.Join(dir, Credential); exists(path) {
				file = path
			}
		}
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) && file == s.path(KeyFile) {
			return nil, file, nil
		}
		if err != nil {
			return nil, file, fmt.Errorf("read the key of the secrets: %w", err)
		}
		text, from = string(b), file
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := age.ParseX25519Identity(line)
		if err != nil {
			return nil, from, fmt.Errorf("%s holds no age key such as age-keygen makes (AGE-SECRET-KEY-1…)", from)
		}
		return key, from, nil
	}
	return nil, from, fmt.Errorf("%s holds no age key such as age-keygen makes (AGE-SECRET-KEY-1…)", from)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lock keeps other processes and goroutines from changing the store meanwhile.
func (s *Store) lock() (unlock func(), err error) {
	s.mu.Lock()
	f, err := os.OpenFile(s.path(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			_ = f.Close()
		}
	}
	if err != nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("lock the secrets: %w", err)
	}
	return func() {
		_ = f.Close() // gives the lock up
		s.mu.Unlock()
	}, nil
}

// replace writes a file whole or not at all, for its owner alone.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
