package siptrunk

import (
	"net/netip"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/siptrunk/sdp"
)

// Media opens the media side of legs. It is a seam: the server uses RTP over UDP, tests a stand-in.
type Media interface {
	// Open reserves a local port, or fails when none is left.
	Open() (Port, error)
}

// Port is a reserved local address whose far side is not known yet.
type Port interface {
	// Addr is the address for our description, as the far side reaches it.
	Addr() netip.AddrPort
	// Start makes the leg. The port is the leg's from then on and is given back by its Close.
	Start(p Params) (Leg, error)
	// Close gives back a port that was not started.
	Close() error
}

// Params is what offer and answer said about a leg's media.
type Params struct {
	sdp.Choice
	// NAT: learn where the far side really is from its first packets.
	NAT bool
	// From is the address of its signalling; an address learned must be that one.
	From netip.Addr
}

// Leg is a leg whose far side can change while it lives.
type Leg interface {
	media.Leg
	// Update makes the leg follow a new offer and answer. It does not block.
	Update(p Params) error
	// Inject adds an event that came by signalling (a digit in INFO) to what Events tells.
	Inject(e media.Event)
}
