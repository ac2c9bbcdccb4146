package mixer

import (
	"math"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	rtp "github.com/cordboard/cordboard/media/stream"
)

// phone is a party with a real stream at both ends: its leg in the room, and the telephone far away.
//
//	signal > encode > far sender ---> receiver > room > sender ---> far receiver > heard
type phone struct {
	*phoneLeg
	far     *rtp.Sender
	ear     *rtp.Receiver
	enc     codec.Encoder
	freq    float64 // of its tone, 0: says nothing
	n       int     // samples said
	ticks   uint64
	mute    bool // nobody listens to what it hears
	codec   media.Codec
	heard   []int16
	packets []stamp // of what it got
}

type phoneLeg struct {
	*rtp.Receiver
	*rtp.Sender
}

func (l *phoneLeg) String() string { return "phone" }

type stamp struct {
	seq uint16
	ts  uint32
}

// exchange is a room of phones, played a millisecond at a time.
type exchange struct {
	*hand
	room   *Room
	codec  media.Codec
	now    time.Time
	ms     int
	took   time.Duration // by ticks
	phones []*phone
}

func newExchange(t testing.TB, c media.Codec) *exchange {
	x := &exchange{hand: byHand(t, Config{}), codec: c, now: time.Unix(1000, 0)}
	x.room = x.open("r")
	return x
}

func (x *exchange) phone(id string, freq float64) *phone {
	c := x.codec
	f := media.Format{Codec: c}
	if c == media.Opus {
		f = media.Format{Codec: c, Bitrate: 48000, Complexity: 5, LowDelay: true}
	}
	p := &phone{freq: freq, codec: c}
	clock := func() time.Time { return x.now }
	known := map[uint8]media.Codec{96: c}
	p.ear = rtp.NewReceiver(rtp.ReceiverConfig{Codecs: known, Clock: clock})
	p.phoneLeg = &phoneLeg{
		Receiver: rtp.NewReceiver(rtp.ReceiverConfig{Codecs: known, Clock: clock}),
		Sender: rtp.NewSender(rtp.SenderConfig{Codec: c, PT: 96, Format: f}, func(b []byte) {
			if p.mute {
				return
			}
			p.packets = append(p.packets, stamp{uint16(b[2])<<8 | uint16(b[3]), uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7])})
			p.ear.PushPacket(b, x.now)
		}),
	}
	p.far = rtp.NewSender(rtp.SenderConfig{Codec: c, PT: 96, Format: f}, func(b []byte) { p.Receiver.PushPacket(b, x.now) })
	var err error
	if p.enc, err = codec.NewEncoder(f, c.Rate()); err != nil {
		x.t.Fatal(err)
	}
	x.phones = append(x.phones, p)
	x.do(x.room, Join{ID: id, Leg: p.phoneLeg})
	return p
}

// run plays for some milliseconds.
func (x *exchange) run(ms int) {
	for range ms {
		for _, p := range x.phones {
			switch x.ms % 20 {
			case 7:
				p.speak(x)
			case 13:
				if !p.mute {
					p.listen(x)
				}
			}
		}
		if x.ms%20 == 0 {
			x.pump()
			start := time.Now()
			x.tick()
			x.took += time.Since(start)
			x.s.scratch.flush(&x.s.meter)
		}
		x.ms++
		x.now = x.now.Add(time.Millisecond)
	}
}

func (p *phone) speak(x *exchange) {
	p.ticks++
	if p.freq == 0 {
		return
	}
	var f pcm.Frame
	var buf [codec.MaxPayload]byte
	f.Reset(p.codec.Rate())
	for i := range f.Samples() {
		f.Samples()[i] = int16(5000 * math.Sin(2*math.Pi*p.freq*float64(p.n)/float64(f.Rate())))
		p.n++
	}
	n, err := p.enc.Encode(buf[:], &f)
	if err != nil {
		x.t.Fatal(err)
	}
	p.far.WriteFrame(media.OutFrame{Tick: p.ticks, Payload: buf[:n]})
}

func (p *phone) listen(x *exchange) {
	var f pcm.Frame
	f.Reset(p.codec.Rate())
	p.ear.ReadFrame(&f)
	p.heard = append(p.heard, f.Samples()...)
}

