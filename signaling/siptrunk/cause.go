package siptrunk

import (
	"github.com/emiago/sipgo/sip"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/problem"
)

// causeOf is why an outbound call failed, from its final response.
func causeOf(status int) call.Cause {
	code := call.CauseRejected
	switch status {
	case 404, 484, 485, 604:
		code = call.CauseNotFound
	case 408, 480:
		code = call.CauseNoAnswer
	case 486, 600:
		code = call.CauseBusy
	case 487:
		code = call.CauseCancelled
	default:
		if status >= 500 && status < 600 {
			code = call.CauseUnavailable
		}
	}
	return call.Cause{Code: code, SIP: status}
}

// statusOf is how an inbound call is refused for a cause.
func statusOf(c call.Cause) (int, string) {
	if c.SIP >= 400 && c.SIP < 700 {
		return c.SIP, reason(c.SIP)
	}
	status := sip.StatusGlobalDecline
	switch c.Code {
	case call.CauseBusy:
		status = sip.StatusBusyHere
	case call.CauseNotFound:
		status = sip.StatusNotFound
	case call.CauseNoAnswer:
		status = sip.StatusTemporarilyUnavailable
	case call.CauseUnavailable, call.CauseShutdown:
		status = sip.StatusServiceUnavailable
	case call.CauseError, call.CauseMediaLost:
		status = sip.StatusInternalServerError
	}
	return status, reason(status)
}

// refusalOf is how an inbound call is refused when the Handler will not have it.
func refusalOf(err error) (status int, retryAfter int) {
	switch p := problem.As(err); p.Status {
	case 403, 404:
		return p.Status, 0
	case 409, 486:
		return sip.StatusBusyHere, 0
	case 429, 503:
		return sip.StatusServiceUnavailable, max(p.RetryAfter, defaultRetryAfter)
	default:
		return sip.StatusInternalServerError, 0
	}
}

// defaultRetryAfter is what a refusal for load or shutdown asks for, in seconds.
const defaultRetryAfter = 5

func reason(status int) string {
	if s, ok := reasons[status]; ok {
		return s
	}
	return "Refused"
}

var reasons = map[int]string{
	100: "Trying", 180: "Ringing", 200: "OK",
	400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
	486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable", 513: "Message Too Large",
	600: "Busy Everywhere", 603: "Decline",
}
