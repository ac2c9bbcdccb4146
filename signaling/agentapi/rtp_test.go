package agentapi

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestPlainRTPRules: what a plain RTP leg may be, and what it is when little is said.
func TestPlainRTPRules(t *testing.T) {
	var got RTPRequest
	f := newFixture(t, func(c *Config, d *Deps) {
		c.RTPAllow = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("224.0.0.0/3")}
		d.RTP = RTPFunc(func(_ context.Context, r RTPRequest) (media.Leg, netip.AddrPort, error) {
			got = r
			return newFakeLeg(), netip.MustParseAddrPort("127.0.0.1:10000"), nil
		})
		c.RateLimit, c.Burst = 1000, 10_000
	})
	admin := f.token("", "admin:*")
	ok := func(addr string, c media.Codec, pt, ev uint8, ptime int) RTPRequest {
		return RTPRequest{Remote: netip.MustParseAddrPort(addr), Codec: c, PayloadType: pt, Events: ev, Ptime: time.Duration(ptime) * time.Millisecond}
	}
	for _, c := range []struct {
		body string
		want RTPRequest // zero: refused
		code int
	}{
		{`"address":"127.0.0.1:4000","codec":"PCMU"`, ok("127.0.0.1:4000", media.PCMU, 0, 0, 20), 201},
		{`"address":"127.0.0.1:4000","codec":"pcma"`, ok("127.0.0.1:4000", media.PCMA, 8, 0, 20), 201},
		{`"address":"127.0.0.1:4000","codec":"G722","ptime_ms":40,"event_type":101`, ok("127.0.0.1:4000", media.G722, 9, 101, 40), 201},
		{`"address":"127.0.0.1:4000","codec":"PCMA","payload_type":8,"ptime_ms":60`, ok("127.0.0.1:4000", media.PCMA, 8, 0, 60), 201},
		{`"address":"127.0.0.1:4000","codec":"PCMU","payload_type":97`, ok("127.0.0.1:4000", media.PCMU, 97, 0, 20), 201},
		{`"address":"[::1]:4000","codec":"opus","payload_type":111`, ok("[::1]:4000", media.Opus, 111, 0, 20), 201},
		{`"address":"[::ffff:127.0.0.1]:4000","codec":"opus","payload_type":111`, ok("127.0.0.1:4000", media.Opus, 111, 0, 20), 201},
		{`"address":"10.1.2.3:4000","codec":"opus","payload_type":111`, ok("10.1.2.3:4000", media.Opus, 111, 0, 20), 201},
		{`"address":"[2001:db8::1]:4000","codec":"opus","payload_type":111`, ok("[2001:db8::1]:4000", media.Opus, 111, 0, 20), 201},

		{`"codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"localhost:4000","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"127.0.0.1","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:0","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:70000","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"0.0.0.0:4000","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"[::]:4000","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"224.0.0.1:4000","codec":"PCMU"`, RTPRequest{}, 422}, // although its network is listed
		{`"address":"255.255.255.255:4000","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"[ff02::1]:4000","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"[fe80::1%lo]:4000","codec":"PCMU"`, RTPRequest{}, 422},
		{`"address":"10.2.0.1:4000","codec":"PCMU"`, RTPRequest{}, 403},
		{`"address":"[2001:db9::1]:4000","codec":"PCMU"`, RTPRequest{}, 403},
		{`"address":"169.254.169.254:80","codec":"PCMU"`, RTPRequest{}, 403},
		{`"address":"127.0.0.1:4000"`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"G729"`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"opus"`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"opus","payload_type":0}`, RTPRequest{}, 400},
		{`"address":"127.0.0.1:4000","codec":"PCMU","payload_type":8`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"PCMU","payload_type":72`, RTPRequest{}, 422}, // would be RTCP
		{`"address":"127.0.0.1:4000","codec":"PCMU","payload_type":128`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"PCMU","payload_type":-1`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"PCMU","payload_type":1.5`, RTPRequest{}, 400},
		{`"address":"127.0.0.1:4000","codec":"opus","payload_type":101,"event_type":101`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"PCMU","event_type":13`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"PCMU","event_type":128`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"PCMU","ptime_ms":30`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"PCMU","ptime_ms":-20`, RTPRequest{}, 422},
		{`"address":"127.0.0.1:4000","codec":"opus","payload_type":111,"ptime_ms":60`, RTPRequest{}, 422},
	} {
		got = RTPRequest{}
		w := f.ask(admin, "POST", "/v1/legs", `{"call_id":"`+callID+`","kind":"rtp",`+c.body+`}`)
		if w.Code != c.code || got != c.want {
			t.Errorf("%s\n got %d %+v\nwant %d %+v\n%s", c.body, w.Code, got, c.code, c.want, w.Body)
		}
	}
	if w := f.ask(f.token("alice"), "POST", "/v1/legs", `{"call_id":"`+callID+`","kind":"rtp","address":"127.0.0.1:4000","codec":"PCMU"}`); w.Code != 403 {
		t.Errorf("an agent's plain leg: %d", w.Code)
	}
}

// FuzzPlainRTP: whatever is asked for, a leg is opened only to a loopback or listed address, with a payload
// type that no RTCP packet can be taken for.
func FuzzPlainRTP(f *testing.F) {
	listed := netip.MustParsePrefix("10.1.0.0/16")
	f.Add("127.0.0.1:4000", "PCMU", 0, 101, 20)
	f.Add("10.1.2.3:4000", "opus", 111, 0, 0)
	f.Add("[::ffff:10.2.0.1]:4000", "pcma", 8, 96, 40)
	f.Add("[fe80::1%eth0]:4000", "g722", 72, 72, 30)
	var got []RTPRequest
	fix := newFixture(f, func(c *Config, d *Deps) {
		c.RTPAllow = []netip.Prefix{listed}
		c.RateLimit, c.Burst = 1_000_000, 10_000_000
		d.RTP = RTPFunc(func(_ context.Context, r RTPRequest) (media.Leg, netip.AddrPort, error) {
			got = append(got, r)
			return newFakeLeg(), netip.MustParseAddrPort("127.0.0.1:10000"), nil
		})
	})
	admin := fix.token("", "admin:*")
	f.Fuzz(func(t *testing.T, address, codec string, pt, ev, ptime int) {
		body, err := json.Marshal(wire.LegRequest{CallID: callID, Kind: wire.LegRTP, Address: address, Codec: codec, PayloadType: pt, EventType: ev, PtimeMS: ptime})
		if err != nil {
			t.Skip()
		}
		fix.t = t
		got = got[:0]
		w := fix.ask(admin, "POST", "/v1/legs", string(body))
		if (w.Code == 201) != (len(got) == 1) {
			t.Fatalf("%d, %d legs opened", w.Code, len(got))
		}
		for _, r := range got {
			a := r.Remote.Addr()
			if !a.IsLoopback() && !listed.Contains(a) || a.Is4In6() || a.Zone() != "" || r.Remote.Port() == 0 {
				t.Errorf("a leg to %v", r.Remote)
			}
			if r.Codec == 0 || r.PayloadType > 127 || r.PayloadType >= 64 && r.PayloadType < 96 || r.Events == r.PayloadType && r.Events != 0 || r.Ptime < 20*time.Millisecond || r.Ptime > 60*time.Millisecond {
				t.Errorf("a leg with %+v", r)
			}
		}
	})
}
