package report

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine is where something was measured.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Opus   string `json:"libopus"`
	Go     string `json:"go"`
	// Peers are the versions of the Debian packages measured beside us.
	Peers map[string]string `json:"peers,omitempty"`
}

// ThisMachine looks around. What cannot be found out is empty.
func ThisMachine() Machine {
	m := Machine{CPU: cpuModel(read("/proc/cpuinfo")), Kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease")), Go: runtime.Version(), Opus: packageVersion("libopus0"), Peers: map[string]string{}}
	m.Cores = strings.Count("\n"+read("/proc/cpuinfo"), "\nprocessor")
	for name, pkg := range map[string]string{"janus": "janus", "rtpengine": "rtpengine-daemon"} {
		if v := packageVersion(pkg); v != "" {
			m.Peers[name] = v
		}
	}
	return m
}

func read(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func packageVersion(name string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f=${Version}", name).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

// Commit is the commit of the working tree, with a plus sign when something in it has changed since.
func Commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	c := strings.TrimSpace(string(out))
	if out, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--", ":!bench/results").Output(); err == nil && len(out) > 0 {
		c += "+"
	}
	return c
}
