package archivetest

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cordboard/cordboard/recorder/archive"
)

// Gateway is a versitygw process: a real S3 server over a folder.
type Gateway struct {
	Addr string
	Dir  string // buckets are its folders
	past string // where versions are kept, "" without
	tool string
	cmd  *exec.Cmd
}

// The keys of every Gateway.
const (
	AccessKey = "test"
	SecretKey = "testsecret"
	Bucket    = "recordings"
)

// NewGateway starts a server with one bucket on a free port. The test is skipped where versitygw is
// missing: it is looked for in $VERSITYGW, .bin at the top of the repository and $PATH.
func NewGateway(t *testing.T) *Gateway {
	t.Helper()
	return newGateway(t, "")
}

// NewLockGateway starts a server like NewGateway's that keeps versions, and makes a bucket of its own with
// object lock.
func NewLockGateway(t *testing.T, bucket string) *Gateway {
	t.Helper()
	g := newGateway(t, t.TempDir())
	c, err := minio.New(g.Addr, &minio.Options{Creds: credentials.NewStaticV4(AccessKey, SecretKey, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}
	return g
}

func newGateway(t *testing.T, past string) *Gateway {
	t.Helper()
	g := &Gateway{Dir: t.TempDir(), past: past}
	if err := os.Mkdir(filepath.Join(g.Dir, Bucket), 0o750); err != nil {
		t.Fatal(err)
	}
	g.tool = os.Getenv("VERSITYGW")
	for dir, _ := filepath.Abs("."); g.tool == "" && dir != "/"; dir = filepath.Dir(dir) {
		if path := filepath.Join(dir, ".bin", "versitygw"); executable(path) {
			g.tool = path
		}
	}
	if g.tool == "" {
		path, err := exec.LookPath("versitygw")
		if err != nil {
			t.Skip("versitygw is not installed: run scripts/setup.sh peers, or set VERSITYGW")
		}
		g.tool = path
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.Addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	g.Start(t)
	t.Cleanup(func() { g.Stop() })
	return g
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode()&0o111 != 0
}

// Start starts the server again, on the same address.
func (g *Gateway) Start(t *testing.T) {
	t.Helper()
	args := []string{"--access", AccessKey, "--secret", SecretKey, "-p", g.Addr, "--quiet", "posix"}
	if g.past != "" {
		args = append(args, "--versioning-dir", g.past)
	}
	g.cmd = exec.Command(g.tool, append(args, g.Dir)...)
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	g.cmd.Stdout, g.cmd.Stderr = &out, &out
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r, err := client.Get("http://" + g.Addr + "/")
		if err == nil {
			if err := r.Body.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
		if time.Now().After(limit) {
			g.Stop()
			t.Fatalf("versitygw does not answer: %v\n%s", err, out.String())
		}
	}
}

// Stop kills the server.
func (g *Gateway) Stop() {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Kill() // it may be gone already
	_ = g.cmd.Wait()         // "signal: killed"
	g.cmd = nil
}

// Options reach the bucket.
func (g *Gateway) Options() archive.S3Options {
	return archive.S3Options{Endpoint: g.Addr, Bucket: Bucket, Region: "us-east-1", AccessKey: AccessKey, SecretKey: SecretKey, PathStyle: true}
}

// Past is the folder where older versions of objects are kept.
func (g *Gateway) Past() string { return g.past }
