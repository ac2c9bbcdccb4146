package recorder

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/chain"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The tests of this file run in a bubble of their own time: a tick that waited for anything would be seen as
// one that took time, whatever else the machine does.

// bubble is a recorder on a disk that can be made to fail, and rooms of two whose packets are numbered.
type bubble struct {
	t     *testing.T
	r     *Recorder
	disk  *faultDisk
	cfg   Config
	stop  context.CancelFunc
	ended chan error

	mu     sync.Mutex
	events []wire.Event
	start  time.Time

	recs    []*Recording
	ticks   []uint64 // given to each
	slowest time.Duration
}

func newBubble(t *testing.T, cfg Config, d *faultDisk) *bubble {
	b := &bubble{t: t, disk: d, cfg: cfg, ended: make(chan error, 1), start: time.Now()}
	bus := event.New(4096, 1, time.Now)
	var err error
	if b.r, err = New(cfg, Deps{Bus: bus, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	b.r.disk, b.r.syncer.disk = d, d
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	go func() {
		for cursor := uint64(0); ; {
			list, err := bus.After(ctx, cursor, nil, 100)
			if err != nil {
				return
			}
			b.mu.Lock()
			b.events = append(b.events, list...)
			b.mu.Unlock()
			cursor = list[len(list)-1].Seq
		}
	}()
	go func() { b.ended <- b.r.Run(ctx) }()
	return b
}

func (b *bubble) close() {
	b.stop()
	if err := <-b.ended; err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		b.t.Errorf("run: %v", err)
	}
	synctest.Wait()
}

// record begins n recordings; none of them may fail.
func (b *bubble) record(n int) {
	b.t.Helper()
	for range n {
		rec, err := b.r.Start(b.t.Context(), StartRequest{CallID: "call_1"})
		if err != nil {
			b.t.Fatalf("start: %v", err)
		}
		rec.AddParty(customer)
		rec.AddParty(agent)
		b.recs, b.ticks = append(b.recs, rec), append(b.ticks, 0)
	}
}

// numbered is a payload that says which tick it is of.
func numbered(buf []byte, tick uint64) []byte {
	buf[0] = 0x78 // one frame of 20 ms
	binary.BigEndian.PutUint64(buf[1:], tick)
	return buf
}

// run ticks all recordings for d.
func (b *bubble) run(d time.Duration) {
	buf := make([]byte, 60)
	next := time.Now()
	for range int(d / pcm.Period) {
		for i, rec := range b.recs {
			b.ticks[i]++
			p := numbered(buf, b.ticks[i])
			before := time.Now()
			rec.Tick(b.ticks[i], []media.Tapped{
				{Member: "leg_c", Kind: media.Audio, Codec: media.Opus, Payload: p},
				{Member: "leg_a", Kind: media.Audio, Codec: media.Opus, Payload: p},
			})
			b.slowest = max(b.slowest, time.Since(before))
		}
		next = next.Add(pcm.Period)
		time.Sleep(time.Until(next))
	}
}

// first is when an event of the type was published, counted from since; -1: never.
func (b *bubble) first(typ, reason string, since time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		s, ok := e.Data.(wire.SpoolStatus)
		if e.Type == typ && !e.Time.Before(since.Truncate(time.Millisecond)) && (reason == "" || ok && slices.Contains(s.Reasons, reason)) {
			return e.Time.Sub(since)
		}
	}
	return -1
}

// hangup stops all recordings, and waits until they are stored when there is somebody to wait for.
func (b *bubble) hangup() {
	b.t.Helper()
	for _, rec := range b.recs {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		if _, err := rec.Stop(ctx, "hangup"); err != nil {
			b.t.Fatal(err)
		}
		cancel()
	}
}

func (b *bubble) stored() {
	b.t.Helper()
	for limit := time.Now().Add(10 * time.Minute); b.r.Stats().Waiting > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(limit) {
			b.t.Fatalf("still waiting: %+v", b.r.Stats())
		}
	}
	synctest.Wait() // for the spool to be cleared
}

