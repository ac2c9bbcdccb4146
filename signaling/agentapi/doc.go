// Package agentapi is the door for agents, supervisors and programs: HTTP and one WebSocket, both speaking
// package wire. It moves no audio and takes no decisions: it finds out who asks (package auth), whether
// they may, reads the request strictly, asks the call, the desk or the recorder, and prints the answer or
// the problem.
//
//	          ┌────────── one table of routes ──────────┐
//	HTTP ────►│ token, grant, rate ► body ► handler      │──► call.Board
//	          │                                          │──► desk.Desk
//	WebSocket►│ commands, in process, the same way       │──► recorder.Recorder
//	   ▲      └──────────────────────────────────────────┘
//	   └── events, filtered to what the token may see ◄──── event.Bus
//
// The table gives the mux its patterns, the authorisation its grants and the OpenAPI document at
// /v1/openapi.json its operations, so the three cannot disagree.
//
// The cursor of the event stream is global: an agent who sees only own events sees gaps in seq, and a gap
// means "not yours", never "lost". What the server cannot deliver it says by closing: 4410 when the cursor
// has fallen out of the history, 4408 when the client does not read, 4401 when the token has run out,
// 4403 when it was revoked or its account disabled.
package agentapi
