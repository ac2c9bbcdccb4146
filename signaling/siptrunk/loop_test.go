package siptrunk

import (
	"context"
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
)

// pair is two servers: out dials through its trunk, in takes the call.
func pair(t *testing.T, network string, h Handler, change ...func(*Config)) (out, in *bench) {
	t.Helper()
	inCfg := testConfig(local())
	for _, f := range change {
		f(&inCfg)
	}
	in = serve(t, inCfg, h)
	peer := Trunk{Name: "peer", Sources: []string{"127.0.0.1"}, Proxy: in.Addr(network).String(), Transport: network}
	out = serve(t, testConfig(peer), &desk{})
	return out, in
}

func dial(t *testing.T, out *bench, to string) (call.Endpoint, *told) {
	t.Helper()
	p := newTold()
	ep, err := out.Dial(t.Context(), call.DialRequest{To: to, From: "4930123456", FromName: `Ada "A" Byron`}, p)
	if err != nil {
		t.Fatal(err)
	}
	return ep, p
}

func TestCallLoop(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		for _, by := range []string{"caller", "callee"} {
			t.Run(network+" ended by "+by, func(t *testing.T) {
				h := answering(t)
				out, in := pair(t, network, h)
				ep, p := dial(t, out, "+49301000")
				p.await(t, "ringing")
				p.await(t, "answered")
				got, q := h.last()
				q.await(t, "answered")
				if got.From != "4930123456" || got.FromName != `Ada "A" Byron` || got.To != "+49301000" || got.Trunk != "local" {
					t.Errorf("inbound call %+v", got)
				}
				for _, m := range []*fakeLeg{ep.Media().(*fakeLeg), got.Endpoint.Media().(*fakeLeg)} {
					if c := m.get(); c.Codec.String() != "opus" || c.EventPT != 110 || c.EventRate != 48000 {
						t.Errorf("negotiated %+v", c)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				first, second := p, q
				end := ep
				if by == "callee" {
					first, second, end = q, p, got.Endpoint
				}
				if err := end.Hangup(ctx, call.Cause{Code: call.CauseHangup}); err != nil {
					t.Fatal(err)
				}
				first.await(t, "ended")
				second.await(t, "ended")
				h.wg.Wait()
				if second.cause.Code != call.CauseHangup {
					t.Errorf("cause %+v", second.cause)
				}
				for _, b := range []*bench{out, in} {
					for until := time.Now().Add(2 * time.Second); b.Active() != 0 && time.Now().Before(until); {
						time.Sleep(time.Millisecond) // whoever is told that it ended may be told before the last answer is out
					}
					if b.media.left() != 0 || b.Active() != 0 {
						t.Errorf("left: %d ports, %d dialogs", b.media.left(), b.Active())
					}
				}
			})
		}
	}
}
