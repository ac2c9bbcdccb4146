package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cordboard/cordboard/signaling/wire"
)

// TestW115_W116_W127_G4_G5_G6_G15_G17_G19_G20_G21_X20_CallbacksOnThePage: the view opens on the schedule, from the list
// of requests, from the contact search and from the call. Date and times are typed, stepped and chosen; closing in any
// way commits nothing and keeps what was typed; one Save commits. The call's button shows that a callback is set, and
// the customer's callbacks stand on the second tab, where one is cancelled.
func TestW115_W116_W127_G4_G5_G6_G15_G17_G19_G20_G21_X20_CallbacksOnThePage(t *testing.T) {
	s := newServer(t, "[desk.callbacks]\nentry_points = [{ number = \"0800\", name = \"Service\" }]\n")
	s.configure(`ring = "4s"`, `ring = "1m"`)
	s.start()
	list := "number,number2,name,zone\n+38640111222,+38615551234,Ana Kranjc,Europe/Ljubljana\n"
	if st := s.upload("/v1/lists?name=Spring", list); st != http.StatusCreated {
		t.Fatalf("upload: %d", st)
	}
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	kept := func() []wire.Callback {
		var all wire.CallbackList
		s.call(http.MethodGet, "/v1/callbacks?open=true", nil, &all)
		return all.Items
	}
	at := time.Now().UTC().AddDate(0, 0, 2)
	zone := "UTC"

	// From the list of requests, without a call.
	d.enter("tasks-callback")
	d.see("callback-panel-schedule", patience)
	d.until("the schedule is the chosen tab", `document.querySelector('`+testid("callback-tab-schedule")+`').ariaSelected === 'true' && document.querySelector('`+testid("callback-panel-all")+`') === null`)
	d.write("callback-zone", zone)
	d.write("callback-number", "040 777 888")
	d.write("callback-name", "Cene Customer")
	d.run(patience, "type the date", chromedp.Focus(testid("callback-date"), chromedp.ByQuery), chromedp.KeyEvent(at.Format("01022006")))
	d.until("the typed date", fmt.Sprintf(`document.querySelector('%s').value === '%s'`, testid("callback-date"), at.Format(time.DateOnly)))
	d.run(patience, "step the month", chromedp.Focus(testid("callback-zone"), chromedp.ByQuery), chromedp.Focus(testid("callback-date"), chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowUp))
	d.until("the stepped month", fmt.Sprintf(`document.querySelector('%s').value !== '%s'`, testid("callback-date"), at.Format(time.DateOnly)))
	d.write("callback-date", at.AddDate(0, 0, 1).Format(time.DateOnly)) // a calendar gives a whole date
	d.run(patience, "type the time", chromedp.Focus(testid("callback-from"), chromedp.ByQuery), chromedp.KeyEvent("1015AM"))
	d.until("the typed time", `document.querySelector('`+testid("callback-from")+`').value === '10:15'`)
	d.run(patience, "step the hour", chromedp.Focus(testid("callback-zone"), chromedp.ByQuery), chromedp.Focus(testid("callback-from"), chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowUp))
	d.until("the stepped hour", `document.querySelector('`+testid("callback-from")+`').value === '11:15'`)
	d.run(patience, "step the minute", chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowUp))
	d.until("the stepped minute", `document.querySelector('`+testid("callback-from")+`').value === '11:16'`)
	d.write("callback-till", "12:30")
	d.write("callback-reason", "too busy")
	for _, way := range []struct {
		name  string
		close func()
	}{
		{"Escape", func() { d.press("\x1b") }},
		{"a click outside", func() { d.run(patience, "click outside", chromedp.MouseClickXY(4, 4)) }},
		{"the button", func() { d.click("callback-close") }},
	} {
		way.close()
		d.gone("callback-form", patience)
		if n := len(kept()); n != 0 {
			t.Fatalf("%s has committed %d callbacks", way.name, n)
		}
		d.enter("tasks-callback")
		if got := d.value("callback-number") + ", " + d.value("callback-from") + ", " + d.value("callback-reason"); got != "040 777 888, 11:16, too busy" {
			t.Errorf("after %s: %q", way.name, got)
		}
	}
	// A slot sets both times; another number of the customer is another number.
	d.see("slot", patience)
	d.until("slots of the day", `[...document.querySelectorAll('`+testid("slot")+`')].some((x) => !x.disabled && x.innerText.startsWith('14:00'))`)
	d.run(patience, "choose a slot", chromedp.Evaluate(`[...document.querySelectorAll('`+testid("slot")+`')].find((x) => x.innerText.startsWith('14:00')).click()`, nil))
	d.until("the slot is chosen", `[...document.querySelectorAll('`+testid("slot")+`')].find((x) => x.innerText.startsWith('14:00')).ariaPressed === 'true'`)
	if from, till := d.value("callback-from"), d.value("callback-till"); from != "14:00" || till <= from {
		t.Errorf("the slot sets %s to %s", from, till)
	}
	d.write("callback-number", "040 777 999")
	d.picture("callback-form")
	d.enter("callback-save")
	d.gone("callback-form", patience)
	waitFor(t, patience, "the callback", func() bool { return len(kept()) == 1 })
	if c := kept()[0]; c.Number != "040 777 999" || c.Name != "Cene Customer" || c.Start == nil || c.Start.UTC().Format("2006-01-02 15:04") != at.AddDate(0, 0, 1).Format(time.DateOnly)+" 14:00" || c.Reason != "too busy" {
		t.Errorf("%+v", c)
	}
	d.enter("tasks-callback")
	if got := d.value("callback-reason"); got != "" {
		t.Errorf("what was saved is still a draft: %q", got)
	}
	d.press("\x1b")
	d.gone("callback-form", patience)

	// From the contact search.
	d.fill("contacts-search", "kranj")
	d.press("\r")
	d.until("both numbers", `document.querySelectorAll('`+testid("contact-callback")+`').length === 2`)
	d.run(patience, "the second number", chromedp.Evaluate(`document.querySelectorAll('`+testid("contact-callback")+`')[1].click()`, nil))
	if number, name := d.value("callback-number"), d.value("callback-name"); number != "+38615551234" || name != "Ana Kranjc" {
		t.Errorf("for %s, %s", number, name)
	}
	d.press("\x1b")
	d.gone("callback-form", patience)

	// From the call.
	p := newPhone(t, phoneOpts{user: "+38640777999", wav: toneFile(t, 500, 8000, 1, 60), codec: "PCMU/8000/1"})
	d.ready() // the focus may be in a field: no keys here
	p.dial(s, "1000", "udp")
	d.see("ring", patience)
	d.click("accept")
	d.see("call-card", patience)
	d.enter("call-callback")
	d.see("callback-panel-schedule", patience)
	if got := d.value("callback-number"); got != "+38640777999" {
		t.Errorf("the call's number is %q", got)
	}
	for id, v := range map[string]string{"callback-zone": zone, "callback-name": "Cene Customer", "callback-date": at.Format(time.DateOnly), "callback-from": "09:00", "callback-till": "10:00"} {
		d.write(id, v)
	}
	before := d.text("call-callback")
	d.enter("callback-save")
	d.gone("callback-form", patience)
	d.until("the button shows it", `document.querySelector('`+testid("call-callback")+`').ariaPressed === 'true'`)
	if after := d.text("call-callback"); after == before || !strings.Contains(after, "set") {
		t.Errorf("the button says %q, before %q", after, before)
	}
	d.picture("callback-set")
	d.enter("call-callback")
	d.enter("callback-tab-all")
	d.until("the customer's callbacks", `document.querySelectorAll('`+testid("customer-callback")+`').length === 1`)
	d.click("customer-callback-cancel")
	d.until("none is left", `document.querySelectorAll('`+testid("customer-callback")+`').length === 0`)
	waitFor(t, patience, "the cancelled callback", func() bool { return len(kept()) == 1 })
	d.press("\x1b")
	d.until("the button is as before", `document.querySelector('`+testid("call-callback")+`').ariaPressed === 'false'`)
}

