package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cordboard/cordboard/signaling/wire"
)

// The limits here are for a machine that does much else; nothing waits for a fixed time.
const patience = 40 * time.Second

// unhurried gives people in these tests, and browsers on a busy machine, longer than the usual ring and wrap-up.
func unhurried(t *testing.T, s *server, ring string) *server {
	t.Helper()
	b, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(`ring = "4s", wrapup = "5s"`), []byte(`ring = "`+ring+`", wrapup = "2m", wrapup_extension = "20s", wrapup_extensions = 2`), 1)
	b = bytes.Replace(b, []byte("[desk]\n"), []byte("[desk]\nwrapup_default = \"solved\"\nwrapup_reasons = ["+
		"{ code = \"solved\", label = \"Solved\" }, { code = \"technician\", label = \"Technician sent\" }, { code = \"wrong\", label = \"Wrong number\" }]\n"), 1)
	if err := os.WriteFile(s.config, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// text is what an element says.
func (d *desktop) text(id string) string {
	d.t.Helper()
	var out string
	d.run(patience, "read "+id, chromedp.WaitVisible(testid(id), chromedp.ByQuery), chromedp.Evaluate(`document.querySelector('`+testid(id)+`')?.innerText ?? ''`, &out))
	return out
}

// has says whether an element is on the page now.
func (d *desktop) has(id string) bool {
	d.t.Helper()
	var there bool
	d.run(patience, "look for "+id, chromedp.Evaluate(`document.querySelector('`+testid(id)+`') !== null`, &there))
	return there
}

// write puts a value into a field as a picker does, all at once.
func (d *desktop) write(id, value string) {
	d.t.Helper()
	d.run(patience, "write "+id, chromedp.WaitVisible(testid(id), chromedp.ByQuery), chromedp.Evaluate(fmt.Sprintf(
		`(() => { const x = document.querySelector('%s'); Object.getOwnPropertyDescriptor(Object.getPrototypeOf(x), 'value').set.call(x, %q); x.dispatchEvent(new Event('input', { bubbles: true })); })()`,
		testid(id), value), nil))
}

// value is what stands in a field.
func (d *desktop) value(id string) string {
	d.t.Helper()
	var out string
	d.run(patience, "read "+id, chromedp.WaitVisible(testid(id), chromedp.ByQuery), chromedp.Evaluate(`document.querySelector('`+testid(id)+`').value`, &out))
	return out
}

// until waits for a JavaScript expression to become true.
func (d *desktop) until(what, expression string) {
	d.t.Helper()
	d.run(patience, what, chromedp.Poll(expression, nil, chromedp.WithPollingInterval(50*time.Millisecond)))
}

// press types keys on the page, wherever its focus is.
func (d *desktop) press(keys string) {
	d.t.Helper()
	d.run(patience, "press "+keys, chromedp.KeyEvent(keys))
}

// fill types into a field by its test id.
func (d *desktop) fill(id, value string) {
	d.t.Helper()
	d.run(patience, "fill "+id, chromedp.WaitVisible(testid(id), chromedp.ByQuery), chromedp.Focus(testid(id), chromedp.ByQuery), chromedp.KeyEvent(value))
}

// enter puts the focus on a control and presses Enter, as somebody without a mouse does. The control must show
// that it has the focus.
func (d *desktop) enter(id string) {
	d.t.Helper()
	var outline string
	d.run(patience, "press Enter on "+id,
		chromedp.WaitVisible(testid(id), chromedp.ByQuery),
		chromedp.Poll(`!document.querySelector('`+testid(id)+`').disabled`, nil),
		chromedp.KeyEvent("\t"), // the last thing that was used was the keyboard: focus is visible
		chromedp.Focus(testid(id), chromedp.ByQuery),
		chromedp.Evaluate(`getComputedStyle(document.activeElement).outlineStyle`, &outline),
		chromedp.KeyEvent("\r"),
	)
	if outline == "none" {
		d.t.Errorf("%s has the focus and does not show it", id)
	}
}

// picture keeps the page in the sizes its pages are looked at, where DESKTOP_SHOTS names a folder.
func (d *desktop) picture(name string) {
	d.t.Helper()
	dir := os.Getenv("DESKTOP_SHOTS")
	if dir == "" {
		return
	}
	for _, size := range [][2]int64{{1000, 700}, {1280, 800}} {
		ctx, cancel := context.WithTimeout(d.ctx, patience)
		var png []byte
		err := chromedp.Run(ctx, chromedp.EmulateViewport(size[0], size[1]), chromedp.FullScreenshot(&png, 100))
		cancel()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, size[0])), png, 0o600)
		}
		if err != nil {
			d.t.Logf("picture %s: %v", name, err)
		}
	}
}

