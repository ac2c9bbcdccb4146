package recorder

import "os"

// crashDir is set in the process that a crash test kills.
func crashDir() string { return os.Getenv("RECORDER_CRASH_DIR") }

func crashChild(string) {}
