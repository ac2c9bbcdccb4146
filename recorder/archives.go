package recorder

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/recorder/archive"
)

// ArchiveConfig names the archives.
type ArchiveConfig struct {
	// Mode is "all": each archive gets every recording; or "first": the first that takes it does, and the
	// next one only while those before it have refused for FallbackAfter.
	Mode          string        `toml:"mode"`
	FallbackAfter time.Duration `toml:"fallback_after"`
	// Order is the names of all archives, the first one first; empty: "folder", "s3", then More.
	Order []string `toml:"order"`
	// Folder is a folder that keeps recordings; empty: none.
	Folder string `toml:"folder"`
	// S3 is a bucket that keeps recordings; without an endpoint there is none.
	S3 S3Config `toml:"s3"`
	// More are further archives.
	More []MoreArchive `toml:"more"`
}

// Modes of the archives.
const (
	ArchiveAll   = "all"
	ArchiveFirst = "first"
)

// MoreArchive is a further archive: a folder or a bucket.
type MoreArchive struct {
	// Name tells it apart: lower-case letters, digits and dashes.
	Name   string `toml:"name"`
	Folder string `toml:"folder"`
	S3Config
}

// SetDefaults fills in what a table that is silent about it means.
func (m *MoreArchive) SetDefaults() { m.S3Config = Defaults().Archive.S3 }

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
	// Encryption is what the store is asked to encrypt with: "s3", "kms" with KMSKey, "c" with the key in
	// CustomerKeyFile (32 bytes in Base64), or empty.
	Encryption      archive.Encryption `toml:"encryption"`
	KMSKey          string             `toml:"kms_key"`
	CustomerKeyFile string             `toml:"customer_key_file"`
	// Lock is "hold", "governance", "compliance" or empty; the bucket must have object lock. LockFor is how
	// long governance and compliance protect a recording.
	Lock    archive.Lock  `toml:"lock"`
	LockFor time.Duration `toml:"lock_for"`
	// StorageClass of the objects, as the store names it, and their tags, "name=value".
	StorageClass string   `toml:"storage_class"`
	Tags         []string `toml:"tags"`
	// PresignFor is how long an address is good that lets a client fetch a recording from the store itself;
	// 0: audio always comes from this server.
	PresignFor time.Duration `toml:"presign_for"`
}

// badFunc notes what is wrong with a key.
type badFunc func(key, format string, args ...any)

func (c ArchiveConfig) validate(bad badFunc) {
	if c.Mode != ArchiveAll && c.Mode != ArchiveFirst {
		bad("archive.mode", "%q is neither %q nor %q", c.Mode, ArchiveAll, ArchiveFirst)
	}
	if c.FallbackAfter < time.Second || c.FallbackAfter > 24*time.Hour {
		bad("archive.fallback_after", "%v is not between 1s and 24h", c.FallbackAfter)
	}
	if c.S3.Endpoint != "" {
		c.S3.validate("archive.s3.", bad)
	}
	for i, m := range c.More {
		key := fmt.Sprintf("archive.more[%d].", i)
		if !trackName(m.Name) {
			bad(key+"name", "%q is not a name of lower-case letters, digits and dashes", m.Name)
		}
		switch {
		case (m.Folder == "") == (m.Endpoint == ""):
			bad(key+"folder", "set either folder or endpoint")
		case m.Endpoint != "":
			m.S3Config.validate(key, bad)
		}
	}
	names := c.names()
	if len(names) == 0 {
		bad("archive", "name a folder or an s3 endpoint")
	}
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			bad("archive.more", "the name %q is used twice", n)
		}
	}
	if len(c.Order) > 0 {
		order, sorted := slices.Sorted(slices.Values(c.Order)), slices.Sorted(slices.Values(names))
		if !slices.Equal(order, sorted) {
			bad("archive.order", "%q does not name each of %q once", c.Order, names)
		}
	}
}

