package wire

import "time"

// SignInOptions is what a page for signing in offers beside a token.
type SignInOptions struct {
	Providers []SignInProvider `json:"providers"`
}

// SignInProvider is a place where people sign in that vouches for them here (OpenID Connect).
type SignInProvider struct {
	ID   string `json:"id"`
	Name string `json:"name"` // as in "Sign in with Example Ltd"
	Path string `json:"path"` // where to send the browser
}

// RevocationKind is what is refused.
type RevocationKind string

// The kinds.
const (
	RevokedToken    RevocationKind = "token"   // and whatever came of it by renewal or sign-in
	DisabledAccount RevocationKind = "account" // every token of a subject, or of an agent
)

// Revocation is something that is no longer believed.
type Revocation struct {
	ID      string         `json:"id"`
	Kind    RevocationKind `json:"kind"`
	TokenID string         `json:"token_id,omitempty"` // of the token at the root
	Subject string         `json:"subject,omitempty"`  // whose it is, where that is known
	Reason  string         `json:"reason,omitempty"`
	By      string         `json:"by"`
	Time    time.Time      `json:"time"`
	Until   *time.Time     `json:"until,omitempty"` // when the last such token has run out and this is forgotten
}

// RevocationList lists what is revoked, newest first.
type RevocationList struct {
	Items []Revocation `json:"items"`
}

// RevocationRequest takes a token back or disables an account: exactly one of token, token_id and subject.
type RevocationRequest struct {
	Token   string `json:"token,omitempty"`    // itself
	TokenID string `json:"token_id,omitempty"` // its jti, or the id in the audit log
	Issuer  string `json:"issuer,omitempty"`   // with token_id: the name of the issuer whose jti it is; absent: this server's own
	Subject string `json:"subject,omitempty"`  // an agent, or the name of a program
	Reason  string `json:"reason,omitempty"`
}
