package agentapi

import (
	"net/http"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
)

func TestParseConfig(t *testing.T) {
	c, err := parseConfig([]byte(`{"queues":[{"id":"a","ring":"15s","skills":[{"skill":"de","level":3}]}]}`), "/config")
	if err != nil || c.Queues[0].Ring.Seconds() != 15 || c.Queues[0].Skills[0].Level != 3 {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, body := range map[string]string{
		"nothing": "", "no object": "[]", "an unknown name": `{"quues":[]}`, "no duration": `{"attach_timeout":"soon"}`,
	} {
		if _, err := parseConfig([]byte(body), "/config"); problem.As(err).Status != http.StatusUnprocessableEntity || problem.As(err).Fields[0].Pointer != "/config" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
