package agentapi

import (
	"net/http"
	"slices"

	"github.com/cordboard/cordboard/signaling/wire"
)

// Route is one line of the table: the mux, the authorisation and the OpenAPI document are made from it.
type Route struct {
	Method, Pattern string
	Summary         string
	// Grant allows the route on everything, Own on what belongs to the token's agent. Both empty: any
	// good token. Public: no token at all.
	Grant, Own string
	// Act is what the token's agent must be permitted by their profile.
	Act    string
	Public bool
	// ByQueue: the grant can be given for the recordings of one queue, as recording:listen:queue:sales.
	ByQueue bool
	// Stream: the answer is no JSON object of ours (a file, a socket); not possible over the event socket.
	Stream bool
	// Request is a value of the body's type, nil for none; Types are its media types besides JSON.
	Request any
	Types   []string
	// Body is the most a request may send in bytes; 0: what all others may.
	Body int64
	// Query names the parameters of the query.
	Query []string
	// Response is a value of the answer's type, nil for an empty answer, a string for the media type of one
	// that is no JSON.
	Response any
	// Also are further media types of the answer.
	Also []string
	// Statuses are the answer's status and the problems a client should be ready for besides 400, 401,
	// 403, 429 and 500.
	Statuses []int
	Handler  func(*request) error
}

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// routes is the table.
func routes() []Route {
	return slices.Concat(baseRoutes(), callbackRoutes(), campaignRoutes(), handlingRoutes(), superviseRoutes(), webhookRoutes(), workRoutes(), pastRoutes(), signInRoutes(), revocationRoutes())
}

