package ogg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// stream makes a file of n packets of 20 ms and returns it with the offsets of its pages.
func stream(t testing.TB, n int, end bool) (file []byte, pages []int) {
	t.Helper()
	var b pageLog
	w, err := NewWriter(&b, 7, Head{Channels: 1, PreSkip: PreSkip, InputRate: 48000}, []string{"A=b"}, 24000)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := w.Packet(Silence[:], PacketDuration); err != nil {
			t.Fatal(err)
		}
	}
	if end {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	} else if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), b.at
}

type pageLog struct {
	bytes.Buffer
	at []int
}

func (b *pageLog) Write(p []byte) (int, error) {
	b.at = append(b.at, b.Len())
	return b.Buffer.Write(p)
}

func TestRoundTrip(t *testing.T) {
	file, pages := stream(t, 130, true)
	if len(pages) != 2+6+1 {
		t.Errorf("%d pages, want 2 headers, 6 of at most 500 ms and the end", len(pages))
	}
	s, err := Scan(bytes.NewReader(file), 0)
	if err != nil || !s.Closed || s.Samples() != 130*PacketDuration || s.End != int64(len(file)) || s.Skipped != 0 || s.Serial != 7 {
		t.Errorf("scan: %+v, %v", s, err)
	}
	p, err := NewPackets(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		b, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || !bytes.Equal(b, Silence[:]) {
			t.Fatalf("packet %d: %x, %v", n, b, err)
		}
		n++
	}
	if n != 131 {
		t.Errorf("%d packets, want 131", n)
	}
}

// TestCut cuts a file at every byte: the scan must find the last whole page, and with an end page behind
// it the reference tool must be content.
func TestCut(t *testing.T) {
	file, pages := stream(t, 120, false)
	pages = append(pages, len(file))
	for n := range len(file) + 1 {
		s, err := Scan(bytes.NewReader(file[:n]), 0)
		if n < pages[2] {
			if !errors.Is(err, ErrNotOpus) {
				t.Fatalf("cut at %d: %+v, %v", n, s, err)
			}
			continue
		}
		last := 0
		for i, at := range pages {
			if at <= n {
				last = i
			}
		}
		if err != nil || s.End != int64(pages[last]) || s.Closed || s.Granule != uint64(min(last-2, 4)*25+(last-2)/5*20)*PacketDuration {
			t.Fatalf("cut at %d: %+v, %v; want end %d", n, s, err, pages[last])
		}
	}
	s, err := Scan(bytes.NewReader(file[:len(file)-9]), 0)
	if err != nil {
		t.Fatal(err)
	}
	whole := append(bytes.Clone(file[:s.End]), EndPage(s.Serial, s.Sequence+1, s.Granule)...)
	got, err := Scan(bytes.NewReader(whole), 0)
	if err != nil || !got.Closed || uint64(got.Samples()) != s.Granule {
		t.Errorf("closed again: %+v, %v", got, err)
	}
	tool, err := exec.LookPath("opusinfo")
	if err != nil {
		t.Skip("opusinfo (opus-tools) is not installed")
	}
	for name, b := range map[string][]byte{"closed.ogg": whole, "torn.ogg": file[:len(file)-9]} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, path).CombinedOutput()
		// Of the torn file it may say that the end is missing, and exits with 1 for it, but it reads it.
		length := map[string]string{"closed.ogg": "0m:02.000s", "torn.ogg": "0m:01.993s"}[name]
		if !bytes.Contains(out, []byte("Playback length: "+length)) || name == "closed.ogg" && (err != nil || bytes.Contains(out, []byte("WARNING"))) {
			t.Errorf("opusinfo %s: %v\n%s", name, err, out)
		}
	}
}

func TestFlippedBit(t *testing.T) {
	file, pages := stream(t, 120, true)
	for at := pages[3]; at < pages[4]; at++ {
		bad := bytes.Clone(file)
		bad[at] ^= 0x10
		s, err := Scan(bytes.NewReader(bad), 0)
		if err != nil || s.Skipped != int64(pages[4]-pages[3]) || !s.Closed || s.Samples() != 120*PacketDuration {
			t.Fatalf("bit at %d: %+v, %v", at, s, err)
		}
	}
}

func TestScanLimit(t *testing.T) {
	file, pages := stream(t, 100, true)
	for _, packets := range []int{0, 1, 24, 25, 26, 50, 100} {
		s, err := Scan(bytes.NewReader(file), uint64(packets)*PacketDuration)
		if packets == 0 {
			packets = 101 // no limit
		}
		want := len(file)
		if packets <= 100 {
			want = pages[2+packets/25]
		}
		if err != nil || s.End != int64(want) {
			t.Errorf("limit of %d packets: end %d, want %d, %v", packets, s.End, want, err)
		}
	}
}

