package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
)

const (
	minSecret   = 32      // bytes; HS256 is as strong as its secret, 256 bits at most
	minRSABits  = 2048    // below that a key can be broken
	maxJWKS     = 1 << 20 // bytes of a JWK set
	jwksAge     = 10 * time.Minute
	jwksRetry   = 10 * time.Second // between two fetches, whatever asks for them
	fileRecheck = time.Second
)

// key verifies signatures made with one of algs and no other.
type key struct {
	id     string // digest of the key: what credentials say they rest on
	kid    string // empty: tokens with any kid or none may be signed by it
	algs   []string
	public any
}

// keys is the set of keys that JWTs may be signed with. Fixed ones are given at start; those of a
// JWK set come and go with it.
type keys struct {
	log    *slog.Logger
	fixed  []key
	file   string
	url    string
	client *http.Client

	ctx    context.Context // ends fetches when stopped
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	set      []key // of the JWK set
	info     fs.FileInfo
	looked   time.Time // when the file was looked at
	tried    time.Time // when the last fetch began
	fetched  time.Time // when the last good fetch ended
	fetching chan struct{}
}

func openKeys(opts JWT, log *slog.Logger) (*keys, error) {
	k := &keys{log: log, file: opts.JWKSFile, url: opts.JWKSURL, client: opts.Client}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	if k.client == nil {
		k.client = &http.Client{Timeout: 10 * time.Second}
	}
	if k.file != "" && k.url != "" {
		return nil, errors.New("give a JWK set as a file or as a URL, not both")
	}
	if len(opts.Secret) > 0 {
		if len(opts.Secret) < minSecret {
			return nil, fmt.Errorf("the shared secret has %d bytes; HS256 needs %d at least (`openssl rand -base64 32` makes one)", len(opts.Secret), minSecret)
		}
		if err := checkSecret(opts.Secret); err != nil {
			return nil, err
		}
		k.fixed = append(k.fixed, key{id: keyDigest(opts.Secret), algs: []string{"HS256"}, public: opts.Secret})
	}
	if len(opts.PublicKey) > 0 {
		found, err := parsePEM(opts.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("read the public key: %w", err)
		}
		k.fixed = append(k.fixed, found...)
	}
	if k.file != "" {
		if err := k.readFile(); err != nil {
			return nil, err
		}
	}
	if k.url != "" {
		if err := checkJWKSURL(k.url); err != nil {
			return nil, err
		}
		// The issuer may be down just now: the server starts all the same, and asks again.
		k.mu.Lock()
		k.fetchLocked()
		k.mu.Unlock()
	}
	return k, nil
}

// checkSecret refuses as a shared secret what everybody can have.
func checkSecret(secret []byte) error {
	switch {
	case bytes.Contains(secret, []byte("-----BEGIN ")):
		return errors.New("the shared secret is a PEM file: a public key is no secret, give it as the public key")
	case uniform(secret):
		return errors.New("the shared secret is one byte again and again, which is no secret (`openssl rand -base64 32` makes one)")
	}
	return nil
}

// uniform reports whether all bytes are the same, zeros for example.
func uniform(b []byte) bool {
	return len(b) > 0 && bytes.Count(b, b[:1]) == len(b)
}

// stop ends what is under way and waits for it.
func (k *keys) stop() {
	k.cancel()
	k.wg.Wait()
}

// find gives the keys that a token with that kid and alg may be signed with. A kid that is not
// known may belong to a key the issuer just began to use, so the set is fetched again first.
func (k *keys) find(ctx context.Context, kid, alg string) []key {
	k.refresh()
	found, known := k.lookup(kid, alg)
	if known || k.url == "" {
		return found
	}
	k.mu.Lock()
	if k.fetching == nil && time.Since(k.tried) >= jwksRetry {
		k.fetchLocked()
	}
	wait := k.fetching
	k.mu.Unlock()
	if wait == nil {
		return found
	}
	select {
	case <-wait:
	case <-ctx.Done():
		return nil
	}
	found, _ = k.lookup(kid, alg)
	return found
}

// lookup gives the keys for kid and alg. known is false when the set may hold more of them by now:
// none of its keys has that very kid.
func (k *keys) lookup(kid, alg string) (found []key, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, candidate := range slices.Concat(k.fixed, k.set) {
		if kid != "" && candidate.kid != "" && candidate.kid != kid {
			continue
		}
		if kid == "" || candidate.kid == kid {
			known = true
		}
		if slices.Contains(candidate.algs, alg) {
			found = append(found, candidate)
		}
	}
	return found, known
}

// trusts reports whether the key of that digest is still in the set.
func (k *keys) trusts(id string) bool {
	k.refresh()
	k.mu.Lock()
	defer k.mu.Unlock()
	same := func(candidate key) bool { return candidate.id == id }
	return slices.ContainsFunc(k.fixed, same) || slices.ContainsFunc(k.set, same)
}

// refresh takes over a changed file, and begins to fetch a set that has grown old.
func (k *keys) refresh() {
	if k.file == "" && k.url == "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.url != "" && k.fetching == nil && now.Sub(k.fetched) >= jwksAge && now.Sub(k.tried) >= jwksRetry {
		k.fetchLocked()
	}
	if k.file == "" || now.Sub(k.looked) < fileRecheck {
		return
	}
	k.looked = now
	info, err := os.Stat(k.file)
	if err == nil && os.SameFile(info, k.info) && info.ModTime().Equal(k.info.ModTime()) && info.Size() == k.info.Size() {
		return
	}
	if err == nil {
		err = k.readFile()
	}
	if err != nil {
		k.log.Error("the JWK set can't be read again; the last one stays in force", "file", k.file, "error", err)
	}
}

