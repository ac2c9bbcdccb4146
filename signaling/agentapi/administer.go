package agentapi

import (
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// act is something an administrator does, for the audit log: verb_asked before it is done, done or verb_refused after.
type act struct {
	verb, done string // "config.save", "config.saved"
	object     string // what it is done to; a new thing has its name only afterwards
	detail     map[string]string
}

// administer does an act that is written down before, and with what came of it after. What cannot be written down is not
// done. do returns the name of what it made, or "".
func (q *request) administer(a act, do func() (made string, err error)) error {
	if err := q.audit(a.verb+"_asked", wire.Recording{ID: a.object}, a.detail); err != nil {
		return err
	}
	made, err := do()
	action, detail, object := a.done, a.detail, a.object
	if err == nil && made != "" {
		object = made
	}
	if err != nil {
		action, detail = a.verb+"_refused", maps.Clone(a.detail)
		if detail == nil {
			detail = map[string]string{}
		}
		detail["refused"] = problem.As(err).Code
	}
	if bad := q.audit(action, wire.Recording{ID: object}, detail); bad != nil { // that it was asked for is there
		q.s.log.Error("audit entry not written", "action", action, "object", object, "cause", bad)
	}
	return err
}

// numbersOf are numbers as the audit log has them: how many, and the ends of the first.
func numbersOf(numbers []string) map[string]string {
	var ends []string
	for _, n := range numbers[:min(len(numbers), 20)] {
		ends = append(ends, strings.ReplaceAll(veil.Mask(n), string(veil.Hidden), "*"))
	}
	return map[string]string{"count": strconv.Itoa(len(numbers)), "numbers": strings.Join(ends, " ")}
}

// placeOf is an address without what may be a secret in it: path, query and user.
func placeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// some are the details that are not empty.
func some(pairs ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := pairs[i+1]; v != "" {
			out[pairs[i]] = v[:min(len(v), 500)]
		}
	}
	return out
}
