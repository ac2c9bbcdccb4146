package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/signaling/wire"
)

// peakStep is the audio behind one value of a waveform.
const peakStep = 100 * time.Millisecond

// maxPeaks bounds a waveform, ours and stored: two days.
const maxPeaks = 2 * 24 * 3600 * 10

// peaksWait is how long somebody who asks for a waveform waits for the worker.
const peaksWait = 3 * time.Second

// Peaks is the waveform of a recording. For one that is over the worker makes it once, behind the listening copy, and
// it is kept beside that; for a running one it is made of what is on disk. One that is not there is put to work and
// waited for a little; the error, a problem, then says to come back.
func (r *Recorder) Peaks(ctx context.Context, recID string) (wire.Peaks, error) {
	w, err := r.Get(recID)
	if err != nil {
		return wire.Peaks{}, err
	}
	if w.State == wire.RecordingDeleting {
		return wire.Peaks{}, gone(w)
	}
	if w.Ended != nil {
		if p, ok := r.keptPeaks(ctx, w); ok {
			return p, nil
		}
	}
	type made struct {
		peaks wire.Peaks
		err   error
	}
	done := make(chan made, 1)
	later := problem.New(http.StatusServiceUnavailable, "peaks_pending", "the waveform is being made")
	later.CallID, later.RetryAfter = w.CallID, 5
	if !r.copies.Add(listen.Job{ID: recID + "/" + peaksName, Do: func(work context.Context, pace func(context.Context) error) {
		p, err := r.makePeaks(work, recID, pace)
		done <- made{p, err}
	}}) {
		later.Detail, later.RetryAfter = "too many listening copies and waveforms wait to be made", 60
		return wire.Peaks{}, later
	}
	wait, cancel := context.WithTimeout(ctx, peaksWait)
	defer cancel()
	select {
	case m := <-done:
		return m.peaks, m.err
	case <-wait.Done(): // or somebody else has asked for the same
		if p, ok := r.keptPeaks(ctx, w); ok {
			return p, nil
		}
		later.Err = wait.Err()
		return wire.Peaks{}, later
	}
}

// makePeaks makes the waveform of a recording, at the worker's pace, and keeps it where the recording is over. One
// that is kept already is taken.
func (r *Recorder) makePeaks(ctx context.Context, recID string, pace func(context.Context) error) (wire.Peaks, error) {
	w, err := r.Get(recID)
	if err != nil {
		return wire.Peaks{}, err
	}
	over := w.Ended != nil
	if over {
		if p, ok := r.keptPeaks(ctx, w); ok {
			return p, nil
		}
	}
	p := wire.Peaks{RecordingID: w.ID, StepMS: int(peakStep.Milliseconds()), Tracks: []wire.TrackPeaks{}}
	for _, t := range heard(w.Tracks) {
		f, _, err := r.openTrack(ctx, w, t)
		if err != nil {
			return p, err
		}
		values, err := trackPeaks(ctx, f, pace)
		if err = errors.Join(err, f.Close()); err != nil {
			return p, fmt.Errorf("recorder: waveform of %s/%s: %w", w.ID, t.ID, err)
		}
		p.Tracks = append(p.Tracks, wire.TrackPeaks{ID: t.ID, Role: t.Role, OffsetMS: t.OffsetMS, Peaks: values})
	}
	if over {
		r.keepPeaks(ctx, w, p)
	}
	return p, nil
}

// keptPeaks reads a waveform made earlier.
func (r *Recorder) keptPeaks(ctx context.Context, w wire.Recording) (wire.Peaks, bool) {
	var p wire.Peaks
	f, size, err := r.openDerived(ctx, w, peaksName)
	if err != nil {
		return p, false
	}
	var b bytes.Buffer
	if size < 16<<20 {
		_, err = b.ReadFrom(f)
	}
	err = errors.Join(err, f.Close())
	return p, err == nil && json.Unmarshal(b.Bytes(), &p) == nil && p.RecordingID == w.ID
}

// keepPeaks stores a waveform in the first archive that takes it. That it is kept saves time and no more,
// so a failure is only logged.
func (r *Recorder) keepPeaks(ctx context.Context, w wire.Recording, p wire.Peaks) {
	b, err := json.Marshal(p)
	if err != nil {
		r.log.Warn("waveform not kept", "recording", w.ID, "cause", err)
		return
	}
	err = r.putDerived(ctx, w, peaksName, func(out io.Writer) error {
		_, err := out.Write(b)
		return err
	})
	if err != nil {
		r.log.Warn("waveform not kept", "recording", w.ID, "cause", err)
	}
}

// paceEvery is how many packets of a waveform are decoded at once: a second.
const paceEvery = 50

// trackPeaks decodes a track and returns the loudest sample of each step, 0 to 100 of full scale.
func trackPeaks(ctx context.Context, f io.Reader, pace func(context.Context) error) ([]int, error) {
	packets, err := listen.NewPackets(f)
	if err != nil {
		return nil, err
	}
	d, err := codec.NewDecoder(packets.Codec)
	if err != nil {
		return nil, err
	}
	defer codec.PutDecoder(d)
	const rate = pcm.Rate8k
	buf := make([]int16, int(rate)*int(codec.MaxDuration/time.Millisecond)/1000)
	step := int(rate) * int(peakStep/time.Millisecond) / 1000
	values := []int{}
	loudest, n := 0, -packets.Skip*int(rate)/48000
	for at := 0; ; at++ {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return values, err
		}
		if at%paceEvery == 0 {
			if err := pace(ctx); err != nil {
				return values, err
			}
		}
		got, err := d.Decode(buf, p, rate)
		if err != nil {
			got = pcm.Rate8k.Samples()
			clear(buf[:got])
		}
		for _, s := range buf[:got] {
			if n++; n <= 0 {
				continue
			}
			loudest = max(loudest, int(s), -int(s))
			if n%step == 0 {
				values = append(values, loudest*100/32768)
				loudest = 0
			}
		}
		if len(values) > maxPeaks {
			return values, errors.New("recorder: track is too long for a waveform")
		}
	}
	return values, nil
}