func (k *keys) readFile() error {
	f, err := os.Open(k.file)
	if err != nil {
		return fmt.Errorf("read the JWK set: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the JWK set: %w", err)
	}
	set, err := readJWKS(f, k.log)
	if err != nil {
		return fmt.Errorf("read the JWK set %s: %w", k.file, err)
	}
	k.set, k.info, k.looked = set, info, time.Now()
	return nil
}

// fetchLocked begins to fetch the set; fetching is closed when that ended, well or not.
func (k *keys) fetchLocked() {
	if k.ctx.Err() != nil {
		return
	}
	done := make(chan struct{})
	k.fetching, k.tried = done, time.Now()
	k.wg.Go(func() {
		set, err := k.fetch()
		k.mu.Lock()
		defer k.mu.Unlock()
		defer close(done)
		k.fetching = nil
		if err != nil {
			k.log.Error("the JWK set can't be fetched; the last one stays in force", "url", k.url, "keys", len(k.set), "error", err)
			return
		}
		k.set, k.fetched = set, time.Now()
	})
}

func (k *keys) fetch() ([]key, error) {
	request, err := http.NewRequestWithContext(k.ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	client := *k.client
	client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if len(via) >= 5 {
			return errors.New("too many redirects")
		}
		return checkJWKSURL(next.URL.String())
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", response.Status)
	}
	return readJWKS(response.Body, k.log)
}

// checkJWKSURL refuses addresses where somebody on the way could put in keys of their own.
func checkJWKSURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Errorf("the address of the JWK set: %w", err)
	}
	if u.Scheme == "https" && u.Host != "" {
		return nil
	}
	if u.Scheme == "http" {
		if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() == "localhost" || err == nil && ip.IsLoopback() {
			return nil
		}
	}
	return fmt.Errorf("the JWK set must come over https, or http on loopback; %q is neither", u.Redacted())
}

// readJWKS reads a JWK set. A key that is not for signatures, or of a kind nobody here knows, is
// left out; so is a shared secret, which a published set can't hold. A set without any usable key
// is an error, so that a page of an error in its place does not lock everybody out.
func readJWKS(r io.Reader, log *slog.Logger) ([]key, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxJWKS+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxJWKS {
		return nil, fmt.Errorf("it is larger than %d bytes", maxJWKS)
	}
	var document struct {
		Keys []jwkset.JWKMarshal `json:"keys"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("it is not a JWK set: %w", err)
	}
	var set []key
	for i, entry := range document.Keys {
		found, err := fromJWK(entry)
		if err != nil {
			log.Warn("a key of the JWK set is left out", "index", i, "kid", entry.KID, "reason", err)
			continue
		}
		set = append(set, found)
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("none of its %d keys can verify a signature", len(document.Keys))
	}
	return set, nil
}

func fromJWK(entry jwkset.JWKMarshal) (key, error) {
	if entry.USE != "" && entry.USE != jwkset.UseSig {
		return key{}, fmt.Errorf("its use is %q, not sig", entry.USE)
	}
	if len(entry.KID) > maxKeyID {
		return key{}, fmt.Errorf("its kid is longer than %d bytes", maxKeyID)
	}
	// Certificates are not needed to verify, and nothing is to be fetched because a key says so.
	entry.X5U, entry.X5C, entry.X5T, entry.X5TS256 = "", nil, "", ""
	parsed, err := jwkset.NewJWKFromMarshal(entry, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, err
	}
	found, err := newKey(parsed.Key())
	if err != nil {
		return key{}, err
	}
	found.kid = entry.KID
	if entry.ALG != "" {
		if !slices.Contains(found.algs, entry.ALG.String()) {
			return key{}, fmt.Errorf("its alg is %q, which does not fit the key or is not taken here", entry.ALG)
		}
		found.algs = []string{entry.ALG.String()}
	}
	return found, nil
}

// newKey pins a public key to the algorithms it is for.
func newKey(public any) (key, error) {
	found := key{public: public}
	switch p := public.(type) {
	case *rsa.PublicKey:
		if p.N.BitLen() < minRSABits {
			return key{}, fmt.Errorf("an RSA key must have %d bits at least, this one has %d", minRSABits, p.N.BitLen())
		}
		found.algs = []string{"RS256", "RS384", "RS512"}
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256():
			found.algs = []string{"ES256"}
		case elliptic.P384():
			found.algs = []string{"ES384"}
		case elliptic.P521():
			found.algs = []string{"ES512"}
		default:
			return key{}, fmt.Errorf("the curve %s is not taken here", p.Curve.Params().Name)
		}
	case ed25519.PublicKey:
		if uniform(p) {
			return key{}, errors.New("an Ed25519 key of one byte again and again is nobody's")
		}
		found.algs = []string{"EdDSA"}
	default:
		return key{}, fmt.Errorf("it is a %T, not an RSA, ECDSA or Ed25519 public key", public)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return key{}, err
	}
	found.id = keyDigest(der)
	return found, nil
}

// parsePEM reads public keys and certificates.
func parsePEM(data []byte) ([]key, error) {
	var found []key
	for len(data) > 0 {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		var public any
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			public, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			public, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var certificate *x509.Certificate
			if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
				public = certificate.PublicKey
			}
		default:
			return nil, fmt.Errorf("a PEM block %q is no public key or certificate; the server must not hold the private key", block.Type)
		}
		if err != nil {
			return nil, err
		}
		added, err := newKey(public)
		if err != nil {
			return nil, err
		}
		found = append(found, added)
	}
	if len(found) == 0 {
		return nil, errors.New("it holds no PEM block (-----BEGIN PUBLIC KEY-----)")
	}
	return found, nil
}

func keyDigest(material []byte) string {
	sum := sha256.Sum256(material)
	return hex.EncodeToString(sum[:])
}
