package agentapi

import "github.com/cordboard/cordboard/signaling/wire"

// handlingRoutes are calls as the desk handles them.
func handlingRoutes() []Route {
	return []Route{
		{
			Method: get, Pattern: "/v1/calls/{call}/handling", Grant: "call:read", Own: "call:read:own", Summary: "Who is on a call, who is in control, what each agent may do",
			Response: wire.Handling{}, Statuses: []int{200, 404, 503}, Handler: getHandling,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/hold", Act: "hold", Grant: "leg:control", Own: "leg:control:own", Summary: "The customer on hold",
			Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postCallHold,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/resume", Act: "hold", Grant: "leg:control", Own: "leg:control:own", Summary: "The customer off hold",
			Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postCallResume,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/consult", Act: "consult", Grant: "leg:control", Own: "leg:control:own", Summary: "Ask an agent, a queue, a number or an entry point",
			Request: wire.ConsultRequest{}, Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postConsult,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/consult/end", Grant: "leg:control", Own: "leg:control:own", Summary: "End a consult",
			Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postConsultEnd,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/consult/swap", Act: "consult", Grant: "leg:control", Own: "leg:control:own", Summary: "Talk to the other side: the customer, or who is asked",
			Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postConsultSwap,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/conference", Act: "conference", Grant: "leg:control", Own: "leg:control:own", Summary: "Merge the consult, or add somebody directly",
			Request: wire.TargetRequest{}, Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postConference,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/exit", Grant: "leg:control", Own: "leg:control:own", Summary: "Leave a conference that goes on",
			Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postExit,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/drop", Act: "conference", Grant: "leg:control", Own: "leg:control:own", Summary: "Take a participant out",
			Request: wire.DropRequest{}, Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postDrop,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/transfer", Act: "transfer", Grant: "leg:control", Own: "leg:control:own", Summary: "Give the call to who is asked, or to somebody blindly",
			Request: wire.TargetRequest{}, Response: wire.Handling{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postTransfer,
		},
		{
			Method: get, Pattern: "/v1/targets", Grant: "agent:read", Own: "agent:self", Query: []string{"text", "limit"}, Summary: "Whom to consult, add or transfer to; free ones first",
			Response: wire.TargetList{}, Statuses: []int{200, 422, 503}, Handler: getTargets,
		},
		{
			Method: get, Pattern: "/v1/calls/{call}/variables", Grant: "call:read", Own: "call:read:own", Summary: "A call's variables; secure values are left out",
			Response: wire.VariableList{}, Statuses: []int{200, 404, 503}, Handler: getVariables,
		},
		{
			Method: get, Pattern: "/v1/calls/{call}/variables/{name}", Grant: "call:write", Own: "call:write:own", Summary: "One variable, with its value also when it is secure",
			Response: wire.Variable{}, Statuses: []int{200, 404, 503}, Handler: getVariable,
		},
		{
			Method: put, Pattern: "/v1/calls/{call}/variables/{name}", Act: "variables", Grant: "call:write", Own: "call:write:own", Summary: "Store a value; the first of two who edit wins, the other gets 409 with both values",
			Request: wire.VariableRequest{}, Response: wire.Variable{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: putVariable,
		},
		{
			Method: post, Pattern: "/v1/wrapups/{wrapup}/cancel", Act: "extend_wrapup", Grant: "agent:control", Own: "agent:self", Summary: "Stop the countdown of a wrap-up",
			Response: wire.Wrapup{}, Statuses: []int{200, 404, 409, 503}, Handler: postCancelWrapup,
		},
	}
}
