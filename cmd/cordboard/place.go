package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"strings"

	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/proof"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// placeFlags is where recordings are and what it takes to read them there.
type placeFlags struct {
	configFlag
	Place string `arg:"" name:"place" help:"A recording's id, its folder, a folder of many, or s3://bucket/prefix. Archives, endpoint and keys come from the configuration."`
}

// actFlags is placeFlags of commands that take something out of an archive or change something there.
type actFlags struct {
	placeFlags
	NoAudit bool `help:"Do it though there is no audit log on this machine to write it into."`
}

// keyFlag is how signatures are checked.
type keyFlag struct {
	Key string `help:"Public key that must have signed the manifests (PEM); the default is the configured signing key." placeholder:"FILE"`
}

// keys are the keys to trust, none where recordings are not signed, and where nobody has said which are.
func (k keyFlag) keys(f configFlag, cfg recorder.Config) ([]ed25519.PublicKey, error) {
	switch {
	case k.Key != "":
		return seal.LoadPublic(k.Key)
	case cfg.Keys.SignFile == "":
		return nil, nil
	}
	keys, err := seal.LoadPublic(cfg.Keys.SignFile)
	if errors.Is(err, os.ErrNotExist) {
		if f.Config == "" {
			return nil, nil
		}
		return nil, fmt.Errorf("the key that signs recordings is not here (%s): give its public key with --key", cfg.Keys.SignFile)
	}
	return keys, err
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

// opened is what every command on recordings begins with: the configuration, the places that are meant, and the log of
// who did what.
type opened struct {
	cfg   recorder.Config
	sites []site     // one, or for a recording's id one for each archive that has it
	log   *audit.Log // nil: this machine has none
}

// open reads the configuration and finds what is meant.
func (f placeFlags) open(ctx context.Context) (opened, error) {
	whole, err := readConfig(f.Config, os.Environ())
	if err != nil {
		return opened{}, err
	}
	whole.completeKeys()
	d := opened{cfg: whole.Recorder.Config}
	if d.log, err = openAudit(whole.AuditDir); err != nil {
		return d, err
	}
	switch {
	case id.Valid(id.Recording, f.Place):
		d.sites, err = everywhere(ctx, d.cfg, f.Place)
		return d, err
	case strings.HasPrefix(f.Place, "s3://"):
		a, folder, err := openBucket(f.Place, d.cfg.Archive)
		d.sites = []site{{a, folder}}
		return d, err
	}
	info, err := os.Stat(f.Place)
	if err != nil {
		return d, err
	}
	if !info.IsDir() {
		return d, fmt.Errorf("%s is a file: name the recording's folder", f.Place)
	}
	dir, err := filepath.Abs(f.Place)
	if err != nil {
		return d, err
	}
	folder := ""
	if name := filepath.Base(dir); id.Valid(id.Recording, name) { // whose recording it must hold
		dir, folder = filepath.Dir(dir), name+"/"
	}
	d.sites = []site{{archive.NewFolder(dir), folder}}
	return d, nil
}

// open is that of placeFlags, and refuses where nothing can be written down.
func (f actFlags) open(ctx context.Context) (opened, error) { return f.audited(f.placeFlags.open(ctx)) }

// openOne is open for a single recording. or is what else could be done with several.
func (f actFlags) openOne(ctx context.Context, or string) (opened, error) {
	return f.audited(f.placeFlags.openOne(ctx, or))
}

func (f actFlags) audited(d opened, err error) (opened, error) {
	if err == nil && d.log == nil && !f.NoAudit {
		err = errors.New("what is done to recordings is written down, and there is no audit log here: run it where the server runs, or say --no-audit")
	}
	return d, err
}

// openOne is open for a single recording. or is what else could be done with several.
func (f placeFlags) openOne(ctx context.Context, or string) (opened, error) {
	d, err := f.open(ctx)
	for i := 0; i < len(d.sites) && err == nil; i++ {
		d.sites[i].folder, err = oneRecording(ctx, d.sites[i].archive, d.sites[i].folder, f.Place, or)
	}
	return d, err
}

// openAudit opens the audit log, where this machine has one.
func openAudit(dir string) (*audit.Log, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil
	}
	return audit.Open(dir, nil)
}

// note writes down what is done to a recording from the command line; detail may be nil.
func (d opened) note(ctx context.Context, action string, s site, detail map[string]string) error {
	if d.log == nil {
		return nil
	}
	name := "uid " + fmt.Sprint(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	_, err := d.log.Write(wire.AuditEntry{Actor: name, From: "command line", Action: action, Object: recordingAt(ctx, s), Detail: detail})
	return err
}

// act does something to the recording at a place: that it was asked for is written down before, what came of it after.
func (d opened) act(ctx context.Context, asked, done string, s site, do func() error) error {
	if err := d.note(ctx, asked, s, nil); err != nil {
		return err
	}
	err := do()
	if err != nil {
		return errors.Join(err, d.note(ctx, done+"_refused", s, map[string]string{"refused": flat(err).Error()}))
	}
	return d.note(ctx, done, s, nil)
}

// recordingAt is the id of the recording at a place, or the folder where that is not told.
func recordingAt(ctx context.Context, s site) string {
	if recID, err := proof.ID(ctx, s.archive, s.folder); err == nil {
		return recID
	}
	return s.folder
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
