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
	cfg, err := c.recorder()
	if err != nil {
		return err
	}
	a, folder, err := c.open(cfg)
	if err != nil {
		return err
	}
	if folder, err = oneRecording(ctx, a, folder, c.Place, ""); err != nil {
		return err
	}
	recID, err := proof.Erase(ctx, a, folder)
	switch {
	case errors.Is(err, recorder.ErrErased):
		fmt.Fprintf(out, "%s: its key had been erased before\n", recID)
		return nil
	case err != nil:
		return fmt.Errorf("erase: %w", flat(err))
	}
	fmt.Fprintf(out, "%s: its key is erased here; other archives have one of their own\n", recID)
	return nil
}