// missing compares what is in the archive with what was ticked: it is the frames that are not there.
func (b *bubble) missing() (frames int) {
	b.t.Helper()
	for i, rec := range b.recs {
		w, err := b.r.Get(rec.ID())
		if err != nil || w.State != wire.RecordingStored {
			b.t.Errorf("recording %d: %+v, %v", i, w, err)
			frames += int(b.ticks[i])
			continue
		}
		frames += lostFrames(b.t, b.cfg.Archive.Folder, w, b.ticks[i])
	}
	return frames
}

// lostFrames is how many of the numbered packets up to ticks are not in the archived tracks. Tracks, chains
// and manifest must fit together.
func lostFrames(t *testing.T, folder string, w wire.Recording, ticks uint64) (lost int) {
	t.Helper()
	dir := filepath.Join(folder, filepath.FromSlash(folderKey(w)))
	m, err := readManifest(dir)
	if err != nil {
		t.Error(err)
		return int(ticks)
	}
	if len(m.Recording.Tracks) != 2 {
		t.Errorf("%s has %d tracks", w.ID, len(m.Recording.Tracks))
		return 2 * int(ticks)
	}
	for i, tr := range m.Recording.Tracks {
		body := readFile(t, filepath.Join(dir, tr.Object))
		c, err := chain.Read(bytes.NewReader(readFile(t, filepath.Join(dir, m.Chains[i].Object))))
		if err == nil {
			err = chain.Verify(bytes.NewReader(body), c, chainName(w.ID, tr), m.Chains[i].Head)
		}
		if err != nil {
			t.Errorf("%s: %v", w.ID, err)
		}
		packets, err := ogg.NewPackets(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[uint64]bool)
		last := uint64(0)
		for {
			p, err := packets.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(p) == 60 {
				n := binary.BigEndian.Uint64(p[1:])
				if seen[n] || n < last {
					t.Errorf("%s %s: packet %d behind %d", w.ID, tr.ID, n, last)
				}
				seen[n], last = true, n
			}
		}
		lost += int(ticks) - len(seen)
	}
	return lost
}

// dropped is the ticks the recordings' rings refused.
func (b *bubble) dropped() (n uint64) {
	for _, rec := range b.recs {
		n += rec.dropped.Load()
	}
	return n
}

// many is n in the slow suite and few elsewhere.
func many(n, few int) int {
	if report.Slow() {
		return n
	}
	return few
}

// evidence keeps what was found, and how long a tick took at most in the bubble's time.
func (b *bubble) evidence(name, title string, extra ...report.Figure) {
	b.t.Helper()
	figures := append([]report.Figure{
		report.Most("longest tick, ms", float64(b.slowest.Milliseconds()), 0),
		report.Exactly("ticks dropped", float64(b.dropped()), 0),
	}, extra...)
	report.Keep(b.t, name, title, figures...)
}

// TestDiskFull: the disk is full for some seconds in the middle of calls. What is said meanwhile waits in
// memory, and nothing is missing in the end.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		cfg.MustRecord = true
		b := newBubble(t, cfg, newFaultDisk())
		b.record(many(50, 4))
		b.run(2 * time.Second)
		if err := b.r.Admit(); err != nil {
			t.Errorf("new calls refused before: %v", err)
		}
		full := time.Now()
		b.disk.set(0, diskFull(cfg.SpoolDir))
		b.run(time.Duration(many(60, 8)) * time.Second)
		if p := problem.As(b.r.Admit()); p == nil || p.Status != 503 || p.RetryAfter == 0 {
			t.Errorf("new calls while the disk is full: %v", p)
		}
		b.disk.set(0, nil)
		b.run(4 * time.Second)
		if err := b.r.Admit(); err != nil {
			t.Errorf("new calls refused behind: %v", err)
		}
		alarm, over := b.first("spool.degraded", spoolFailing, full), b.first("spool.restored", "", full)
		b.hangup()
		b.stored()
		lost := b.missing()
		if b.slowest > 0 || lost > 0 || b.dropped() > 0 || alarm < 0 || alarm > 5*time.Second || over < 0 {
			t.Errorf("slowest tick %v, %d frames lost, %d dropped, alarm after %v, over after %v", b.slowest, lost, b.dropped(), alarm, over)
		}
		b.evidence("disk-full", "Disk full for a minute, 50 recordings", report.Exactly("frames lost", float64(lost), 0),
			report.Most("alarm after, s", alarm.Seconds(), 5))
		b.close()
	})
}

