package rtpleg

import (
	"net/netip"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/impair"
	"github.com/cordboard/cordboard/media"
)

// Two legs with a bad network between them:
//
//	a <-> relay side A | relay side B <-> b
func TestThroughABadNetwork(t *testing.T) {
	p := pool(t)
	sa, sb := socket(t, p), socket(t, p)
	bad := impair.Impairment{
		Seed: 7, Loss: 0.03, Jitter: 60 * time.Millisecond, Duplicate: 0.02, Reorder: 0.02,
		Rewrite: impair.RewriteRTP(120, 4711, 9000, 123456), // another source in mid-call
	}
	r, err := impair.NewRelay(sa.Addr(), sb.Addr(), bad, impair.Impairment{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := Session{Codec: media.PCMU}
	s.Remote = r.A()
	a, err := New(Config{Socket: sa, Session: s})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s.Remote = r.B()
	s.RemoteRTCP = netip.AddrPortFrom(loopback, 9)
	b, err := New(Config{Socket: sb, Session: s})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	a.Start()
	b.Start()
	const n = 250
	heard := talk(t, a, b, n, nil)
	st := b.Stats()
	t.Logf("%d of %d frames are untouched, %+v", heard, n, st)
	if heard < n*80/100 {
		t.Errorf("%d of %d frames heard", heard, n)
	}
	if st.Concealed == 0 || st.Duplicate == 0 || st.Jitter < 5*time.Millisecond || st.Foreign != 0 {
		t.Errorf("%+v", st)
	}
	if st.Delay > 180*time.Millisecond {
		t.Errorf("delay %v", st.Delay)
	}
}
