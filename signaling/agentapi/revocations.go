package agentapi

import (
	"errors"
	"net/http"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// maxRevocationReason bounds a reason in bytes.
const maxRevocationReason = 500

func revocationRoutes() []Route {
	const read, write = "token:read", "token:revoke"
	return []Route{
		{
			Method: post, Pattern: "/v1/token/revoke", Summary: "Give the token up, with all that came of it: its sockets are closed",
			Statuses: []int{204, 503}, Handler: postTokenRevoke,
		},
		{
			Method: get, Pattern: "/v1/revocations", Grant: read, Summary: "Tokens that were taken back and accounts that are disabled",
			Response: wire.RevocationList{}, Statuses: []int{200, 503}, Handler: getRevocations,
		},
		{
			Method: post, Pattern: "/v1/revocations", Grant: write, Summary: "Take a token back, or disable an account: live sockets are closed",
			Request: wire.RevocationRequest{}, Response: wire.Revocation{}, Statuses: []int{201, 422, 503}, Handler: postRevocation,
		},
		{
			Method: remove, Pattern: "/v1/revocations/{revocation}", Grant: write, Summary: "Enable a disabled account again",
			Statuses: []int{204, 404, 409, 503}, Handler: deleteRevocation,
		},
	}
}

func (q *request) revocations() (*auth.Revocations, error) {
	if q.s.deps.Revocations == nil {
		return nil, problem.New(http.StatusServiceUnavailable, "revocations_off", "this server keeps no revocations")
	}
	return q.s.deps.Revocations, nil
}

// auditAccess writes down what was done about who may ask.
func (q *request) auditAccess(action, object string, detail map[string]string) error {
	return q.audit(action, wire.Recording{ID: object}, detail)
}

// closeCode is how a socket ends whose token is refused.
func closeCode(err error) int {
	if auth.ErrRevoked(err) {
		return wire.CloseRevoked
	}
	return wire.CloseUnauthorized
}

// dropRevoked ends the sockets of what has been revoked. It does not wait for them.
func (s *Server) dropRevoked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.sockets {
		if err := s.deps.Revocations.Check(c.bearer()); err != nil {
			c.end(closeCode(err), problem.As(err).Code)
		}
	}
}

func postTokenRevoke(q *request) error {
	r, err := q.revocations()
	if err != nil {
		return err
	}
	if err := q.auditAccess("token.revoked", q.claims.Root(), map[string]string{"subject": q.claims.Subject}); err != nil {
		return err
	}
	if _, err := r.Revoke(q.ctx(), q.claims.ID, q.claims.Subject, "given up", q.actor(), q.s.deps.Keys.Life()); err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

func getRevocations(q *request) error {
	r, err := q.revocations()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.RevocationList{Items: list(r.List())})
}

func postRevocation(q *request) error {
	var in wire.RevocationRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	r, err := q.revocations()
	if err != nil {
		return err
	}
	given := 0
	for _, v := range []string{in.Token, in.TokenID, in.Subject} {
		if v != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return invalid("/token_id", "required", "say one of token, token_id and subject")
	case in.Issuer != "" && in.TokenID == "":
		return invalid("/issuer", "not_allowed", "an issuer goes with its token_id")
	case len(in.Reason) > maxRevocationReason:
		return invalid("/reason", "too_long", "a reason has at most %d bytes", maxRevocationReason)
	case len(in.Subject) > maxRevocationReason:
		return invalid("/subject", "too_long", "a subject has at most %d bytes", maxRevocationReason)
	}
	if in.Subject != "" {
		return q.disable(r, in)
	}
	return q.revoke(r, in)
}

// disable refuses an account and signs its agent out, if it is one.
func (q *request) disable(r *auth.Revocations, in wire.RevocationRequest) error {
	if err := q.auditAccess("account.disabled", in.Subject, detailOf("reason", in.Reason)); err != nil {
		return err
	}
	e, err := r.Disable(q.ctx(), in.Subject, in.Reason, q.actor())
	if err != nil {
		return err
	}
	if d := q.s.deps.Desk; d != nil {
		_, err := d.SignOut(q.ctx(), in.Subject, q.actor())
		if p := problem.As(err); err != nil && p.Status != http.StatusNotFound && p.Status != http.StatusConflict {
			q.s.log.Warn("agent of a disabled account is not signed out", "agent", in.Subject, "cause", err)
		}
	}
	return q.revoked(e)
}

func (q *request) revoke(r *auth.Revocations, in wire.RevocationRequest) error {
	id, subject := in.TokenID, ""
	switch {
	case in.Issuer != "":
		id = auth.ForeignID(in.Issuer, in.TokenID)
	case in.Token != "":
		c, err := q.s.deps.Keys.Verify(in.Token)
		if errors.Is(err, auth.ErrToken) {
			return invalid("/token", "invalid", "this token is refused already: %s", err)
		} else if err != nil {
			return err
		}
		id, subject = c.ID, c.Subject
	}
	root := auth.Claims{}
	root.ID = id
	if err := q.auditAccess("token.revoked", root.Root(), detailOf("reason", in.Reason)); err != nil {
		return err
	}
	e, err := r.Revoke(q.ctx(), id, subject, in.Reason, q.actor(), q.s.deps.Keys.Life())
	if err != nil {
		return err
	}
	return q.revoked(e)
}

func detailOf(name, value string) map[string]string {
	if value == "" {
		return nil
	}
	return map[string]string{name: value}
}

func (q *request) revoked(e wire.Revocation) error {
	q.header("Location", "/v1/revocations/"+e.ID)
	return q.reply(http.StatusCreated, e)
}

func deleteRevocation(q *request) error {
	r, err := q.revocations()
	if err != nil {
		return err
	}
	e, err := r.Lift(q.ctx(), q.path("revocation"))
	if err != nil {
		return err
	}
	if err := q.auditAccess("account.enabled", e.Subject, nil); err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}
