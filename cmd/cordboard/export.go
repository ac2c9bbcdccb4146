package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/recorder/proof"
	"github.com/cordboard/cordboard/recorder/seal"
)

type exportCmd struct {
	actFlags
	keyFlag
	To     string `short:"o" help:"Folder the recording's folder is written to." default:"." placeholder:"DIR"`
	Copy   string `help:"Make a listening copy as well: opus, wav or flac." enum:",opus,wav,flac" default:"" placeholder:"FORMAT"`
	Pauses string `help:"What stands in the copy for a pause: silence or cut; the default is as recorded." enum:",silence,cut" default:"" placeholder:"POLICY"`
	Marker bool   `help:"Put a soft tone into the copy where a pause was."`
	All    bool   `help:"Export all recordings of a folder or bucket."`
}

func (c exportCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c exportCmd) run(ctx context.Context, out io.Writer) error {
	open := c.open
	if !c.All {
		open = func(ctx context.Context) (opened, error) { return c.openOne(ctx, ", or say --all") }
	}
	d, err := open(ctx)
	if err != nil {
		return err
	}
	var trust proof.Trust
	if trust.Keeper, err = d.cfg.Keys.Keeper(); err != nil {
		return err
	}
	if trust.Keys, err = c.keys(c.configFlag, d.cfg); err != nil {
		return err
	}
	if len(trust.Keys) == 0 {
		fmt.Fprintln(os.Stderr, "cordboard: there is no key to check signatures by")
	}
	a := d.sites[0].archive
	list := []string{d.sites[0].folder}
	if c.All {
		if list, err = proof.Find(ctx, a, d.sites[0].folder); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return fmt.Errorf("there is no recording in %s", c.Place)
	}
	if err := os.MkdirAll(c.To, 0o750); err != nil {
		return err
	}
	o := proof.ExportOptions{Copy: listen.Format(c.Copy), Pauses: c.Pauses, Marker: c.Marker}
	for _, f := range list {
		var files []string
		err := d.act(ctx, "recording.export_asked", "recording.exported", site{a, f}, func() (err error) {
			files, err = proof.Export(ctx, a, f, trust, c.To, o)
			return err
		})
		if err != nil {
			return explain(f, err)
		}
		for _, name := range files {
			fmt.Fprintln(out, name)
		}
	}
	return nil
}

// explain says what can be done about an export that failed.
func explain(folder string, err error) error {
	what := "export"
	if folder != "" {
		what += " " + folder
	}
	switch {
	case errors.Is(err, proof.ErrBad):
		return exitError{fmt.Errorf("%s: %w; cordboard verify tells more", what, err), exitBad}
	case errors.Is(err, recorder.ErrErased):
		return fmt.Errorf("%s: the key of this recording has been erased: nobody can open it", what)
	case errors.Is(err, seal.ErrUnknownKey):
		return fmt.Errorf("%s: the key that wraps this recording's key is not among recorder.keys of the configuration", what)
	case errors.Is(err, archive.ErrNotFound):
		return fmt.Errorf("%s: there is no recording", what)
	}
	return fmt.Errorf("%s: %w", what, err)
}

type rewrapCmd struct{ actFlags }

func (c rewrapCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c rewrapCmd) run(ctx context.Context, out io.Writer) error {
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	keeper, err := d.cfg.Keys.Keeper()
	if err != nil {
		return err
	}
	if keeper == nil {
		return errors.New("rewrap: the configuration names no key in recorder.keys")
	}
	var all proof.Rewrapped
	for _, p := range d.sites {
		r, e := proof.Rewrap(ctx, p.archive, p.folder, keeper, func(folder string, act func() error) error {
			return d.act(ctx, "recording.rewrap_asked", "recording.key_rewrapped", site{p.archive, folder}, act)
		})
		all.Done, all.Before, all.Kept, err = all.Done+r.Done, all.Before+r.Before, all.Kept+r.Kept, errors.Join(err, e)
	}
	fmt.Fprintf(out, "%d keys wrapped anew, %d had the current key\n", all.Done, all.Before)
	if all.Kept > 0 {
		fmt.Fprintf(out, "%d keys have older versions that the store keeps under a lock: the key that wrapped them must stay secret\n", all.Kept)
	}
	if err != nil {
		return fmt.Errorf("rewrap: %w", flat(err))
	}
	return nil
}

type keysCmd struct {
	Seal   sealKeyCmd   `cmd:"" help:"Make a file with a key that wraps the keys of recordings."`
	Public publicKeyCmd `cmd:"" help:"Print the public key that verifies recordings."`
}

type sealKeyCmd struct {
	File string `arg:"" help:"The file to make; an existing one is left as it is."`
}

func (c sealKeyCmd) Run() error {
	if err := seal.CreateRing(c.File); err != nil {
		return err
	}
	fmt.Println(c.File)
	return nil
}

type publicKeyCmd struct{ configFlag }

func (c publicKeyCmd) Run() error {
	cfg, err := c.recorder()
	if err != nil {
		return err
	}
	if cfg.Keys.SignFile == "" {
		return errors.New("keys: recordings are not signed: recorder.keys.sign_file is none")
	}
	s, err := seal.OpenSigner(cfg.Keys.SignFile)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(seal.EncodePublic(s.Public()))
	return err
}
