// Package arch holds the house rules that a compiler does not check, as tests: which way imports may run,
// that every package says what it is, that the example configuration is the default one, that links in the
// documents lead somewhere. It has no code of its own.
package arch