func (c S3Config) validate(key string, bad badFunc) {
	if strings.Contains(c.Endpoint, "/") {
		bad(key+"endpoint", "%q must be host or host:port, without scheme or path", c.Endpoint)
	}
	if c.Bucket == "" {
		bad(key+"bucket", "must not be empty")
	}
	if c.AccessKey == "" {
		bad(key+"access_key", "must not be empty")
	}
	if (c.SecretKey == "") == (c.SecretKeyFile == "") {
		bad(key+"secret_key", "set either secret_key or secret_key_file")
	}
	if (c.Encryption == archive.SSEC) != (c.CustomerKeyFile != "") {
		bad(key+"customer_key_file", `encryption = "c" and customer_key_file go together`)
	}
	if _, err := archive.ParseTags(c.Tags); err != nil {
		bad(key+"tags", "%v", err)
	}
	o := archive.S3Options{Encryption: c.Encryption, KMSKey: c.KMSKey, TLS: c.TLS, Lock: c.Lock, LockFor: c.LockFor, PresignFor: c.PresignFor}
	if err := o.Validate(); err != nil {
		for line := range strings.Lines(err.Error()) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
			bad(key+name, "%s", rest)
		}
	}
}

// names are the archives' names as written.
func (c ArchiveConfig) names() []string {
	var names []string
	if c.Folder != "" {
		names = append(names, "folder")
	}
	if c.S3.Endpoint != "" {
		names = append(names, "s3")
	}
	for _, m := range c.More {
		names = append(names, m.Name)
	}
	return names
}

// Open makes all archives, the first one first. It does not connect yet.
func (c ArchiveConfig) Open() ([]archive.Archive, error) {
	var list []archive.Archive
	add := func(name, dir string, s3 S3Config) error {
		if dir != "" {
			list = append(list, archive.NamedFolder(name, dir))
			return nil
		}
		a, err := s3.open(name)
		list = append(list, a)
		return err
	}
	var errs []error
	if c.Folder != "" {
		errs = append(errs, add("folder", c.Folder, S3Config{}))
	}
	if c.S3.Endpoint != "" {
		errs = append(errs, add("s3", "", c.S3))
	}
	for _, m := range c.More {
		errs = append(errs, add(m.Name, m.Folder, m.S3Config))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(c.Order) > 0 {
		slices.SortStableFunc(list, func(a, b archive.Archive) int {
			return cmp.Compare(slices.Index(c.Order, a.Name()), slices.Index(c.Order, b.Name()))
		})
	}
	return list, nil
}

// Buckets are the configured buckets.
func (c ArchiveConfig) Buckets() []S3Config {
	var list []S3Config
	if c.S3.Endpoint != "" {
		list = append(list, c.S3)
	}
	for _, m := range c.More {
		if m.Endpoint != "" {
			list = append(list, m.S3Config)
		}
	}
	return list
}

// Open makes the archive of the bucket. It does not connect yet.
func (c S3Config) Open() (archive.Archive, error) { return c.open("s3") }

func (c S3Config) open(name string) (archive.Archive, error) {
	secret := c.SecretKey
	if c.SecretKeyFile != "" {
		b, err := os.ReadFile(c.SecretKeyFile)
		if err != nil {
			return nil, fmt.Errorf("recorder: read s3 secret: %w", err)
		}
		secret = strings.TrimSpace(string(b))
	}
	o := archive.S3Options{
		Name: name, Endpoint: c.Endpoint, Bucket: c.Bucket, Region: c.Region, Prefix: c.Prefix, AccessKey: c.AccessKey, SecretKey: secret,
		PathStyle: c.PathStyle, TLS: c.TLS, Insecure: c.Insecure, Encryption: c.Encryption, KMSKey: c.KMSKey,
		Lock: c.Lock, LockFor: c.LockFor, StorageClass: c.StorageClass, PresignFor: c.PresignFor,
	}
	var err error
	if o.Tags, err = archive.ParseTags(c.Tags); err != nil {
		return nil, fmt.Errorf("recorder: tags of %s: %w", name, err)
	}
	if c.CustomerKeyFile != "" {
		if o.CustomerKey, err = archive.LoadCustomerKey(c.CustomerKeyFile); err != nil {
			return nil, fmt.Errorf("recorder: customer key of %s: %w", name, err)
		}
	}
	return archive.NewS3(o)
}
