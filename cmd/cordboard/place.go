package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path"
	"strings"

	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/proof"
	"github.com/cordboard/cordboard/signaling/wire"
)

// placeFlags is where recordings are and what it takes to read them there.
type placeFlags struct {
	configFlag
	Place string `arg:"" name:"place" help:"A recording's id, its folder, a folder of many, or s3://bucket/prefix. Archives, endpoint and keys come from the configuration."`
}

// recorder reads what the configuration says of recordings; the rest of it need not be good.
func (f configFlag) recorder() (recorder.Config, error) {
	cfg, err := readConfig(f.Config, os.Environ())
	cfg.completeKeys()
	return cfg.Recorder.Config, err
}

// site is a folder in an archive.
type site struct {
	archive archive.Archive
	folder  string
}

// open reads the configuration and gives the places that are meant: one, or for a recording's id each archive
// that has it.
func (f placeFlags) open(ctx context.Context) (recorder.Config, []site, error) {
	cfg, err := f.recorder()
	if err != nil {
		return cfg, nil, err
	}
	switch {
	case id.Valid(id.Recording, f.Place):
		list, err := everywhere(ctx, cfg, f.Place)
		return cfg, list, err
	case strings.HasPrefix(f.Place, "s3://"):
		a, folder, err := openBucket(f.Place, cfg.Archive)
		return cfg, []site{{a, folder}}, err
	}
	info, err := os.Stat(f.Place)
	if err != nil {
		return cfg, nil, err
	}
	if !info.IsDir() {
		return cfg, nil, fmt.Errorf("%s is a file: name the recording's folder", f.Place)
	}
	return cfg, []site{{archive.NewFolder(f.Place), ""}}, nil
}

// openOne is open for a single recording. or is what else could be done with several.
func (f placeFlags) openOne(ctx context.Context, or string) (recorder.Config, []site, error) {
	cfg, list, err := f.open(ctx)
	for i := 0; i < len(list) && err == nil; i++ {
		list[i].folder, err = oneRecording(ctx, list[i].archive, list[i].folder, f.Place, or)
	}
	return cfg, list, err
}

// everywhere finds a recording in all archives of the configuration.
func everywhere(ctx context.Context, cfg recorder.Config, recID string) ([]site, error) {
	archives, err := cfg.Archive.Open()
	if err != nil {
		return nil, err
	}
	var list []site
	var errs []error
	for _, a := range archives {
		folder, err := proof.Locate(ctx, a, recID)
		if err == nil {
			list = append(list, site{a, folder})
		} else if !errors.Is(err, archive.ErrNotFound) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, flat(err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no recording %s in any archive of the configuration", recID)
	}
	return list, nil
}

// openBucket reads s3://bucket/prefix. The prefix is a whole key, as the store's own tools show it.
func openBucket(place string, c recorder.ArchiveConfig) (archive.Archive, string, error) {
	u, err := url.Parse(place)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, "", fmt.Errorf("%s is not of the form s3://bucket/prefix", place)
	}
	known := c.Buckets()
	if len(known) == 0 || known[0].AccessKey == "" {
		return nil, "", errors.New("the configuration has no recorder.archive.s3 with an endpoint and keys: give one with --config")
	}
	bucket := known[0]
	for _, b := range known {
		if b.Bucket == u.Host {
			bucket = b
			break
		}
	}
	bucket.Bucket, bucket.Prefix = u.Host, ""
	a, err := bucket.Open()
	if err != nil {
		return nil, "", err
	}
	return a, strings.Trim(path.Clean("/"+u.Path), "/"), nil
}

// writeAudit writes down what is done to a recording from the command line, where this machine has an audit log.
func (f configFlag) writeAudit(action, recID string) error {
	cfg, err := readConfig(f.Config, os.Environ())
	if err != nil {
		return err
	}
	if info, err := os.Stat(cfg.AuditDir); err != nil || !info.IsDir() {
		fmt.Fprintf(os.Stderr, "cordboard: there is no audit log in %s: nothing is written down\n", cfg.AuditDir)
		return nil
	}
	log, err := audit.Open(cfg.AuditDir, nil)
	if err != nil {
		return err
	}
	name := "uid " + fmt.Sprint(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	_, err = log.Write(wire.AuditEntry{Actor: name, From: "command line", Action: action, Object: recID})
	return err
}