// TestDiskFullTooLong: more than memory holds is given up, and the manifest says which stretch.
func TestDiskFullTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		b := newBubble(t, cfg, newFaultDisk())
		b.record(1)
		b.run(2 * time.Second)
		full := time.Now()
		b.disk.set(0, diskFull(cfg.SpoolDir))
		b.run(16 * time.Minute) // 60 bytes 50 times a second for two parties are 4 MiB in 11 minutes
		b.disk.set(0, nil)
		b.run(5 * time.Second)
		alarm := b.first("spool.degraded", spoolLossy, full)
		b.hangup()
		b.stored()
		w, err := b.r.Get(b.recs[0].ID())
		if err != nil {
			t.Fatal(err)
		}
		lost := b.missing()
		var gap time.Duration
		for _, g := range w.Gaps {
			if g.Cause != "overflow" {
				t.Errorf("gap %+v", g)
			}
			gap += time.Duration(g.LengthMS) * time.Millisecond
		}
		if said := 2 * int(gap/pcm.Period); lost == 0 || lost != said {
			t.Errorf("%d frames lost, and the gaps tell %d", lost, said)
		}
		if w.DurationMS != int64(b.ticks[0])*20 || b.slowest > 0 || alarm < 0 {
			t.Errorf("%d ms of %d ticks, slowest %v, alarm after %v", w.DurationMS, b.ticks[0], b.slowest, alarm)
		}
		b.close()
	})
}

// TestDiskFullFallback: the disk is full and stays so; the fallback's takes the rest of what runs and all of
// what begins. After a crash too all is put together again.
func TestDiskFullFallback(t *testing.T) {
	for _, crash := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			cfg := testConfig(dir)
			cfg.FallbackDir = filepath.Join(dir, "fallback")
			b := newBubble(t, cfg, newFaultDisk())
			b.record(many(20, 3))
			for _, rec := range b.recs {
				if filepath.Dir(rec.dir) != cfg.SpoolDir {
					t.Fatalf("begun in %s", rec.dir)
				}
			}
			b.run(3 * time.Second)
			b.disk.set(0, diskFull(cfg.SpoolDir))
			b.run(2 * time.Second)
			b.record(2)
			b.run(time.Duration(many(600, 5)) * time.Second)
			if b.dropped() > 0 || b.r.Stats().QueuedBytes > 100_000 {
				t.Errorf("%d dropped, %d bytes in memory", b.dropped(), b.r.Stats().QueuedBytes)
			}
			if crash {
				b.crash(t)
			} else {
				b.hangup()
			}
			b.stored()
			lost := b.missing()
			if b.slowest > 0 || lost > 0 {
				t.Errorf("crash %v: slowest tick %v, %d frames lost", crash, b.slowest, lost)
			}
			if left, err := os.ReadDir(b.cfg.FallbackDir); err != nil || len(left) > 0 {
				t.Errorf("left on the fallback's disk: %v, %v", left, err)
			}
			if left, err := filepath.Glob(filepath.Join(b.cfg.SpoolDir, "rec_*")); err != nil || len(left) > 0 {
				t.Errorf("left on the full disk: %v, %v", left, err)
			}
			b.evidence("disk-full-fallback"+map[bool]string{true: "-crash"}[crash], "Disk full for ten minutes, with a fallback"+map[bool]string{true: ", then a crash"}[crash], report.Exactly("frames lost", float64(lost), 0))
			b.close()
		})
	}
}

