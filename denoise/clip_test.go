package denoise

import "testing"

// TestClipIsTheStream: a file is given what a stream is given, once the stream's switching on is over.
func TestClipIsTheStream(t *testing.T) {
	for _, r := range rates {
		in := hiss(r, 1, 0.1)
		half := r.Samples() / 2
		file := Clip(in[:len(in)-3], r, Settings{Level: 80}, nil)
		if len(file) != len(in)-3 {
			t.Fatalf("%v: %d samples of %d", r, len(file), len(in)-3)
		}
		stream := run(New(Settings{Level: 80}), r, in)
		for i := 5 * half; i < len(in)-3*half; i++ {
			if file[i] != stream[i+half] {
				t.Fatalf("%v: sample %d: %d in the file, %d in the stream", r, i, file[i], stream[i+half])
			}
		}
		for i, v := range Clip(in, r, Settings{}, nil) {
			if v != in[i] {
				t.Fatalf("%v: off, sample %d is %d, want %d", r, i, v, in[i])
			}
		}
	}
}
