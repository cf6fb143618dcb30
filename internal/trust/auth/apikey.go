package auth

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/claudeops/claudeops/internal/fault"
	"github.com/claudeops/claudeops/protocol"
)

// KindKey is the kind of a principal that presented an API key.
const KindKey = "key"

// KeysFile is the name, in the data directory, of the file that keeps API keys.
const KeysFile = "keys.json"

// KeyPrefix begins every API key, so that people and scanners for secrets recognise one.
const KeyPrefix = "cops_"

// keyUser begins the user's id of a key. No JWT may carry such an id.
const keyUser = "key:"

const (
	maxKeys     = 10_000
	maxKeyName  = 100 // bytes
	maxGrants   = 100 // of one key
	keySecret   = 32  // characters of base 62: 190 bits
	keyChecksum = 6   // characters of base 62: a CRC-32
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// APIKey is a credential for a program. The file holds the digest of its secret, never the secret.
type APIKey struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Permissions []string   `json:"permissions"`
	CreatedAt   time.Time  `json:"createdAt"`
	CreatedBy   string     `json:"createdBy"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty"`
	LastUsedAt  *time.Time `json:"lastUsedAt,omitempty"` // to the minute
	Hint        string     `json:"hint"`                 // how the key begins and ends, to tell it from others

	Digest string `json:"digest,omitempty"` // empty in what is given to others
}

// apiKeys keeps the keys. Everything that changes who is let in is on disk before it counts.
type apiKeys struct {
	dir *os.Root
	log *slog.Logger

	mu       sync.Mutex
	byID     map[string]*APIKey
	byDigest map[string]*APIKey
	used     bool // LastUsedAt of some changed since the last write
	written  time.Time
}

type keysFile struct {
	Version int       `json:"version"`
	Keys    []*APIKey `json:"keys"`
}

func openAPIKeys(dir *os.Root, log *slog.Logger) (*apiKeys, error) {
	k := &apiKeys{dir: dir, log: log, byID: map[string]*APIKey{}, byDigest: map[string]*APIKey{}, written: time.Now()}
	data, _, _, err := readSecret(dir, KeysFile)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the API keys: %w", err)
	}
	var file keysFile
	if err := json.Unmarshal(data, &file); err != nil || file.Version != 1 {
		// Unlike sessions they can't be made anew by signing in: nothing is thrown away.
		return nil, fmt.Errorf("%s can't be read (version %d): restore it from a backup, or remove it to revoke every API key: %w", KeysFile, file.Version, err)
	}
	for _, key := range file.Keys {
		if key != nil && key.ID != "" && key.Digest != "" {
			k.byID[key.ID], k.byDigest[key.Digest] = key, key
		}
	}
	return k, nil
}

// CreateKey makes an API key in the name of by, and gives the key itself: this is the only time that
// anybody sees it. The error's code says what is wrong with the request.
func (a *Authenticator) CreateKey(by Principal, name string, permissions []string, expires time.Time) (APIKey, string, error) {
	if err := checkKey(name, permissions, expires); err != nil {
		return APIKey{}, "", err
	}
	for _, text := range permissions {
		if grant, _ := protocol.ParseGrant(text); !by.holds(grant) {
			return APIKey{}, "", fault.New(protocol.Forbidden, "permissions: %s can't give %s, which it does not have itself", by.ID, text)
		}
	}
	secret := newAPIKey()
	key := &APIKey{
		ID: strings.ToLower(rand.Text()), Name: name, Permissions: slices.Clone(permissions), CreatedAt: time.Now().UTC().Truncate(time.Millisecond),
		CreatedBy: by.ID, Digest: digest(secret), Hint: secret[:len(KeyPrefix)+4] + "…" + secret[len(secret)-4:],
	}
	if !expires.IsZero() {
		key.ExpiresAt = new(expires.UTC())
	}
	if err := a.keys.add(key); err != nil {
		return APIKey{}, "", err
	}
	return key.shown(), secret, nil
}

func checkKey(name string, permissions []string, expires time.Time) error {
	switch {
	case name == "" || len(name) > maxKeyName || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fault.New(protocol.BadRequest, "name: must be printable, %d bytes at most, without spaces around it", maxKeyName)
	case len(permissions) == 0:
		return fault.New(protocol.BadRequest, "permissions: name at least one, like %s", protocol.PermRead)
	case len(permissions) > maxGrants:
		return fault.New(protocol.BadRequest, "permissions: there may be %d", maxGrants)
	case !expires.IsZero() && !expires.After(time.Now()):
		return fault.New(protocol.BadRequest, "expiresAt: must be in the future")
	}
	for _, text := range permissions {
		if _, err := protocol.ParseGrant(text); err != nil {
			return fault.Wrap(protocol.BadRequest, err, "permissions: %s", err)
		}
	}
	return nil
}

// holds reports whether p could do everything that a grant allows.
func (p Principal) holds(grant protocol.Grant) bool {
	scope := p.Scope(grant.Permission)
	return scope.All() || grant.Agents != "" && slices.Contains(scope.Patterns(), grant.Agents)
}

