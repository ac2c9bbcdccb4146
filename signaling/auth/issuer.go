package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The algorithms a foreign key can have.
const (
	HS256 = "HS256"
	RS256 = "RS256"
	ES256 = "ES256"
)

var algorithms = []string{HS256, RS256, ES256}

// IssuerConfig is somebody else whose tokens are believed.
type IssuerConfig struct {
	// Name is how the issuer is called here: a-z, 0-9 and -. It goes before the subjects of its tokens.
	Name string `toml:"name"`
	// Issuer and Audience must stand in its tokens as iss and in aud.
	Issuer   string `toml:"issuer"`
	Audience string `toml:"audience"`
	// Algorithms are those a token may be signed with. A key has one algorithm, the token cannot choose another.
	Algorithms []string `toml:"algorithms"`
	// Keys are known beforehand; JWKSURL is where the issuer publishes its keys, which are never HS256.
	Keys    []IssuerKey `toml:"keys"`
	JWKSURL string      `toml:"jwks_url"`
	// Grants are the most a token may hold; one that asks for more is refused.
	Grants []string `toml:"grants"`
	// Agents lets tokens speak for the agent named by the claim agent, and sign in as that agent.
	Agents bool `toml:"agents"`
	// GrantsClaim is the claim that holds the grants, as a list or separated by blanks; RoleClaim holds a role.
	GrantsClaim string `toml:"grants_claim"`
	RoleClaim   string `toml:"role_claim"`
	// MaxLife is how long a token may be good for, from iat to exp.
	MaxLife time.Duration `toml:"max_life"`
	// Leeway is how far the clocks may be apart.
	Leeway time.Duration `toml:"leeway"`
}

// IssuerKey is a key of an issuer that is known beforehand.
type IssuerKey struct {
	KID       string `toml:"kid"` // empty: for tokens without one
	Algorithm string `toml:"algorithm"`
	// File holds a public key or certificate as PEM, or for HS256 the secret, of at least 32 bytes. PublicKey is the
	// PEM itself.
	File      string `toml:"file"`
	PublicKey string `toml:"public_key"`
}

// SetDefaults is what an entry without these settings means.
func (c *IssuerConfig) SetDefaults() {
	c.Audience, c.GrantsClaim, c.RoleClaim = Audience, "grants", "role"
	c.MaxLife, c.Leeway = 24*time.Hour, 30*time.Second
}

// Validate names everything that is wrong with an entry; checkURL knows where requests may go.
func (c IssuerConfig) Validate(checkURL func(string) error) error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("auth.issuers: %s: %s: "+format, append([]any{c.Name, key}, args...)...))
	}
	if !plainName(c.Name) {
		bad("name", "%q is not made of a-z, 0-9 and -", c.Name)
	}
	if c.Issuer == "" || c.Issuer == Issuer {
		bad("issuer", "must be what the tokens hold as iss, and not %q", Issuer)
	}
	if c.Audience == "" {
		bad("audience", "must be what the tokens hold as aud")
	}
	if len(c.Algorithms) == 0 {
		bad("algorithms", "name at least one of %s", strings.Join(algorithms, ", "))
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(algorithms, a) {
			bad("algorithms", "%q is none of %s", a, strings.Join(algorithms, ", "))
		}
	}
	if c.JWKSURL == "" && len(c.Keys) == 0 {
		bad("keys", "give keys or a jwks_url")
	}
	if c.JWKSURL != "" {
		if err := checkURL(c.JWKSURL); err != nil {
			bad("jwks_url", "%v", err)
		}
		if slices.Equal(c.Algorithms, []string{HS256}) {
			bad("jwks_url", "a published key cannot be secret: HS256 keys stand in keys")
		}
	}
	if _, err := staticKeys(c); err != nil {
		bad("keys", "%v", err)
	}
	if len(c.Grants) == 0 {
		bad("grants", "name the most its tokens may hold")
	}
	for _, g := range c.Grants {
		if !ValidGrant(g) {
			bad("grants", "%q is not a grant", g)
		}
	}
	if c.GrantsClaim == "" && c.RoleClaim == "" {
		bad("grants_claim", "set grants_claim or role_claim")
	}
	if c.MaxLife < time.Minute || c.MaxLife > 366*24*time.Hour {
		bad("max_life", "%v is not between 1m and 8784h", c.MaxLife)
	}
	if c.Leeway < 0 || c.Leeway > Skew {
		bad("leeway", "%v is not between 0s and %v", c.Leeway, Skew)
	}
	return errors.Join(errs...)
}

