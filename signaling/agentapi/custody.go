package agentapi

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// audit writes into the audit log who does this, and from where. What cannot be written down must not be done.
func (q *request) audit(action string, w wire.Recording, detail map[string]string) error {
	if q.s.deps.Audit == nil {
		return nil
	}
	_, err := q.s.deps.Audit.Write(wire.AuditEntry{
		Actor: q.actor(), Token: q.claims.ID, From: q.from(), Action: action, Object: w.ID, CallID: w.CallID, Detail: detail,
	})
	if err != nil {
		e := problem.New(http.StatusServiceUnavailable, "audit_unavailable", "the audit log cannot be written")
		e.Err = err
		return e
	}
	return nil
}

// outcome audits what came of something that was asked for, with why it was refused; done "" leaves it to the
// recorder to tell. That it was asked for is in the log already, so an entry that cannot be written now does not change
// the answer.
func (q *request) outcome(done, refused string, w wire.Recording, reason string, err error) {
	detail := map[string]string{"reason": reason}
	if err != nil {
		done, detail["refused"] = refused, problem.As(err).Code
	}
	if done == "" {
		return
	}
	if err := q.audit(done, w, detail); err != nil {
		q.s.log.Error("audit entry not written", "action", done, "recording", w.ID, "cause", err)
	}
}

// playAgain is how long further requests for the same audio with the same token are the same play: a player asks
// for one range after the other.
const playAgain = 10 * time.Minute

// plays remembers who plays what.
type plays struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// first reports whether a play is a new one.
func (p *plays) first(key string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since == nil {
		p.since = make(map[string]time.Time)
	}
	if at, ok := p.since[key]; ok && now.Sub(at) < playAgain {
		return false
	}
	if len(p.since) > 10_000 {
		for k, at := range p.since {
			if now.Sub(at) >= playAgain {
				delete(p.since, k)
			}
		}
	}
	p.since[key] = now
	return true
}

// forget takes a play back.
func (p *plays) forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.since, key)
}

// auditPlay audits that somebody hears a track, or takes it home.
func (q *request) auditPlay(w wire.Recording, track string, download bool) error {
	action := "recording.played"
	if download {
		action = "recording.downloaded"
	}
	key := strings.Join([]string{action, q.claims.ID, q.from(), w.ID, track}, "\n")
	if !q.s.plays.first(key, q.s.now()) {
		return nil
	}
	err := q.audit(action, w, map[string]string{"track": track})
	if err != nil { // the next one is no further request for what was not given out
		q.s.plays.forget(key)
	}
	return err
}

// suffixes are the ends of file names by media type.
var suffixes = map[string]string{"audio/ogg": ".ogg", "audio/wav": ".wav", "audio/flac": ".flac", "audio/mpeg": ".mp3"}

// fileName is the name under which a track of a media type is saved.
func fileName(recID, track, contentType string) string {
	kind, _, _ := strings.Cut(contentType, ";")
	return recID + "-" + safeName(track) + suffixes[strings.TrimSpace(kind)]
}

// getLink gives an address to fetch a track from, the store's own where it may be.
func getLink(q *request) error {
	r, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	track := q.path("track")
	audio, _, contentType, err := r.OpenTrack(q.ctx(), w.ID, track)
	if err != nil {
		return err
	}
	if err := audio.Close(); err != nil {
		return err
	}
	l := wire.RecordingLink{Type: contentType, Name: fileName(w.ID, track, contentType)}
	address, expires, ok, err := r.Presign(q.ctx(), w.ID, track, l.Name)
	if err != nil {
		return err
	}
	if !ok {
		l.URL = "/v1/recordings/" + w.ID + "/tracks/" + track
		return q.reply(http.StatusOK, l)
	}
	if err := q.audit("recording.link_given", w, map[string]string{"track": track, "expires": expires.Format(time.RFC3339)}); err != nil {
		return err
	}
	l.URL, l.Presigned, l.Expires = address, true, &expires
	return q.reply(http.StatusOK, l)
}

func postRecordingHold(q *request) error {
	var in wire.HoldRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	r, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	on := in.On == nil || *in.On
	asked, done := "recording.hold_asked", "recording.held"
	if !on {
		asked, done = "recording.release_asked", "recording.released"
	}
	if err := q.audit(asked, w, map[string]string{"reason": in.Reason}); err != nil {
		return err
	}
	held, err := r.Hold(q.ctx(), w.ID, on, q.actor(), in.Reason)
	q.outcome(done, done+"_refused", w, in.Reason, err)
	return q.replyRecording(held, err)
}

// deleteRecording answers 204 when nothing is left, 202 when the rest goes by itself.
func deleteRecording(q *request) error {
	r, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	reason := q.r.URL.Query().Get("reason")
	if len(reason) > maxText {
		return invalidQuery("reason", "the reason is too long")
	}
	if err := q.audit("recording.delete_asked", w, map[string]string{"reason": reason}); err != nil {
		return err
	}
	done, err := r.Delete(q.ctx(), w.ID, q.actor(), reason)
	q.outcome("", "recording.delete_asked_refused", w, reason, err)
	if err != nil {
		return err
	}
	if done {
		return q.reply(http.StatusNoContent, nil)
	}
	return q.reply(http.StatusAccepted, nil)
}

// postErase answers 200 when the key is gone, 202 when the rest goes by itself.
func postErase(q *request) error {
	var in wire.DeleteRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	r, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	if err := q.audit("recording.erase_asked", w, map[string]string{"reason": in.Reason}); err != nil {
		return err
	}
	erased, done, err := r.EraseKey(q.ctx(), w.ID, q.actor(), in.Reason)
	q.outcome("", "recording.key_erased_refused", w, in.Reason, err)
	switch {
	case err != nil:
		return err
	case done:
		return q.reply(http.StatusOK, erased)
	}
	return q.reply(http.StatusAccepted, erased)
}

func getAudit(q *request) error {
	if q.s.deps.Audit == nil {
		return problem.New(http.StatusServiceUnavailable, "audit_off", "this server keeps no audit log")
	}
	v := q.r.URL.Query()
	f := audit.Filter{Actor: v.Get("actor"), Action: v.Get("action"), Object: v.Get("object"), CallID: v.Get("call_id")}
	var err error
	if f.Limit, err = q.limit(); err != nil {
		return err
	}
	if f.Since, err = q.when("since"); err != nil {
		return err
	}
	if f.Until, err = q.when("until"); err != nil {
		return err
	}
	if c := v.Get("cursor"); c != "" {
		if f.Before, err = strconv.ParseUint(c, 10, 63); err != nil || f.Before == 0 {
			return invalidQuery("cursor", "the cursor is not one this server gave")
		}
	}
	entries, next, err := q.s.deps.Audit.List(f)
	if err != nil {
		return err
	}
	answer := wire.AuditList{Items: list(entries)}
	if next > 0 {
		answer.Next = strconv.FormatUint(next, 10)
	}
	return q.reply(http.StatusOK, answer)
}
