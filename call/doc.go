// Package call is one conversation: its legs, its room and its recording, and the only place that fixes
// the order in which they are set up and torn down.
//
// A Board holds all calls. Each call is an actor: one goroutine owns its legs and their states, everything
// else posts to it, so nothing in here holds a lock while it waits for a network. Signalling brings legs
// (Incoming, Attach) and tells what the far side did (Progress); whoever steers a call, the desk inside the
// binary or a program behind the API, uses the Board's commands. Every change is published on the event bus
// as the whole object.
//
//	         siptrunk, agentapi                    desk, API clients
//	Incoming / Attach / Progress                 Answer Hold Mute Hangup …
//	             └────────────┐       ┌────────────────┘
//	                       call actor ── events ──> bus
//	                     legs │ room │ recording
//	                    media     mixer    recorder
//
// Set-up: endpoint, leg, room, recording. Tear-down is the reverse and stands in one function: stop
// signalling, leave the room, close the media, finish the recording.
package call
