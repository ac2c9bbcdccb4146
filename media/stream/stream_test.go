package stream

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// line joins a Sender to a Receiver through a network in simulated time, one call of step per tick.
type line struct {
	t     testing.TB
	now   time.Time
	tick  uint64
	codec media.Codec
	enc   codec.Encoder
	tx    *Sender
	rx    *Receiver
	fate  func(n int) bool // true: lose packet n
	n     int
	in    pcm.Frame
	out   pcm.Frame
	buf   [codec.MaxPayload]byte
	phase int
	freq  float64
	event chan media.Event
	level uint8
	skip  bool              // the receiver skips
	tone  func(n int) int16 // in place of the sine
}

func newLine(t testing.TB, c media.Codec, opts ...func(*SenderConfig, *ReceiverConfig)) *line {
	l := &line{t: t, now: time.Unix(1000, 0), codec: c, freq: 400, level: 20, event: make(chan media.Event, 16)}
	tc := SenderConfig{Codec: c, PT: 96, EventPT: 101, CNAME: "x@example.org"}
	if c == media.Opus { // without DTX, which takes a steady tone for noise
		tc.Format = media.Format{Codec: c, Bitrate: 40000, Complexity: 5, LowDelay: true}
	}
	rc := ReceiverConfig{Codecs: map[uint8]media.Codec{96: c}, EventPT: 101, Events: l.event, Clock: func() time.Time { return l.now }}
	for _, o := range opts {
		o(&tc, &rc)
	}
	l.tx = NewSender(tc, func(p []byte) {
		l.n++
		if l.fate == nil || !l.fate(l.n) {
			if !l.rx.PushPacket(p, l.now.Add(12*time.Millisecond)) {
				t.Errorf("packet %d refused", l.n)
			}
		}
	})
	l.rx = NewReceiver(rc)
	var err error
	if l.enc, err = codec.NewEncoder(l.tx.Format(), c.Rate()); err != nil {
		t.Fatal(err)
	}
	l.in.Reset(c.Rate())
	l.out.Reset(c.Rate())
	return l
}

// step sends one frame of a tone (amp 0: silence), and receives one.
func (l *line) step(amp float64) media.Kind {
	for i := range l.in.Samples() {
		l.in.Samples()[i] = int16(amp * math.Sin(2*math.Pi*l.freq*float64(l.phase)/float64(l.in.Rate())))
		if l.tone != nil {
			l.in.Samples()[i] = l.tone(l.phase)
		}
		l.phase++
	}
	n, err := l.enc.Encode(l.buf[:], &l.in)
	if err != nil {
		l.t.Fatal(err)
	}
	l.tx.WriteFrame(media.OutFrame{Payload: l.buf[:n], Tick: l.tick, Level: l.level, Voice: true})
	l.tick++
	l.now = l.now.Add(pcm.Period)
	if l.skip {
		return l.rx.Skip()
	}
	return l.rx.ReadFrame(&l.out)
}

// power is the frame's energy at f relative to full scale, in dB.
func power(x []int16, f float64, r pcm.Rate) float64 {
	var re, im float64
	for i, v := range x {
		s, c := math.Sincos(2 * math.Pi * f * float64(i) / float64(r))
		re += float64(v) * c
		im += float64(v) * s
	}
	n := float64(len(x)) * 32768 / 2
	return 20 * math.Log10(math.Hypot(re, im)/n+1e-9)
}

func TestToneThrough(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.PCMA, media.G722, media.Opus} {
		for _, r := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
			l := newLine(t, c)
			l.out.Reset(r)
			for i := range 150 {
				k := l.step(8000)
				if i < 15 {
					continue
				}
				if p := power(l.out.Samples(), 400, r); k != media.Audio || p < -15 || p > -10 {
					t.Fatalf("%v at %v, frame %d: kind %v, %.1f dB", c, r, i, k, p)
				}
				if pc, p := l.rx.Payload(); pc != c || len(p) == 0 {
					t.Fatalf("%v: payload %v of %d bytes", c, pc, len(p))
				}
			}
		}
	}
}

func TestPacketTimes(t *testing.T) {
	for _, ms := range []int{10, 20, 30, 40, 60} {
		l := newLine(t, media.PCMA, func(s *SenderConfig, _ *ReceiverConfig) { s.Ptime = time.Duration(ms) * time.Millisecond })
		bad := 0
		for i := range 500 {
			k := l.step(8000)
			if i > 20 && (k != media.Audio || power(l.out.Samples(), 400, pcm.Rate8k) < -16) {
				bad++
			}
		}
		if bad > 0 {
			t.Errorf("ptime %d: %d bad frames, %+v", ms, bad, l.rx.Jitter())
		}
		if want := 500 * 20 / ms; l.n < want-3 || l.n > want+3 {
			t.Errorf("ptime %d: %d packets", ms, l.n)
		}
	}
}

