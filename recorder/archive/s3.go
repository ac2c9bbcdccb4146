package archive

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// S3 keeps objects in a bucket.
type S3 struct {
	core   *minio.Core
	name   string
	bucket string
	prefix string
	part   int64
	stall  time.Duration
	sse    encrypt.ServerSide // nil: as the bucket has it
	o      S3Options
}

const (
	minPart     = 5 << 20
	defaultPart = 8 << 20
	// defaultStall is how long a store may give nothing of an object that is read to verify it.
	defaultStall = time.Minute
	// hashKey is the metadata that holds an object's SHA-256.
	hashKey = "Cordboard-Sha256"
)

// NewS3 makes an archive of a bucket. It does not connect yet.
func NewS3(o S3Options) (*S3, error) {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		ExpectContinueTimeout: 10 * time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure}, //nolint:gosec // an operator's choice
	}
	lookup := minio.BucketLookupDNS
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	core, err := minio.NewCore(o.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: o.TLS, Region: o.Region,
		BucketLookup: lookup, Transport: transport, MaxRetries: 1, // the uploader has its own patience
	})
	if err != nil {
		return nil, fmt.Errorf("s3 archive: %w", err)
	}
	a := &S3{core: core, name: cmp.Or(o.Name, "s3"), bucket: o.Bucket, prefix: strings.Trim(o.Prefix, "/"), part: o.PartSize, stall: defaultStall, o: o}
	if a.sse, err = o.encryption(); err != nil {
		return nil, err
	}
	if a.part == 0 {
		a.part = defaultPart
	}
	a.part = max(a.part, minPart)
	return a, nil
}

// Name is that of the options, or "s3".
func (a *S3) Name() string { return a.name }

func (a *S3) key(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return path.Join(a.prefix, key), nil
}

// Check asks for an object that is not there: the answer tells whether endpoint, keys, clock and bucket
// are right, and needs no permission beyond those of reading objects.
func (a *S3) Check(ctx context.Context) error {
	_, err := a.Stat(ctx, "cordboard-check")
	var e *Error
	switch {
	case err == nil, errors.Is(err, ErrNotFound):
		return nil
	case errors.As(err, &e) && e.Kind == KindAccess:
		return nil // a key that may only write
	}
	return err
}

// Stat reads an object's size and the hash it was stored with.
func (a *S3) Stat(ctx context.Context, key string) (Info, error) {
	k, err := a.key(key)
	if err != nil {
		return Info{}, err
	}
	// A GET of one byte instead of a HEAD, whose answer has no body to tell why it was refused.
	o := a.getOptions()
	if err := o.SetRange(0, 0); err != nil {
		return Info{}, fmt.Errorf("s3 archive: %w", err)
	}
	body, info, header, err := a.core.GetObject(ctx, a.bucket, k, o)
	if minio.ToErrorResponse(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
		body, info, header, err = a.core.GetObject(ctx, a.bucket, k, a.getOptions()) // an empty object
	}
	if err != nil {
		return Info{}, a.fail(err, "cannot read "+key)
	}
	if err := body.Close(); err != nil {
		return Info{}, a.fail(err, "cannot read "+key)
	}
	size := info.Size
	if _, total, ok := strings.Cut(header.Get("Content-Range"), "/"); ok {
		if _, err := fmt.Sscanf(total, "%d", &size); err != nil {
			return Info{}, a.fail(err, "cannot read "+key)
		}
	}
	return Info{Size: size, SHA256: header.Get("X-Amz-Meta-" + hashKey)}, nil
}

// fail turns the client's error into one of ours.
func (a *S3) fail(err error, what string) error {
	r := minio.ToErrorResponse(err)
	e := &Error{Archive: a.Name(), Kind: KindBusy, Err: err, Detail: fmt.Sprintf("%s: %v", what, err)}
	switch r.Code {
	case "NoSuchKey":
		return ErrNotFound
	case "NoSuchBucket":
		e.Kind, e.Detail = KindBucket, fmt.Sprintf("bucket %q does not exist", a.bucket)
	case "InvalidAccessKeyId", "XAdminUserNotFound", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "AuthorizationHeaderMalformed":
		e.Kind, e.Detail = KindCredentials, fmt.Sprintf("the store refuses the keys (%s)", r.Code)
	case "RequestTimeTooSkewed":
		e.Kind, e.Detail = KindClock, "this machine's clock is too far from the store's"
	case "AccessDenied", "AllAccessDisabled", "AccountProblem":
		e.Kind, e.Detail = KindAccess, fmt.Sprintf("%s: the store denies access (%s)", what, r.Code)
	case "":
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		e.Detail = fmt.Sprintf("cannot reach %s: %v", a.core.EndpointURL().Host, err)
	}
	if e.Kind == KindBusy && (r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized) {
		e.Kind, e.Detail = KindAccess, fmt.Sprintf("%s: the store denies access (%s)", what, r.Code)
	}
	return e
}

