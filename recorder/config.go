package recorder

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/recorder/seal"
)

// Config is the recorder's part of the configuration. The zero Config is not valid; start from Defaults.
type Config struct {
	// SpoolDir is a folder on a local disk where recordings live until every archive has them.
	SpoolDir string `toml:"spool_dir"`
	// MaxPause is the longest pause anybody may ask for.
	MaxPause time.Duration `toml:"max_pause"`
	// DefaultPause is the length of a pause asked for without one.
	DefaultPause time.Duration `toml:"default_pause"`
	// PausePolicy says what stands in the tracks for a pause: "silence" keeps the time line, "cut"
	// leaves the pause out.
	PausePolicy string `toml:"pause_policy"`
	// UploadWorkers is how many recordings go to one archive at the same time, 1 to 64.
	UploadWorkers int `toml:"upload_workers"`
	// Archive is where finished recordings go. Each that is named gets a copy; at least one is.
	Archive ArchiveConfig `toml:"archive"`
	// Keys sign and seal recordings.
	Keys KeysConfig `toml:"keys"`
	// Copy is the listening copy.
	Copy CopyConfig `toml:"copy"`
}

// KeysConfig names the keys of recordings.
type KeysConfig struct {
	// SignFile is the Ed25519 key that signs manifests, made on first start; empty: manifests are not signed.
	SignFile string `toml:"sign_file"`
	// SealFile holds the keys that wrap the keys of recordings, and SealKeys are such keys themselves, for the
	// environment: the first wraps, all unwrap. With either new recordings are encrypted, with neither they
	// are not.
	SealFile string `toml:"seal_file"`
	SealKeys string `toml:"seal_keys"`
}

// CopyConfig says how the listening copy of a recording is made.
type CopyConfig struct {
	// Format is "opus", "wav" or empty: no copy.
	Format string `toml:"format"`
	// Pauses says what stands in the copy for a pause: "silence" or "cut".
	Pauses string `toml:"pauses"`
	// Marker puts a soft tone where a pause was.
	Marker bool `toml:"marker"`
	// CPUPercent is how much of one core making copies may take, 1 to 100.
	CPUPercent int `toml:"cpu_percent"`
}

// ArchiveConfig names the archives.
type ArchiveConfig struct {
	// Folder is a folder that keeps recordings; empty: none.
	Folder string `toml:"folder"`
	// S3 is a bucket that keeps recordings; without an endpoint there is none.
	S3 S3Config `toml:"s3"`
}

// S3Config is a bucket of an S3-compatible object store.
type S3Config struct {
	// Endpoint is host[:port], without scheme.
	Endpoint string `toml:"endpoint"`
	Bucket   string `toml:"bucket"`
	// Region signs the requests.
	Region string `toml:"region"`
	// Prefix goes before every key.
	Prefix string `toml:"prefix"`
	// AccessKey and SecretKey are the credentials; SecretKeyFile is a file that holds the secret instead.
	AccessKey     string `toml:"access_key"`
	SecretKey     string `toml:"secret_key"`
	SecretKeyFile string `toml:"secret_key_file"`
	// PathStyle puts the bucket into the path, as most stores but Amazon's want it.
	PathStyle bool `toml:"path_style"`
	// TLS is to be switched off on a private network only.
	TLS bool `toml:"tls"`
	// Insecure accepts any certificate.
	Insecure bool `toml:"insecure"`
}

// Pause policies.
const (
	PauseSilence = "silence"
	PauseCut     = "cut"
)

// Defaults is the configuration of a fresh installation.
func Defaults() Config {
	return Config{
		SpoolDir: "data/spool", MaxPause: 10 * time.Minute, DefaultPause: time.Minute, PausePolicy: PauseSilence,
		UploadWorkers: 2,
		Archive: ArchiveConfig{
			Folder: "data/recordings",
			S3:     S3Config{Region: "us-east-1", PathStyle: true, TLS: true},
		},
		Copy: CopyConfig{Pauses: PauseSilence, CPUPercent: 25},
	}
}

