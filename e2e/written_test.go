package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// TestW112_G16_WrittenRequestOnThePage: an email rings, is accepted, read and answered with the keyboard alone, and the answer is
// what was typed. A callback is made from it for its sender; it names no call. What was typed outlives a reload.
func TestW112_G16_WrittenRequestOnThePage(t *testing.T) {
	s := newServer(t, "[desk.callbacks]\nentry_points = [{ number = \"0800\", name = \"Service\" }]\n")
	s.configure(`ring = "4s"`, `ring = "1m"`)
	s.start()
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	var w wire.Work
	in := wire.WorkRequest{Kind: wire.WorkEmail, Queue: "service", From: "ana@example.com", FromName: "Ana Kranjc", Subject: "Second parcel", Text: "Hello,\n\nwhere is it?"}
	if st := s.call(http.MethodPost, "/v1/work", in, &w); st != http.StatusCreated {
		t.Fatalf("a written request: %d", st)
	}
	d.press("r")
	d.see("ring", patience)
	if got := d.text("ring-subject"); got != in.Subject {
		t.Errorf("the ring is about %q", got)
	}
	d.press("a")
	d.see("written", patience)
	if got := d.text("written-text"); got != in.Text {
		t.Errorf("the request reads %q, want %q", got, in.Text)
	}
	d.write("written-reply", "It comes tomorrow.")
	d.picture("written")

	d.enter("written-callback")
	at := time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)
	for id, v := range map[string]string{"callback-zone": "UTC", "callback-number": "040 777 888", "callback-date": at, "callback-from": "09:00", "callback-till": "10:00"} {
		d.write(id, v)
	}
	if got := d.value("callback-name"); got != in.FromName {
		t.Errorf("the callback is for %q", got)
	}
	d.picture("written-callback")
	d.enter("callback-save")
	d.gone("callback-form", patience)
	var kept wire.CallbackList
	s.call(http.MethodGet, "/v1/callbacks?open=true", nil, &kept)
	if len(kept.Items) != 1 || kept.Items[0].Number != "040 777 888" || kept.Items[0].Queue != "service" || kept.Items[0].Origin != "" {
		t.Errorf("%+v", kept.Items)
	}

	d.reload()
	d.see("written", patience)
	if got := d.value("written-reply"); got != "It comes tomorrow." {
		t.Errorf("after a reload the reply is %q", got)
	}
	d.enter("written-send")
	d.gone("written", patience)
	waitFor(t, patience, "the answer", func() bool {
		s.call(http.MethodGet, "/v1/work/"+w.ID, nil, &w)
		return w.State == wire.WorkClosed
	})
	if w.Reply != "It comes tomorrow." || w.Result != "replied" {
		t.Errorf("%+v", w)
	}
}