// crash leaves the spool as a process that is killed does, and goes on with a new recorder. Its disk is full.
func (b *bubble) crash(t *testing.T) {
	t.Helper()
	b.run(time.Second)
	time.Sleep(2 * time.Second) // what was ticked is on disk
	synctest.Wait()
	copied := testConfig(t.TempDir())
	copied.FallbackDir = filepath.Join(filepath.Dir(copied.SpoolDir), "fallback")
	for from, to := range map[string]string{b.cfg.SpoolDir: copied.SpoolDir, b.cfg.FallbackDir: copied.FallbackDir} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	b.disk.set(0, nil)
	b.close()
	full := newFaultDisk()
	full.set(0, diskFull(copied.SpoolDir))
	other := newBubble(t, copied, full)
	b.cfg, b.r, b.disk, b.stop, b.ended = copied, other.r, other.disk, other.stop, other.ended
	synctest.Wait()
	time.Sleep(time.Second)
	other.mu.Lock()
	defer other.mu.Unlock()
	recovered := make(map[string]int)
	for _, e := range other.events {
		if w, ok := e.Data.(wire.Recording); ok && e.Type == "recording.recovered" {
			recovered[w.ID]++
		}
	}
	for _, rec := range b.recs {
		if recovered[rec.ID()] != 1 {
			t.Errorf("%d events that %s was recovered", recovered[rec.ID()], rec.ID())
		}
	}
}

// TestDiskErrors: writes and syncs fail at random, and one file for good. What is not known to last goes into
// another part of the file.
func TestDiskErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		b := newBubble(t, cfg, newFaultDisk())
		b.record(many(50, 4))
		b.run(2 * time.Second)
		broken := filepath.Join(cfg.SpoolDir, b.recs[0].ID(), "customer-1.ogg")
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(7, 9))
		began := time.Now()
		b.disk.set(0, func(op, path string) error {
			mu.Lock()
			defer mu.Unlock()
			switch op {
			case "write", "sync":
				if path == broken || random.IntN(10) == 0 {
					return syscall.EIO
				}
			case "syncall":
				if random.IntN(3) == 0 {
					return syscall.EIO
				}
			}
			return nil
		})
		b.run(time.Duration(many(300, 20)) * time.Second)
		alarm := b.first("spool.degraded", "", began)
		parts, err := filepath.Glob(filepath.Join(cfg.SpoolDir, "rec_*", "*"+partMark+"*"))
		if err != nil || len(parts) < len(b.recs) {
			t.Errorf("%d parts, %v", len(parts), err)
		}
		b.disk.set(0, nil)
		b.hangup()
		b.stored()
		lost := b.missing()
		if b.slowest > 0 || lost > 0 || b.dropped() > 0 {
			t.Errorf("slowest tick %v, %d frames lost, %d dropped", b.slowest, lost, b.dropped())
		}
		t.Logf("%d parts, alarm after %v", len(parts), alarm)
		b.evidence("disk-eio", "One in ten writes and syncs fails for five minutes, 50 recordings", report.Exactly("frames lost", float64(lost), 0))
		b.close()
	})
}

// TestDiskSlow: each call to the disk takes half a second.
func TestDiskSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		b := newBubble(t, cfg, newFaultDisk())
		slow := time.Now()
		b.disk.set(500*time.Millisecond, nil)
		b.record(many(50, 4))
		b.run(time.Duration(many(600, 30)) * time.Second)
		most := b.r.Stats().QueuedBytes
		alarm := b.first("spool.degraded", spoolSlow, slow)
		b.hangup()
		b.stored()
		lost := b.missing()
		if b.slowest > 0 || lost > 0 || b.dropped() > 0 || most > int64(len(b.recs))*200_000 || alarm < 0 {
			t.Errorf("slowest tick %v, %d frames lost, %d dropped, %d bytes in memory, alarm after %v", b.slowest, lost, b.dropped(), most, alarm)
		}
		b.evidence("disk-slow", "Each write and sync takes 500 ms for ten minutes, 50 recordings", report.Exactly("frames lost", float64(lost), 0),
			report.Most("in memory per recording, kB", float64(most)/1000/float64(len(b.recs)), 200))
		b.close()
	})
}
