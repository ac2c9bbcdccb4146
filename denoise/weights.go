package denoise

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/cordboard/cordboard/internal/vec"
)

// blob is what train/export.py wrote: our own network, trained from nothing with train/train.py on the corpus
// that docs/denoise.md names with its licences. The header in front states every shape and the SHA-256 of the
// values; the shapes that are asked for in parse are the contract.
//
//go:embed weights.bin
var blob []byte

// Shapes of the network: see train/model.py.
const (
	places   = 16 // along frequency
	channels = 32 // at each place
	blocks   = 2  // recurrence and mix
	heads    = 4  // groups of channels that mix their places in their own way
	inputs   = 4  // features of a band
	reach    = 8  // bands that a place sees at the input
	step     = bands / places
	outputs  = 32           // at each place: gains, taps, voice activity, and three for round numbers
	taps     = 3            // of the complex filter: this frame and the two before
	gateCols = 3 * channels // reset, update, candidate
)

// layer is a product with what is added to it: one bias for all places or one row for each.
type layer struct {
	w    vec.Matrix
	bias []float32
	add  vec.Rows
}

type block struct {
	x, h, after, out layer
	mix              []float32 // heads times places x places, column after column
	mixAdd           vec.Rows
}

// network is the weights in named, shaped views. Read only.
type network struct {
	enc, dec, head layer
	blocks         [blocks]block
	digest         string
}

// weights parses the embedded network once. A build with a broken one does not run.
var weights = sync.OnceValue(func() *network {
	n, err := parse(blob)
	if err != nil {
		panic("denoise: " + err.Error())
	}
	return n
})

// Digest is the SHA-256 of the embedded network's values, in hex: which network this is.
func Digest() string { return weights().digest }

// parse reads the format described in train/export.py.
func parse(file []byte) (*network, error) {
	head, data, ok := bytes.Cut(file, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || lines[0] != "cordboard-denoise 1" {
		return nil, fmt.Errorf("weights: not a network of this version")
	}
	sum := sha256.Sum256(data)
	n := &network{digest: hex.EncodeToString(sum[:])}
	if last := lines[len(lines)-1]; last != "sha256 "+n.digest {
		return nil, fmt.Errorf("weights: digest %s, header says %q", n.digest, last)
	}
	matrices := map[string]vec.Matrix{}
	for _, line := range lines[1 : len(lines)-1] {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("weights: header line %q", line)
		}
		rows, err1 := strconv.Atoi(f[1])
		cols, err2 := strconv.Atoi(f[2])
		if err1 != nil || err2 != nil || rows <= 0 || cols <= 0 || rows > 1<<16 || cols > 1<<16 || len(data) < 4*rows*cols {
			return nil, fmt.Errorf("weights: header line %q with %d bytes left", line, len(data))
		}
		values := make([]float32, rows*cols)
		for i := range values {
			v := math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			if v != v || math.Abs(float64(v)) > 1e6 {
				return nil, fmt.Errorf("weights: %s holds %v", f[0], v)
			}
			values[i] = v
		}
		data = data[4*rows*cols:]
		matrices[f[0]] = vec.NewMatrix(values, rows, cols)
	}
	var err error
	take := func(name string, rows, cols int) vec.Matrix {
		m := matrices[name]
		if (m.Inner != rows || m.Cols != cols) && err == nil {
			err = fmt.Errorf("weights: %s is %dx%d, want %dx%d", name, m.Inner, m.Cols, rows, cols)
		}
		return m
	}
	product := func(name string, rows, cols int) layer {
		return layer{w: take(name+".w", rows, cols), bias: take(name+".b", 1, cols).Data}
	}
	placed := func(name string, rows, cols int) layer {
		return layer{w: take(name+".w", rows, cols), add: vec.Rows{Data: take(name+".add", places, cols).Data, Stride: cols}}
	}
	n.enc = placed("enc", reach*inputs, channels)
	for i := range n.blocks {
		b, p := &n.blocks[i], fmt.Sprintf("block%d.", i)
		b.x = product(p+"x", channels, gateCols)
		b.h = product(p+"h", channels, gateCols)
		b.after = product(p+"after", channels, channels)
		b.mix = columns(take(p+"mix", heads*places, places).Data)
		b.mixAdd = vec.Rows{Data: take(p+"mix.add", places, channels).Data, Stride: channels}
		b.out = product(p+"out", channels, channels)
	}
	n.dec = product("dec", channels, channels)
	n.head = placed("head", 2*channels, outputs)
	if err == nil && len(data) != 0 {
		err = fmt.Errorf("weights: %d bytes too many", len(data))
	}
	return n, err
}

// columns turns matrices of places times places values, one after the other, into their columns.
func columns(m []float32) []float32 {
	out := make([]float32, len(m))
	for at := 0; at+places*places <= len(m); at += places * places {
		for r := range places {
			for c := range places {
				out[at+c*places+r] = m[at+r*places+c]
			}
		}
	}
	return out
}
