package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"
)

// Rtpengine is Debian's rtpengine in user space, steered by its NG protocol: bencode over UDP.
type Rtpengine struct {
	proc  *Process
	cfg   Config
	ng    *net.UDPConn
	calls int
	asked int
}

// StartRtpengine starts a fresh rtpengine without its kernel module.
func StartRtpengine(ctx context.Context, cfg Config) (*Rtpengine, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(cfg.Dir, "rtpengine")
	if err != nil {
		return nil, fmt.Errorf("peer: folder for rtpengine: %w", err)
	}
	ng := fmt.Sprintf("127.0.0.1:%d", port)
	args := []string{
		"--config-file=none", "--table=-1", "--interface=127.0.0.1", "--listen-ng=" + ng, "--port-min=40000", "--port-max=60000",
		"--foreground", "--log-stderr", "--log-level=3", "--num-threads=2", "--pidfile=" + dir + "/pid",
	}
	if cfg.Record {
		args = append(args, "--recording-dir="+dir, "--recording-method=pcap")
	}
	p, err := Start(cfg.Core, "rtpengine", args...)
	if err != nil {
		return nil, fmt.Errorf("%w (apt-get install rtpengine-daemon)", err)
	}
	r := &Rtpengine{proc: p, cfg: cfg}
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(ng))
	if r.ng, err = net.DialUDP("udp4", nil, to); err != nil {
		p.Stop()
		return nil, fmt.Errorf("peer: rtpengine: %w", err)
	}
	if err := p.until(ctx, 10*time.Second, func() bool {
		_, err := r.ask(dict{"command": "ping"}, 100*time.Millisecond)
		return err == nil
	}); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Name implements Server.
func (r *Rtpengine) Name() string { return "rtpengine" }

// Process implements Server.
func (r *Rtpengine) Process() *Process { return r.proc }

// Close implements Server.
func (r *Rtpengine) Close() error {
	r.proc.Stop()
	return r.ng.Close()
}

// ask sends a command and waits for its answer.
func (r *Rtpengine) ask(cmd dict, limit time.Duration) (dict, error) {
	r.asked++
	cookie := strconv.Itoa(r.asked)
	if _, err := r.ng.Write(append([]byte(cookie+" "), bencode(nil, cmd)...)); err != nil {
		return nil, fmt.Errorf("peer: rtpengine: %w", err)
	}
	if err := r.ng.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return nil, fmt.Errorf("peer: rtpengine: %w", err)
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := r.ng.Read(buf)
		if err != nil {
			return nil, fmt.Errorf("peer: rtpengine: %v: %w", cmd["command"], err)
		}
		if n <= len(cookie) || string(buf[:len(cookie)+1]) != cookie+" " {
			continue // an answer to one we gave up on
		}
		v, rest, err := bdecode(buf[len(cookie)+1 : n])
		if err != nil || len(rest) > 0 {
			return nil, fmt.Errorf("peer: rtpengine: malformed answer: %w", err)
		}
		d, ok := v.(dict)
		if !ok {
			return nil, errors.New("peer: rtpengine: the answer is no dictionary")
		}
		if d["result"] == "error" {
			return nil, fmt.Errorf("peer: rtpengine: %v", d["error-reason"])
		}
		return d, nil
	}
}

// Open implements Server: an offer from the first party and an answer from the second.
func (r *Rtpengine) Open(_ context.Context, seats []Seat) (Room, error) {
	if len(seats) != 2 {
		return Room{}, errors.New("peer: rtpengine takes two parties")
	}
	r.calls++
	room := Room{ID: fmt.Sprintf("call-%d", r.calls), Addresses: make([]netip.AddrPort, 2)}
	common := func(command string, s Seat) dict {
		return dict{
			"command": command, "call-id": room.ID, "from-tag": "a", "sdp": offerSDP(s), "ICE": "remove",
			"replace": list{"origin", "session-connection"}, "flags": list{"trust-address"},
		}
	}
	offer := common("offer", seats[0])
	if r.cfg.Record {
		offer["record call"] = "yes"
	}
	if seats[0].Codec != seats[1].Codec {
		to := "PCMU"
		if seats[1].Codec == "opus" {
			to = "opus/48000/1/32000"
		}
		offer["codec"] = dict{"strip": list{"all"}, "transcode": list{to}}
	}
	answer := common("answer", seats[1])
	answer["to-tag"] = "b"
	// The second party sees rtpengine's port in the offer, the first in the answer.
	for i, cmd := range []dict{offer, answer} {
		d, err := r.ask(cmd, 2*time.Second)
		if err != nil {
			return room, err
		}
		sdp, _ := d["sdp"].(string)
		port, err := audioPort(sdp)
		if err != nil {
			return room, err
		}
		room.Addresses[1-i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	}
	return room, nil
}

// End implements Server.
func (r *Rtpengine) End(_ context.Context, room Room) error {
	_, err := r.ask(dict{"command": "delete", "call-id": room.ID, "from-tag": "a"}, 2*time.Second)
	return err
}