func TestLargePackets(t *testing.T) {
	var b pageLog
	w, err := NewWriter(&b, 1, Head{Channels: 1}, nil, 48000)
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{1, 254, 255, 256, 510, 1275, 1275, 1275}
	for i := range 60 {
		p := bytes.Repeat([]byte{byte(i)}, sizes[i%len(sizes)])
		if err := w.Packet(p, PacketDuration); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := NewPackets(&b.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		p, err := r.Next()
		if err != nil || len(p) != sizes[i%len(sizes)] || p[0] != byte(i) {
			t.Fatalf("packet %d: %d bytes, %v", i, len(p), err)
		}
	}
}

func TestPacketSamples(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet []byte
		want   int // 0: refused
	}{
		{"empty", nil, 0},
		{"silence", Silence[:], 960},
		{"silk 10 ms", []byte{0 << 3, 1}, 480},
		{"silk 60 ms", []byte{3 << 3, 1}, 2880},
		{"hybrid 20 ms", []byte{13 << 3, 1}, 960},
		{"celt 2.5 ms", []byte{16 << 3, 1}, 120},
		{"two equal", []byte{1<<3 | 1, 1, 2}, 1920},
		{"two equal, odd", []byte{1<<3 | 1, 1, 2, 3}, 0},
		{"two", []byte{1<<3 | 2, 1, 9, 8}, 1920},
		{"two, first too long", []byte{1<<3 | 2, 9, 9}, 0},
		{"none of many", []byte{1<<3 | 3, 0}, 0},
		{"six of 20 ms", []byte{1<<3 | 3, 6, 1, 1, 1, 1, 1, 1}, 5760},
		{"seven of 20 ms", []byte{1<<3 | 3, 7, 1, 1, 1, 1, 1, 1, 1}, 0},
		{"padding too long", []byte{1<<3 | 3, 0x41, 200, 1}, 0},
		{"padding", []byte{1<<3 | 3, 0x41, 1, 9, 0}, 960},
	} {
		n, err := PacketSamples(c.packet)
		if n != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%s: %d, %v, want %d", c.name, n, err, c.want)
		}
	}
	for toc := range 256 {
		n, err := PacketSamples([]byte{Discontinuous(byte(toc))})
		if err != nil || n != PacketDuration {
			t.Errorf("no data after %02x: %d samples, %v", toc, n, err)
		}
	}
}

func FuzzScan(f *testing.F) {
	file, pages := stream(f, 60, true)
	f.Add(file)
	f.Add(file[:pages[3]+9])
	f.Add(append(bytes.Clone(file[pages[1]:]), file...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Scan(bytes.NewReader(b), 0)
		if s.End > int64(len(b)) || s.Skipped > int64(len(b)) {
			t.Fatalf("%d bytes: %+v", len(b), s)
		}
		if err == nil && !s.Closed { // what was found must be found again, and can be closed
			whole := append(bytes.Clone(b[:s.End]), EndPage(s.Serial, s.Sequence+1, s.Granule)...)
			again, err := Scan(bytes.NewReader(whole), 0)
			if err != nil || !again.Closed || again.Granule != s.Granule+PreSkip {
				t.Fatalf("closed: %+v, %v, was %+v", again, err, s)
			}
		}
		p, err := NewPackets(bytes.NewReader(b))
		total := 0
		for err == nil {
			var packet []byte
			packet, err = p.Next()
			total += len(packet)
		}
		if total > len(b) {
			t.Fatalf("%d bytes of packets in %d bytes", total, len(b))
		}
		// A page around arbitrary bytes is read back as it is.
		if n := min(len(b), 200); n > 0 {
			page := make([]byte, headerSize, headerSize+1+n)
			page = append(page, byte(n))
			page = append(page, b[:n]...)
			sealPage(page, 0, binary.LittleEndian.Uint64(append(bytes.Clone(b[:n]), make([]byte, 8)...)), 3, 4, 1)
			got, err := parsePage(page)
			if err != nil || !bytes.Equal(got.body, b[:n]) {
				t.Fatalf("page: %+v, %v", got, err)
			}
		}
	})
}

func FuzzPacketSamples(f *testing.F) {
	f.Add(Silence[:])
	f.Add([]byte{1<<3 | 3, 0x41, 1, 9, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := PacketSamples(b)
		if err == nil && (n < 120 || n > 5760) || err != nil && n != 0 {
			t.Fatalf("%x: %d, %v", b, n, err)
		}
	})
}

// TestChecksum holds the checksum against RFC 3533's definition, bit by bit.
func TestChecksum(t *testing.T) {
	b := make([]byte, 700)
	for i := range b {
		b[i] = byte(i*i + 7*i)
	}
	for n := range b {
		var want uint32
		for _, x := range b[:n] {
			want ^= uint32(x) << 24
			for range 8 {
				if want&0x80000000 != 0 {
					want = want<<1 ^ 0x04c11db7
				} else {
					want <<= 1
				}
			}
		}
		if got := checksum(checksum(0, b[:n/3]), b[n/3:n]); got != want {
			t.Fatalf("%d bytes: %08x, want %08x", n, got, want)
		}
	}
}
