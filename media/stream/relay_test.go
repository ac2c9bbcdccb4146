package stream

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// chain is two parties and what stands between them, in simulated time of one millisecond a step:
//
//	a: Sender -> network with jitter -> Receiver | mix: decode, encode, or forward | Sender -> Receiver :b
type chain struct {
	t      testing.TB
	codec  media.Codec
	now    time.Time
	ms     int
	jitter int
	rand   *rand.Rand
	skip   bool // while forwarding, the room does not decode
	doze   int  // while forwarding, the room runs once in so many ticks; 0: in each
	owed   int

	a, tx  *Sender
	rx, b  *Receiver
	aEnc   codec.Encoder
	enc    codec.Encoder
	air    []flight
	signal func(n int) int16 // sample n of the codec's rate
	n      int

	tick      uint64
	forward   bool // wanted
	forwarded bool
	switches  []int // samples of heard at which the room changed over
	heard     []int16
	kinds     []media.Kind
	packets   []header // that b got
	lost      func(n int) bool
}

type flight struct {
	at  int
	pkt []byte
}

func newChain(t testing.TB, c media.Codec, jitter int) *chain {
	h := &chain{t: t, codec: c, now: time.Unix(1000, 0), jitter: jitter, rand: rand.New(rand.NewPCG(7, uint64(jitter))), skip: true}
	f := media.Format{Codec: c}
	if c == media.Opus {
		f = media.Format{Codec: c, Bitrate: 48000, Complexity: 5, LowDelay: true}
	}
	clock := func() time.Time { return h.now }
	sent := 0
	h.a = NewSender(SenderConfig{Codec: c, PT: 96, Format: f, LevelExtID: 3}, func(p []byte) {
		if sent++; h.lost != nil && h.lost(sent) {
			return
		}
		late := 0
		if h.jitter > 0 {
			late = h.rand.IntN(h.jitter)
		}
		h.air = append(h.air, flight{h.ms + late, slices.Clone(p)})
		slices.SortStableFunc(h.air, func(a, b flight) int { return a.at - b.at })
	})
	h.rx = NewReceiver(ReceiverConfig{Codecs: map[uint8]media.Codec{96: c}, LevelExtID: 3, Clock: clock})
	h.tx = NewSender(SenderConfig{Codec: c, PT: 97, EventPT: 101, Format: f, LevelExtID: 5}, func(p []byte) {
		var hd header
		if !hd.parse(p, 5) {
			t.Fatal("no packet")
		}
		hd.payload = nil
		h.packets = append(h.packets, hd)
		h.b.PushPacket(p, h.now)
	})
	h.b = NewReceiver(ReceiverConfig{Codecs: map[uint8]media.Codec{97: c}, EventPT: 101, LevelExtID: 5, Clock: clock})
	var err error
	if h.aEnc, err = codec.NewEncoder(f, c.Rate()); err != nil {
		t.Fatal(err)
	}
	if h.enc, err = codec.NewEncoder(f, c.Rate()); err != nil {
		t.Fatal(err)
	}
	return h
}

// run plays for a number of milliseconds.
func (h *chain) run(ms int) {
	for range ms {
		switch h.ms % 20 {
		case 7:
			h.speak()
		case 0:
			h.room()
		case 13:
			h.listen()
		}
		for len(h.air) > 0 && h.air[0].at <= h.ms {
			h.rx.PushPacket(h.air[0].pkt, h.now)
			h.air = h.air[1:]
		}
		h.ms++
		h.now = h.now.Add(time.Millisecond)
	}
}

func (h *chain) speak() {
	var f pcm.Frame
	var buf [codec.MaxPayload]byte
	f.Reset(h.codec.Rate())
	for i := range f.Samples() {
		f.Samples()[i] = h.signal(h.n)
		h.n++
	}
	n, err := h.aEnc.Encode(buf[:], &f)
	if err != nil {
		h.t.Fatal(err)
	}
	h.a.WriteFrame(media.OutFrame{Tick: uint64(h.ms / 20), Payload: buf[:n], Level: 17, Voice: true})
}

// room is one tick, as a mixer does it.
func (h *chain) room() {
	if h.forwarded && h.forward && h.owed+1 < h.doze {
		h.owed++
		h.tick++
		return
	}
	for ; h.owed > 0; h.owed-- {
		h.rx.SkipPast(time.Duration(h.owed) * pcm.Period)
	}
	if h.forwarded && !h.forward && h.rx.Unrelay(h.tx) {
		var past [3]pcm.Frame
		for i := range past {
			past[i].Reset(h.codec.Rate())
		}
		n := h.rx.Recent(past[:])
		h.enc.Reset()
		var buf [codec.MaxPayload]byte
		for i := range n {
			_, _ = h.enc.Encode(buf[:], &past[i])
		}
		if !h.tx.EndRelay(h.tick) {
			h.t.Error("the sink does not end")
		}
		h.forwarded = false
		h.switches = append(h.switches, len(h.heard))
	}
	var f pcm.Frame
	f.Reset(h.codec.Rate())
	out := media.OutFrame{Tick: h.tick}
	if h.forwarded && h.skip {
		h.rx.Skip()
	} else {
		h.rx.ReadFrame(&f)
	}
	if !h.forwarded {
		var buf [codec.MaxPayload]byte
		n, err := h.enc.Encode(buf[:], &f)
		if err != nil {
			h.t.Fatal(err)
		}
		out.Payload, out.Level, out.Voice = buf[:n], 17, true
	}
	h.tx.WriteFrame(out)
	h.tick++
	if h.forward && !h.forwarded && h.rx.Relay(h.tick, h.tx) {
		h.forwarded = true
		h.switches = append(h.switches, len(h.heard))
	}
}

