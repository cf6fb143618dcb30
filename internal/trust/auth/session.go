package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// SessionsFile is the name, in the data directory, of the file that keeps sessions over restarts.
const SessionsFile = "sessions.json"

const (
	defaultSessionIdle = 7 * 24 * time.Hour
	defaultSessionMax  = 30 * 24 * time.Hour
	// maxSessions bounds the sessions of one user; a new one ends the one unused for longest.
	maxSessions = 200
	// flushEvery is how often at most the mere use of sessions is written down. A crash in between
	// makes a session look unused for that much longer.
	flushEvery = 10 * time.Minute
)

// session is one browser that signed in. The file holds the digest of its secret, never the secret.
type session struct {
	Key         string    `json:"key"`
	User        string    `json:"user"`
	Name        string    `json:"name,omitempty"` // of the API key it was made from
	Permissions []string  `json:"permissions"`
	Root        string    `json:"root"` // the credential it was made from; it ends with that
	Created     time.Time `json:"created"`
	Used        time.Time `json:"used"`
	Until       time.Time `json:"until"` // it ends then however much it is used
	Address     string    `json:"address"`
	Agent       string    `json:"agent"` // the browser, as it calls itself
}

// sessions keeps who is signed in. Everything that changes who that is, is on disk before it counts.
type sessions struct {
	dir       *os.Root
	log       *slog.Logger
	idle, max time.Duration

	mu      sync.Mutex
	byKey   map[string]*session
	used    bool // something was used since the last write
	written time.Time
}

type sessionFile struct {
	Version  int        `json:"version"`
	Sessions []*session `json:"sessions"`
}

func openSessions(dir *os.Root, idle, longest time.Duration, log *slog.Logger) (*sessions, error) {
	if idle <= 0 {
		idle = defaultSessionIdle
	}
	if longest <= 0 {
		longest = defaultSessionMax
	}
	s := &sessions{dir: dir, log: log, idle: idle, max: longest, byKey: map[string]*session{}, written: time.Now()}
	data, _, _, err := readSecret(dir, SessionsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the sessions: %w", err)
	}
	var file sessionFile
	if err := json.Unmarshal(data, &file); err != nil || file.Version != 1 {
		aside := SessionsFile + ".broken"
		if err := dir.Rename(SessionsFile, aside); err != nil {
			return nil, fmt.Errorf("set the broken sessions aside: %w", err)
		}
		log.Warn("the sessions can't be read, so everybody has to sign in again", "setAside", aside, "version", file.Version, "error", err)
		return s, nil
	}
	now := time.Now()
	for _, found := range file.Sessions {
		if found != nil && found.Key != "" && found.User != "" && s.alive(found, now) {
			s.byKey[found.Key] = found
		}
	}
	return s, nil
}

func (s *sessions) alive(found *session, now time.Time) bool {
	return now.Before(found.Until) && now.Sub(found.Used) < s.idle
}

