// Command cordboard is the media server, the contact centre and the desktop in one program.
//
//	cordboard serve --config cordboard.toml    run
//	cordboard demo                             a whole contact centre on this machine, with a caller
//	cordboard token --agent alice              mint a token for the API or the desktop
//	cordboard secret HOOK [N]                  what a routing hook verifies requests with
//	cordboard verify PATH|s3://…               prove that recordings are what was recorded
//	cordboard export PATH|s3://…               take a recording out of an archive, in clear
//	cordboard rewrap PATH|s3://…               wrap the keys of recordings with the current key
//	cordboard erase PATH|s3://… --yes          erase the key of a sealed recording
//	cordboard keys seal|public                 work with the keys of recordings
//	cordboard config check                     say what is wrong with a configuration, or nothing
//	cordboard denoise IN.wav OUT.wav           take the noise out of a recording
//	cordboard version
//
// It is the only place that sees everything: it reads the configuration, builds the parts bottom up, runs
// them, and takes them down in the reverse order.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the build.
var version = "dev"

type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Demo    demoCmd    `cmd:"" help:"Run a demo contact centre on this machine, with a caller who rings when the agent is ready."`
	Token   tokenCmd   `cmd:"" help:"Mint a token for the API or the desktop."`
	Secret  secretCmd  `cmd:"" help:"Print the secret that requests to a routing hook are signed with."`
	Verify  verifyCmd  `cmd:"" help:"Prove that recordings are what was recorded, or name the first chunk that is not."`
	Export  exportCmd  `cmd:"" help:"Take a recording out of an archive, in clear."`
	Rewrap  rewrapCmd  `cmd:"" help:"Wrap the keys of sealed recordings with the current key."`
	Erase   eraseCmd   `cmd:"" help:"Erase the key of a sealed recording, and with it the recording."`
	Keys    keysCmd    `cmd:"" help:"Work with the keys of recordings."`
	Config  configCmd  `cmd:"" help:"Work with the configuration."`
	Denoise denoiseCmd `cmd:"" help:"Take the noise out of a WAV file."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// configFlag is the flag every command with a configuration shares.
type configFlag struct {
	Config string `short:"c" help:"Configuration file (TOML). Without one the defaults and CORDBOARD_* variables count." placeholder:"FILE"`
}

type versionCmd struct{}

func (versionCmd) Run() error {
	fmt.Println("cordboard", version)
	return nil
}

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Read a configuration and report everything that is wrong with it."`
}

type configCheckCmd struct{ configFlag }

func (c configCheckCmd) Run() error {
	if _, err := loadConfig(c.Config); err != nil {
		return err
	}
	fmt.Println("the configuration is good")
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("cordboard"), kong.UsageOnError(), kong.Vars{"demodir": demoDir()},
		kong.Description("An open media server and contact centre: SIP trunks in, browsers out, mixed, recorded."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "cordboard:", err)
		stop()
		os.Exit(exitStatus(err))
	}
}
