package auth

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/internal/id"
)

const (
	// Audience and Issuer stand in every token.
	Audience = "cordboard"
	Issuer   = "cordboard"
	// DesktopLife is the longest life of a token bound to a desktop session.
	DesktopLife = 15 * time.Minute
	// Skew is how far two clocks may be apart.
	Skew = 60 * time.Second

	maxToken  = 4096 // bytes; ours have about 500
	maxGrants = 64
)

// ErrToken is every reason not to believe a token; the text names it, for the log and the problem's detail.
var ErrToken = errors.New("auth: token refused")

// Keys signs tokens with the newest key and believes those of all keys. Safe for concurrent use.
type Keys struct {
	sign   key
	verify map[string]ed25519.PublicKey // by kid
	now    func() time.Time
	life   time.Duration       // longest life of an API token
	others map[string]*Trusted // by the name they put into their tokens
}

type key struct {
	id      string
	private ed25519.PrivateKey
}

// Open reads the key files (*.pem) in folder and makes one on first start. To rotate, put a new key file beside the
// old one and take the old one away when its tokens have run out; the file with the last name signs.
// maxLife bounds tokens that are bound to no session; now is nil for the real clock.
func Open(folder string, maxLife time.Duration, now func() time.Time) (*Keys, error) {
	if maxLife < time.Minute {
		return nil, fmt.Errorf("auth: longest token life %v is under a minute", maxLife)
	}
	if now == nil {
		now = time.Now
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.pem"))
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if len(names) == 0 {
		name, err := create(folder, now())
		if err != nil {
			return nil, err
		}
		names = []string{name}
	}
	slices.Sort(names)
	k := &Keys{verify: make(map[string]ed25519.PublicKey), now: now, life: maxLife}
	for _, name := range names {
		if k.sign, err = load(name); err != nil {
			return nil, err
		}
		k.verify[k.sign.id] = k.sign.private.Public().(ed25519.PublicKey)
	}
	return k, nil
}

// Trust believes tokens of other issuers too. To be called before the keys are used.
func (k *Keys) Trust(issuers []*Trusted) {
	k.others = make(map[string]*Trusted, len(issuers))
	for _, i := range issuers {
		k.others[i.cfg.Issuer] = i
	}
}

// Life is the longest a token can be good for, whoever signed it.
func (k *Keys) Life() time.Duration {
	life := k.life
	for _, i := range k.others {
		life = max(life, i.cfg.MaxLife)
	}
	return life
}

func create(folder string, now time.Time) (string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("auth: make key folder: %w", err)
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return "", fmt.Errorf("auth: make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("auth: make key: %w", err)
	}
	name := filepath.Join(folder, now.UTC().Format("20060102T150405Z")+".pem")
	// Written beside and linked in, so that of two processes that start at once exactly one key wins.
	tmp, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return "", fmt.Errorf("auth: write key: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if err := pem.Encode(tmp, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		return "", errors.Join(fmt.Errorf("auth: write key: %w", err), tmp.Close())
	}
	if err := errors.Join(tmp.Chmod(0o600), tmp.Sync(), tmp.Close()); err != nil {
		return "", fmt.Errorf("auth: write key: %w", err)
	}
	if err := os.Link(tmp.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("auth: write key: %w", err)
	}
	return name, nil
}

func load(name string) (key, error) {
	info, err := os.Stat(name)
	if err != nil {
		return key{}, fmt.Errorf("auth: read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return key{}, fmt.Errorf("auth: %s can be read by others (mode %04o): chmod 600 it", name, info.Mode().Perm())
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return key{}, fmt.Errorf("auth: read key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return key{}, fmt.Errorf("auth: %s holds no PEM block", name)
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return key{}, fmt.Errorf("auth: %s: %w", name, err)
	}
	private, ok := any.(ed25519.PrivateKey)
	if !ok {
		return key{}, fmt.Errorf("auth: %s is no Ed25519 key", name)
	}
	sum := sha256.Sum256(private.Public().(ed25519.PublicKey))
	return key{id: base64.RawURLEncoding.EncodeToString(sum[:12]), private: private}, nil
}

// Mint signs a token. LifeSeconds is cut to what the kind of token may have: DesktopLife with a session,
// the longest life given to Open without, and never beyond Until. 0 asks for the longest. Claims with an ID
// make a descendant of the token of that ID. The claims come back as signed.
func (k *Keys) Mint(c Claims) (string, Claims, error) {
	if len(c.Grants) > maxGrants {
		return "", c, fmt.Errorf("auth: %d grants, at most %d", len(c.Grants), maxGrants)
	}
	for _, g := range c.Grants {
		if !ValidGrant(g) {
			return "", c, fmt.Errorf("auth: %q is not a grant", g)
		}
	}
	c.Subject = cmp.Or(c.Subject, c.Agent)
	if c.Subject == "" {
		return "", c, errors.New("auth: a token needs a subject or an agent")
	}
	limit := k.life
	if c.Session != "" {
		limit = min(limit, DesktopLife)
	}
	life := time.Duration(c.LifeSeconds) * time.Second
	if life <= 0 || life > limit {
		life = limit
	}
	now := k.now().Truncate(time.Second)
	if c.Until > 0 {
		if life = min(life, time.Unix(c.Until, 0).Sub(now)); life <= 0 {
			return "", c, fmt.Errorf("%w: its time for renewals is over", ErrToken)
		}
	}
	c.LifeSeconds = int64(life / time.Second)
	if fresh := id.New("tok"); c.ID == "" {
		c.ID = fresh
	} else {
		c.ID = c.Root() + "." + strings.TrimPrefix(fresh, "tok_")
	}
	c.Issuer, c.Audience = Issuer, jwt.ClaimStrings{Audience}
	c.IssuedAt, c.NotBefore, c.ExpiresAt = jwt.NewNumericDate(now), jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(life))
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	t.Header["kid"] = k.sign.id
	s, err := t.SignedString(k.sign.private)
	if err != nil {
		return "", c, fmt.Errorf("auth: sign token: %w", err)
	}
	return s, c, nil
}

// Refresh signs a token like the one the claims came from, with a new life. It never gives more: same
// subject, agent, session, profile, grants and end, and no longer life. A foreign token is its issuer's to renew.
func (k *Keys) Refresh(c Claims) (string, Claims, error) {
	if c.Foreign != "" {
		return "", Claims{}, fmt.Errorf("%w: a token of %s is renewed by %s", ErrToken, c.Foreign, c.Foreign)
	}
	return k.Mint(Claims{
		Agent: c.Agent, Session: c.Session, Grants: c.Grants, Profile: c.Profile, LifeSeconds: c.LifeSeconds, Until: c.Until,
		RegisteredClaims: jwt.RegisteredClaims{Subject: c.Subject, ID: c.ID},
	})
}

// Verify reads a token and believes it, or returns an error that is ErrToken. For a token of another issuer it may
// wait for that issuer's keys, as long as the client given for them does.
func (k *Keys) Verify(token string) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, fmt.Errorf("%w: longer than %d bytes", ErrToken, maxToken)
	}
	if len(k.others) > 0 {
		// Which set of keys to look into, nothing more: the set's own checks come after.
		if other := k.others[unverifiedIssuer(token)]; other != nil {
			return other.verify(token, k.now)
		}
	}
	var c Claims
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithAudience(Audience), jwt.WithIssuer(Issuer),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Skew), jwt.WithTimeFunc(k.now), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(token, &c, k.find)
	switch {
	case err != nil:
		return Claims{}, fmt.Errorf("%w: %s", ErrToken, reason(err))
	case c.Subject == "":
		return Claims{}, fmt.Errorf("%w: no subject", ErrToken)
	case c.IssuedAt == nil:
		return Claims{}, fmt.Errorf("%w: no time of issue", ErrToken)
	case len(c.Grants) > maxGrants:
		return Claims{}, fmt.Errorf("%w: too many grants", ErrToken)
	case c.Session != "" && c.Agent == "":
		return Claims{}, fmt.Errorf("%w: a session without an agent", ErrToken)
	}
	limit := k.life
	if c.Session != "" {
		limit = min(limit, DesktopLife)
	}
	if c.Expires().Sub(c.IssuedAt.Time) > limit {
		return Claims{}, fmt.Errorf("%w: it lives longer than allowed", ErrToken)
	}
	return c, nil
}

