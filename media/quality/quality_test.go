package quality

import (
	"math"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
)

func TestReception(t *testing.T) {
	for _, tc := range []struct {
		name     string
		seqs     []uint16
		lost     int32
		highest  uint32
		fraction uint8
	}{
		{"whole", []uint16{10, 11, 12, 13}, 0, 13, 0},
		{"one of four", []uint16{10, 11, 13}, 1, 13, 64},
		{"wrap", []uint16{65534, 65535, 0, 2}, 1, 65538, 51},
		{"reordered", []uint16{10, 12, 11, 13}, 0, 13, 0},
		{"twice", []uint16{10, 11, 11, 12}, -1, 12, 0},
		{"stray", []uint16{10, 11, 40000, 12}, 0, 12, 0},
		{"started anew", []uint16{10, 11, 40000, 40001, 40002}, 0, 40002, 0},
	} {
		var r Reception
		for i, q := range tc.seqs {
			r.Update(1, q, uint32(i)*160, uint32(i)*160)
		}
		rep, ok := r.Report()
		if !ok || rep.Lost != tc.lost || rep.Highest != tc.highest || rep.Fraction != tc.fraction || rep.Jitter != 0 {
			t.Errorf("%s: %+v", tc.name, rep)
		}
		if again, _ := r.Report(); again.Fraction != 0 {
			t.Errorf("%s: the second interval has fraction %d", tc.name, again.Fraction)
		}
	}
	var r Reception
	if _, ok := r.Report(); ok {
		t.Error("a report about nothing")
	}
}

func TestLossSurvivesANewSource(t *testing.T) {
	var r Reception
	r.Update(1, 1, 0, 0)
	r.Update(1, 4, 480, 480)
	r.Update(2, 100, 0, 0)
	r.Update(2, 102, 320, 320)
	if r.Lost() != 3 {
		t.Errorf("lost %d", r.Lost())
	}
}

func TestJitterApproachesTheMeanDifference(t *testing.T) {
	var r Reception
	for i := range uint32(2000) {
		late := uint32(0)
		if i%2 == 1 {
			late = 80 // every transit differs by 80 units from the one before
		}
		r.Update(1, uint16(i), i*160, i*160+late)
	}
	if j := r.Jitter(); j < 78 || j > 80 {
		t.Errorf("jitter %d, want 80", j)
	}
}

func TestRoundTrip(t *testing.T) {
	sent := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	lsr := Middle(NTP(sent))
	got := RoundTrip(sent.Add(350*time.Millisecond), lsr, 65536/4)
	if d := got - 100*time.Millisecond; d.Abs() > time.Millisecond {
		t.Errorf("%v", got)
	}
	if RoundTrip(sent, 0, 5) != 0 || RoundTrip(sent, lsr, 65536) != 0 {
		t.Error("a round trip from nothing")
	}
	if s := NTP(time.Unix(0, 0)) >> 32; s != 2208988800 { // RFC 5905, section 6
		t.Errorf("epoch %d", s)
	}
}

func TestMOS(t *testing.T) {
	// ITU-T G.107 annex B, and the default R of 93.2.
	for _, tc := range []struct{ r, mos float64 }{{0, 1}, {50, 2.58}, {60, 3.10}, {70, 3.60}, {80, 4.02}, {90, 4.34}, {93.2, 4.41}, {100, 4.5}} {
		if got := MOS(tc.r); math.Abs(got-tc.mos) > 0.015 {
			t.Errorf("MOS(%v) = %v, want %v", tc.r, got, tc.mos)
		}
	}
	clean := Estimate(Path{Codec: media.PCMU, Delay: 20 * time.Millisecond})
	if clean < 4.35 {
		t.Errorf("a clean call is %v", clean)
	}
	last := clean
	for _, loss := range []float64{0.01, 0.05, 0.1, 0.2, 0.5, 1} {
		for _, c := range []media.Codec{media.PCMU, media.G722, media.Opus} {
			m := Estimate(Path{Codec: c, Loss: loss, Delay: 20 * time.Millisecond})
			if m < 1 || m > 4.5 {
				t.Errorf("%v at %v: %v", c, loss, m)
			}
			if c == media.PCMU {
				if m >= last {
					t.Errorf("loss %v does not lower %v to %v", loss, last, m)
				}
				last = m
			}
		}
	}
	if a, b := Estimate(Path{Codec: media.Opus, Loss: .1, HasFEC: true}), Estimate(Path{Codec: media.Opus, Loss: .1}); a <= b {
		t.Errorf("with FEC %v, without %v", a, b)
	}
	if near, far := RFactor(Path{Delay: 150 * time.Millisecond}), RFactor(Path{Delay: 300 * time.Millisecond}); near-far < 10 {
		t.Errorf("delay costs %v", near-far)
	}
}

func TestFromStats(t *testing.T) {
	good := FromStats(media.PCMU, media.Stats{PacketsIn: 1000, Delay: 20 * time.Millisecond})
	bad := FromStats(media.PCMU, media.Stats{PacketsIn: 900, Lost: 100, Delay: 20 * time.Millisecond})
	helped := FromStats(media.PCMU, media.Stats{PacketsIn: 900, Lost: 100, FEC: 90, Delay: 20 * time.Millisecond})
	if bad >= helped || helped >= good || good < 4.3 {
		t.Errorf("%v %v %v", good, helped, bad)
	}
	if none := FromStats(media.PCMU, media.Stats{}); none < 4 {
		t.Errorf("before anything came: %v", none)
	}
}