func baseRoutes() []Route {
	return []Route{
		// The server itself.
		{
			Method: get, Pattern: "/healthz", Public: true, Summary: "Is the server up, and does it take calls?",
			Response: wire.Node{}, Statuses: []int{200, 503}, Handler: getHealth,
		},
		{
			Method: get, Pattern: "/metrics", Public: true, Stream: true, Summary: "Metrics for Prometheus",
			Response: "text/plain", Statuses: []int{200}, Handler: getMetrics,
		},
		{
			Method: get, Pattern: "/v1/openapi.json", Public: true, Stream: true, Summary: "This document",
			Response: "application/json", Statuses: []int{200}, Handler: getDocument,
		},
		{
			Method: get, Pattern: "/v1/events", Public: true, Stream: true, Query: []string{"cursor"},
			Summary:  "The event socket (WebSocket, sub-protocol cordboard.v1): events down, commands up",
			Response: "application/octet-stream", Statuses: []int{101, 400, 403, 426, 429, 503}, Handler: getEvents,
		},
		{
			Method: post, Pattern: "/v1/token/refresh", Summary: "A fresh token with the same grants and session",
			Response: wire.Token{}, Statuses: []int{200}, Handler: postRefresh,
		},

		// Agents.
		{
			Method: post, Pattern: "/v1/sessions", Grant: "agent:control", Own: "agent:self", Summary: "Sign an agent in",
			Request: wire.SessionRequest{}, Response: wire.SessionAnswer{}, Statuses: []int{201, 404, 422, 503}, Handler: postSession,
		},
		{
			Method: remove, Pattern: "/v1/sessions/{session}", Grant: "agent:control", Own: "agent:self", Summary: "Sign out",
			Response: wire.Agent{}, Statuses: []int{200, 404, 409, 503}, Handler: deleteSession,
		},
		{
			Method: get, Pattern: "/v1/agents", Grant: "agent:read", Summary: "All agents",
			Response: wire.AgentList{}, Statuses: []int{200, 503}, Handler: getAgents,
		},
		{
			Method: get, Pattern: "/v1/agents/me", Grant: "agent:read", Own: "agent:self", Summary: "The token's agent with offer, call and wrap-up",
			Response: wire.Snapshot{}, Statuses: []int{200, 404, 503}, Handler: getMe,
		},
		{
			Method: get, Pattern: "/v1/agents/{agent}", Grant: "agent:read", Own: "agent:self", Summary: "One agent",
			Response: wire.Agent{}, Statuses: []int{200, 404, 503}, Handler: getAgent,
		},
		{
			Method: get, Pattern: "/v1/agents/{agent}/offers", Grant: "agent:read", Own: "agent:self", Summary: "An agent's open offers",
			Response: wire.OfferList{}, Statuses: []int{200, 404, 503}, Handler: getOffers,
		},
		{
			Method: post, Pattern: "/v1/agents/{agent}/offers/accept", Act: "answer", Grant: "agent:control", Own: "agent:self",
			Summary: "Take all written requests that ring at an agent; calls are taken one by one", Response: wire.OfferList{}, Statuses: []int{200, 404, 409, 503}, Handler: postAcceptAll,
		},
		{
			Method: post, Pattern: "/v1/agents/{agent}/state", Grant: "agent:control", Own: "agent:self", Summary: "Ready or not ready",
			Request: wire.StateRequest{}, Response: wire.Agent{}, Statuses: []int{200, 404, 409, 412, 422, 503}, Handler: postState,
		},
		{
			Method: post, Pattern: "/v1/agents/{agent}/signout", Grant: "agent:control", Own: "agent:self", Summary: "Sign an agent out",
			Response: wire.Agent{}, Statuses: []int{200, 404, 409, 503}, Handler: postSignout,
		},
		{
			Method: post, Pattern: "/v1/agents/{agent}/preflight", Grant: "agent:control", Own: "agent:self",
			Summary: "What a desktop found when it tested itself",
			Request: wire.PreflightRequest{}, Response: wire.Agent{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postPreflight,
		},
		{
			Method: post, Pattern: "/v1/agents/{agent}/station", Act: "station", Grant: "agent:control", Own: "agent:self",
			Summary: "Choose the agent's device: a desk phone, or the browser",
			Request: wire.StationRequest{}, Response: wire.Agent{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postStation,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/prefer", Grant: "call:write", Summary: "Let a waiting call wait for one agent first",
			Request: wire.PreferRequest{}, Statuses: []int{204, 404, 409, 422, 503}, Handler: postPrefer,
		},
		{
			Method: post, Pattern: "/v1/offers/{offer}/accept", Act: "answer", Grant: "agent:control", Own: "agent:self", Summary: "Take an offered call",
			Response: wire.Offer{}, Statuses: []int{200, 404, 409, 503}, Handler: postAccept,
		},
		{
			Method: post, Pattern: "/v1/offers/{offer}/decline", Grant: "agent:control", Own: "agent:self", Summary: "Turn an offered call down",
			Response: wire.Offer{}, Statuses: []int{200, 404, 409, 503}, Handler: postDecline,
		},
		{
			Method: get, Pattern: "/v1/wrapups/{wrapup}", Grant: "agent:read", Own: "agent:self", Summary: "One wrap-up",
			Response: wire.Wrapup{}, Statuses: []int{200, 404, 503}, Handler: getWrapup,
		},
		{
			Method: post, Pattern: "/v1/wrapups/{wrapup}/submit", Grant: "agent:control", Own: "agent:self", Summary: "Complete a wrap-up",
			Request: wire.SubmitRequest{}, Response: wire.Wrapup{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postSubmit,
		},
		{
			Method: post, Pattern: "/v1/wrapups/{wrapup}/extend", Act: "extend_wrapup", Grant: "agent:control", Own: "agent:self", Summary: "More time for a wrap-up",
			Response: wire.Wrapup{}, Statuses: []int{200, 404, 409, 503}, Handler: postExtend,
		},
		{
			Method: get, Pattern: "/v1/queues", Grant: "queue:read", Summary: "All queues",
			Response: wire.QueueList{}, Statuses: []int{200, 503}, Handler: getQueues,
		},

		// The contact centre's configuration.
		{
			Method: get, Pattern: "/v1/config/desk", Grant: "config:read", Query: []string{"version"}, Summary: "The configuration in force, or an old version",
			Response: wire.DeskConfig{}, Statuses: []int{200, 404, 422, 503}, Handler: getDeskConfig,
		},
		{
			Method: put, Pattern: "/v1/config/desk", Grant: "config:write", Summary: "Put another configuration in force; with check: only find and compare",
			Request: wire.DeskConfigRequest{}, Response: wire.DeskConfigAnswer{}, Statuses: []int{200, 409, 422, 503}, Handler: putDeskConfig,
		},
		{
			Method: get, Pattern: "/v1/config/desk/versions", Grant: "config:read", Summary: "All kept versions, newest first",
			Response: wire.DeskConfigList{}, Statuses: []int{200, 503}, Handler: getDeskConfigs,
		},
		{
			Method: get, Pattern: "/v1/config/desk/diff", Grant: "config:read", Query: []string{"from", "to"}, Summary: "What changes from one version to another",
			Response: wire.ConfigDiff{}, Statuses: []int{200, 404, 422, 503}, Handler: getDeskConfigDiff,
		},
		{
			Method: post, Pattern: "/v1/config/desk/rollback", Grant: "config:write", Summary: "Put an old version in force again",
			Request: wire.RollBackRequest{}, Response: wire.DeskConfigAnswer{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postDeskRollBack,
		},
		{
			Method: post, Pattern: "/v1/config/desk/dryrun", Grant: "config:read", Summary: "Who would get this call now, and why nobody else",
			Request: wire.DryRunRequest{}, Response: wire.DryRun{}, Statuses: []int{200, 404, 422, 503}, Handler: postDeskDryRun,
		},

		// Calls.
		{
			Method: post, Pattern: "/v1/calls", Act: "dial", Grant: "call:dial", Summary: "Dial",
			Request: wire.CallRequest{}, Response: wire.Call{}, Statuses: []int{201, 409, 422, 503}, Handler: postCall,
		},
		{
			Method: get, Pattern: "/v1/calls", Grant: "call:read", Own: "call:read:own", Query: []string{"state", "agent", "cursor", "limit"},
			Summary: "Calls, live and recently ended, newest first", Response: wire.CallList{}, Statuses: []int{200, 422}, Handler: getCalls,
		},
		{
			Method: get, Pattern: "/v1/calls/{call}", Grant: "call:read", Own: "call:read:own", Summary: "One call",
			Response: wire.Call{}, Statuses: []int{200, 404}, Handler: getCall,
		},
		{
			Method: patch, Pattern: "/v1/calls/{call}", Grant: "call:write", Summary: "Change a call's settings (merge patch)",
			Request: wire.CallPatch{}, Types: []string{typeMerge}, Response: wire.Call{}, Statuses: []int{200, 404, 422}, Handler: patchCall,
		},
		{
			Method: get, Pattern: "/v1/calls/{call}/legs", Grant: "call:read", Own: "call:read:own", Summary: "A call's legs",
			Response: wire.LegList{}, Statuses: []int{200, 404}, Handler: getCallLegs,
		},
		{
			Method: get, Pattern: "/v1/calls/{call}/timeline", Grant: "call:read", Own: "call:read:own", Summary: "What happened in a call",
			Response: wire.Timeline{}, Statuses: []int{200, 404}, Handler: getTimeline,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/arrange", Grant: "room:control",
			Summary: "Who of a call is on hold and on which side, all between the same two ticks",
			Request: wire.ArrangeRequest{}, Response: wire.Call{}, Statuses: []int{200, 404, 422}, Handler: postArrange,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/end", Act: "end", Grant: "leg:control", Own: "leg:control:own", Summary: "End a call",
			Request: wire.HangupRequest{}, Statuses: []int{204, 404, 422}, Handler: postEnd,
		},
		{
			Method: patch, Pattern: "/v1/calls/{call}/variables", Grant: "call:write", Summary: "Change variables as a program does (merge patch, null removes); agents store one with its version",
			Request: wire.VariablesPatch{}, Types: []string{typeMerge}, Response: wire.Call{}, Statuses: []int{200, 404, 412, 422}, Handler: patchVariables,
		},
		{
			Method: get, Pattern: "/v1/calls/{call}/recordings", Grant: "recording:read", Own: "recording:read:own", Query: []string{"cursor", "limit"},
			Summary: "A call's recordings", Response: wire.RecordingList{}, Statuses: []int{200, 422, 503}, Handler: getRecordings,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/recordings", Grant: "recording:control", Summary: "Record a call from now on",
			Request: wire.RecordingRequest{}, Response: wire.Recording{}, Statuses: []int{201, 404, 409, 422, 503}, Handler: postRecording,
		},

		// Secure capture of keys.
		{
			Method: post, Pattern: "/v1/calls/{call}/capture", Grant: "capture:digits",
			Summary: "Capture the keys a party presses: no recording, no event, no other party gets them",
			Request: wire.CaptureRequest{}, Response: wire.Capture{}, Statuses: []int{201, 404, 409, 422, 503}, Handler: postCapture,
		},
		{
			Method: get, Pattern: "/v1/captures/{capture}", Grant: "call:read", Own: "call:read:own", Summary: "One capture, without its digits",
			Response: wire.Capture{}, Statuses: []int{200, 404}, Handler: getCapture,
		},
		{
			Method: post, Pattern: "/v1/captures/{capture}/cancel", Grant: "capture:digits", Own: "leg:control:own", Summary: "End a capture; its digits are gone",
			Response: wire.Capture{}, Statuses: []int{200, 404, 409}, Handler: postCancelCapture,
		},
		{
			Method: post, Pattern: "/v1/captures/{capture}/take", Grant: "capture:digits", Stream: true,
			Summary:  "The digits of a capture, once and only for the token that asked for it",
			Response: wire.CaptureDigits{}, Statuses: []int{200, 404, 409}, Handler: postTakeCapture,
		},

		// Legs.
		{
			Method: post, Pattern: "/v1/legs", Grant: "leg:control", Own: "leg:control:own", Query: []string{"call_id", "replaces", "receive"},
			Summary: "Bring a leg into a call: answer an SDP offer (also as WHIP), dial, or plain RTP",
			Request: wire.LegRequest{}, Types: []string{typeSDP}, Response: wire.LegAnswer{}, Statuses: []int{201, 404, 409, 415, 422, 503}, Handler: postLeg,
		},
		{
			Method: get, Pattern: "/v1/legs/{leg}", Grant: "call:read", Own: "call:read:own", Summary: "One leg",
			Response: wire.Leg{}, Statuses: []int{200, 404}, Handler: getLeg,
		},
		{
			Method: get, Pattern: "/v1/legs/{leg}/stats", Grant: "call:read", Own: "call:read:own", Summary: "A leg's quality now",
			Response: wire.LegStats{}, Statuses: []int{200, 404, 409}, Handler: getLegStats,
		},
		{
			Method: get, Pattern: "/v1/legs/{leg}/quality", Grant: "call:read", Own: "call:read:own",
			Summary:  "A leg's quality in the last five minutes, second by second",
			Response: wire.LegQuality{}, Statuses: []int{200, 404, 409}, Handler: getLegQuality,
		},
		{
			Method: patch, Pattern: "/v1/legs/{leg}", Grant: "leg:control", Own: "leg:control:own",
			Summary: "Change a leg's settings; trickle ICE; with an SDP offer, restart ICE",
			Request: wire.LegPatch{}, Types: []string{typeMerge, typeTrickle}, Response: wire.LegAnswer{}, Statuses: []int{200, 204, 404, 409, 415, 422}, Handler: patchLeg,
		},
		{
			Method: remove, Pattern: "/v1/legs/{leg}", Grant: "leg:control", Own: "leg:control:own", Query: []string{"reason"}, Summary: "A leg leaves",
			Statuses: []int{204, 404, 422}, Handler: deleteLeg,
		},
		{
			Method: post, Pattern: "/v1/legs/{leg}/answer", Grant: "leg:control", Own: "leg:control:own", Summary: "Answer an inbound leg",
			Response: wire.Leg{}, Statuses: []int{200, 404, 409, 503}, Handler: postAnswer,
		},
		{
			Method: post, Pattern: "/v1/legs/{leg}/reject", Grant: "leg:control", Own: "leg:control:own", Summary: "Refuse an inbound leg",
			Request: wire.RejectRequest{}, Statuses: []int{204, 404, 409, 422}, Handler: postReject,
		},
		{
			Method: post, Pattern: "/v1/legs/{leg}/hold", Act: "hold", Grant: "leg:control", Own: "leg:control:own", Summary: "Put on hold: music, and heard by nobody",
			Response: wire.Leg{}, Statuses: []int{200, 404, 409}, Handler: postHold,
		},
		{
			Method: post, Pattern: "/v1/legs/{leg}/resume", Act: "hold", Grant: "leg:control", Own: "leg:control:own", Summary: "End a hold",
			Response: wire.Leg{}, Statuses: []int{200, 404, 409}, Handler: postResume,
		},
		{
			Method: post, Pattern: "/v1/legs/{leg}/dtmf", Act: "dtmf", Grant: "leg:control", Own: "leg:control:own", Summary: "Send digits",
			Request: wire.DigitsRequest{}, Statuses: []int{204, 404, 409, 422}, Handler: postDigits,
		},
		{
			Method: post, Pattern: "/v1/legs/{leg}/play", Grant: "leg:control", Own: "leg:control:own", Summary: "Play something, or stop it",
			Request: wire.PlayRequest{}, Response: wire.Playback{}, Statuses: []int{201, 204, 404, 409, 422}, Handler: postPlay,
		},
		{
			Method: post, Pattern: "/v1/legs/{leg}/hangup", Grant: "leg:control", Own: "leg:control:own", Summary: "Hang up",
			Request: wire.HangupRequest{}, Statuses: []int{204, 404, 422}, Handler: postHangup,
		},

		// Rooms.
		{
			Method: post, Pattern: "/v1/rooms", Grant: "room:control", Summary: "A call with nobody in it yet, for legs of your own",
			Request: wire.RoomRequest{}, Response: wire.Room{}, Statuses: []int{201, 503}, Handler: postRoom,
		},
		{
			Method: get, Pattern: "/v1/rooms/{room}", Grant: "call:read", Own: "call:read:own", Summary: "One room",
			Response: wire.Room{}, Statuses: []int{200, 404}, Handler: getRoom,
		},
		{
			Method: get, Pattern: "/v1/rooms/{room}/matrix", Grant: "call:read", Own: "call:read:own", Summary: "Who hears whom",
			Response: wire.Matrix{}, Statuses: []int{200, 404}, Handler: getMatrix,
		},
		{
			Method: patch, Pattern: "/v1/rooms/{room}/matrix", Grant: "room:control", Summary: "Replace who hears whom, between two ticks",
			Request: wire.Matrix{}, Types: []string{typeMerge}, Response: wire.Matrix{}, Statuses: []int{200, 404, 412, 422}, Handler: patchMatrix,
		},

		{
			Method: post, Pattern: "/v1/rooms/{room}/play", Grant: "room:control", Summary: "Play something to all in a room or to some, or stop it",
			Request: wire.PlayRequest{}, Response: wire.Playback{}, Statuses: []int{201, 204, 404, 409, 422}, Handler: postRoomPlay,
		},

		// Recordings.
		{
			Method: get, Pattern: "/v1/recordings", Grant: "recording:read", Own: "recording:read:own",
			ByQueue: true,
			Query:   []string{"agent", "call_id", "queue", "number", "number_end", "variable", "state", "held", "since", "until", "cursor", "limit"},
			Summary: "Recordings, newest first", Response: wire.RecordingList{}, Statuses: []int{200, 422, 503}, Handler: getRecordings,
		},
		{
			Method: get, Pattern: "/v1/recordings/{recording}", Grant: "recording:read", Own: "recording:read:own", ByQueue: true, Summary: "One recording",
			Response: wire.Recording{}, Statuses: []int{200, 404, 503}, Handler: getRecording,
		},
		{
			Method: post, Pattern: "/v1/recordings/{recording}/pause", Act: "pause_recording", Grant: "recording:pause", Own: "recording:pause:own", Summary: "Pause",
			Request: wire.PauseRequest{}, Response: wire.Recording{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postPause,
		},
		{
			Method: post, Pattern: "/v1/recordings/{recording}/resume", Act: "pause_recording", Grant: "recording:pause", Own: "recording:pause:own", Summary: "End a pause",
			Response: wire.Recording{}, Statuses: []int{200, 404, 409, 503}, Handler: postResumeRecording,
		},
		{
			Method: post, Pattern: "/v1/recordings/{recording}/stop", Grant: "recording:control", Summary: "Stop; the call goes on",
			Request: wire.StopRequest{}, Response: wire.Recording{}, Statuses: []int{200, 404, 409, 503}, Handler: postStop,
		},
		{
			Method: get, Pattern: "/v1/recordings/{recording}/tracks/{track}", Grant: "recording:listen", Own: "recording:listen:own", ByQueue: true, Stream: true, Query: []string{"download"},
			Summary: "A track's audio, or the listening copy's (copy), with Range", Response: "audio/ogg", Also: []string{"audio/wav", "audio/flac"}, Statuses: []int{200, 206, 404, 409, 410, 416, 503}, Handler: getTrack,
		},
		{
			Method: get, Pattern: "/v1/recordings/{recording}/markers", Grant: "recording:read", Own: "recording:read:own", ByQueue: true,
			Summary:  "What happened in a recording: turns of speech, pauses, holds, parties, keys by their number",
			Response: wire.MarkerList{}, Statuses: []int{200, 404, 503}, Handler: getMarkers,
		},
		{
			Method: get, Pattern: "/v1/recordings/{recording}/tracks/{track}/link", Grant: "recording:listen", Own: "recording:listen:own", ByQueue: true,
			Summary:  "An address to fetch a track from: the store's own, for a while, where it may be",
			Response: wire.RecordingLink{}, Statuses: []int{200, 404, 409, 410, 503}, Handler: getLink,
		},
		{
			Method: get, Pattern: "/v1/recordings/{recording}/peaks", Grant: "recording:listen", Own: "recording:listen:own", ByQueue: true, Summary: "A waveform to draw",
			Response: wire.Peaks{}, Statuses: []int{200, 404, 410, 503}, Handler: getPeaks,
		},
		{
			Method: post, Pattern: "/v1/recordings/{recording}/hold", Grant: "recording:hold", ByQueue: true, Summary: "Set a legal hold, or release it",
			Request: wire.HoldRequest{}, Response: wire.Recording{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postRecordingHold,
		},
		{
			Method: post, Pattern: "/v1/recordings/{recording}/erase", Grant: "recording:delete", ByQueue: true, Summary: "Erase the key of a sealed recording: nobody can open it again (202: the rest goes by itself)",
			Request: wire.DeleteRequest{}, Response: wire.Recording{}, Statuses: []int{200, 202, 404, 409, 410, 422, 503}, Handler: postErase,
		},
		{
			Method: remove, Pattern: "/v1/recordings/{recording}", Grant: "recording:delete", ByQueue: true, Query: []string{"reason"},
			Summary: "Delete a recording with all that was made of it (202: the rest goes by itself)", Statuses: []int{204, 202, 404, 409, 422, 503}, Handler: deleteRecording,
		},
		{
			Method: get, Pattern: "/v1/audit", Grant: "audit:read", Query: []string{"actor", "action", "object", "call_id", "since", "until", "cursor", "limit"},
			Summary: "Who did what with recordings, newest first", Response: wire.AuditList{}, Statuses: []int{200, 422, 503}, Handler: getAudit,
		},
	}
}
