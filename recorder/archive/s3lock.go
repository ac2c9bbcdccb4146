package archive

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Hold sets or releases the legal hold of all versions of an object, where the options name a lock.
func (a *S3) Hold(ctx context.Context, key string, on bool) error {
	if a.o.Lock == LockNone {
		return nil
	}
	k, err := a.key(key)
	if err != nil {
		return err
	}
	status := minio.LegalHoldDisabled
	if on {
		status = minio.LegalHoldEnabled
	}
	versions, err := a.versions(ctx, k)
	if err != nil {
		return a.fail(err, "cannot list the versions of "+key)
	}
	if len(versions) == 0 && on {
		return ErrNotFound
	}
	for _, v := range versions {
		err := a.core.Client.PutObjectLegalHold(ctx, a.bucket, k, minio.PutObjectLegalHoldOptions{Status: &status, VersionID: v})
		if err != nil {
			return a.fail(err, "cannot set the legal hold of "+key)
		}
	}
	return nil
}

// Remove deletes an object and, where the bucket keeps versions, all of them: a mark that hides an object
// deletes nothing.
func (a *S3) Remove(ctx context.Context, key string) error {
	k, err := a.key(key)
	if err != nil {
		return err
	}
	versions, err := a.versions(ctx, k)
	if err != nil {
		return a.fail(err, "cannot list the versions of "+key)
	}
	if len(versions) == 0 {
		versions = []string{""}
	}
	for _, v := range versions { // the first refusal ends it: what is locked is left whole
		if err := a.removeVersion(ctx, key, k, v); err != nil {
			return err
		}
	}
	return nil
}

// Prune implements Pruner.
func (a *S3) Prune(ctx context.Context, key string) error {
	k, err := a.key(key)
	if err != nil {
		return err
	}
	versions, err := a.versions(ctx, k)
	if err != nil {
		return a.fail(err, "cannot list the versions of "+key)
	}
	var kept error
	for i, v := range versions { // the newest comes first
		if i == 0 {
			continue
		}
		if err := a.removeVersion(ctx, key, k, v); errors.Is(err, ErrLocked) {
			kept = err
		} else if err != nil {
			return err
		}
	}
	return kept
}

// removeVersion removes one version of an object. A missing one is no error.
func (a *S3) removeVersion(ctx context.Context, key, k, version string) error {
	err := a.core.Client.RemoveObject(ctx, a.bucket, k, minio.RemoveObjectOptions{VersionID: version})
	if err == nil {
		return nil
	}
	if a.locked(ctx, k, version) {
		return fmt.Errorf("%w: %s", ErrLocked, key)
	}
	if err := a.fail(err, "cannot remove "+key); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// Abort implements Aborter.
func (a *S3) Abort(ctx context.Context, prefix string) error {
	base := ""
	if a.prefix != "" {
		base = a.prefix + "/"
	}
	return a.abort(ctx, base+prefix, func(k string) bool { return strings.HasPrefix(k, base+prefix) })
}

// abort ends unfinished uploads of the objects below prefix that are meant.
func (a *S3) abort(ctx context.Context, prefix string, meant func(k string) bool) error {
	for key, id := "", ""; ; {
		list, err := a.core.ListMultipartUploads(ctx, a.bucket, prefix, key, id, "", 1000)
		if err != nil {
			var e *Error
			if err := a.fail(err, "cannot list uploads of "+prefix); errors.As(err, &e) && e.Kind == KindAccess || errors.Is(err, ErrNotFound) {
				return nil
			} else {
				return err
			}
		}
		for _, u := range list.Uploads {
			if !meant(u.Key) {
				continue
			}
			if err := a.core.AbortMultipartUpload(ctx, a.bucket, u.Key, u.UploadID); err != nil && minio.ToErrorResponse(err).Code != "NoSuchUpload" {
				return a.fail(err, "cannot abort an upload of "+u.Key)
			}
		}
		if !list.IsTruncated || list.NextKeyMarker == key && list.NextUploadIDMarker == id {
			return nil
		}
		key, id = list.NextKeyMarker, list.NextUploadIDMarker
	}
}

// versions lists the ids of an object's versions, the newest first, none where the store has no such thing.
func (a *S3) versions(ctx context.Context, k string) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var list []string
	for o := range a.core.Client.ListObjects(ctx, a.bucket, minio.ListObjectsOptions{Prefix: k, WithVersions: true, Recursive: true}) {
		if o.Err != nil {
			switch r := minio.ToErrorResponse(o.Err); {
			case r.Code == "NotImplemented", r.Code == "MethodNotAllowed", r.StatusCode == http.StatusNotImplemented, r.StatusCode == http.StatusMethodNotAllowed:
				return nil, nil
			}
			return nil, o.Err
		}
		if o.Key == k {
			list = append(list, o.VersionID)
		}
	}
	return list, nil
}

// locked reports whether the store says that a version is under a lock. It asks by the version's head, since not
// every store answers in the same words when it is asked for the lock itself, and then for the lock: not every head of
// an older version tells.
func (a *S3) locked(ctx context.Context, k, version string) bool {
	o := a.getOptions()
	o.VersionID = version
	if info, err := a.core.Client.StatObject(ctx, a.bucket, k, o); err == nil {
		until, err := time.Parse(time.RFC3339, info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
		if info.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == string(minio.LegalHoldEnabled) || err == nil && until.After(time.Now()) {
			return true
		}
	}
	hold, err := a.core.Client.GetObjectLegalHold(ctx, a.bucket, k, minio.GetObjectLegalHoldOptions{VersionID: version})
	if err == nil && hold != nil && *hold == minio.LegalHoldEnabled {
		return true
	}
	_, until, err := a.core.Client.GetObjectRetention(ctx, a.bucket, k, version)
	return err == nil && until != nil && until.After(time.Now())
}

// Presign implements Presigner.
func (a *S3) Presign(ctx context.Context, key, name, contentType string) (string, time.Time, bool, error) {
	if a.o.PresignFor == 0 {
		return "", time.Time{}, false, nil
	}
	k, err := a.key(key)
	if err != nil {
		return "", time.Time{}, false, err
	}
	q := url.Values{
		"response-content-type":        {contentType},
		"response-content-disposition": {mime.FormatMediaType("inline", map[string]string{"filename": name})},
	}
	expires := time.Now().Add(a.o.PresignFor).UTC().Truncate(time.Second)
	u, err := a.core.PresignedGetObject(ctx, a.bucket, k, a.o.PresignFor, q)
	if err != nil {
		return "", time.Time{}, false, a.fail(err, "cannot presign "+key)
	}
	return u.String(), expires, true, nil
}
