package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/proof"
)

type eraseCmd struct {
	placeFlags
	Yes bool `help:"Really do it: nobody will ever hear the recording again." required:""`
}

func (c eraseCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c eraseCmd) run(ctx context.Context, out io.Writer) error {
	d, err := c.openOne(ctx, "")
	if err != nil {
		return err
	}
	for _, p := range d.sites { // a hold in one archive counts for all
		if err := proof.Held(ctx, p.archive, p.folder); err != nil {
			return fmt.Errorf("erase: %w", flat(err))
		}
	}
	for _, p := range d.sites {
		if err := d.note(ctx, "recording.key_erased", p, nil); err != nil {
			return fmt.Errorf("erase: %w", flat(err))
		}
		recID, err := proof.Erase(ctx, p.archive, p.folder)
		switch {
		case errors.Is(err, recorder.ErrErased):
			fmt.Fprintf(out, "%s: its key had been erased before\n", recID)
		case err != nil:
			return fmt.Errorf("erase: %w", flat(err))
		case len(d.sites) > 1:
			fmt.Fprintf(out, "%s: its key is erased in %s\n", recID, p.archive.Name())
		default:
			fmt.Fprintf(out, "%s: its key is erased here; other archives have one of their own\n", recID)
		}
	}
	return nil
}
