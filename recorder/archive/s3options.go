package archive

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// S3Options is one bucket, how to reach it and how objects are kept in it.
type S3Options struct {
	Name                             string // "": "s3"
	Endpoint, Bucket, Region, Prefix string
	AccessKey, SecretKey             string
	PathStyle, TLS, Insecure         bool
	// PartSize is the size of the parts of a large object, at least 5 MiB; 0: 8 MiB. A smaller object is
	// sent in one request.
	PartSize int64
	// Encryption is what the store is asked to encrypt objects with. KMSKey is the key's name for SSEKMS, ""
	// for the store's default; CustomerKey are 32 bytes for SSEC, which takes TLS.
	Encryption  Encryption
	KMSKey      string
	CustomerKey []byte
	// Lock protects objects against deletion, in a bucket with object lock; LockFor is for how long, from
	// storing them, with LockGovernance and LockCompliance.
	Lock    Lock
	LockFor time.Duration
	// StorageClass as the store names it; "": its default.
	StorageClass string
	Tags         map[string]string
	// PresignFor is how long addresses that Presign gives are good, up to 7 days; 0: none are given.
	PresignFor time.Duration
}

// Encryption is server-side encryption.
type Encryption string

// The kinds of server-side encryption.
const (
	SSENone Encryption = ""    // as the bucket has it
	SSES3   Encryption = "s3"  // with keys of the store (SSE-S3)
	SSEKMS  Encryption = "kms" // with a key of the store's key service (SSE-KMS)
	SSEC    Encryption = "c"   // with a key we send along (SSE-C)
)

// Lock is how a store protects objects (S3 Object Lock).
type Lock string

// The locks.
const (
	LockNone       Lock = ""           // none, not even legal holds
	LockHold       Lock = "hold"       // legal holds
	LockGovernance Lock = "governance" // and nobody without a special permission deletes objects before their time
	LockCompliance Lock = "compliance" // and nobody at all does
)

// maxPresign is what the signature's version 4 allows.
const maxPresign = 7 * 24 * time.Hour

// ParseTags reads "name=value" words.
func ParseTags(list []string) (map[string]string, error) {
	tags := make(map[string]string)
	for _, word := range list {
		name, value, ok := strings.Cut(word, "=")
		if _, twice := tags[name]; !ok || name == "" || twice || len(name) > 128 || len(value) > 256 {
			return nil, fmt.Errorf("%q is not a tag like name=value, each name once", word)
		}
		tags[name] = value
	}
	if len(tags) > 10 {
		return nil, fmt.Errorf("%d tags, an object has at most 10", len(tags))
	}
	return tags, nil
}

// LoadCustomerKey reads the 32 bytes of an SSE-C key from a file with their Base64.
func LoadCustomerKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s does not hold 32 bytes in base64", path)
	}
	return key, nil
}

// Validate names what cannot work together. No error tells a secret.
func (o S3Options) Validate() error {
	var errs []error
	switch o.Encryption {
	case SSENone, SSES3, SSEKMS:
	case SSEC:
		if !o.TLS {
			errs = append(errs, errors.New("encryption: with the key sent along (c) takes tls"))
		}
	default:
		errs = append(errs, fmt.Errorf(`encryption: %q is none of "s3", "kms", "c" and ""`, o.Encryption))
	}
	if o.KMSKey != "" && o.Encryption != SSEKMS {
		errs = append(errs, errors.New(`kms_key: is for encryption = "kms"`))
	}
	switch o.Lock {
	case LockNone, LockHold:
		if o.LockFor != 0 {
			errs = append(errs, errors.New(`lock_for: is for lock = "governance" or "compliance"`))
		}
	case LockGovernance, LockCompliance:
		if o.LockFor < time.Minute {
			errs = append(errs, fmt.Errorf("lock_for: %v is under a minute", o.LockFor))
		}
	default:
		errs = append(errs, fmt.Errorf(`lock: %q is none of "hold", "governance", "compliance" and ""`, o.Lock))
	}
	if o.PresignFor < 0 || o.PresignFor > maxPresign || o.PresignFor > 0 && o.PresignFor < time.Second {
		errs = append(errs, fmt.Errorf("presign_for: %v is not between 1s and %v, or 0s for none", o.PresignFor, maxPresign))
	}
	if o.PresignFor > 0 && o.Encryption == SSEC {
		errs = append(errs, errors.New(`presign_for: objects with encryption = "c" cannot be given away`))
	}
	return errors.Join(errs...)
}

// encryption makes what the client sends along.
func (o S3Options) encryption() (encrypt.ServerSide, error) {
	var sse encrypt.ServerSide
	var err error
	switch o.Encryption {
	case SSES3:
		sse = encrypt.NewSSE()
	case SSEKMS:
		sse, err = encrypt.NewSSEKMS(o.KMSKey, nil)
	case SSEC:
		sse, err = encrypt.NewSSEC(o.CustomerKey)
	}
	if err != nil {
		return nil, fmt.Errorf("s3 archive: %w", err)
	}
	return sse, nil
}

// getOptions are those of every read: a key sent along for writing is sent along for reading.
func (a *S3) getOptions() minio.GetObjectOptions {
	var o minio.GetObjectOptions
	if a.o.Encryption == SSEC {
		o.ServerSideEncryption = a.sse
	}
	return o
}

// options are those of every write.
func (a *S3) options(f File) minio.PutObjectOptions {
	kind := "application/octet-stream"
	switch path.Ext(f.Path) {
	case ".ogg":
		kind = "audio/ogg"
	case ".wav":
		kind = "audio/wav"
	case ".flac":
		kind = "audio/flac"
	case ".mp3":
		kind = "audio/mpeg"
	case ".json":
		kind = "application/json"
	}
	o := minio.PutObjectOptions{
		ContentType: kind, UserMetadata: map[string]string{hashKey: f.SHA256}, UserTags: a.o.Tags,
		DisableMultipart: true, PartSize: uint64(a.part), ServerSideEncryption: a.sse, StorageClass: a.o.StorageClass,
	}
	if !f.Derived && (a.o.Lock == LockGovernance || a.o.Lock == LockCompliance) {
		o.Mode = minio.RetentionMode(strings.ToUpper(string(a.o.Lock)))
		o.RetainUntilDate = time.Now().Add(a.o.LockFor).UTC()
	}
	return o
}
