package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/signaling/wire"
)

const entryPointConfig = `[desk.callbacks]
entry_points = [{ number = "0800", name = "Service", trunk = "out" }]
`

// TestW104_W107_CallbackWithVoiceMessageByEar: a telephone waits in the queue, leaves a message instead and hangs up.
// The agent who gets the callback hears the message, calls back, they hear each other, and the callback is completed.
func TestW104_W107_CallbackWithVoiceMessageByEar(t *testing.T) {
	caller := newCaller(t, "041000111", toneCaller)
	s := newServer(t, fmt.Sprintf(trunkConfig, "out", caller.port)+entryPointConfig).start()
	admin := s.api()
	caller.calls(s, "1000")
	var call string
	waitFor(t, 5*time.Second, "the call in the queue", func() bool {
		list, err := admin.GetCalls(soon(t), client.GetCallsQuery{})
		if err != nil || len(list.Items) != 1 {
			return false
		}
		call = list.Items[0].ID
		return list.Items[0].State == wire.CallConnected
	})
	must[*wire.Callback](t)(admin.PostCallCallback(soon(t), call, wire.CallbackFromCall{Kind: wire.CallbackVoice, Name: "Cene Customer"}))
	s.event("message.started")
	time.Sleep(2 * time.Second) // the caller speaks
	caller.command("hangup", "")
	var cb wire.Callback
	is := func(state wire.CallbackState) {
		t.Helper()
		waitFor(t, 10*time.Second, "a callback that is "+string(state), func() bool {
			list, err := admin.GetCallbacks(soon(t), client.GetCallbacksQuery{})
			if err != nil || len(list.Items) != 1 {
				return false
			}
			cb = list.Items[0]
			return cb.State == state
		})
	}
	is(wire.CallbackWaiting)
	if cb.Kind != wire.CallbackVoice || cb.Recording == "" || cb.Number != "041000111" {
		t.Fatalf("%+v", cb)
	}

	alice := s.signIn("alice", "agent", toneAlice).ready()
	if o := alice.takes(); o.Callback == nil || o.Callback.ID != cb.ID {
		t.Fatalf("alice was offered %+v", o)
	}
	is(wire.CallbackPreview)
	var file []byte
	waitFor(t, 10*time.Second, "the message", func() bool { // it may be on its way to the archive
		res, err := alice.GetCallbackMessage(soon(t), cb.ID)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		file, err = io.ReadAll(res.Body)
		return err == nil
	})
	message := decodeTrack(t, file)
	spoken := 0
	for at := 0; at+800 <= len(message); at += 800 {
		if testaudio.Level(message[at:at+800], toneCaller, 8000) > loud {
			spoken++
		}
	}
	if spoken < 10 { // a second of tenths
		t.Errorf("the message of %d ms holds %d tenths of a second of the caller", len(message)/8, spoken)
	}

	must[wire.Callback](t)(alice.PostCallbackDial(soon(t), cb.ID, wire.DialRequest{}))
	waitFor(t, 10*time.Second, "the telephone is called back", func() bool { return caller.seen("CALL_ESTABLISHED") == 2 })
	settles(t, "called back", hearsOnly(alice, toneCaller), hearsOnly(caller, toneAlice))
	is(wire.CallbackTalking)
	if err := alice.PostCallEnd(soon(t), cb.CallID, wire.HangupRequest{}); err != nil {
		t.Fatal(err)
	}
	is(wire.CallbackReached)
	must[wire.Callback](t)(alice.PostCallbackComplete(soon(t), cb.ID, wire.CallbackDone{}))
	is(wire.CallbackCompleted)
	if cb.Attempts != 1 || cb.Result != "reached" || cb.Agent != "alice" {
		t.Errorf("completed as %+v", cb)
	}
}