func TestLossIsConcealedAndFades(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.Opus} {
		l := newLine(t, c)
		lost := false
		l.fate = func(int) bool { return lost }
		for range 50 {
			l.step(8000)
		}
		lost = true
		var kinds []media.Kind
		var first float64
		for i := range 20 {
			kinds = append(kinds, l.step(8000))
			if i == 1 {
				first = power(l.out.Samples(), 400, c.Rate())
			}
		}
		if first < -20 {
			t.Errorf("%v: the first concealed frame has %.1f dB", c, first)
		}
		if kinds[3] != media.Concealed || kinds[19] != media.Absent || !pcm.Silent(l.out.Samples()) {
			t.Errorf("%v: kinds %v", c, kinds)
		}
		lost = false
		for range 10 {
			l.step(8000)
		}
		if k := l.step(8000); k != media.Audio {
			t.Errorf("%v: not back after 200 ms: %v", c, k)
		}
		var s media.Stats
		l.rx.Stats(&s)
		if s.Lost != 20 || s.Concealed == 0 {
			t.Errorf("%v: %+v", c, s)
		}
	}
}

func TestRandomLossKeepsTheTone(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.Opus} {
		l := newLine(t, c)
		r := rand.New(rand.NewPCG(1, 2))
		l.fate = func(n int) bool { return n > 20 && r.IntN(100) < 5 }
		bad := 0
		const frames = 3000
		var ref float64
		for i := range frames {
			l.step(8000)
			p := power(l.out.Samples(), 400, c.Rate())
			if i == 18 {
				ref = p
			}
			if i > 20 && p < ref+10*math.Log10(0.7) {
				bad++
			}
		}
		pct := 100 * float64(bad) / frames
		t.Logf("%v: 5 %% loss, %.2f %% frames under 70 %% energy, jitter %+v", c, pct, l.rx.Jitter())
		if pct > 0.5 {
			t.Errorf("%v: %.2f %% frames under 70 %% energy, want 0.5", c, pct)
		}
	}
}

func TestForwardErrorCorrection(t *testing.T) {
	l := newLine(t, media.Opus, func(s *SenderConfig, _ *ReceiverConfig) {
		s.Format = media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5, LossPercent: 20}
	})
	r := rand.New(rand.NewPCG(1, 2))
	l.fate = func(n int) bool { return n > 20 && r.IntN(100) < 10 }
	for range 2000 {
		l.freq = 200 + 100*math.Sin(float64(l.tick)/7)
		l.step(6000 + 4000*math.Sin(float64(l.tick)/5))
	}
	var s media.Stats
	l.rx.Stats(&s)
	t.Logf("%+v", s)
	if s.FEC < s.Lost*6/10 {
		t.Errorf("%d of %d losses recovered", s.FEC, s.Lost)
	}
}

func TestSilenceIsSilence(t *testing.T) {
	l := newLine(t, media.PCMU)
	for range 30 {
		l.step(5000)
	}
	send := func(pt uint8, ts uint32, payload []byte) {
		l.rx.PushPacket(append(appendHeader(nil, pt, false, l.tx.seq, ts, l.tx.ssrc, 0, 0, false), payload...), l.now)
		l.tx.seq++
	}
	send(comfortNoise, l.tx.stats.ts.Load()+160, []byte{70})
	for i := range 40 {
		l.now = l.now.Add(pcm.Period)
		l.tick++
		k := l.rx.ReadFrame(&l.out)
		if i > 1 && k != media.Silence {
			t.Fatalf("frame %d after comfort noise is %v", i, k)
		}
	}
	for range 5 {
		l.step(5000)
	}
	if k := l.step(5000); k != media.Audio {
		t.Errorf("speech after a pause is %v", k)
	}
	var s media.Stats
	l.rx.Stats(&s)
	if s.Lost != 0 || s.Concealed != 0 {
		t.Errorf("%+v", s)
	}
}

func TestOpusDTX(t *testing.T) {
	l := newLine(t, media.Opus, func(s *SenderConfig, _ *ReceiverConfig) {
		s.Format = media.Format{Codec: media.Opus, Bitrate: 24000, Complexity: 5, DTX: true}
	})
	for range 50 {
		l.step(8000)
	}
	var kinds [4]int
	for range 300 {
		kinds[l.step(0)]++
	}
	t.Logf("absent, silence, audio, concealed: %v", kinds)
	if kinds[media.Concealed]+kinds[media.Absent] > 12 || kinds[media.Silence] < 200 {
		t.Errorf("six seconds of silence: absent, silence, audio, concealed = %v", kinds)
	}
	for range 6 {
		l.step(8000)
	}
	if k := l.step(8000); k != media.Audio {
		t.Errorf("speech after DTX is %v", k)
	}
}

