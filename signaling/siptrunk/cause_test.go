package siptrunk

import (
	"errors"
	"net/http"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
)

// TestRefusal: what the board says becomes a status, and when to come back becomes Retry-After.
func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		err           error
		status, retry int
	}{
		{&problem.Error{Status: http.StatusServiceUnavailable, Code: "overloaded", RetryAfter: 30}, 503, 30},
		{&problem.Error{Status: http.StatusServiceUnavailable, Code: "draining"}, 503, defaultRetryAfter},
		{problem.NotFound("number", "1"), 404, 0},
		{problem.Conflict("room_full", "full", nil, "full"), 486, 0},
		{errors.New("broken"), 500, 0},
	} {
		if status, retry := refusalOf(c.err); status != c.status || retry != c.retry {
			t.Errorf("%v: %d, %d, want %d, %d", c.err, status, retry, c.status, c.retry)
		}
	}
}
