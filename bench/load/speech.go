package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cordboard/cordboard/media/codec/g722"
)

// SpeechDir is where Debian's asterisk-core-sounds-en-g722 puts its prompts.
const SpeechDir = "/usr/share/asterisk/sounds/en_US_f_Allison"

// ErrNoSpeech: the prompts are not installed.
var ErrNoSpeech = errors.New("load: no speech: install asterisk-core-sounds-en-g722")

// speechFiles are long prompts, spoken without music.
var speechFiles = []string{"demo-instruct.g722", "priv-callee-options.g722", "demo-congrats.g722"}

// speechPeak is the level the loudest sample is brought to, -3 dBFS.
const speechPeak = 23198

// Speech reads real wideband speech at 16 kHz from the prompts in dir, about 100 s.
func Speech(dir string) ([]int16, error) {
	var all []int16
	for _, name := range speechFiles {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNoSpeech
		} else if err != nil {
			return nil, fmt.Errorf("load: read speech: %w", err)
		}
		var d g722.Decoder
		d.Reset()
		s := make([]int16, 2*len(b))
		all = append(all, s[:d.Decode(s, b)]...)
	}
	peak := int16(1)
	for _, v := range all {
		peak = max(peak, v, -v)
	}
	for i, v := range all {
		all[i] = int16(int(v) * speechPeak / int(peak))
	}
	return all, nil
}
