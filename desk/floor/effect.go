package floor

import (
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// Effect is something a step asks for: an Event or a Command.
type Effect interface{ effect() }

// Event is to be published.
type Event struct {
	Type   string
	CallID string
	Actor  string
	Data   any
}

// Op is what a Command asks of the media plane.
type Op string

// The commands.
const (
	OpAnswer    Op = "answer"
	OpHold      Op = "hold"
	OpResume    Op = "resume"
	OpRecord    Op = "record"
	OpHangup    Op = "hangup"    // one leg
	OpEnd       Op = "end"       // the call
	OpArrange   Op = "arrange"   // who is on hold and on which side
	OpInvite    Op = "invite"    // somebody into the call beside its customer
	OpSay       Op = "say"       // files to one leg, one after the other
	OpMusic     Op = "music"     // a file to one leg, over and over, until OpHush
	OpHush      Op = "hush"      // ends OpMusic
	OpTone      Op = "tone"      // a connect tone to one leg
	OpVariables Op = "variables" // the call's own, as the desk has them
)

// Command is to be carried out on a call, after the commands of that call that came before it.
type Command struct {
	Op     Op
	CallID string
	LegID  string
	Code   string            // OpHangup, OpEnd: the cause
	Files  []string          // OpSay, OpMusic: names in the prompt folder
	Dial   *Dial             // OpOpen, OpDial
	Seats  []wire.Seat       // OpArrange
	Invite *Invite           // OpInvite
	Vars   map[string]string // OpVariables
	Try    int               // OpHold, OpResume, OpArrange: how often it has failed
}

// Invite is somebody to call into a call beside its customer, or (Phone) an agent on their desk phone; Ref is
// the leg's client_ref.
type Invite struct {
	To, Ref, Side string
	Phone         string
	Timeout       time.Duration
}

func (Event) effect()   {}
func (Command) effect() {}
