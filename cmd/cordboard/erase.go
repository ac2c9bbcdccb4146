package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/proof"
)

type eraseCmd struct {
	actFlags
	Yes bool `help:"Really do it: nobody will ever hear the recording again." required:""`
}

func (c eraseCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

// lockWait is how long a server may be busy with setting a hold.
const lockWait = 10 * time.Second

func (c eraseCmd) run(ctx context.Context, out io.Writer) error {
	d, err := c.openOne(ctx, "")
	if err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock, err := recorder.LockHolds(limit, d.cfg.SpoolDir)
	switch {
	case err == nil:
		defer lock.Close() // no hold is set meanwhile
	case errors.Is(err, recorder.ErrNoSpool):
		lock = nil // a server's holds that no archive has heard of are not seen here
	default:
		return fmt.Errorf("erase: %w", flat(err))
	}
	for _, p := range d.sites { // a hold in one archive counts for all
		if err := unheld(ctx, p, lock); err != nil {
			return fmt.Errorf("erase: %w", flat(errors.Join(err, d.note(ctx, "recording.key_erased_refused", p, map[string]string{"refused": flat(err).Error()}))))
		}
	}
	for _, p := range d.sites {
		var recID string
		err := d.act(ctx, "recording.erase_asked", "recording.key_erased", p, func() (err error) {
			recID, err = proof.Erase(ctx, p.archive, p.folder)
			return err
		})
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

// unheld is proof.ErrHeld for a recording under legal hold, by its archive or by the server here; lock may be nil.
func unheld(ctx context.Context, p site, lock *recorder.HoldLock) error {
	if err := proof.Held(ctx, p.archive, p.folder); err != nil || lock == nil {
		return err
	}
	recID, err := proof.ID(ctx, p.archive, p.folder)
	if err != nil {
		return err
	}
	held, err := lock.Held(recID)
	if held {
		return proof.ErrHeld
	}
	return err
}