// TestW5_W7_W13_W14_W17_W21_W23_W88_W94_X8_TheRingAndAMissedOne: a ring says what it is about, without the secure variable and
// with the number but for four digits, and what happens at zero; a missed one is explained, and one key is back to
// ready, where the same call rings again.
func TestW5_W7_W13_W14_W17_W21_W23_W88_W94_X8_TheRingAndAMissedOne(t *testing.T) {
	s := unhurried(t, newServer(t, `[desk.handling]
mask_numbers = true
variables = [
  { name = "case", label = "Case", editable = true, popover = true },
  { name = "since", label = "Customer since", type = "date", editable = true, popover = true },
  { name = "vip", label = "Contract", type = "yes_no", editable = true, popover = true },
  { name = "pin", label = "PIN", editable = true, secure = true },
]
`), "12s").start()
	p := newPhone(t, phoneOpts{user: "+38640555123", wav: toneFile(t, 500, 8000, 1, 60), codec: "PCMA/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	d.press("r")
	p.dial(s, "1000", "udp")
	d.see("ring", patience)
	var o wire.Offer
	decode(t, s.event("offer.created").Data, &o)
	for name, value := range map[string]string{"case": "4711", "pin": "0815"} {
		if st := s.call(http.MethodPut, "/v1/calls/"+o.CallID+"/variables/"+name, map[string]any{"value": value, "version": 0}, nil); st != http.StatusOK {
			t.Fatalf("set %s: %d", name, st)
		}
	}
	if got := d.text("tasks"); !strings.Contains(got, "Call") || !strings.Contains(got, "s to answer") {
		t.Errorf("the requests do not show the ring: %q", got)
	}
	if d.has("popover") {
		t.Error("the popover is there beside the open list")
	}
	d.see("aftermath", patience)
	d.click("tasks-fold")
	if got := d.text("aftermath"); !strings.Contains(got, "did not answer in time") || !strings.Contains(got, "Service") {
		t.Errorf("the page says of the missed call: %q", got)
	}
	d.picture("rona")
	d.press("r")
	d.see("ring", patience)
	ring := d.text("ring")
	for _, want := range []string{"Ringing", "Service", "1000", "Case\n4711", "Customer since", "Contract", "s to answer", "back to its place", "Ring number 2"} {
		if !strings.Contains(ring, want) {
			t.Errorf("the ring does not say %q: %q", want, ring)
		}
	}
	for _, not := range []string{"PIN", "0815", "38640555123"} {
		if strings.Contains(ring, not) {
			t.Errorf("the ring shows %q", not)
		}
	}
	if !strings.Contains(ring, "5123") {
		t.Errorf("the ring does not show the last four digits: %q", ring)
	}
	d.picture("ring")
	// Folded, the list makes room; the request stands at the bottom right until it is unfolded or answered.
	d.see("popover", patience)
	d.until("the popover at the bottom right", `(() => { const r = document.querySelector('`+testid("popover")+`').getBoundingClientRect();
		return innerWidth - r.right >= 0 && innerWidth - r.right < 40 && innerHeight - r.bottom >= 0 && innerHeight - r.bottom < 40 && r.left > innerWidth / 2; })()`)
	if got := d.text("popover"); !strings.Contains(got, "Case") || !strings.Contains(got, "Accept") || strings.Contains(got, "PIN") {
		t.Errorf("the popover says %q", got)
	}
	d.click("popover-accept")
	d.see("call-card", patience)
	d.gone("popover", patience)
	d.click("tasks-fold")
	d.until("a lock at the secure variable alone", `(() => { const lock = (x) => document.querySelector('label[for="var-' + x + '"]')?.querySelector('svg') !== null;
		return lock('pin') && !lock('case') && !lock('vip'); })()`)

	// What is typed survives a reload; who saves second sees both values.
	d.fill("var-case", "12")
	d.reload()
	d.see("var-case-save", patience)
	if st := s.call(http.MethodPut, "/v1/calls/"+o.CallID+"/variables/case", map[string]any{"value": "4712", "version": 1}, nil); st != http.StatusOK {
		t.Fatalf("change case: %d", st)
	}
	conflict := d.text("var-case-conflict")
	if !strings.Contains(conflict, "471112") || !strings.Contains(conflict, "4712") {
		t.Errorf("the conflict does not show both values: %q", conflict)
	}
	d.picture("call-conflict")
	d.click("var-case-mine")
	waitFor(t, patience, "the agent's value", func() bool {
		var v wire.Variable
		return s.call(http.MethodGet, "/v1/calls/"+o.CallID+"/variables/case", nil, &v) == http.StatusOK && v.Value == "471112"
	})
	d.gone("var-case-save", patience)

	// Reverting brings back what is saved, and nothing was stored on the way.
	d.fill("var-case", "99")
	d.see("var-case-revert", patience)
	d.click("var-case-revert")
	d.gone("var-case-save", patience)
	if got := d.value("var-case"); got != "471112" {
		t.Errorf("reverted to %q", got)
	}
	var v wire.Variable
	if st := s.call(http.MethodGet, "/v1/calls/"+o.CallID+"/variables/case", nil, &v); st != http.StatusOK || v.Value != "471112" || v.Version != 3 {
		t.Errorf("stored: %d, %+v", st, v)
	}
	d.reload()
	d.see("var-case", patience)
	if got := d.value("var-case"); got != "471112" || d.has("var-case-save") {
		t.Errorf("what was reverted is back after a reload: %q", got)
	}
}

// TestR7_R9_R10_R13_R17_W98_U4_U5_G36_G37_G38_WrapupOnThePage: reasons are searched, both times come from the server, time
// is added, a reload changes nothing, the sign-out waits, counts down also when its message is closed, and is taken back,
// and one reason is submitted.
func TestR7_R9_R10_R13_R17_W98_U4_U5_G36_G37_G38_WrapupOnThePage(t *testing.T) {
	s := unhurried(t, newServer(t, ""), "1m").start()
	p := newPhone(t, phoneOpts{user: "caller", wav: toneFile(t, 500, 8000, 1, 60), codec: "PCMA/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	d.press("r")
	p.dial(s, "1000", "udp")
	d.see("ring", patience)
	d.press("a")
	d.see("call-card", patience)
	d.see("hangup", patience)
	d.press("E")
	d.see("wrapup", patience)
	if got := d.text("wrapup-zero"); !strings.Contains(got, "Solved") {
		t.Errorf("what happens at zero: %q", got)
	}
	var w wire.Wrapup
	decode(t, s.event("wrapup.started").Data, &w)
	// The page counts what the server has.
	if left := clock(t, d.text("wrapup-left")); left > time.Until(w.Deadline)+2*time.Second || left > 2*time.Minute {
		t.Errorf("the page counts down from %v", left)
	}
	d.until("counting up", `document.querySelector('`+testid("wrapup-since")+`').innerText !== '0:00'`)
	d.fill("wrapup-search", "tech")
	d.until("one reason", `document.querySelectorAll('`+testid("wrapup-reason")+`').length === 1`)
	d.picture("wrapup")
	d.click("wrapup-extend")
	d.until("more time", `/1 *$|left: 1/.test(document.getElementById('wrapup-extensions')?.innerText ?? '')`)
	decode(t, s.event("wrapup.extended").Data, &w)
	d.reload()
	d.see("wrapup", patience)
	d.until("the reason is still there", `document.querySelector('`+testid("wrapup-reason")+` input:checked')?.value === 'technician'`)
	if left := clock(t, d.text("wrapup-left")); left > time.Until(w.Deadline)+2*time.Second {
		t.Errorf("after the reload the page counts down from %v, the server has %v", left, time.Until(w.Deadline))
	}
	d.click("signout")
	d.see("leaving", patience)
	if got := d.text("leaving"); !strings.Contains(got, "after wrap-up") {
		t.Errorf("a pending sign-out says %q", got)
	}
	d.picture("signout-pending")
	d.click("leaving-stay")
	d.gone("leaving", patience)
	d.click("signout")
	d.see("leaving", patience)
	// Closed, the message leaves the time at the state, in its tooltip and in the messages.
	d.click("leaving-close")
	d.gone("leaving", patience)
	for _, what := range []struct{ name, text string }{
		{"at the state", `document.querySelector('` + testid("signout-left") + `').innerText`},
		{"in the tooltip", `document.querySelector('` + testid("agent-state") + `').title`},
		{"in the messages", `document.querySelector('` + testid("messages-leaving") + `').innerText`},
	} {
		d.until("the time left "+what.name, `/after wrap-up, \d+:\d\d$/.test(`+what.text+`.trim())`)
		d.until("counting down "+what.name, `(() => { const now = `+what.text+`; window.__was ??= {}; return (window.__was['`+what.name+`'] ??= now) !== now; })()`)
	}
	if left := clock(t, d.text("signout-left")[strings.LastIndex(d.text("signout-left"), " "):]); left > time.Until(w.Deadline)+2*time.Second {
		t.Errorf("the sign-out counts down from %v, the server has %v", left, time.Until(w.Deadline))
	}
	d.click("state-not-ready")
	d.gone("signout-left", patience)
	d.until("that is told too", `document.querySelector('`+testid("message")+`')?.dataset.kind === 'signout_taken_back'`)
	d.click("wrapup-submit")
	d.see("idle", patience)
	decode(t, s.event("wrapup.completed").Data, &w)
	if w.Reason != "technician" || w.By != "agent" {
		t.Errorf("wrapped up as %q by %q", w.Reason, w.By)
	}
	d.click("page-history")
	d.until("the call is in the history", `document.querySelectorAll('`+testid("history-row")+`').length === 1`)
	d.picture("history")
}

// clock reads m:ss.
func clock(t *testing.T, s string) time.Duration {
	t.Helper()
	m, sec, ok := strings.Cut(strings.TrimSpace(s), ":")
	minutes, err1 := strconv.Atoi(m)
	seconds, err2 := strconv.Atoi(sec)
	if !ok || err1 != nil || err2 != nil {
		t.Fatalf("%q is no time", s)
	}
	return time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
}

// TestG23_G24_G31_X20_CampaignFromAFile: a list with two bad rows, each named with its reason; a campaign that the
// server refuses at the field, then takes; started, and its progress shown.
func TestG23_G24_G31_X20_CampaignFromAFile(t *testing.T) {
	s := newServer(t, "[desk.callbacks]\nentry_points = [{ number = \"0800\", name = \"Service\" }]\n").start()
	file := filepath.Join(t.TempDir(), "spring.csv")
	list := "number,name,zone,plan\n+38640111222,Ana Kranjc,Europe/Ljubljana,Basic\n12,Jan Novak,Europe/Ljubljana,Gold\n+38640111222,Ana again,Europe/Ljubljana,Basic\n+38640111333,Eva Kos,Europe/Ljubljana,Gold\n"
	if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	token := s.token("--grant", "campaign:*", "--grant", "queue:read", "--grant", "callback:*", "--grant", "config:*")
	d := newPage(t, s, "manager", toneFile(t, 440, 48000, 1, 1), token, testid("page-campaigns"))
	d.enter("page-campaigns")
	d.see("lists", patience)
	d.run(patience, "choose the file", chromedp.SetUploadFiles(testid("list-file"), []string{file}, chromedp.ByQuery))
	d.enter("list-upload")
	if got := d.text("list-taken"); !strings.Contains(got, "2 contacts") {
		t.Errorf("of the list: %q", got)
	}
	faults := d.text("list-faults")
	for _, want := range []string{"2 rows", "2\tnumber", "3\tnumber", "row 1 already"} {
		if !strings.Contains(faults, want) {
			t.Errorf("the errors do not say %q: %q", want, faults)
		}
	}
	d.enter("campaign-new")
	d.see("campaign-form", patience)
	d.enter("campaign-save")
	if got := d.text("fault-name"); got == "" {
		t.Error("nothing is said of the missing name")
	}
	d.picture("campaign-form")
	d.fill("campaign-name", "Spring")
	d.press("\x1b") // closing commits nothing and keeps what was typed
	d.gone("campaign-form", patience)
	var all wire.CampaignList
	if s.call(http.MethodGet, "/v1/campaigns", nil, &all); len(all.Items) != 0 {
		t.Fatal("closing the form has made a campaign")
	}
	d.enter("campaign-new")
	d.until("the name is still there", `document.querySelector('`+testid("campaign-name")+`')?.value === 'Spring'`)
	d.enter("campaign-save")
	d.gone("campaign-form", patience)
	d.enter("campaign-row-start")
	d.see("campaign-row-pause", patience)
	if got := d.text("campaign-progress"); !strings.Contains(got, "0 of 2") {
		t.Errorf("progress: %q", got)
	}
	if s.call(http.MethodGet, "/v1/campaigns", nil, &all); len(all.Items) != 1 || all.Items[0].State != wire.CampaignRunning || all.Items[0].Setup.Name != "Spring" {
		t.Errorf("campaigns: %+v", all.Items)
	}
	d.picture("campaigns")
	d.enter("campaign-row-pause")
	d.see("campaign-row-start", patience)
	d.click("page-config")
	d.see("config-check", patience)
	d.click("config-check")
	d.see("config-changes", patience)
	d.picture("config")
}

// TestW70_X7_SupervisionWallByKeyboard: a supervisor listens, coaches, makes an agent not ready, ends the call and
// signs the agent out, all from the wall and without a mouse.
func TestW70_X7_SupervisionWallByKeyboard(t *testing.T) {
	s := unhurried(t, newServer(t, ""), "1m").start()
	p := newPhone(t, phoneOpts{user: "caller", wav: toneFile(t, 500, 8000, 1, 60), codec: "PCMU/8000/1"})
	var a wire.SessionAnswer
	if st, err := s.request(s.token("--agent", "alice"), http.MethodPost, "/v1/sessions", map[string]any{}, &a); err != nil || st != http.StatusCreated {
		t.Fatalf("sign in: %d %v", st, err)
	}
	alice := a.Token.Token
	act := func(method, path string, body any) {
		t.Helper()
		if st, err := s.request(alice, method, path, body, nil); err != nil || st >= 300 {
			t.Fatalf("%s: %d %v", path, st, err)
		}
	}
	d := newPage(t, s, "bob", toneFile(t, 440, 48000, 1, 10), s.token("--agent", "bob", "--role", "supervisor"), `body[data-screen="idle"][data-link-state="open"]`)
	act(http.MethodPost, "/v1/agents/alice/state", map[string]any{"state": "ready"})
	p.dial(s, "1000", "udp")
	var o wire.Offer
	waitFor(t, patience, "an offer", func() bool {
		e := s.events("offer.created")
		if len(e) > 0 {
			decode(t, e[0].Data, &o)
		}
		return len(e) > 0
	})
	act(http.MethodPost, "/v1/offers/"+o.ID+"/accept", nil)
	if peer, st, problem := joinPeer(t, s, alice, wire.LegRequest{CallID: o.CallID}, 743); peer == nil {
		t.Fatalf("agent's leg: %d %v", st, problem)
	}
	d.enter("page-wall")
	d.see("wall-monitor", patience)
	d.enter("wall-monitor")
	d.until("listening", `document.querySelector('`+testid("watching")+`').dataset.mode === 'monitor'`)
	d.enter("wall-coach")
	d.until("coaching", `document.querySelector('`+testid("watching")+`').dataset.mode === 'coach'`)
	d.see("watch-bar", patience)
	d.picture("wall")
	row := `[data-testid="wall-agent"][data-agent="alice"]`
	d.enter("force-not-ready") // bob's own row has no buttons
	waitFor(t, patience, "alice is told", func() bool { return len(s.events("supervisor.acted")) >= 3 })
	d.enter("watch-leave")
	d.gone("watch-bar", patience)
	d.enter("wall-end")
	d.see("wall-confirm", patience)
	d.picture("wall-confirm")
	d.enter("wall-yes")
	p.wait("CALL_CLOSED", patience)
	d.until("alice wraps up", `document.querySelector('`+row+`')?.dataset.state === 'wrapup'`)
	d.enter("force-wrapup")
	d.until("alice is not ready", `document.querySelector('`+row+`')?.dataset.state === 'not_ready'`)
	d.enter("force-signout")
	d.enter("wall-yes")
	d.until("alice is signed out", `document.querySelector('`+row+`')?.dataset.state === 'offline'`)
	ctx, cancel := context.WithTimeout(d.ctx, patience)
	defer cancel()
	var buttons int
	if err := chromedp.Run(ctx, chromedp.Evaluate(`document.querySelectorAll('`+row+` button').length`, &buttons)); err != nil || buttons != 0 {
		t.Errorf("%d dead buttons for an agent who is signed out, %v", buttons, err)
	}
}