// TestSwitchingStreamsIsInaudible takes a listener from forwarding to mixing and back, over real streams, in
// each of the ways that happens in a call. What it gets is one stream without a hole; the tone it hears is
// never weak for more than 20 ms and never jumps.
func TestSwitchingStreamsIsInaudible(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.Opus} {
		for _, s := range []struct {
			name       string
			begin, end []Command
		}{
			{"third party", []Command{Join{ID: "c"}}, []Command{Leave{ID: "c"}}},
			{"whisper", []Command{Join{ID: "c"}, Hear{Listener: "a", Source: "c", Off: true}}, []Command{Leave{ID: "c"}}},
			{"processor", []Command{SetProcessors{ID: "a", Processors: []Processor{noop{}}}}, []Command{SetProcessors{ID: "a"}}},
			{"gain", []Command{Gain{ID: "a", DB: 0.1}}, []Command{Gain{ID: "a"}}},
		} {
			t.Run(c.String()+"/"+s.name, func(t *testing.T) {
				x := newExchange(t, c)
				x.phone("a", 400)
				b := x.phone("b", 0)
				x.run(2600)
				from, first := len(b.heard), len(b.packets)
				switches, was := 0, b.relayed(x)
				if !was {
					t.Fatal("not forwarded to begin with")
				}
				for k := range 4 {
					cmds := s.begin
					if k%2 == 1 {
						cmds = s.end
					}
					for i, cmd := range cmds {
						if j, ok := cmd.(Join); ok {
							third := newTalker(c.Rate(), media.Format{Codec: c})
							j.Leg = third
							cmds[i] = j
						}
					}
					x.do(x.room, cmds...)
					x.run(2010)
					if now := b.relayed(x); now != was {
						switches, was = switches+1, now
					}
				}
				if switches != 4 {
					t.Errorf("%d switches, want 4", switches)
				}
				per := c.ClockRate() / 50
				for i := first + 1; i < len(b.packets); i++ {
					if p, q := b.packets[i-1], b.packets[i]; q.seq != p.seq+1 || q.ts != p.ts+per {
						t.Errorf("packet %d: seq %d after %d, timestamp %d on", i, q.seq, p.seq, q.ts-p.ts)
					}
				}
				n := c.Rate().Samples() / 4
				ref := testaudio.Level(b.heard[from:from+n], 400, float64(c.Rate()))
				weak, longest := 0, 0
				for i := from; i+n <= len(b.heard); i += n {
					if weak++; testaudio.Level(b.heard[i:i+n], 400, float64(c.Rate())) > ref-6 {
						weak = 0
					}
					longest = max(longest, weak*5)
				}
				step := 0.0
				for i := from; i < len(b.heard); i++ {
					step = max(step, math.Abs(float64(b.heard[i])-float64(b.heard[i-1])))
				}
				step /= 5000 * 2 * math.Pi * 400 / float64(c.Rate())
				t.Logf("weak for at most %d ms, largest step %.2f of the tone's own", longest, step)
				if longest > 20 || step > 1.6 {
					t.Errorf("weak for %d ms, step %.2f", longest, step)
				}
			})
		}
	}
}

// relayed reports whether the phone gets another's packets as they are.
func (p *phone) relayed(x *exchange) bool {
	for i := range x.room.plan.ears {
		if a := &x.room.plan.ears[i]; a.leg == Leg(p.phoneLeg) {
			return a.from.Load() != nil
		}
	}
	return false
}

// BenchmarkCall is what the tick of a call of two takes, over real streams: forwarded, transcoded, recorded
// or not. Arrival and the parties' own ends are not counted.
func BenchmarkCall(b *testing.B) {
	for _, c := range []struct {
		name string
		a, b media.Codec
	}{{"PCMU-PCMU", media.PCMU, media.PCMU}, {"opus-opus", media.Opus, media.Opus}, {"PCMU-opus", media.PCMU, media.Opus}} {
		for _, recorded := range []bool{false, true} {
			name := c.name
			if recorded {
				name += "/recorded"
			}
			b.Run(name, func(b *testing.B) {
				x := newExchange(b, c.a)
				x.phone("a", 400)
				x.codec = c.b
				x.phone("b", 500)
				if recorded {
					x.do(x.room, SetTap{Tap: tapFunc(func(uint64, []media.Tapped) {})})
				}
				for _, p := range x.phones {
					p.mute = true // its ear is not what is measured
				}
				x.run(3000)
				x.took = 0
				n := 0
				for b.Loop() {
					x.run(20)
					n++
				}
				b.ReportMetric(float64(x.took.Nanoseconds())/float64(n), "ns/tick")
			})
		}
	}
}
