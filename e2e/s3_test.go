package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cordboard/cordboard/recorder/archive/archivetest"
)

// storeSecret is the object store's secret key.
const storeSecret = archivetest.SecretKey

// objectStore is a running versitygw, read through minio's client rather than ours.
type objectStore struct {
	*archivetest.Gateway
	client *minio.Client
}

func newObjectStore(t *testing.T) *objectStore {
	t.Helper()
	o := &objectStore{Gateway: archivetest.NewGateway(t)}
	var err error
	if o.client, err = minio.New(o.Addr, &minio.Options{Creds: credentials.NewStaticV4(archivetest.AccessKey, storeSecret, "")}); err != nil {
		t.Fatal(err)
	}
	return o
}

// fetch downloads everything: key -> bytes.
func (o *objectStore) fetch(t *testing.T) map[string][]byte { return o.since(t, time.Time{}) }

// since downloads everything that came since a time.
func (o *objectStore) since(t *testing.T, began time.Time) map[string][]byte {
	t.Helper()
	ctx := context.Background()
	all := make(map[string][]byte)
	for obj := range o.client.ListObjects(ctx, archivetest.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if obj.Err != nil {
			t.Fatal(obj.Err)
		}
		if obj.LastModified.Before(began.Add(-2 * time.Second)) {
			continue
		}
		r, err := o.client.GetObject(ctx, archivetest.Bucket, obj.Key, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, obj.Size)
		for at := 0; at < len(b); {
			n, err := r.Read(b[at:])
			at += n
			if err != nil && at < len(b) {
				t.Fatal(err)
			}
		}
		_ = r.Close()
		all[obj.Key] = b
	}
	return all
}
