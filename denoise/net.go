package denoise

import "github.com/cordboard/cordboard/internal/vec"

// hops is the number of transforms in one frame of audio.
const hops = 2

// memory is what the network remembers of one stream.
type memory struct {
	last   [bands]float32 // the logarithms one frame ago
	states [blocks][places * channels]float32
	tones  tones
	look   int // the place whose states are looked at next
}

func (m *memory) reset() {
	*m = memory{}
	for i := range m.last {
		m.last[i] = -1.8
	}
}

// sound reports whether the states of one place, another each time, are what a recurrent unit can hold: -1 to 1.
// What is not a number stays in its place and spreads to its neighbours, so that it is found within 16 frames.
func (m *memory) sound() bool {
	m.look = (m.look + 1) % places
	for i := range m.states {
		for _, v := range m.states[i][m.look*channels:][:channels] {
			if !(v >= -1.001 && v <= 1.001) {
				return false
			}
		}
	}
	return true
}

// answer is what the network says about one frame.
type answer struct {
	gain [bands]float32
	tap  [taps][2][low]float32 // of this frame and the two before it, real and imaginary
	vad  float32               // the probability of speech
	tone bool                  // the frame is tones, which are none of the network's business
}

// work is the network's scratch, for both hops of a frame side by side, so that weights are fetched once.
type work struct {
	in     [hops][(bands + reach - step) * inputs]float32 // with two bands of nothing at either end
	wide   [hops * places * 2 * channels]float32          // decoder and encoder, side by side
	x      [hops * places * channels]float32
	h      [hops * places * channels]float32
	gx, gh [hops * places * gateCols]float32
	out    [hops * places * outputs]float32
	power  [padded]float32
	logs   [bands]float32
}

// infer runs the network over two frames, whose bins from known on are empty.
func (n *network) infer(m *memory, s *[hops]spectrum, a *[hops]answer, w *work, known int) {
	const rows, frame = hops * places, places * channels
	none := vec.Rows{}
	x, h, wide := vec.Rows{Data: w.x[:], Stride: channels}, vec.Rows{Data: w.h[:], Stride: channels}, vec.Rows{Data: w.wide[:], Stride: 2 * channels}
	enc := wide.From(channels)
	for t := range hops {
		vec.Power(w.power[:], s[t].re[:], s[t].im[:])
		a[t].tone = m.tones.tone(&w.power, known)
		features(w.in[t][(reach-step)/2*inputs:], &s[t], &m.last, &w.power, &w.logs)
		vec.Product(enc.From(t*places*2*channels), vec.Rows{Data: w.in[t][:], Stride: step * inputs}, places, n.enc.w, nil, n.enc.add, true)
	}
	from := enc
	for i := range n.blocks {
		b := &n.blocks[i]
		state := m.states[i][:]
		vec.Product(vec.Rows{Data: w.gx[:], Stride: gateCols}, from, rows, b.x.w, b.x.bias, none, false)
		for t := range hops {
			vec.Product(vec.Rows{Data: w.gh[:], Stride: gateCols}, vec.Rows{Data: state, Stride: channels}, places, b.h.w, b.h.bias, none, false)
			vec.Gates(state, w.gx[t*places*gateCols:][:places*gateCols], w.gh[:places*gateCols], channels)
			copy(w.h[t*frame:], state)
		}
		vec.Product(x, h, rows, b.after.w, b.after.bias, from, false)
		from = x
		vec.Mix(h, b.mix, x, places, heads, b.mixAdd)
		vec.Product(x, h, rows, b.out.w, b.out.bias, x, false)
	}
	vec.Product(wide, x, rows, n.dec.w, n.dec.bias, none, true)
	for t := range hops {
		out := w.out[t*places*outputs:][:places*outputs]
		vec.Product(vec.Rows{Data: out, Stride: outputs}, wide.From(t*places*2*channels), places, n.head.w, nil, n.head.add, false)
		a[t].read(out)
	}
}

// read takes the answer from the last layer's rows, one for each place.
func (a *answer) read(out []float32) {
	const activity = step * (1 + 2*taps)
	var v [8]float32
	for p := range places {
		v[0] += out[p*outputs+activity] / places
	}
	vec.Sigmoid(v[:])
	a.vad = v[0]
	vec.Tanh(out)
	for p := range places {
		row := out[p*outputs:][:outputs]
		for b := range step {
			a.gain[p*step+b] = 0.5 + 0.5*row[b]
		}
		if p < low/step {
			for k := range taps {
				*(*[step]float32)(a.tap[k][0][p*step:]) = [step]float32(row[step*(1+2*k):])
				*(*[step]float32)(a.tap[k][1][p*step:]) = [step]float32(row[step*(2+2*k):])
			}
		}
	}
}
