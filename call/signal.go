package call

import (
	"context"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Cause is why a leg or a call ended.
type Cause struct {
	Code   string // stable, one of the Cause constants below
	SIP    int    // the SIP status behind it, 0 where there was none
	Detail string // one sentence for a person, may be empty
}

// The codes of a Cause.
const (
	CauseHangup      = "hangup"       // a party hung up
	CauseBusy        = "busy"         // 486, 600
	CauseRejected    = "rejected"     // 403, 603 and other refusals
	CauseNotFound    = "not_found"    // 404, 604
	CauseNoAnswer    = "no_answer"    // rang out, 408, 480
	CauseCancelled   = "cancelled"    // CANCEL, or hung up before the answer
	CauseUnavailable = "unavailable"  // the trunk or gateway did not work: 5xx, no route
	CauseMediaLost   = "media_lost"   // no RTP, ICE failed
	CauseSessionLost = "session_lost" // the desktop's connection went away
	CauseReload      = "reload"       // the desktop's page was reloaded
	CauseReplaced    = "replaced"     // another leg took its place
	CauseError       = "error"        // something broke on our side
	CauseShutdown    = "shutdown"     // the server is going down
)

// Endpoint is the signalling side of one leg: a SIP dialog or a WebRTC session. It is implemented in
// signaling; call tells it what to do and never sees its protocol. Methods may block until ctx ends.
type Endpoint interface {
	// Media is the leg's media, nil until it has been negotiated.
	Media() media.Leg
	// Ring tells an inbound caller that we are at it (SIP 180).
	Ring(ctx context.Context) error
	// Answer accepts an inbound offer and returns when the answer is on its way and Media is up. It
	// returns nil at once when there is nothing to answer any more.
	Answer(ctx context.Context) error
	// Hangup ends the leg whatever state it is in: refuses, cancels or hangs up. Idempotent.
	Hangup(ctx context.Context, c Cause) error
}

// Progress is how signalling tells a call what the far side did. Methods never block and may be called
// from any goroutine; what comes after Ended is ignored.
type Progress interface {
	Ringing()
	Early()
	Answered()
	HeldRemotely(on bool)
	Ended(c Cause)
}

// Inbound is a call a trunk brings.
type Inbound struct {
	Trunk    string // the trunk's name
	From     string // the caller's number or user part
	FromName string // the display name
	To       string // the number that was called
	Address  string // the caller's address, for the log
	Headers  map[string]string
	Endpoint Endpoint
}

// Dialer places outbound legs; siptrunk implements it.
type Dialer interface {
	// Dial sends the invitation and returns; what comes of it is told to p.
	Dial(ctx context.Context, req DialRequest, p Progress) (Endpoint, error)
}

// DialRequest is an outbound leg to place.
type DialRequest struct {
	Trunk    string // empty: the first trunk that can call out
	To       string // number or SIP address
	From     string
	FromName string
	Timeout  time.Duration // how long to let it ring, 0 for the trunk's default
	// Side is where in the call the party is heard once it answers; see Board.Arrange. ClientRef is the
	// caller's own name for the leg. Both are the call's, not the dialler's, business.
	Side, ClientRef string
	Agent           string // whose phone it is, empty for none
}

// Attach is a leg that signalling has already negotiated (WebRTC, plain RTP) and that joins a call.
type Attach struct {
	Kind      wire.LegKind
	Role      wire.Role
	Agent     string // the agent behind the leg, empty for none
	Address   string
	Endpoint  Endpoint
	Replaces  string // a leg of the same agent in the same call that this one takes the place of
	ClientRef string
	Side      string        // where in the call it is heard; see Board.Arrange
	Whisper   *wire.Whisper // who of its side hears it; nil: all
	Receive   wire.Receive  // how the leg gets the others' voices; "" is mixed
}
