// Package e2e holds whole calls, as tests: the cordboard binary as an operator starts it, baresip and sipp as
// the telephone network, headless Chromium as the agent's browser, versitygw as the object store. Nothing of
// cordboard is replaced by a fake, and what is checked is what a person would hear, see or find afterwards.
//
// The peers are Debian packages and one Go program; scripts/setup.sh peers installs them. Everything listens
// on 127.0.0.1 on free ports.
package e2e
