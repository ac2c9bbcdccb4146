package agentapi

import (
	"net/http"

	"github.com/cordboard/cordboard/signaling/wire"
)

// getHealth is 503 while draining, so that balancers send nothing new; the body says why.
func getHealth(q *request) error {
	n, status := q.s.node(), http.StatusOK
	if n.Status == wire.NodeDraining {
		status = http.StatusServiceUnavailable
	}
	return q.reply(status, n)
}

func getMetrics(q *request) error {
	q.status = http.StatusOK
	q.s.metrics.ServeHTTP(q.w, q.r)
	return nil
}

func getDocument(q *request) error {
	return q.replyRaw(http.StatusOK, typeJSON, q.s.doc)
}
