package denoise

import "sync"

var pool = sync.Pool{New: func() any { return New(Settings{}) }}

// Get is a Denoiser as New makes it, perhaps one that was Put.
func Get(s Settings) *Denoiser {
	d := pool.Get().(*Denoiser)
	d.Set(s)
	return d
}

// Put takes back a Denoiser that nobody uses any more.
func Put(d *Denoiser) {
	d.Reset()
	d.rate = 0
	d.shed.Store(false)
	d.Set(Settings{})
	pool.Put(d)
}