func TestDigitsBothWays(t *testing.T) {
	l := newLine(t, media.PCMU)
	for range 20 {
		l.step(5000)
	}
	if err := l.tx.SendDigits("15*#D", 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if l.tx.SendDigits("1x", 0) == nil {
		t.Error("x is no digit")
	}
	var got []byte
	n := 0
	l.fate = func(int) bool { n++; return n%4 == 0 }
	for range 120 {
		l.step(5000)
		select {
		case e := <-l.event:
			got = append(got, e.Digit)
			if e.Duration < 60*time.Millisecond || e.Duration > 140*time.Millisecond {
				t.Errorf("%c lasted %v", e.Digit, e.Duration)
			}
		default:
		}
	}
	if string(got) != "15*#D" {
		t.Errorf("got %q", got)
	}
}

func TestSenderMarkerAndTimestamp(t *testing.T) {
	var pkts []header
	s := NewSender(SenderConfig{Codec: media.PCMU, PT: 0, LevelExtID: 1}, func(p []byte) {
		var h header
		if !h.parse(p, 1) {
			t.Fatal("not rtp")
		}
		h.payload = nil
		pkts = append(pkts, h)
	})
	pay := make([]byte, 160)
	for tick := range uint64(10) {
		f := media.OutFrame{Tick: tick, Payload: pay, Level: 33, Voice: tick > 5}
		if tick == 4 || tick == 5 {
			f.Payload = nil
		}
		s.WriteFrame(f)
	}
	for i, h := range pkts {
		wantMarker := i == 0 || i == 4
		gap := uint32(160 * i)
		if i >= 4 {
			gap += 320
		}
		if h.marker != wantMarker || h.ts != pkts[0].ts+gap || h.seq != pkts[0].seq+uint16(i) || h.level != 33 || h.voice != (i >= 4) {
			t.Errorf("packet %d: %+v", i, h)
		}
	}
	if len(pkts) != 8 {
		t.Errorf("%d packets", len(pkts))
	}
}

func TestOpusBandwidthIsTheRate(t *testing.T) {
	l := newLine(t, media.Opus)
	push := func(toc byte) {
		l.tx.WriteFrame(media.OutFrame{Tick: l.tick, Payload: []byte{toc, 0, 0, 0, 0}})
		l.tick++
		l.now = l.now.Add(pcm.Period)
		l.rx.ReadFrame(&l.out)
	}
	for range 10 {
		push(9 << 3) // SILK wideband
	}
	if r := l.rx.Rate(); r != pcm.Rate16k {
		t.Errorf("wideband: %v", r)
	}
	for range 5 {
		push(31 << 3) // CELT fullband
	}
	if r := l.rx.Rate(); r != pcm.Rate48k {
		t.Errorf("fullband: %v", r)
	}
	for range 20 {
		push(9 << 3)
	}
	if r := l.rx.Rate(); r != pcm.Rate48k {
		t.Errorf("back too soon: %v", r)
	}
	for range 60 {
		push(9 << 3)
	}
	if r := l.rx.Rate(); r != pcm.Rate16k {
		t.Errorf("not back: %v", r)
	}
}

func TestCodecChangesMidStream(t *testing.T) {
	l := newLine(t, media.PCMU, func(_ *SenderConfig, r *ReceiverConfig) { r.Codecs[97] = media.PCMA; r.Codecs[111] = media.Opus })
	for range 30 {
		l.step(8000)
	}
	for _, to := range []struct {
		pt uint8
		c  media.Codec
	}{{97, media.PCMA}, {111, media.Opus}, {96, media.PCMU}} {
		l.tx.Update(SenderConfig{Codec: to.c, PT: to.pt})
		l.enc, _ = codec.NewEncoder(l.tx.Format(), to.c.Rate())
		l.in.Reset(to.c.Rate())
		for range 12 {
			l.step(8000)
		}
		for range 20 {
			if k := l.step(8000); k != media.Audio || power(l.out.Samples(), 400, l.out.Rate()) < -16 {
				t.Fatalf("to %v: %v %.1f dB", to.c, k, power(l.out.Samples(), 400, l.out.Rate()))
			}
		}
	}
}

func TestRoomRateChangesBetweenFrames(t *testing.T) {
	l := newLine(t, media.PCMU, func(s *SenderConfig, _ *ReceiverConfig) { s.Ptime = 60 * time.Millisecond })
	rates := []pcm.Rate{pcm.Rate8k, pcm.Rate48k, pcm.Rate16k}
	for i := range 300 {
		l.out.Reset(rates[i/5%3])
		k := l.step(8000)
		if p := power(l.out.Samples(), 400, l.out.Rate()); i > 20 && (k != media.Audio || p < -18) {
			t.Fatalf("frame %d at %v: %v %.1f dB", i, l.out.Rate(), k, p)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.G722, media.Opus} {
		l := newLine(t, c)
		r := rand.New(rand.NewPCG(1, 2))
		l.fate = func(n int) bool { return n > 20 && r.IntN(100) < 5 }
		for range 100 {
			l.step(8000)
		}
		if n := testing.AllocsPerRun(1000, func() { l.step(8000) }); n != 0 {
			t.Errorf("%v: %v allocations a tick", c, n)
		}
	}
}
