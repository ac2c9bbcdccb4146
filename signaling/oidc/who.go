package oidc

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/signaling/auth"
)

// said is the claims of somebody who has signed in, as the provider wrote them.
type said map[string]any

// time reads a claim that is a time.
func (s said) time(name string) (time.Time, bool) {
	v, ok := s[name].(float64)
	if !ok || v < 0 || v > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(v), 0), true
}

// values are what a claim is or contains, as texts. name is the claim's name or the way to it with dots; the name goes
// first, since names of claims may have dots.
func (s said) values(name string) []string {
	v, there := s[name]
	if !there {
		var at any = map[string]any(s)
		for part := range strings.SplitSeq(name, ".") {
			m, ok := at.(map[string]any)
			if !ok {
				return nil
			}
			at = m[part]
		}
		v = at
	}
	if list, ok := v.([]any); ok {
		var out []string
		for _, e := range list {
			if t, ok := text(e); ok {
				out = append(out, t)
			}
		}
		return out
	}
	if t, ok := text(v); ok {
		return []string{t}
	}
	return nil
}

func text(v any) (string, bool) {
	switch t := v.(type) {
	case string:
		return t, t != ""
	case bool:
		return strconv.FormatBool(t), true
	case float64:
		b, err := json.Marshal(t)
		return string(b), err == nil
	default:
		return "", false
	}
}

// who says what somebody is here, or that they are nobody.
func (c Config) who(s said, knows func(id string) bool, now time.Time) (auth.Claims, error) {
	sub, _ := s["sub"].(string)
	values := func(claim string) []string {
		if verified, _ := s["email_verified"].(bool); claim == "email" && !verified && !c.UnverifiedEmail {
			return nil // anybody could have written it
		}
		return s.values(claim)
	}
	role, profile, agent := auth.Role(""), "", ""
	for _, r := range c.Rules {
		if !slices.Contains(values(r.Claim), r.Value) {
			continue
		}
		if rank(r.Role) > rank(role) {
			role = r.Role
		}
		if profile == "" {
			profile = r.Profile
		}
		if agent == "" {
			agent = r.Agent
		}
	}
	if role == "" {
		role = c.Role
	}
	if agent == "" && c.AgentClaim != "" {
		if v := values(c.AgentClaim); len(v) == 1 {
			agent = v[0]
		}
	}
	if role == auth.RoleAdmin && agent != "" && !knows(agent) {
		agent, profile = "", "" // an administrator need not take calls
	}
	switch {
	case role == "":
		return auth.Claims{}, refuse(http.StatusForbidden, CodeNobody, errors.New("no rule gives a role"), "%s does not give you a role here", c.Name)
	case agent == "" && role != auth.RoleAdmin:
		return auth.Claims{}, refuse(http.StatusForbidden, CodeNoAgent, errors.New("no claim or rule names an agent"), "%s does not say which agent you are", c.Name)
	case agent != "" && !knows(agent):
		return auth.Claims{}, refuse(http.StatusForbidden, CodeNoAgent, nil, "there is no agent %s", agent)
	}
	return c.claims(sub, agent, role, profile, now), nil
}

// rank orders roles by what they may do.
func rank(r auth.Role) int { return slices.Index(auth.Roles(), r) }