// Validate names everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("recorder.%s: "+format, append([]any{key}, args...)...))
	}
	if c.SpoolDir == "" {
		bad("spool_dir", "must name a folder")
	}
	if c.MaxPause < time.Second || c.MaxPause > 24*time.Hour {
		bad("max_pause", "%v is not between 1s and 24h", c.MaxPause)
	}
	if c.DefaultPause < time.Second || c.DefaultPause > c.MaxPause {
		bad("default_pause", "%v is not between 1s and max_pause", c.DefaultPause)
	}
	if c.PausePolicy != PauseSilence && c.PausePolicy != PauseCut {
		bad("pause_policy", "%q is neither %q nor %q", c.PausePolicy, PauseSilence, PauseCut)
	}
	if c.UploadWorkers < 1 || c.UploadWorkers > 64 {
		bad("upload_workers", "%d is not between 1 and 64", c.UploadWorkers)
	}
	if k := c.Keys; k.SealFile != "" && k.SealKeys != "" {
		bad("keys.seal_file", "set either seal_file or seal_keys")
	}
	switch listen.Format(c.Copy.Format) {
	case "", listen.Opus, listen.WAV:
	default:
		bad("copy.format", "%q is none of %q, %q and \"\"", c.Copy.Format, listen.Opus, listen.WAV)
	}
	if c.Copy.Pauses != PauseSilence && c.Copy.Pauses != PauseCut {
		bad("copy.pauses", "%q is neither %q nor %q", c.Copy.Pauses, PauseSilence, PauseCut)
	}
	if c.Copy.CPUPercent < 1 || c.Copy.CPUPercent > 100 {
		bad("copy.cpu_percent", "%d is not between 1 and 100", c.Copy.CPUPercent)
	}
	s3 := c.Archive.S3
	if c.Archive.Folder == "" && s3.Endpoint == "" {
		bad("archive", "name a folder or an s3 endpoint")
	}
	if s3.Endpoint != "" {
		if strings.Contains(s3.Endpoint, "/") {
			bad("archive.s3.endpoint", "%q must be host or host:port, without scheme or path", s3.Endpoint)
		}
		if s3.Bucket == "" {
			bad("archive.s3.bucket", "must not be empty")
		}
		if s3.AccessKey == "" {
			bad("archive.s3.access_key", "must not be empty")
		}
		if (s3.SecretKey == "") == (s3.SecretKeyFile == "") {
			bad("archive.s3.secret_key", "set either secret_key or secret_key_file")
		}
	}
	return errors.Join(errs...)
}

// keys opens the keys; each is nil where none is configured.
func (k KeysConfig) keys() (signer *seal.Signer, keeper seal.Keeper, err error) {
	if k.SignFile != "" {
		if signer, err = seal.OpenSigner(k.SignFile); err != nil {
			return nil, nil, fmt.Errorf("recorder.keys.sign_file: %w", err)
		}
	}
	keeper, err = k.Keeper()
	return signer, keeper, err
}

// Keeper opens the keys that wrap the keys of recordings, nil where there are none.
func (k KeysConfig) Keeper() (seal.Keeper, error) {
	switch {
	case k.SealFile != "":
		ring, err := seal.LoadRing(k.SealFile)
		if err != nil {
			return nil, fmt.Errorf("recorder.keys.seal_file: %w", err)
		}
		return ring, nil
	case k.SealKeys != "":
		ring, err := seal.ParseRing(k.SealKeys)
		if err != nil {
			return nil, fmt.Errorf("recorder.keys.seal_keys: %w", err)
		}
		return ring, nil
	}
	return nil, nil
}

// archives builds the archives, the nearest first.
func (c Config) archives() ([]archive.Archive, error) {
	var list []archive.Archive
	if dir := c.Archive.Folder; dir != "" {
		list = append(list, archive.NewFolder(dir))
	}
	if s3 := c.Archive.S3; s3.Endpoint != "" {
		a, err := s3.Open()
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// Open makes the archive of the bucket. It does not connect yet.
func (c S3Config) Open() (archive.Archive, error) {
	secret := c.SecretKey
	if c.SecretKeyFile != "" {
		b, err := os.ReadFile(c.SecretKeyFile)
		if err != nil {
			return nil, fmt.Errorf("recorder: read s3 secret: %w", err)
		}
		secret = strings.TrimSpace(string(b))
	}
	return archive.NewS3(archive.S3Options{
		Endpoint: c.Endpoint, Bucket: c.Bucket, Region: c.Region, Prefix: c.Prefix, AccessKey: c.AccessKey, SecretKey: secret,
		PathStyle: c.PathStyle, TLS: c.TLS, Insecure: c.Insecure,
	})
}
