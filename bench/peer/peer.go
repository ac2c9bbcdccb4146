package peer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Seat is a place for one party.
type Seat struct {
	Codec  string         // opus or pcmu
	Client netip.AddrPort // where the party hears, plain RTP
}

// Room is a conversation a server has opened.
type Room struct {
	ID        string
	Addresses []netip.AddrPort // where each party sends to
}

// Config is what a server is asked to be.
type Config struct {
	Core       int
	Dir        string // for its files; the caller removes it
	Record     bool
	G711       string // how G.711 is recorded, "samples" or "opus"; empty: samples
	Spool      string // a folder with recordings of a crash; empty: one of its own
	Complexity int    // of the Opus encoders, where the server can be told
	SampleRate int    // of the mix, where the server can be told
	Binary     string
}

// Server is a running media server.
type Server interface {
	Name() string
	Process() *Process
	// Open makes a conversation of the given parties; two for rtpengine, up to eight for the others.
	Open(ctx context.Context, seats []Seat) (Room, error)
	// End ends a conversation.
	End(ctx context.Context, r Room) error
	// Close stops the server.
	Close() error
}

// freePort finds a loopback port that is free for UDP and TCP.
func freePort() (int, error) {
	for range 50 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("peer: find a port: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("peer: find a port: none is free for UDP and TCP")
}
