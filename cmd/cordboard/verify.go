package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/proof"
)

// exitBad is the status of a verify that found a recording changed; 1 means that it could not be checked.
const exitBad = 2

// exitError is an error with a status of its own.
type exitError struct {
	error
	status int
}

func (e exitError) Unwrap() error { return e.error }

// exitStatus is the status the process ends with for err.
func exitStatus(err error) int {
	var e exitError
	if errors.As(err, &e) {
		return e.status
	}
	return 1
}

type verifyCmd struct {
	placeFlags
	keyFlag
}

func (c verifyCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c verifyCmd) run(ctx context.Context, out io.Writer) error {
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	if d.log == nil {
		fmt.Fprintln(os.Stderr, "cordboard: there is no audit log on this machine: nothing is written down")
	}
	var trust proof.Trust
	if trust.Keys, err = c.keys(c.configFlag, d.cfg); err != nil {
		return err
	}
	if trust.Keeper, err = d.cfg.Keys.Keeper(); err != nil {
		fmt.Fprintf(os.Stderr, "cordboard: the keys of sealed recordings are not tried: %v\n", flat(err))
		trust.Keeper = nil
	}
	var list []site
	for _, p := range d.sites {
		folders, err := proof.Find(ctx, p.archive, p.folder)
		if err != nil {
			return err
		}
		for _, f := range folders {
			list = append(list, site{p.archive, f})
		}
	}
	if len(list) == 0 {
		return fmt.Errorf("there is no recording in %s", c.Place)
	}
	changed, unclear := 0, 0
	for _, p := range list {
		r, err := proof.Verify(ctx, p.archive, p.folder, trust)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		found := "good"
		switch {
		case errors.Is(err, proof.ErrBad):
			found = "changed"
			changed++
		case err != nil, r.Key != "" && !r.Signed:
			found = "unclear"
			unclear++
		}
		if err := d.note(ctx, "recording.verified", p, map[string]string{"archive": p.archive.Name(), "found": found}); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if len(d.sites) > 1 {
			fmt.Fprintf(out, "%s: ", p.archive.Name())
		}
		tell(out, p.folder, r, err)
	}
	switch {
	case changed > 0:
		return exitError{fmt.Errorf("verify: %d of %d recordings are not what was recorded", changed, len(list)), exitBad}
	case unclear > 0:
		return fmt.Errorf("verify: %d of %d recordings could not be checked", unclear, len(list))
	}
	return nil
}

// tell prints what was found about one recording, a line for each thing.
func tell(out io.Writer, folder string, r proof.Report, err error) {
	name := r.Recording
	if name == "" {
		name = strings.TrimSuffix(folder, "/")
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(out, "%s: %s\n", name, strings.TrimPrefix(strings.TrimSpace(line), name+"/"))
		}
	} else {
		found, by := "good", "signed by "+r.Key
		switch {
		case r.Key == "":
			by = "not signed"
		case !r.Signed: // whoever changed it may have changed all of it
			found, by = "consistent", by+", which was not checked for lack of a key"
		}
		if r.Opens {
			by += ", opened by its key"
		}
		fmt.Fprintf(out, "%s: %s: %d tracks, %d chunks, %d bytes, %s\n", name, found, r.Tracks, r.Chunks, r.Bytes, by)
	}
	for _, remark := range r.Remarks {
		fmt.Fprintf(out, "%s: note: %s\n", name, remark)
	}
}

// oneRecording finds the only recording at a place; or is what else could be done with several.
func oneRecording(ctx context.Context, a archive.Archive, folder, place, or string) (string, error) {
	list, err := proof.Find(ctx, a, folder)
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", fmt.Errorf("there is no recording in %s", place)
	case len(list) > 1:
		return "", fmt.Errorf("there are %d recordings in %s: name the folder of one%s", len(list), place, or)
	}
	return list[0], nil
}