func (h *chain) listen() {
	var f pcm.Frame
	f.Reset(h.codec.Rate())
	h.kinds = append(h.kinds, h.b.ReadFrame(&f))
	h.heard = append(h.heard, f.Samples()...)
}

// ordered checks that what b got is one stream.
func (h *chain) ordered() {
	h.t.Helper()
	for i := 1; i < len(h.packets); i++ {
		p, q := h.packets[i-1], h.packets[i]
		if q.ssrc != p.ssrc || q.seq != p.seq+1 {
			if h.lost == nil && h.jitter <= 20 {
				h.t.Errorf("packet %d: seq %d after %d", i, q.seq, p.seq)
			}
		} else if d := int32(q.ts - p.ts); d <= 0 || d > int32(h.codec.ClockRate()/25) {
			h.t.Errorf("packet %d: timestamp goes on by %d", i, d)
		}
		if q.level != 17 || !q.voice {
			h.t.Fatalf("packet %d: level %d, voice %v", i, q.level, q.voice)
		}
	}
}

func TestForwardingClicksNot(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.G722, media.Opus} {
		for _, jitter := range []int{0, 20} {
			for _, mode := range []struct {
				skip bool
				doze int
			}{{true, 0}, {false, 0}, {true, 10}} {
				h := newChain(t, c, jitter)
				h.skip, h.doze = mode.skip, mode.doze
				rate := float64(c.Rate())
				h.signal = func(n int) int16 { return int16(8000 * math.Sin(2*math.Pi*400*float64(n)/rate)) }
				h.run(3000)
				for range 8 {
					h.forward = !h.forward
					h.run(1010)
				}
				h.ordered()
				from := 2 * int(rate)
				slope := 8000 * 2 * math.Pi * 400 / rate
				worst := 0.0
				for i := from; i < len(h.heard); i++ {
					worst = max(worst, math.Abs(float64(h.heard[i])-float64(h.heard[i-1]))/slope)
				}
				// Where two codecs with different delays meet, a tone may cancel itself out for a moment.
				n := c.Rate().Samples() / 4
				ref := power(h.heard[from:from+n], 400, c.Rate())
				gap, longest := 0, 0
				for i := from; i+n <= len(h.heard); i += n {
					if gap++; power(h.heard[i:i+n], 400, c.Rate()) > ref-6 {
						gap = 0
					}
					longest = max(longest, gap*5)
				}
				made := 0
				for _, k := range h.kinds[100:] {
					if k != media.Audio {
						made++
					}
				}
				t.Logf("%v, jitter %d, %+v: %d switches, %d frames made up, largest step %.2f of the tone's own, weak for at most %d ms", c, jitter, mode, len(h.switches), made, worst, longest)
				if len(h.switches) != 8 || worst > 1.5 || longest > 20 {
					t.Errorf("%v, jitter %d: %d switches, step %.2f, weak for %d ms", c, jitter, len(h.switches), worst, longest)
				}
			}
		}
	}
}

func TestForwardingKeepsTime(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.Opus} {
		for _, jitter := range []int{0, 20} {
			h := newChain(t, c, jitter)
			rate := int(c.Rate())
			noise := testaudio.Noise(3, rate*2, -20)
			slow := int16(0) // a low band is enough, and survives every codec
			for i, v := range noise {
				slow += (v - slow) / 4
				noise[i] = 2 * slow
			}
			h.signal = func(n int) int16 { return noise[n%len(noise)] }
			h.run(1500)
			for range 4 {
				h.forward = !h.forward
				h.run(510)
			}
			h.ordered()
			// Where in the signal each 10 ms of what b heard come from.
			win, reach, step := rate/100, rate/10, rate/8000
			was, worst := 0, 0
			var lags []int
			for at := rate; at+win <= len(h.heard); at += win {
				best, lag := 0.0, 0
				for l := 0; l < reach; l += step {
					var c, e float64
					for i := 0; i < win; i += step {
						x := float64(noise[(at+i-l)%len(noise)])
						c += x * float64(h.heard[at+i])
						e += x * x
					}
					if q := c / math.Sqrt(e+1); q > best {
						best, lag = q, l
					}
				}
				var e float64
				for i := 0; i < win; i += step {
					e += float64(h.heard[at+i]) * float64(h.heard[at+i])
				}
				if best < 0.8*math.Sqrt(e) {
					continue // made up
				}
				lag = lag * 1000 / rate
				if d := lag - was; was != 0 && (d > 2 || d < -2) {
					lags = append(lags, was, lag)
					worst = max(worst, d, -d)
				}
				was = lag
			}
			t.Logf("%v, jitter %d: the delay changed by at most %d ms: %v", c, jitter, worst, lags)
			if worst > 22 { // 20 ms and what a second codec adds
				t.Errorf("%v, jitter %d: gap or repeat of %d ms: %v", c, jitter, worst, lags)
			}
		}
	}
}
