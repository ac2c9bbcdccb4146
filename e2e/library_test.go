package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cordboard/cordboard/signaling/wire"
)

// rows is how many rows of a kind the page shows.
func (d *desktop) rows(id string) (n int) {
	d.t.Helper()
	d.run(5*time.Second, "count "+id, chromedp.Evaluate(fmt.Sprintf(`document.querySelectorAll('%s').length`, testid(id)), &n))
	return n
}

// part is a stretch of what is at a path, as a player asks for it.
func (s *server) part(token, path string, from, to int) ([]byte, *http.Response) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.http+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if to > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return b, resp
}

// TestRecordingsPage: somebody who may hear recordings finds one among others, sees its waveform and markers, hears it,
// saves it, and all that is in the audit log, which the page shows too.
func TestRecordingsPage(t *testing.T) {
	t.Setenv("CORDBOARD_RECORDER_COPY_CPU_PERCENT", "100")
	t.Setenv("CORDBOARD_MIXER_MAX_BUSY", "1")
	t.Setenv("CORDBOARD_MIXER_MAX_LATE", "1")
	s := newServer(t, "").start()
	k, recs := s.speak(2)
	time.Sleep(time.Second)
	var w wire.Recording
	if st := s.call(http.MethodPost, "/v1/recordings/"+recs[0]+"/pause", map[string]any{"max_seconds": 60, "reason": "card"}, &w); st != http.StatusOK {
		t.Fatalf("pause: %d", st)
	}
	time.Sleep(500 * time.Millisecond)
	if st := s.call(http.MethodPost, "/v1/recordings/"+recs[0]+"/resume", nil, &w); st != http.StatusOK {
		t.Fatalf("resume: %d", st)
	}
	time.Sleep(1500 * time.Millisecond)
	s.hang(recs)
	k.stop()
	s.sent(recs, 20*time.Second)
	if st := s.call(http.MethodPost, "/v1/recordings/"+recs[0]+"/hold", map[string]any{"on": true, "reason": "a complaint"}, &w); st != http.StatusOK {
		t.Fatalf("hold: %d", st)
	}

	token := s.token("--name", "quality", "--grant", "recording:read,recording:listen,audit:read")
	d := newPage(t, s, "quality", "", token, testid("library"))
	waitFor(t, 10*time.Second, "two recordings", func() bool { return d.rows("library-row") == 2 })
	d.run(5*time.Second, "filter", chromedp.SetValue(testid("library-held"), "true", chromedp.ByQuery),
		chromedp.Evaluate(`document.querySelector('[data-testid="library-held"]').dispatchEvent(new Event('change', { bubbles: true }))`, nil))
	d.click("library-search")
	row := fmt.Sprintf(`[data-recording="%s"][data-held="true"]`, recs[0])
	waitFor(t, 10*time.Second, "the held one alone", func() bool { return d.rows("library-row") == 1 })
	d.run(10*time.Second, "open it", chromedp.Click(row+" > button", chromedp.ByQuery), chromedp.WaitVisible(testid("library-detail"), chromedp.ByQuery))
	d.run(30*time.Second, "waveform", chromedp.WaitVisible(testid("waveform")+`[data-loaded="true"]`, chromedp.ByQuery))
	d.run(10*time.Second, "the pause's marker", chromedp.WaitVisible(testid("library-markers")+` li[data-type="pause"]`, chromedp.ByQuery))
	// The listening copy may still be on its way.
	waitFor(t, 20*time.Second, "listening copy", func() bool {
		_, resp := s.part(s.admin, "/v1/recordings/"+recs[0]+"/tracks/copy", 0, 3)
		return resp.StatusCode == http.StatusPartialContent
	})
	d.click("library-play")
	d.run(20*time.Second, "playing", chromedp.WaitVisible(testid("library-play")+`[data-playing="true"]`, chromedp.ByQuery))
	waitFor(t, 15*time.Second, "the position moves", func() (moved bool) {
		d.run(5*time.Second, "position", chromedp.Evaluate(`Number(document.querySelector('[data-testid="library-seek"]').value) > 0`, &moved))
		return moved
	})
	d.picture("library")
	d.click("library-save")

	copied := "/v1/recordings/" + recs[0] + "/tracks/copy"
	whole, resp := s.part(token, copied, 0, 0)
	if resp.StatusCode != http.StatusOK || !bytes.HasPrefix(whole, []byte("OggS")) {
		t.Fatalf("the copy: %d, %d bytes", resp.StatusCode, len(whole))
	}
	piece, resp := s.part(token, copied, 100, 299)
	if resp.StatusCode != http.StatusPartialContent || !bytes.Equal(piece, whole[100:300]) || resp.Header.Get("Content-Range") != fmt.Sprintf("bytes 100-299/%d", len(whole)) {
		t.Errorf("a range: %d, %d bytes, %q", resp.StatusCode, len(piece), resp.Header.Get("Content-Range"))
	}

	var list wire.AuditList
	waitFor(t, 10*time.Second, "play and download in the audit log", func() bool {
		seen := make(map[string]bool)
		s.call(http.MethodGet, "/v1/audit?object="+recs[0], nil, &list)
		for _, e := range list.Items {
			if e.Actor == "quality" {
				seen[e.Action] = true
			}
		}
		return seen["recording.played"] && seen["recording.downloaded"]
	})
	d.click("page-audit")
	d.see("audit", 10*time.Second)
	d.run(5*time.Second, "filter", chromedp.SendKeys(testid("audit-object"), recs[0], chromedp.ByQuery))
	d.click("audit-search")
	var text string
	waitFor(t, 10*time.Second, "what was done", func() bool {
		d.run(5*time.Second, "read the log", chromedp.Text(testid("audit"), &text, chromedp.ByQuery))
		return strings.Contains(text, "Played") && strings.Contains(text, "Downloaded") && strings.Contains(text, "Legal hold set")
	})
	if strings.Contains(text, recs[1]) {
		t.Error("the filter lets another recording through")
	}
	d.picture("audit")
}