func plainName(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// Trusted believes the tokens of one foreign issuer. Safe for concurrent use.
type Trusted struct {
	cfg IssuerConfig
	set *keySet
}

// NewTrusted makes one of a validated entry. client fetches its keys; nothing is fetched before a token comes.
func NewTrusted(cfg IssuerConfig, client *http.Client, now func() time.Time) (*Trusted, error) {
	keys, err := staticKeys(cfg)
	if err != nil {
		return nil, fmt.Errorf("auth.issuers: %s: %w", cfg.Name, err)
	}
	return &Trusted{cfg: cfg, set: newKeySet(keys, cfg.JWKSURL, client, now)}, nil
}

// unverifiedIssuer reads whose token it says it is; empty when it cannot be read.
func unverifiedIssuer(token string) string {
	var c jwt.RegisteredClaims
	if _, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(token, &c); err != nil {
		return ""
	}
	return c.Issuer
}

// foreignClaims is what is read of a foreign token.
type foreignClaims struct {
	jwt.RegisteredClaims
	all map[string]json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *foreignClaims) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &c.all); err != nil {
		return err
	}
	return json.Unmarshal(b, &c.RegisteredClaims)
}

// words reads a claim that is text, or a list of texts, or texts separated by blanks. False: it is something else.
func (c *foreignClaims) words(name string) ([]string, bool) {
	raw, there := c.all[name]
	if !there || name == "" {
		return nil, true
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list, true
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, false
	}
	return strings.Fields(text), true
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrToken}, args...)...)
}

// verify believes a token of this issuer and says what it means here.
func (i *Trusted) verify(token string, now func() time.Time) (Claims, error) {
	var in foreignClaims
	parser := jwt.NewParser(
		jwt.WithValidMethods(i.cfg.Algorithms), jwt.WithAudience(i.cfg.Audience), jwt.WithIssuer(i.cfg.Issuer),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(i.cfg.Leeway), jwt.WithTimeFunc(now), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(token, &in, func(t *jwt.Token) (any, error) {
		if err := checkHeader(t.Header, "JWT", "at+jwt", "application/at+jwt"); err != nil {
			return nil, err
		}
		kid, isText := t.Header["kid"].(string)
		if _, there := t.Header["kid"]; there && !isText {
			return nil, errors.New("kid is no text")
		}
		return i.set.find(kid, t.Method.Alg())
	})
	switch {
	case errors.Is(err, errUnreachable):
		return Claims{}, refused("the keys of %s cannot be fetched", i.cfg.Name)
	case err != nil:
		return Claims{}, refused("%s", reason(err))
	case in.Subject == "":
		return Claims{}, refused("no subject")
	case in.IssuedAt == nil:
		return Claims{}, refused("no time of issue")
	case in.ExpiresAt.Sub(in.IssuedAt.Time) > i.cfg.MaxLife:
		return Claims{}, refused("it lives longer than allowed")
	}
	return i.mean(&in, token)
}

// mean is what a believed token may do here.
func (i *Trusted) mean(in *foreignClaims, token string) (Claims, error) {
	c := Claims{Foreign: i.cfg.Name, RegisteredClaims: in.RegisteredClaims}
	grants, ok := in.words(i.cfg.GrantsClaim)
	roles, okRoles := in.words(i.cfg.RoleClaim)
	agent, okAgent := in.words("agent")
	if !ok || !okRoles || !okAgent || len(agent) > 1 {
		return Claims{}, refused("its grants, role or agent are not text")
	}
	c.Grants = grants
	for _, r := range roles {
		more := RoleGrants(Role(r))
		if more == nil {
			return Claims{}, refused("there is no such role")
		}
		c.Grants = append(c.Grants, more...)
	}
	if len(c.Grants) > maxGrants {
		return Claims{}, refused("too many grants")
	}
	for _, g := range c.Grants {
		if !ValidGrant(g) {
			return Claims{}, refused("it holds what is no grant")
		}
	}
	if bad := c.within(i.cfg.Grants); bad != "" {
		return Claims{}, refused("it holds a grant that %s may not give", i.cfg.Name)
	}
	c.Subject = i.cfg.Name + ":" + in.Subject
	if len(agent) == 1 {
		if !i.cfg.Agents {
			return Claims{}, refused("%s may not speak for agents", i.cfg.Name)
		}
		c.Agent = agent[0]
	}
	if c.ID = ForeignID(i.cfg.Name, in.ID); in.ID == "" {
		c.ID = ForeignID(i.cfg.Name, token)
	}
	return c, nil
}

// ForeignID is the id under which a token of another issuer is known here, by its jti.
func ForeignID(issuer, jti string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + jti))
	return "ext_" + issuer + "_" + base64.RawURLEncoding.EncodeToString(sum[:16])
}