// Put stores the file in one request, or in parts where it is larger than one.
func (a *S3) Put(ctx context.Context, key string, f File) error {
	k, err := a.key(key)
	if err != nil {
		return err
	}
	if err := verifySource(f); err != nil {
		return err
	}
	if info, err := a.Stat(ctx, key); err == nil && info.Size == f.Size && info.SHA256 == f.SHA256 {
		// The reply to an earlier Put was lost, unless what is there only says that it is this.
		if err := a.verify(ctx, key, f); !errors.Is(err, errDiffers) {
			return err
		}
	}
	src, err := f.open()
	if err != nil {
		return err
	}
	defer src.Close()
	if f.Size <= a.part {
		err = a.putWhole(ctx, k, src, f)
	} else {
		err = a.putParts(ctx, k, src, f)
	}
	if err != nil {
		return err
	}
	return a.verify(ctx, key, f)
}

func (a *S3) putWhole(ctx context.Context, k string, src io.ReaderAt, f File) error {
	md5Sum, shaSum, err := partHashes(io.NewSectionReader(src, 0, f.Size))
	if err != nil {
		return err
	}
	_, err = a.core.PutObject(ctx, a.bucket, k, io.NewSectionReader(src, 0, f.Size), f.Size, md5Sum, shaSum, a.options(f))
	if err != nil {
		return a.fail(err, "cannot store "+k)
	}
	return nil
}

// errDiffers: what the store gives back is not what was stored.
var errDiffers = errors.New("archive: stored object differs")

// verify reads the stored object back and compares all of it with the file. Nothing less tells: entity tags are
// hashes of the bytes with some stores and some kinds of encryption only (not with SSE-KMS, SSE-C), and tell what
// has arrived, not what is there.
func (a *S3) verify(ctx context.Context, key string, f File) error {
	k, err := a.key(key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(a.stall, func() { cancel(errStalled) })
	defer late.Stop()
	body, _, _, err := a.core.GetObject(ctx, a.bucket, k, a.getOptions())
	if err != nil {
		return a.fail(cmp.Or(stalled(ctx), err), "cannot verify "+key)
	}
	n, sum, err := digest(io.LimitReader(watched{body, late, a.stall}, f.Size+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return a.fail(cmp.Or(stalled(ctx), err), "cannot verify "+key)
	}
	if n != f.Size || sum != f.SHA256 {
		return &Error{
			Archive: a.Name(), Kind: KindBusy, Err: errDiffers,
			Detail: fmt.Sprintf("stored object %s differs: %d bytes, hash %.12s", key, n, sum),
		}
	}
	return nil
}

var errStalled = errors.New("the store gives nothing more of the object")

// stalled is errStalled where that has ended ctx, otherwise nil.
func stalled(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return nil
}

// watched puts a timer off whenever something comes.
type watched struct {
	r     io.Reader
	late  *time.Timer
	limit time.Duration
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.late.Reset(w.limit)
	return n, err
}

func partHashes(r io.Reader) (md5Base64, sha256Hex string, err error) {
	m, s := md5.New(), sha256.New() // Content-MD5 is what every store checks
	if _, err := io.Copy(io.MultiWriter(m, s), r); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrSource, err)
	}
	return base64.StdEncoding.EncodeToString(m.Sum(nil)), hex.EncodeToString(s.Sum(nil)), nil
}

// upload is what the resume file holds.
type upload struct {
	Key      string `json:"key"`
	UploadID string `json:"upload_id"`
	Part     int64  `json:"part_bytes"`
	SHA256   string `json:"sha256"`
}

