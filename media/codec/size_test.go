package codec

import (
	"testing"
	"unsafe"

	"github.com/cordboard/cordboard/media/codec/opus"
)

// What one party's codecs hold. libopus's own share is what its version asks for; ours stays small
// beside it.
func TestFootprint(t *testing.T) {
	enc, dec := opus.StateSize()
	for _, c := range []struct {
		name      string
		size, max uintptr
	}{
		{"opus encoder beside libopus", unsafe.Sizeof(opus.Encoder{}), 2200},
		{"opus decoder beside libopus", unsafe.Sizeof(opus.Decoder{}), 2500},
		{"opus encoder and decoder", unsafe.Sizeof(opus.Encoder{}) + unsafe.Sizeof(opus.Decoder{}) + uintptr(enc+dec), 68000},
		{"decoder of G.711 and G.722", unsafe.Sizeof(linearDecoder{}) + unsafe.Sizeof(g722Law{}), 8500},
	} {
		t.Logf("%s: %d bytes", c.name, c.size)
		if c.size > c.max {
			t.Errorf("%s: %d bytes, want at most %d", c.name, c.size, c.max)
		}
	}
	t.Logf("libopus: encoder %d, decoder %d bytes", enc, dec)
}
