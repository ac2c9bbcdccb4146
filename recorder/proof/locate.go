package proof

import (
	"context"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder/archive"
)

// Locate finds the folder of a recording in an archive by its id, which tells the day. The error is
// archive.ErrNotFound where it is not.
func Locate(ctx context.Context, a archive.Archive, recID string) (string, error) {
	made := id.Time(recID).UTC()
	last := ""
	for _, at := range []time.Time{made, made.Add(time.Minute), made.Add(-time.Minute)} { // around midnight it may be either
		folder := at.Format("2006/01/02/") + recID + "/"
		if folder == last {
			continue
		}
		last = folder
		list, err := Find(ctx, a, folder)
		if err != nil {
			return "", err
		}
		if len(list) == 1 {
			return list[0], nil
		}
	}
	return "", archive.ErrNotFound
}
