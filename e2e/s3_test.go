package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// objectStore is a running versitygw: an S3 server over a folder.
type objectStore struct {
	addr   string
	bucket string
	client *minio.Client
}

const (
	storeAccess = "test"
	storeSecret = "testsecret"
)

func newObjectStore(t *testing.T) *objectStore {
	t.Helper()
	program := filepath.Join("..", ".bin", "versitygw")
	if _, err := os.Stat(program); err != nil {
		if program, err = exec.LookPath("versitygw"); err != nil {
			t.Fatal("versitygw is missing: run scripts/setup.sh peers")
		}
	}
	o := &objectStore{addr: fmt.Sprintf("127.0.0.1:%d", freePort(t)), bucket: "recordings"}
	data := t.TempDir()
	abs, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(abs, "--access", storeAccess, "--secret", storeSecret, "-p", o.addr, "--quiet", "posix", data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	waitFor(t, 10*time.Second, "versitygw", func() bool {
		c, err := net.Dial("tcp", o.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	o.client, err = minio.New(o.addr, &minio.Options{Creds: credentials.NewStaticV4(storeAccess, storeSecret, "")})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.client.MakeBucket(context.Background(), o.bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return o
}

// fetch downloads everything below a prefix: key -> bytes.
func (o *objectStore) fetch(t *testing.T) map[string][]byte {
	t.Helper()
	ctx := context.Background()
	all := make(map[string][]byte)
	for obj := range o.client.ListObjects(ctx, o.bucket, minio.ListObjectsOptions{Recursive: true}) {
		if obj.Err != nil {
			t.Fatal(obj.Err)
		}
		r, err := o.client.GetObject(ctx, o.bucket, obj.Key, minio.GetObjectOptions{})
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
