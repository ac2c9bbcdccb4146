package stream

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/quality"
)

// blocks are the extended report blocks of a compound packet as another implementation reads it.
func blocks(t *testing.T, b []byte) (all []rtcp.ReportBlock) {
	t.Helper()
	pkts, err := rtcp.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pkts {
		if x, ok := p.(*rtcp.ExtendedReport); ok {
			all = append(all, x.Reports...)
		}
	}
	return all
}

func TestExtendedReportsAreWhatOthersRead(t *testing.T) {
	l := newLine(t, media.PCMU)
	l.fate = func(n int) bool { return n%10 == 5 }
	rep := NewReporter(l.rx, l.tx, l.now)
	for range 100 {
		l.step(5000)
	}
	if n := len(blocks(t, rep.Append(nil, l.now))); n != 0 {
		t.Errorf("%d blocks unasked", n)
	}
	rep.SendXR(true)
	got := blocks(t, rep.Append(nil, l.now))
	if len(got) != 2 {
		t.Fatalf("%d blocks", len(got))
	}
	if _, ok := got[0].(*rtcp.ReceiverReferenceTimeReportBlock); !ok { // nothing was sent since
		t.Errorf("%T", got[0])
	}
	v, ok := got[1].(*rtcp.VoIPMetricsReportBlock)
	if !ok || v.SSRC != l.tx.SSRC() || v.Gmin != 16 || v.LossRate < 22 || v.LossRate > 29 {
		t.Fatalf("%+v", got[1])
	}
	// Every tenth is lost: all of it is one burst by Gmin 16.
	if v.BurstDensity < 20 || v.BurstDensity > 32 || v.MOSLQ < 10 || v.MOSLQ > 45 || v.MOSCQ > v.MOSLQ || v.RFactor > 93 || v.JBAbsMax != 160 {
		t.Errorf("%+v", v)
	}
	l.step(5000)
	if got := blocks(t, rep.Append(nil, l.now)); len(got) != 1 {
		t.Errorf("%d blocks beside a sender report", len(got))
	}
}

func TestExtendedReportsOfTheParty(t *testing.T) {
	l := newLine(t, media.Opus)
	rep := NewReporter(l.rx, l.tx, l.now)
	l.step(5000)
	l.now = l.now.Add(5 * time.Second)
	rep.Append(nil, l.now)
	rep.SendXR(true)
	var ours uint32
	for _, b := range blocks(t, rep.Append(nil, l.now)) {
		if r, ok := b.(*rtcp.ReceiverReferenceTimeReportBlock); ok {
			ours = uint32(r.NTPTimestamp >> 16)
		}
	}
	if ours == 0 {
		t.Fatal("no reference time of ours")
	}
	theirs := l.now.Add(-time.Hour)
	report, err := (&rtcp.ExtendedReport{SenderSSRC: 77, Reports: []rtcp.ReportBlock{
		&rtcp.ReceiverReferenceTimeReportBlock{NTPTimestamp: quality.NTP(theirs)},
		&rtcp.DLRRReportBlock{Reports: []rtcp.DLRRReport{{SSRC: 1}, {SSRC: l.tx.SSRC(), LastRR: ours, DLRR: 65536 / 10}}},
		&rtcp.VoIPMetricsReportBlock{
			SSRC: l.tx.SSRC(), LossRate: 13, DiscardRate: 26, EndSystemDelay: 90, RoundTripDelay: 70, MOSCQ: 38, MOSLQ: 127, RFactor: 127,
		},
		&rtcp.VoIPMetricsReportBlock{SSRC: 1, DiscardRate: 255, MOSCQ: 10},
	}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	l.now = l.now.Add(140 * time.Millisecond)
	rep.SendXR(false)
	if err := rep.Handle(report, l.now); err != nil {
		t.Fatal(err)
	}
	var s media.Stats
	rep.Stats(&s)
	if d := (s.RoundTrip - 40*time.Millisecond).Abs(); d > time.Millisecond {
		t.Errorf("round trip %v, want 40ms", s.RoundTrip)
	}
	if s.RemoteDelay != 90*time.Millisecond || s.RemoteMOS != 3.8 || s.RemoteDiscard < 0.1 || s.RemoteDiscard > 0.11 {
		t.Errorf("%+v", s)
	}
	// It speaks XR, so it is answered, with its own reference time.
	l.now = l.now.Add(2 * time.Second)
	answered := false
	for _, b := range blocks(t, rep.Append(nil, l.now)) {
		if d, ok := b.(*rtcp.DLRRReportBlock); ok {
			answered = true
			r := d.Reports[0]
			if r.SSRC != 77 || r.LastRR != quality.Middle(quality.NTP(theirs)) || r.DLRR != 2*65536 {
				t.Errorf("%+v", r)
			}
		}
	}
	if !answered {
		t.Error("the party's reference time is not answered")
	}
}

func TestRoundTripByVoIPMetricsAlone(t *testing.T) {
	l := newLine(t, media.PCMU)
	rep := NewReporter(l.rx, l.tx, l.now)
	report, err := (&rtcp.ExtendedReport{SenderSSRC: 77, Reports: []rtcp.ReportBlock{
		&rtcp.VoIPMetricsReportBlock{SSRC: l.tx.SSRC(), RoundTripDelay: 70, MOSCQ: 127},
	}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := rep.Handle(report, l.now); err != nil {
		t.Fatal(err)
	}
	var s media.Stats
	rep.Stats(&s)
	if s.RoundTrip != 70*time.Millisecond || s.RemoteMOS != 0 {
		t.Errorf("%+v", s)
	}
}

func FuzzVoIP(f *testing.F) {
	f.Add(appendVoIP(nil, quality.VoIP{SSRC: 7, Loss: 0.1, Discard: 0.02, RoundTrip: time.Second, Signal: -20, R: 80, MOSLQ: 4.1, MOSCQ: 3.9}))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := parseVoIP(b)
		if ok != (len(b) >= voipSize) {
			t.Fatalf("%d bytes: %v", len(b), ok)
		}
		if !ok {
			return
		}
		if v.Loss < 0 || v.Loss >= 1 || v.MOSCQ != 0 && (v.MOSCQ < 1 || v.MOSCQ > 5) || v.R > unsaid {
			t.Fatalf("%+v", v)
		}
		again, ok := parseVoIP(appendVoIP(nil, v))
		if !ok || again != v {
			t.Fatalf("%+v\n%+v", v, again)
		}
	})
}