// TestG23_G27_ProgressiveCampaignOf20: a list of 20, of whom 12 answer, 4 are busy and 4 never answer, called for four
// agents by sipp as the far side. Every record ends as it must, nobody who answers is left alone.
func TestG23_G27_ProgressiveCampaignOf20(t *testing.T) {
	t.Parallel() // it waits more than it works
	farPort := freePort(t)
	s := newServer(t, fmt.Sprintf(trunkConfig, "out", farPort)+entryPointConfig)
	s.configure(`agents = [{ id = "alice", name = "Alice" }, { id = "bob", name = "Bob" }]`,
		`agents = [{ id = "alice" }, { id = "bob" }, { id = "eva" }, { id = "ida" }]`)
	s.start()
	farSide(t, farPort)
	admin := s.api()
	csv := "name,number\n"
	for i := range 20 {
		csv += fmt.Sprintf("Person %d,%s00%02d\n", i, []string{"043", "042", "041", "041", "041"}[i%5], i)
	}
	list := must[wire.ContactListing](t)(admin.PostLists(soon(t), strings.NewReader(csv), client.PostListsQuery{Name: "spring"}))
	c := must[wire.Campaign](t)(admin.PostCampaigns(soon(t), wire.CampaignRequest{
		Name: "Spring", Mode: wire.ModeProgressive, List: list.ID, Queue: "service", From: "00:00", Till: "24:00", Attempts: 1, RingSeconds: 5,
	}))
	agents := map[string]*agent{}
	for _, id := range []string{"alice", "bob", "eva", "ida"} {
		agents[id] = s.signIn(id, "agent", toneAlice).ready()
	}

	// One loop acts for all agents, as the events ask: it joins calls, ends them, closes records and wrap-ups.
	dialled, began := map[string]int{}, time.Now()
	c = must[wire.Campaign](t)(admin.PostCampaignStart(soon(t), c.ID))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for e, err := range admin.Events(ctx, client.EventOptions{After: new(uint64(0))}) {
		if err != nil {
			t.Fatal(err)
		}
		switch d := e.Data.(type) {
		case wire.Offer:
			if e.Type == "offer.created" && d.Auto {
				a := agents[d.Agent]
				a.joins(d.CallID)
				waitFor(t, 5*time.Second, "the end of a call", func() bool {
					return a.PostCallEnd(soon(t), d.CallID, wire.HangupRequest{}) == nil // refused until the voice is there
				})
			}
		case wire.CampaignRecord:
			dialled[d.ID] = d.Attempts
			if a := agents[d.Agent]; d.State == wire.RecordReview && a != nil {
				must[wire.CampaignRecord](t)(a.PostRecordDone(soon(t), d.ID, wire.RecordDone{Disposition: "sold"}))
			}
		case wire.Wrapup:
			if e.Type == "wrapup.started" {
				must[wire.Wrapup](t)(agents[d.Agent].PostWrapupSubmit(soon(t), d.ID, wire.SubmitRequest{Reason: "done"}))
			}
		case wire.Campaign:
			c = d
		}
		if c.State == wire.CampaignFinished {
			break
		}
	}
	if c = s.campaign(c.ID); c.State != wire.CampaignFinished {
		t.Fatalf("not finished after a minute: %+v", c)
	}
	t.Logf("20 records in %v: %v, %d dialled, %d answered, %d abandoned (%.1f %%)", time.Since(began).Round(time.Second), c.Results,
		c.Today.Dialled, c.Today.Answered, c.Today.Abandoned, c.Today.AbandonedPercent)
	if want := map[string]int{"sold": 12, "busy": 4, "no_answer": 4}; !maps.Equal(c.Results, want) {
		t.Errorf("results %v, want %v", c.Results, want)
	}
	if c.Today.Dialled != 20 || c.Today.Answered != 12 || c.Today.Abandoned != 0 {
		t.Errorf("%+v, want 20 dialled, 12 answered, none abandoned", c.Today)
	}
	for id, n := range dialled {
		if n > 1 {
			t.Errorf("record %s was dialled %d times", id, n)
		}
	}
	if len(dialled) != 20 {
		t.Errorf("%d records changed, want 20", len(dialled))
	}
}

func (s *server) campaign(id string) wire.Campaign {
	s.t.Helper()
	return must[wire.Campaign](s.t)(s.api().GetCampaign(soon(s.t), id))
}

// farSide starts sipp as telephones that answer (041…), are busy (042…), or ring until they are given up (043…).
func farSide(t *testing.T, port int) {
	t.Helper()
	dir := t.TempDir()
	scenario := filepath.Join(dir, "far.xml")
	if err := os.WriteFile(scenario, []byte(farScenario), 0o600); err != nil {
		t.Fatal(err)
	}
	lo, _ := nextRTP()
	log := &logBuffer{}
	cmd := exec.Command("sipp", "-sf", scenario, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-mp", fmt.Sprint(lo), "-p", fmt.Sprint(port), "-nostdin")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start sipp (package sip-tester): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sipp:\n%s", tail(log.String(), 3000))
		}
	})
}

const farScenario = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="far side">
  <recv request="INVITE" rrs="true">
    <action>
      <ereg regexp="sip:042" search_in="hdr" header="To:" assign_to="busy"/>
      <ereg regexp="sip:043" search_in="hdr" header="To:" assign_to="away"/>
      <ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="seq"/>
    </action>
  </recv>
  <nop next="busy" test="busy"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:uas@[local_ip]:[local_port]>
Content-Length: 0

  ]]></send>
  <nop next="away" test="away"/>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:uas@[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=uas 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
  ]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send next="end"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

  ]]></send>
  <label id="busy"/>
  <send retrans="500"><![CDATA[
SIP/2.0 486 Busy Here
[last_Via:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

  ]]></send>
  <recv request="ACK" next="end"/>
  <label id="away"/>
  <recv request="CANCEL"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
CSeq: [$seq] INVITE
Content-Length: 0

  ]]></send>
  <recv request="ACK"/>
  <label id="end"/>
  <nop/>
</scenario>
`
