package agentapi

import "github.com/cordboard/cordboard/call"

func callCause() call.Cause { return call.Cause{Code: call.CauseHangup} }