// find gives whom a cookie's value stands for, and counts as use.
func (s *sessions) find(secret string) (Principal, bool) {
	if len(secret) > 128 {
		return Principal{}, false
	}
	key := digest(secret)
	if !s.touch(key) {
		return Principal{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byKey[key]
	if found == nil {
		return Principal{}, false
	}
	return found.principal(), true
}

func (found *session) principal() Principal {
	return Principal{ID: found.User, Name: found.Name, Kind: KindSession, Permissions: found.Permissions, Expires: found.Until, root: found.Root, session: found.Key}
}

// touch reports whether the session is alive, and counts as use of it.
func (s *sessions) touch(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byKey[key]
	if found == nil {
		return false
	}
	now := time.Now()
	if !s.alive(found, now) {
		delete(s.byKey, key)
		s.used = true
		return false
	}
	if now.After(found.Used) {
		found.Used, s.used = now, true
	}
	if now.Sub(s.written) >= min(flushEvery, s.idle/10) {
		if err := s.writeLocked(); err != nil {
			s.log.Error("the use of sessions can't be written down", "error", err)
			s.written = now // not again with every request
		}
	}
	return true
}

// add starts a session and returns the secret that stands for it.
func (s *sessions) add(from Principal, address, agent string) (string, Principal, error) {
	now := time.Now()
	until := now.Add(s.max)
	if !from.Expires.IsZero() && from.Expires.Before(until) {
		until = from.Expires // neither a token nor an older session is prolonged by signing in with it
	}
	secret := randomToken()
	added := &session{
		Key: digest(secret), User: from.ID, Name: from.Name, Permissions: from.Permissions, Root: from.root,
		Created: now, Used: now, Until: until, Address: address, Agent: agent[:min(len(agent), 200)],
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped := s.makeRoomLocked(from.ID, now)
	s.byKey[added.Key] = added
	if err := s.writeLocked(); err != nil {
		delete(s.byKey, added.Key)
		for _, back := range dropped {
			s.byKey[back.Key] = back
		}
		return "", Principal{}, fmt.Errorf("start a session: %w", err)
	}
	return secret, added.principal(), nil
}

// makeRoomLocked forgets what has ended and, when the user has as many sessions as can be, the one
// unused for longest. It returns what it forgot.
func (s *sessions) makeRoomLocked(user string, now time.Time) (dropped []*session) {
	count := 0
	var oldest *session
	for key, found := range s.byKey {
		if !s.alive(found, now) {
			delete(s.byKey, key)
			continue
		}
		if found.User == user {
			count++
			if oldest == nil || found.Used.Before(oldest.Used) {
				oldest = found
			}
		}
	}
	if count >= maxSessions {
		delete(s.byKey, oldest.Key)
		dropped = append(dropped, oldest)
	}
	return dropped
}

// remove ends every session that match holds for, and says how many there were. They have ended
// even when that could not be written down; the error then says that they come back with a restart.
func (s *sessions) remove(match func(*session) bool) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	removed := 0
	for key, found := range s.byKey {
		if match(found) {
			delete(s.byKey, key)
			removed++
		}
	}
	if removed == 0 {
		return 0, nil
	}
	if err := s.writeLocked(); err != nil {
		return removed, fmt.Errorf("end a session for good: %w", err)
	}
	return removed, nil
}

func (s *sessions) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.used {
		return nil
	}
	return s.writeLocked()
}

func (s *sessions) writeLocked() error {
	file := sessionFile{Version: 1, Sessions: make([]*session, 0, len(s.byKey))}
	for _, found := range s.byKey {
		file.Sessions = append(file.Sessions, found)
	}
	data, err := json.Marshal(file)
	if err != nil {
		return err
	}
	if err := writeSecret(s.dir, SessionsFile, append(data, '\n'), true); err != nil {
		return err
	}
	s.used, s.written = false, time.Now()
	return nil
}

// SetSession signs a browser in as p: it starts a session and sets its cookie. The session ends
// with the credential it was made from.
func (a *Authenticator) SetSession(w http.ResponseWriter, r *http.Request, p Principal) (Principal, error) {
	if err := errors.Join(a.Check(p), p.noSession()); err != nil {
		return Principal{}, err
	}
	secret, signedIn, err := a.sessions.add(p, peerOf(r).Address, r.UserAgent())
	if err != nil {
		return Principal{}, err
	}
	cookie := a.newCookie(r)
	cookie.Value = secret
	cookie.MaxAge = max(1, int(time.Until(signedIn.Expires).Seconds()))
	http.SetCookie(w, cookie)
	return signedIn, nil
}

// ClearSession signs the browser out and takes its cookie away. Without a session it does nothing
// but that.
func (a *Authenticator) ClearSession(w http.ResponseWriter, r *http.Request) error {
	value, present := a.cookie(r)
	cookie := a.newCookie(r)
	cookie.MaxAge = -1
	http.SetCookie(w, cookie)
	if !present {
		return nil
	}
	key := digest(value)
	_, err := a.sessions.remove(func(s *session) bool { return s.Key == key })
	return err
}

// EndSessions ends every session of a user and says how many there were.
func (a *Authenticator) EndSessions(user string) (int, error) {
	return a.sessions.remove(func(s *session) bool { return s.User == user })
}

// cookie is the value of the session cookie.
func (a *Authenticator) cookie(r *http.Request) (string, bool) {
	found := r.CookiesNamed(a.newCookie(r).Name)
	if len(found) != 1 || found[0].Value == "" { // two of one name: one was planted, and we can't tell which
		return "", false
	}
	return found[0].Value, true
}

// newCookie is the session cookie without a value. Browsers keep cookies by host and not by port,
// so its name holds the port that the browser sees: instances side by side don't sign each other
// out. Over TLS, the prefix keeps neighbours of the host name from planting one.
func (a *Authenticator) newCookie(r *http.Request) *http.Cookie {
	secure := peerOf(r).Secure
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		if port = "80"; secure {
			port = "443"
		}
	}
	name := "claudeops-" + port
	if secure && a.basePath == "" {
		name = "__Host-" + name
	}
	return &http.Cookie{Name: name, Path: a.basePath + "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure}
}
