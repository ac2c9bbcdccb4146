package archive

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
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
	for _, v := range versions {
		err := a.core.Client.RemoveObject(ctx, a.bucket, k, minio.RemoveObjectOptions{VersionID: v})
		if err == nil {
			continue
		}
		if a.locked(ctx, k, v) {
			return fmt.Errorf("%w: %s", ErrLocked, key)
		}
		if err := a.fail(err, "cannot remove "+key); !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// versions lists the ids of an object's versions, none where the store has no such thing.
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

// locked reports whether the store says that a version is under a lock. It asks by the version's head: not
// every store answers in the same words when it is asked for the lock itself.
func (a *S3) locked(ctx context.Context, k, version string) bool {
	o := a.getOptions()
	o.VersionID = version
	info, err := a.core.Client.StatObject(ctx, a.bucket, k, o)
	if err != nil {
		return false
	}
	until, err := time.Parse(time.RFC3339, info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	return info.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == string(minio.LegalHoldEnabled) || err == nil && until.After(time.Now())
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
