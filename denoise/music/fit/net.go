package main

import (
	"math"
	"math/rand/v2"

	"github.com/cordboard/cordboard/denoise/music"
)

const (
	inputs = music.Features
	hidden = music.Hidden
)

// net is the network that is fitted: hidden units of inputs, and one of those.
type net struct {
	mean, scale [inputs]float64
	w           []float64 // hidden*(inputs+1), hidden+1
}

func (n *net) run(x *[inputs]float64, h *[hidden]float64) float64 {
	out := n.w[hidden*(inputs+1)+hidden]
	for j := range hidden {
		row := n.w[j*(inputs+1):][:inputs+1]
		sum := row[inputs]
		for i, v := range x {
			sum += row[i] * v
		}
		h[j] = math.Tanh(sum)
		out += n.w[hidden*(inputs+1)+j] * h[j]
	}
	return out
}

func (n *net) normal(l *[inputs]float32) (x [inputs]float64) {
	for i, v := range l {
		x[i] = max(-4, min(4, (float64(v)-n.mean[i])*n.scale[i]))
	}
	return x
}

// example is one look, and what it should be taken for: 1 for music.
type example struct {
	x    [inputs]float64
	want float64
}

// fit finds the weights by Adam on the cross entropy. What is taken for music though it is none counts strict times.
func fit(scenes []scene, steps int, strict float64) *net {
	n := &net{w: make([]float64, hidden*(inputs+1)+hidden+1)}
	count := 0.0
	var square [inputs]float64
	for _, s := range scenes {
		for _, l := range s.looks {
			count++
			for i, v := range l {
				n.mean[i] += float64(v)
				square[i] += float64(v) * float64(v)
			}
		}
	}
	for i := range n.mean {
		n.mean[i] /= count
		n.scale[i] = 1 / math.Sqrt(square[i]/count-n.mean[i]*n.mean[i]+1e-9)
	}
	var all [2][]example // even numbers of both
	for _, s := range scenes {
		e := example{}
		k := 0
		if s.music {
			e.want, k = 1, 1
		}
		for i := 3; i < len(s.looks); i++ {
			e.x = n.normal(&s.looks[i])
			all[k] = append(all[k], e)
		}
	}
	g := rand.New(rand.NewPCG(5, 6))
	for i := range n.w {
		n.w[i] = g.NormFloat64() / math.Sqrt(inputs)
	}
	m, v, grad := make([]float64, len(n.w)), make([]float64, len(n.w)), make([]float64, len(n.w))
	const batch = 256
	for step := range steps {
		clear(grad)
		for b := range batch {
			set := all[b%2]
			e := &set[g.IntN(len(set))]
			var h [hidden]float64
			p := 1 / (1 + math.Exp(-n.run(&e.x, &h)))
			d := (p - e.want) / batch
			if e.want == 0 {
				d *= strict
			}
			top := hidden * (inputs + 1)
			grad[top+hidden] += d
			for j := range hidden {
				grad[top+j] += d * h[j]
				dj := d * n.w[top+j] * (1 - h[j]*h[j])
				row := grad[j*(inputs+1):][:inputs+1]
				for i, x := range e.x {
					row[i] += dj * x
				}
				row[inputs] += dj
			}
		}
		lr := 0.01 * (0.5 + 0.5*math.Cos(math.Pi*float64(step)/float64(steps)))
		for i, d := range grad {
			d += 1e-4 * n.w[i]
			m[i] += 0.1 * (d - m[i])
			v[i] += 0.001 * (d*d - v[i])
			n.w[i] -= lr * m[i] / (1 - math.Pow(0.9, float64(step+1))) / (math.Sqrt(v[i]/(1-math.Pow(0.999, float64(step+1)))) + 1e-8)
		}
	}
	return n
}