// putParts sends a large file in parts. Parts that an earlier attempt has sent, before a crash or a
// failure, are not sent again.
func (a *S3) putParts(ctx context.Context, k string, src io.ReaderAt, f File) error {
	up, have, err := a.resume(ctx, k, f)
	if err != nil {
		return err
	}
	var parts []minio.CompletePart
	for n, at := 1, int64(0); at < f.Size; n, at = n+1, at+up.Part {
		size := min(up.Part, f.Size-at)
		md5Sum, shaSum, err := partHashes(io.NewSectionReader(src, at, size))
		if err != nil {
			return err
		}
		raw, err := base64.StdEncoding.DecodeString(md5Sum)
		if err != nil {
			return fmt.Errorf("s3 archive: %w", err)
		}
		etag := hex.EncodeToString(raw)
		if old, ok := have[n]; !ok || old.Size != size || strings.Trim(old.ETag, `"`) != etag {
			part, err := a.core.PutObjectPart(ctx, a.bucket, k, up.UploadID, n, io.NewSectionReader(src, at, size), size,
				minio.PutObjectPartOptions{Md5Base64: md5Sum, Sha256Hex: shaSum, SSE: a.sse})
			if err != nil {
				a.forget(f, err)
				return a.fail(err, "cannot store part of "+k)
			}
			etag = part.ETag
		}
		parts = append(parts, minio.CompletePart{PartNumber: n, ETag: etag})
	}
	_, err = a.core.CompleteMultipartUpload(ctx, a.bucket, k, up.UploadID, parts, minio.PutObjectOptions{ServerSideEncryption: a.sse})
	if err != nil {
		a.forget(f, err)
		return a.fail(err, "cannot complete "+k)
	}
	if f.Resume != "" {
		if err := os.Remove(f.Resume); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("s3 archive: %w", err)
		}
	}
	return nil
}

// forget drops the resume file when the store no longer knows the upload.
func (a *S3) forget(f File, err error) {
	if f.Resume != "" && minio.ToErrorResponse(err).Code == "NoSuchUpload" {
		_ = os.Remove(f.Resume) // if this fails the next attempt ends here again
	}
}

// resume finds the upload an earlier attempt has begun, with its parts, or begins one.
func (a *S3) resume(ctx context.Context, k string, f File) (upload, map[int]minio.ObjectPart, error) {
	var up upload
	if f.Resume != "" {
		b, err := os.ReadFile(f.Resume)
		if err == nil && json.Unmarshal(b, &up) == nil && up.Key == k && up.SHA256 == f.SHA256 && up.Part >= minPart && up.UploadID != "" {
			have, err := a.listParts(ctx, k, up.UploadID)
			if err == nil {
				return up, have, nil
			}
			if minio.ToErrorResponse(err).Code != "NoSuchUpload" {
				return up, nil, a.fail(err, "cannot resume "+k)
			}
		}
	}
	if err := a.abort(ctx, k, func(key string) bool { return key == k }); err != nil { // nobody goes on with those
		return up, nil, err
	}
	id, err := a.core.NewMultipartUpload(ctx, a.bucket, k, a.options(f))
	if err != nil {
		return up, nil, a.fail(err, "cannot store "+k)
	}
	// 10,000 parts is the most an upload may have.
	up = upload{Key: k, UploadID: id, Part: max(a.part, (f.Size+9998)/9999), SHA256: f.SHA256}
	if f.Resume != "" {
		b, err := json.Marshal(up)
		if err != nil {
			return up, nil, fmt.Errorf("s3 archive: %w", err)
		}
		// A disk without space must not keep recordings from leaving it: without the file an upload that is cut
		// begins anew, and abortOthers ends this one.
		if err := os.WriteFile(f.Resume, b, 0o600); err != nil {
			_ = os.Remove(f.Resume) // half a file is not taken for one either
		}
	}
	return up, nil, nil
}

func (a *S3) listParts(ctx context.Context, k, id string) (map[int]minio.ObjectPart, error) {
	have := make(map[int]minio.ObjectPart)
	for marker := 0; ; {
		page, err := a.core.ListObjectParts(ctx, a.bucket, k, id, marker, 1000)
		if err != nil {
			return nil, err
		}
		for _, p := range page.ObjectParts {
			have[p.PartNumber] = p
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			return have, nil
		}
		marker = page.NextPartNumberMarker
	}
}

// Open reads an object piece by piece as it is asked for.
func (a *S3) Open(ctx context.Context, key string) (io.ReadSeekCloser, int64, error) {
	k, err := a.key(key)
	if err != nil {
		return nil, 0, err
	}
	info, err := a.Stat(ctx, key)
	if err != nil {
		return nil, 0, err
	}
	o, err := a.core.Client.GetObject(ctx, a.bucket, k, a.getOptions())
	if err != nil {
		return nil, 0, a.fail(err, "cannot open "+key)
	}
	return o, info.Size, nil
}

// Walk lists the bucket below the archive's prefix.
func (a *S3) Walk(ctx context.Context, prefix string, f func(key string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	base := ""
	if a.prefix != "" {
		base = a.prefix + "/"
	}
	for o := range a.core.Client.ListObjects(ctx, a.bucket, minio.ListObjectsOptions{Prefix: base + prefix, Recursive: true}) {
		if o.Err != nil {
			return a.fail(o.Err, "cannot list the bucket")
		}
		if err := f(strings.TrimPrefix(o.Key, base)); err != nil {
			return err
		}
	}
	return nil
}