// Keys gives every API key, the newest first, without digests.
func (a *Authenticator) Keys() []APIKey {
	k := a.keys
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]APIKey, 0, len(k.byID))
	for _, key := range k.byID {
		all = append(all, key.shown())
	}
	slices.SortFunc(all, func(a, b APIKey) int {
		if order := b.CreatedAt.Compare(a.CreatedAt); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

// RevokeKey removes an API key: what rests on it ends when it is next looked at. It gives the key that
// was removed; ok is false when there was none.
func (a *Authenticator) RevokeKey(id string) (key APIKey, ok bool, err error) {
	return a.keys.remove(id)
}

func (k *APIKey) shown() APIKey {
	shown := *k
	shown.Digest, shown.Permissions = "", slices.Clone(k.Permissions)
	return shown
}

func (k *APIKey) expired(now time.Time) bool { return k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) }

func (k *apiKeys) add(key *APIKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.byID) >= maxKeys {
		return fault.New(protocol.LimitReached, "there are %d API keys, the most there can be: revoke some", maxKeys)
	}
	for _, other := range k.byID {
		if other.Name == key.Name {
			return fault.New(protocol.Conflict, "name: there is an API key %q already (%s): revoke it first, or take another name", key.Name, other.ID)
		}
	}
	k.byID[key.ID], k.byDigest[key.Digest] = key, key
	if err := k.writeLocked(); err != nil {
		delete(k.byID, key.ID)
		delete(k.byDigest, key.Digest)
		return fmt.Errorf("create an API key: %w", err)
	}
	return nil
}

func (k *apiKeys) remove(id string) (APIKey, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.byID[id]
	if key == nil {
		return APIKey{}, false, nil
	}
	delete(k.byID, key.ID)
	delete(k.byDigest, key.Digest)
	if err := k.writeLocked(); err != nil {
		return key.shown(), true, fmt.Errorf("revoke an API key for good: it would come back with a restart: %w", err)
	}
	return key.shown(), true, nil
}

// find gives whom an API key stands for.
func (k *apiKeys) find(secret string) (Principal, error) {
	if !wellFormedKey(secret) {
		return Principal{}, refuse(nil, "the API key is mistyped or cut off: its checksum does not match")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.byDigest[digest(secret)]
	if key == nil {
		// It may have been good once: whoever forges a checksum learns nothing by this.
		return Principal{}, refuse(nil, "the API key is not valid here: it was revoked, or it is another server's")
	}
	now := time.Now()
	if key.expired(now) {
		return Principal{}, refuse(ErrExpired, "the API key %q expired: create a new one", key.Name)
	}
	k.usedLocked(key, now)
	p := Principal{ID: keyUser + key.Name, Name: key.Name, Kind: KindKey, Permissions: slices.Clone(key.Permissions), root: KindKey + ":" + key.ID}
	if key.ExpiresAt != nil {
		p.Expires = *key.ExpiresAt
	}
	return p, nil
}

// usedLocked notes the use of a key. It is written down now and then: a crash loses some minutes.
func (k *apiKeys) usedLocked(key *APIKey, now time.Time) {
	minute := now.UTC().Truncate(time.Minute)
	if key.LastUsedAt == nil || key.LastUsedAt.Before(minute) {
		key.LastUsedAt, k.used = &minute, true
	}
	if k.used && now.Sub(k.written) >= flushEvery {
		if err := k.writeLocked(); err != nil {
			k.log.Error("the use of API keys can't be written down", "error", err)
			k.written = now
		}
	}
}

// current reports whether the key with this id is still good.
func (k *apiKeys) current(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.byID[id]
	return key != nil && !key.expired(time.Now())
}

func (k *apiKeys) flush() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.used {
		return nil
	}
	return k.writeLocked()
}

func (k *apiKeys) writeLocked() error {
	file := keysFile{Version: 1, Keys: make([]*APIKey, 0, len(k.byID))}
	for _, key := range k.byID {
		file.Keys = append(file.Keys, key)
	}
	slices.SortFunc(file.Keys, func(a, b *APIKey) int { return strings.Compare(a.ID, b.ID) })
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	if err := writeSecret(k.dir, KeysFile, append(data, '\n'), true); err != nil {
		return err
	}
	k.used, k.written = false, time.Now()
	return nil
}

// newAPIKey is a prefix, random characters that a double click selects, and their checksum.
func newAPIKey() string {
	secret := make([]byte, keySecret)
	for i := range secret {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(base62))))
		if err != nil {
			panic("auth: " + err.Error()) // the system's random numbers never fail
		}
		secret[i] = base62[n.Int64()]
	}
	return KeyPrefix + string(secret) + checksum(string(secret))
}

func checksum(secret string) string {
	sum := crc32.ChecksumIEEE([]byte(secret))
	text := make([]byte, keyChecksum)
	for i := range text {
		text[keyChecksum-1-i] = base62[sum%uint32(len(base62))]
		sum /= uint32(len(base62))
	}
	return string(text)
}

// wellFormedKey tells a key from what is mistyped, without asking who has it.
func wellFormedKey(key string) bool {
	rest, ok := strings.CutPrefix(key, KeyPrefix)
	return ok && len(rest) == keySecret+keyChecksum && checksum(rest[:keySecret]) == rest[keySecret:]
}
