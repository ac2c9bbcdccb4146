// Package auth says who speaks to the API and what they may do: short-lived JSON Web Tokens signed with
// Ed25519 keys of this server's own, and the grants in them. A token is proof by itself, there is no table
// of users; the keys live in the data folder and are made on first start. Beside our own, tokens of issuers that
// are configured are believed, each within the bounds its entry sets.
//
// What RFC 8725 asks for is built in: one algorithm for a key (EdDSA for our own), chosen by us and never by the
// token; keys found by kid in the set of the token's issuer only; jku, x5u, x5c, jwk and crit refused; audience,
// issuer, subject and times required.
//
//	token > issuer > key by kid > algorithm, signature > times, audience > grants within the issuer's > not revoked
package auth

import (
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims is what a token says. The zero value of a registered claim is filled in by Mint.
type Claims struct {
	Agent   string   `json:"agent,omitempty"`   // the agent behind the token, empty for a program
	Session string   `json:"session,omitempty"` // the desktop session it is bound to
	Grants  []string `json:"grants"`
	// Profile is the desk's profile the agent signs in with, in place of the one configured; empty: that one.
	Profile string `json:"profile,omitempty"`
	// Until is the Unix second beyond which the token is not renewed, 0 for never.
	Until int64 `json:"until,omitempty"`
	// Foreign is the name of the issuer whose token it is, empty for one of our own. ID and Subject of a foreign token
	// carry that name, so that they are nobody else's.
	Foreign string `json:"-"`
	// LifeSeconds is how long the token and those it is refreshed into live.
	LifeSeconds int64 `json:"life,omitempty"`
	jwt.RegisteredClaims
}

// Expires is when the token runs out.
func (c Claims) Expires() time.Time {
	if c.ExpiresAt == nil {
		return time.Time{}
	}
	return c.ExpiresAt.Time
}

// Root is the id of the token this one descends from by renewal and sign-in, its own if from none. What is revoked
// is a root: with it goes whatever came of it.
func (c Claims) Root() string {
	root, _, _ := strings.Cut(c.ID, ".")
	return root
}

// Actor is the name under which the bearer's doings are published.
func (c Claims) Actor() string {
	if c.Agent != "" {
		return c.Agent
	}
	return c.Subject
}

// within names the first grant that ceiling does not cover, empty for none.
func (c Claims) within(ceiling []string) string {
	for _, g := range c.Grants {
		if !(Claims{Grants: ceiling}).Allows(g) {
			return g
		}
	}
	return ""
}

// Allows reports whether the grants cover a permission. A grant is colon-separated words; it covers exactly
// itself, or, ending in "*", everything below: "leg:*" covers "leg:control" and "leg:control:own".
// "admin:*" covers all there is, and "leg:control" covers its own narrowing "leg:control:own".
func (c Claims) Allows(permission string) bool {
	return slices.ContainsFunc(c.Grants, func(g string) bool { return covers(g, permission) })
}

// Below are the single words that follow a prefix in the grants: of "recording:listen:queue:sales" and the prefix
// "recording:listen:queue:" it is "sales".
func (c Claims) Below(prefix string) []string {
	var list []string
	for _, g := range c.Grants {
		if word, ok := strings.CutPrefix(g, prefix); ok && word != "" && word != "*" && !strings.Contains(word, ":") {
			list = append(list, word)
		}
	}
	return list
}

func covers(grant, permission string) bool {
	if permission == "" {
		return false
	}
	if grant == "admin:*" || grant == permission {
		return true
	}
	if prefix, ok := strings.CutSuffix(grant, "*"); ok {
		return strings.HasSuffix(prefix, ":") && strings.HasPrefix(permission, prefix) && len(permission) > len(prefix)
	}
	wide, ok := strings.CutSuffix(permission, ":own")
	return ok && grant == wide
}

// AgentGrants is what an agent's desktop may do: everything about the agent and the agent's calls.
func AgentGrants() []string {
	return []string{
		"agent:self", "call:read:own", "call:dial", "call:write:own", "leg:control:own",
		"recording:read:own", "recording:pause:own", "recording:listen:own", "queue:read", "call-record:read:own",
	}
}

// GrantSupervise begins the grants of what supervisors do: supervise:wall, supervise:monitor and so on.
const GrantSupervise = "supervise:"

// Role is a bundle of grants by name.
type Role string

// The roles.
const (
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor" // an agent who also sees everything, does what supervisors do, runs campaigns and gives callbacks to others
	RoleAdmin      Role = "admin"
)

// Roles are all roles, from the least to the most.
func Roles() []Role { return []Role{RoleAgent, RoleSupervisor, RoleAdmin} }

// RoleGrants is what a role may do; none for a role there is not.
func RoleGrants(r Role) []string {
	switch r {
	case RoleAgent:
		return AgentGrants()
	case RoleSupervisor:
		return append(AgentGrants(), GrantSupervise+"*", "agent:read", "call:read", "events:all", "call-record:read", "report:read", "campaign:*", "callback:*")
	case RoleAdmin:
		return []string{"admin:*"}
	default:
		return nil
	}
}

// ValidGrant reports whether s has the form of a grant: words of a-z, 0-9, _ and - between colons, the last
// of which may be "*".
func ValidGrant(s string) bool {
	words := strings.Split(s, ":")
	if len(words) < 2 || len(s) > 64 {
		return false
	}
	for i, w := range words {
		if w == "*" && i == len(words)-1 {
			continue
		}
		if w == "" || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return false
		}
	}
	return true
}