// upload posts a file of contacts.
func (s *server) upload(path, csv string) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.http+path, strings.NewReader(csv))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.admin)
	req.Header.Set("Content-Type", "text/csv")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestW106_W108_CancelButtonOnTheCard: while the customer's telephone rings the card shows a button in place of its
// state, which cancels the callback; the work after the call comes.
func TestW106_W108_CancelButtonOnTheCard(t *testing.T) {
	customer := newPhone(t, phoneOpts{user: "041000111", wav: toneFile(t, 500, 8000, 1, 60), codec: "PCMU/8000/1", rings: true})
	s := newServer(t, fmt.Sprintf(trunkConfig, "out", customer.port)+entryPointConfig).start()
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	var got wire.CallbackReceipt
	s.call(http.MethodPost, "/v1/callbacks/trusted", wire.CallbackAsk{Number: "041000111", Name: "Cene Customer", Queue: "service"}, &got)
	d.ready()
	d.see("ring", patience)
	d.click("accept")
	d.see("call-callback-cancel", patience)
	d.picture("callback-rings")
	d.click("call-callback-cancel")
	d.see("wrapup", patience)
	var cb wire.Callback
	s.call(http.MethodGet, "/v1/callbacks/"+got.ID, nil, &cb)
	if cb.State != wire.CallbackCancelled || cb.Agent != "alice" || cb.Attempts != 1 {
		t.Errorf("%+v", cb)
	}
}