// checkHeader refuses everything a header could say about keys besides alg and kid, and what else is not listed.
func checkHeader(header map[string]any, types ...string) error {
	for name := range header {
		switch name {
		case "alg", "kid", "typ":
		case "x5t", "x5t#S256": // a finger print of the certificate: says nothing that kid does not
			if len(types) == 1 {
				return fmt.Errorf("header %q is not accepted", name)
			}
		default:
			return fmt.Errorf("header %q is not accepted", name)
		}
	}
	if typ, ok := header["typ"]; ok {
		s, _ := typ.(string)
		if !slices.ContainsFunc(types, func(t string) bool { return strings.EqualFold(s, t) }) {
			return errors.New("typ is not JWT")
		}
	}
	return nil
}

// find is the key of a token's kid.
func (k *Keys) find(t *jwt.Token) (any, error) {
	if err := checkHeader(t.Header, "JWT"); err != nil {
		return nil, err
	}
	kid, _ := t.Header["kid"].(string)
	public, ok := k.verify[kid]
	if !ok {
		return nil, errors.New("unknown kid")
	}
	return public, nil
}

// reason is a short text without anything of the token in it.
func reason(err error) string {
	for _, known := range []struct {
		err  error
		text string
	}{
		{jwt.ErrTokenExpired, "it has run out"},
		{jwt.ErrTokenNotValidYet, "it is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "it is not valid yet"},
		{jwt.ErrTokenInvalidAudience, "wrong audience"},
		{jwt.ErrTokenInvalidIssuer, "wrong issuer"},
		{jwt.ErrTokenRequiredClaimMissing, "a required claim is missing"},
		{jwt.ErrTokenSignatureInvalid, "bad signature or algorithm"},
		{jwt.ErrTokenUnverifiable, "its key is unknown or its header not accepted"},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return "it is malformed"
}
