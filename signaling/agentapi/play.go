package agentapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/signaling/wire"
)

func postPlay(q *request) error {
	var in wire.PlayRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.To != nil {
		return invalid("/to", "not_here", "a leg's playback goes to that leg; play to several at the room")
	}
	l, err := q.ownLeg()
	if err != nil {
		return err
	}
	if in.Stop != "" {
		if err := q.s.deps.Calls.StopPlay(q.ctx(), l.ID, in.Stop, q.actor()); err != nil {
			return err
		}
		return q.reply(http.StatusNoContent, nil)
	}
	src, err := q.s.sound(in)
	if err != nil {
		return err
	}
	p, err := q.s.deps.Calls.Play(q.ctx(), l.ID, src, in.Source, in.Exclusive, q.actor())
	if err != nil {
		return err
	}
	return q.reply(http.StatusCreated, p)
}

func postRoomPlay(q *request) error {
	var in wire.PlayRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	room, err := q.roomFor()
	if err != nil {
		return err
	}
	if in.Stop != "" {
		if err := q.s.deps.Calls.StopPlayRoom(q.ctx(), room.ID, in.Stop, q.actor()); err != nil {
			return err
		}
		return q.reply(http.StatusNoContent, nil)
	}
	src, err := q.s.sound(in)
	if err != nil {
		return err
	}
	p, err := q.s.deps.Calls.PlayRoom(q.ctx(), room.ID, src, in.Source, in.To, in.Exclusive, q.actor())
	if err != nil {
		return err
	}
	return q.reply(http.StatusCreated, p)
}

// sound makes what a request wants played.
func (s *Server) sound(in wire.PlayRequest) (media.Source, error) {
	switch in.Source {
	case wire.PlayBeep:
		return prompt.Beep(), nil
	case wire.PlayMusic:
		return prompt.NewMusic(), nil
	case wire.PlayRingback:
		return prompt.Ringback(in.Country), nil
	case wire.PlayTone:
		if in.Hz < 20 || in.Hz > 3800 {
			return nil, invalid("/hz", "out_of_range", "hz must lie between 20 and 3800")
		}
		return prompt.NewTone(-16, true, prompt.Step{Freqs: [2]float64{in.Hz}, For: time.Second}), nil
	case wire.PlayFile:
		return s.file(in.File, in.Loop)
	}
	return nil, invalid("/source", "required", "say what to play, or what to stop")
}

// maxFile is the largest announcement, about two minutes at 48 kHz.
const maxFile = 12 << 20

// file reads an announcement from the prompt folder, out of which no name leads.
func (s *Server) file(name string, loop bool) (media.Source, error) {
	c, err := s.clip(name, loop)
	if err != nil {
		return nil, err // no nil *Clip inside the interface
	}
	return c, nil
}

func (s *Server) clip(name string, loop bool) (*prompt.Clip, error) {
	if s.cfg.Prompts == "" {
		return nil, problem.New(http.StatusServiceUnavailable, "prompts_off", "no prompt folder is configured")
	}
	if name == "" {
		return nil, invalid("/file", "required", "say which file")
	}
	missing := func() error { return invalid("/file", "not_found", "there is no announcement of this name") }
	root, err := os.OpenRoot(s.cfg.Prompts)
	if err != nil {
		return nil, missing()
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return nil, missing()
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, missing()
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, problem.As(err)
	}
	samples, rate, err := readWAV(b)
	if err != nil {
		return nil, invalid("/file", "not_playable", "the announcement cannot be played: %v", err)
	}
	return prompt.NewPCM(samples, rate, loop), nil
}

var errWAV = errors.New("it is not a WAV file of 16-bit mono PCM at 8, 16 or 48 kHz of up to 12 MB")

// readWAV reads a RIFF file of one channel of 16-bit linear samples at a rate a room can have.
func readWAV(b []byte) ([]int16, pcm.Rate, error) {
	if len(b) < 12 || len(b) > maxFile || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, 0, errWAV
	}
	var rate pcm.Rate
	for b = b[12:]; len(b) >= 8; {
		name, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if name == "data" && size > len(b) { // written to a pipe: the length was not known yet
			size = len(b)
		}
		if size > len(b) {
			return nil, 0, errWAV
		}
		chunk := b[:size]
		b = b[min(size+size%2, len(b)):]
		switch name {
		case "fmt ":
			if size < 16 || !bytes.Equal(chunk[:4], []byte{1, 0, 1, 0}) || binary.LittleEndian.Uint16(chunk[14:]) != 16 {
				return nil, 0, errWAV
			}
			hz := binary.LittleEndian.Uint32(chunk[4:])
			if rate = pcm.Rate(min(hz, 1<<20)); !rate.Valid() {
				return nil, 0, errWAV
			}
		case "data":
			if rate == 0 || size < 2 {
				return nil, 0, errWAV
			}
			samples := make([]int16, size/2)
			for i := range samples {
				samples[i] = int16(binary.LittleEndian.Uint16(chunk[2*i:]))
			}
			return samples, rate, nil
		}
	}
	return nil, 0, errWAV
}
