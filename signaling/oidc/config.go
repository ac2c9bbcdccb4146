package oidc

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/signaling/auth"
)

// Config is a provider people sign in with.
type Config struct {
	// ID is part of addresses: a-z, 0-9 and -. Name is what people read: Sign in with Name.
	ID   string `toml:"id"`
	Name string `toml:"name"`
	// Issuer is the provider's address, below which it publishes .well-known/openid-configuration.
	Issuer   string `toml:"issuer"`
	ClientID string `toml:"client_id"`
	// ClientSecretFile holds the secret in its first line; empty: a public client, for which PKCE vouches alone.
	ClientSecretFile string   `toml:"client_secret_file"`
	Scopes           []string `toml:"scopes"`
	// UserInfo asks the provider's UserInfo endpoint for claims that its ID tokens lack.
	UserInfo bool `toml:"user_info"`
	// AgentClaim is the claim that holds the agent's id; empty: only rules name agents.
	AgentClaim string `toml:"agent_claim"`
	// Role is what somebody is whom no rule gives a role: agent, supervisor, admin, or empty: nobody.
	Role auth.Role `toml:"role"`
	// Rules say what claims mean.
	Rules []Rule `toml:"rules"`
	// UnverifiedEmail lets the claim email count although email_verified is not true.
	UnverifiedEmail bool `toml:"unverified_email"`
	// Leeway is how far the clocks may be apart.
	Leeway time.Duration `toml:"leeway"`
	// Session is how long somebody stays signed in before signing in at the provider again.
	Session time.Duration `toml:"session"`
}

// Rule says what a value of a claim means.
type Rule struct {
	// Claim is a claim's name, or, with dots, the way to it: realm_access.roles.
	Claim string `toml:"claim"`
	// Value is what the claim is or, when it is a list, contains.
	Value string `toml:"value"`
	// What it means; at least one. Of several roles the one that may most counts, of agents and profiles the first.
	Role    auth.Role `toml:"role"`
	Profile string    `toml:"profile"`
	Agent   string    `toml:"agent"`
}

const (
	maxLeeway  = 5 * time.Minute
	maxSession = 7 * 24 * time.Hour
)

// SetDefaults is what an entry without these settings means.
func (c *Config) SetDefaults() {
	c.Scopes = []string{"openid", "profile", "email"}
	c.Leeway, c.Session = time.Minute, 12*time.Hour
}

// Validate names everything that is wrong with an entry; checkURL knows where requests may go.
func (c Config) Validate(checkURL func(string) error) error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("auth.providers: %s: %s: "+format, append([]any{c.ID, key}, args...)...))
	}
	if c.ID == "" || c.ID == "token" || len(c.ID) > 32 || strings.Trim(c.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		bad("id", "%q is not made of a-z, 0-9 and -", c.ID)
	}
	if c.Name == "" {
		bad("name", "say how people call it")
	}
	if err := checkURL(c.Issuer); err != nil {
		bad("issuer", "%v", err)
	}
	if c.ClientID == "" {
		bad("client_id", "must be what the provider calls this server")
	}
	if _, err := c.secret(); err != nil {
		errs = append(errs, err)
	}
	if !slices.Contains(c.Scopes, "openid") {
		bad("scopes", "must contain openid")
	}
	role := func(key string, r auth.Role) {
		if r != "" && !slices.Contains(auth.Roles(), r) {
			bad(key, "%q is none of agent, supervisor, admin", r)
		}
	}
	role("role", c.Role)
	gives := c.Role != ""
	for i, r := range c.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		if r.Claim == "" || r.Value == "" {
			bad(at, "set claim and value")
		}
		if r.Role == "" && r.Profile == "" && r.Agent == "" {
			bad(at, "set role, profile or agent")
		}
		role(at, r.Role)
		gives = gives || r.Role != ""
	}
	if !gives {
		bad("role", "nobody could sign in: set role, or give a role in a rule")
	}
	if c.Leeway < 0 || c.Leeway > maxLeeway {
		bad("leeway", "%v is not between 0s and %v", c.Leeway, maxLeeway)
	}
	if c.Session < time.Minute || c.Session > maxSession {
		bad("session", "%v is not between 1m and %v", c.Session, maxSession)
	}
	return errors.Join(errs...)
}

// CheckPublicURL refuses what is no origin.
func CheckPublicURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Scheme+"://"+u.Host != address {
		return fmt.Errorf("auth.public_url: %q is not an origin like https://desk.example.com", address)
	}
	return nil
}

func (c Config) secret() (string, error) {
	if c.ClientSecretFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(c.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("auth.providers: %s: client_secret_file: %w", c.ID, err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("auth.providers: %s: %s is empty", c.ID, c.ClientSecretFile)
	}
	return line, nil
}
