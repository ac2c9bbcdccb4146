package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
)

// placeFlags is where recordings are and what it takes to read them there.
type placeFlags struct {
	configFlag
	Place string `arg:"" name:"place" help:"A recording's folder, a folder of many, or s3://bucket/prefix. Endpoint and keys of the bucket come from the configuration."`
}

// recorder reads what the configuration says of recordings; the rest of it need not be good.
func (f configFlag) recorder() (recorder.Config, error) {
	cfg, err := readConfig(f.Config, os.Environ())
	cfg.completeKeys()
	return cfg.Recorder.Config, err
}

// open gives the archive and the folder in it.
func (f placeFlags) open(cfg recorder.Config) (archive.Archive, string, error) {
	if strings.HasPrefix(f.Place, "s3://") {
		return openBucket(f.Place, cfg.Archive.S3)
	}
	info, err := os.Stat(f.Place)
	if err != nil {
		return nil, "", err
	}
	if !info.IsDir() {
		return nil, "", fmt.Errorf("%s is a file: name the recording's folder", f.Place)
	}
	return archive.NewFolder(f.Place), "", nil
}

// openBucket reads s3://bucket/prefix. The prefix is a whole key, as the store's own tools show it.
func openBucket(place string, c recorder.S3Config) (archive.Archive, string, error) {
	u, err := url.Parse(place)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, "", fmt.Errorf("%s is not of the form s3://bucket/prefix", place)
	}
	if c.Endpoint == "" || c.AccessKey == "" {
		return nil, "", errors.New("the configuration has no recorder.archive.s3 with an endpoint and keys: give one with --config")
	}
	c.Bucket, c.Prefix = u.Host, ""
	a, err := c.Open()
	if err != nil {
		return nil, "", err
	}
	return a, strings.Trim(path.Clean("/"+u.Path), "/"), nil
}
