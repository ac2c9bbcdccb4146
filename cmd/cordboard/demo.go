package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/cmd/cordboard/caller"
	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/rtpleg"
	"github.com/cordboard/cordboard/signaling/siptrunk"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The demo's contact centre.
const (
	demoAgent  = "maja"
	demoNumber = "1000"
	demoPause  = 3 * time.Second // between the agent turning ready and the telephone ringing
	demoLook   = 250 * time.Millisecond
)

type demoCmd struct {
	Dir    string `help:"Folder for the demo's recordings and state." default:"${demodir}" placeholder:"DIR"`
	HTTP   int    `help:"Port of the desktop and the API." default:"8080"`
	SIP    int    `help:"Port of the SIP trunk." default:"5060"`
	WebRTC int    `help:"Port of the browsers' media." default:"7882" name:"webrtc"`
}

// demoDir is where the demo keeps its things: below the user's data folder.
func demoDir() string {
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "cordboard-demo")
	}
	return "cordboard-demo"
}

func (c demoCmd) Run(ctx context.Context) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	n, err := build(cfg)
	if err != nil {
		return err
	}
	phone, ring, err := n.demoCaller()
	if err != nil {
		n.close()
		return err
	}
	token, _, err := n.keys.Mint(agentClaims(demoAgent, cfg.HTTP.TokenLife))
	if err != nil {
		n.close()
		return err
	}
	// The telephone outlives the server, to answer its last BYE; without a telephone there is no demo.
	ctx, fail := context.WithCancel(ctx)
	defer fail()
	demo, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan error, 2)
	go func() { done <- phone.Run(demo); fail() }()
	go func() { ring(demo); done <- nil }()
	fmt.Printf(demoWelcome, n.listener.Addr(), token, cfg.Recorder.Archive.Folder)
	err = n.run(ctx)
	stop()
	return errors.Join(err, <-done, <-done)
}

// nobody takes no calls: the demo's telephone only places them.
type nobody struct{}

func (nobody) Incoming(context.Context, call.Inbound) (call.Progress, wire.Call, error) {
	return nil, wire.Call{}, problem.New(http.StatusNotFound, "unknown_number", "the demo's telephone takes no calls")
}

const demoWelcome = `
  cordboard demo is running. Open this address in Chrome, Edge or Firefox on this machine:

      http://%s/#token=%s

  1. The address signs you in as Maja. Allow the microphone, then press "Turn ready".
     After three seconds a customer calls.
  2. Accept. Anna Novak speaks over the noise of her washing machine; mute, hold, talk.
  3. Pause the recording when she is about to read her card number; it resumes by itself.
  4. Hang up, finish the wrap-up, and listen under "My recordings".
     The files are in %s.

  Ctrl-C stops it.

`

// config is the defaults, on loopback, with one queue, one agent and a caller's trunk.
func (c demoCmd) config() (config, error) {
	cfg, err := readConfig("", os.Environ())
	if err != nil {
		return cfg, err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return cfg, err
	}
	cfg.under(dir)
	cfg.Log.Level = "warn"
	cfg.ShutdownLimit = 0
	cfg.HTTP.Listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(free("tcp", c.HTTP)))
	sip := net.JoinHostPort("127.0.0.1", strconv.Itoa(free("udp", c.SIP)))
	cfg.SIP.UDP, cfg.SIP.TCP = sip, sip
	cfg.SIP.Trunks = []siptrunk.Trunk{{Name: "telephone", Sources: []string{"127.0.0.1"}}}
	cfg.WebRTC.UDPPort, cfg.WebRTC.IPs, cfg.WebRTC.Loopback = free("udp", c.WebRTC), []string{"127.0.0.1"}, true
	cfg.Desk.Queues = []desk.Queue{{ID: "service", Name: "Customer service", Agents: []string{demoAgent}}}
	cfg.Desk.Numbers = []desk.Number{{Number: demoNumber, Queue: "service"}}
	cfg.Desk.Agents = []desk.Agent{{ID: demoAgent, Name: "Maja"}}
	cfg.Desk.WrapupReasons = []desk.Reason{
		{Code: "solved", Label: "Solved"},
		{Code: "technician", Label: "Technician sent"},
		{Code: "callback", Label: "Call back later"},
		{Code: "none", Label: "No reason given"},
	}
	cfg.Desk.WrapupDefault = "none"
	return cfg, cfg.complete()
}

// free is the port, or another that is free when that one is taken.
func free(network string, port int) int {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	l, err := net.Listen("tcp", addr)
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return port // building will say why
		}
	}
	port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	if network == "udp" {
		u, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			return free(network, 0)
		}
		_ = u.Close()
	}
	return port
}

// demoCaller is a second SIP stack, the telephone network's end, and a function that calls from it whenever
// the agent is ready.
func (n *node) demoCaller() (*siptrunk.Server, func(context.Context), error) {
	cfg := siptrunk.DefaultConfig()
	cfg.UDP, cfg.TCP = net.JoinHostPort("127.0.0.1", strconv.Itoa(free("udp", 0))), ""
	cfg.Trunks = []siptrunk.Trunk{{Name: "cordboard", Proxy: n.cfg.SIP.UDP, Sources: []string{"127.0.0.1"}, Codecs: []string{"PCMU"}}}
	log := n.log.With("part", "demo caller")
	ports, err := rtpleg.NewPortPool(netip.MustParseAddr("127.0.0.1"), 0, 0)
	if err != nil {
		return nil, nil, err
	}
	phone, err := siptrunk.New(cfg, siptrunk.Deps{Media: siptrunk.NewMedia(cfg, ports), Log: log})
	if err != nil {
		return nil, nil, err
	}
	phone.Handle(nobody{})
	c, err := caller.New(phone, demoNumber, log)
	if err != nil {
		return nil, nil, err
	}
	return phone, func(ctx context.Context) {
		select {
		case <-phone.Ready():
		case <-ctx.Done():
			return
		}
		ready := time.Duration(0)
		for tick := time.NewTicker(demoLook); ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				tick.Stop()
				return
			}
			if a, err := n.desk.Agent(demoAgent); err != nil || a.State != wire.AgentReady || n.board.Live() > 0 {
				ready = 0
				continue
			}
			if ready += demoLook; ready < demoPause {
				continue
			}
			ready = 0
			if err := c.Call(ctx); err != nil {
				log.Warn("the demo's call failed", "cause", err)
			}
		}
	}, nil
}
