package mixer

import (
	"slices"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

type stocked struct {
	key key
	*stream
}

// reuse is an encoder that goes on with other settings.
type reuse struct {
	stream    *stream
	format    media.Format
	resampler *pcm.Resampler
}

// equip finds every listener an encoder: the one it hears now if that need not change, else the one it
// hears with other settings, else any of the old plan's, else a new one. There are as many for each key as
// its listeners may come to hear different things; those that always hear the same have one between them.
func (p *plan) equip(e *Engine, s *shard, old *plan) error {
	need := make([]*ear, 0, len(p.ears))
	for i := range p.ears {
		a := &p.ears[i]
		if a.format.Codec == 0 {
			continue
		}
		if a.held && a.own == 0 {
			var err error
			if a.music, err = s.musicFor(e, a.format.Codec); err != nil {
				return err
			}
			if a.music != nil && a.route == routeNone {
				a.route = routeMusic
			}
		}
		if a.reach == 0 {
			continue
		}
		a.key.format, a.key.to = a.format, a.format.Codec.Rate()
		if a.format.Codec == media.Opus {
			a.key.to = a.key.from
		}
		if !slices.ContainsFunc(need, func(o *ear) bool { return p.twins(a, o) }) {
			need = append(need, a)
		}
	}
	left := slices.Clone(old.stock)
	claim := func(fits func(a *ear, o stocked) bool) {
		need = slices.DeleteFunc(need, func(a *ear) bool {
			k := slices.IndexFunc(left, func(o stocked) bool { return fits(a, o) })
			if k < 0 {
				return false
			}
			p.take(a.key, left[k])
			left = slices.Delete(left, k, k+1)
			return true
		})
	}
	claim(func(a *ear, o stocked) bool { return o.key == a.key && o.stream == a.stream.Load() })
	claim(func(a *ear, o stocked) bool {
		return o.key.format.Codec == a.key.format.Codec && o.stream == a.stream.Load()
	})
	claim(func(a *ear, o stocked) bool { return o.key == a.key })
	claim(func(a *ear, o stocked) bool { return o.key.format.Codec == a.key.format.Codec })
	for _, o := range left {
		p.release = append(p.release, o.stream)
	}
	for _, a := range need {
		enc, err := e.cfg.NewEncoder(a.key.format, a.key.to)
		if err != nil {
			return err
		}
		p.fresh = append(p.fresh, enc)
		p.stock = append(p.stock, stocked{key: a.key, stream: newStream(enc, a.key)})
	}
	return nil
}

// twins reports whether two ears hear the same in every tick, in the same format.
func (p *plan) twins(a, o *ear) bool {
	return a.key == o.key && a.hears == o.hears && a.solo == o.solo && a.named == o.named && a.own == o.own &&
		a.held == o.held && a.voice == o.voice && a.db == o.db
}

// take puts an encoder of the old plan to work for a key, with other settings if need be.
func (p *plan) take(k key, o stocked) {
	p.stock = append(p.stock, stocked{key: k, stream: o.stream})
	if o.key != k {
		p.reuse = append(p.reuse, reuse{stream: o.stream, format: k.format, resampler: k.resampler()})
	}
}

// resampler makes what stands between the mix and the encoder, nil where their rates are the same.
func (k key) resampler() *pcm.Resampler {
	if k.from == k.to {
		return nil
	}
	return pcm.NewResampler(k.from, k.to)
}
