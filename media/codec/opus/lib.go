package opus

/*
#cgo pkg-config: opus
#include <stdlib.h>
#include <string.h>
#include <opus.h>

// The mode an encoder is held to, a control of libopus from its first release on that its public header
// leaves out.
#define CB_SET_FORCE_MODE 11002
#define CB_CELT_ONLY 1002

#cgo noescape cb_encoder_init
#cgo nocallback cb_encoder_init
static int cb_encoder_init(void *st, opus_int32 rate) {
	return opus_encoder_init((OpusEncoder *)st, rate, 1, OPUS_APPLICATION_VOIP);
}

#cgo nocallback cb_encoder_settle
static int cb_encoder_settle(void *st, opus_int32 bitrate, opus_int32 complexity, opus_int32 loss, opus_int32 dtx, opus_int32 celt) {
	OpusEncoder *e = (OpusEncoder *)st;
	int err = opus_encoder_ctl(e, OPUS_SET_BITRATE(bitrate));
	if (err == OPUS_OK) err = opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity));
	if (err == OPUS_OK) err = opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(loss > 0));
	if (err == OPUS_OK) err = opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(loss));
	if (err == OPUS_OK) err = opus_encoder_ctl(e, OPUS_SET_DTX(dtx));
	if (err == OPUS_OK) err = opus_encoder_ctl(e, CB_SET_FORCE_MODE, celt ? (opus_int32)CB_CELT_ONLY : (opus_int32)OPUS_AUTO);
	return err;
}

// What libopus works on lies on the thread's stack, below this frame, and in the vector registers, until
// something else takes their place. cb_scrub takes it; its frame lies where libopus's was.
#define CB_SCRUB (160 << 10)

#if defined(__x86_64__)
__attribute__((target("avx"))) static void cb_clear_vectors(void) { __asm__ volatile("vzeroall" ::: "memory"); }
__attribute__((target("avx512f"))) static void cb_clear_upper(void) {
	__asm__ volatile(
		"vpxord %zmm16, %zmm16, %zmm16; vpxord %zmm17, %zmm17, %zmm17; vpxord %zmm18, %zmm18, %zmm18; vpxord %zmm19, %zmm19, %zmm19;"
		"vpxord %zmm20, %zmm20, %zmm20; vpxord %zmm21, %zmm21, %zmm21; vpxord %zmm22, %zmm22, %zmm22; vpxord %zmm23, %zmm23, %zmm23;"
		"vpxord %zmm24, %zmm24, %zmm24; vpxord %zmm25, %zmm25, %zmm25; vpxord %zmm26, %zmm26, %zmm26; vpxord %zmm27, %zmm27, %zmm27;"
		"vpxord %zmm28, %zmm28, %zmm28; vpxord %zmm29, %zmm29, %zmm29; vpxord %zmm30, %zmm30, %zmm30; vpxord %zmm31, %zmm31, %zmm31");
}
static void cb_clear_registers(void) {
	if (__builtin_cpu_supports("avx512f")) cb_clear_upper();
	if (__builtin_cpu_supports("avx")) cb_clear_vectors();
}
#else
static void cb_clear_registers(void) {}
#endif

__attribute__((noinline)) static void cb_scrub(void) {
	unsigned char was[CB_SCRUB];
	memset(was, 0, sizeof was);
	__asm__ volatile("" : : "r"(was) : "memory");
	cb_clear_registers();
}

#cgo noescape cb_encode
#cgo nocallback cb_encode
static int cb_encode(void *st, const opus_int16 *pcm, int n, unsigned char *out, opus_int32 max, int scrub) {
	n = opus_encode((OpusEncoder *)st, pcm, n, out, max);
	if (scrub) cb_scrub();
	return n;
}

#cgo noescape cb_decoder_init
#cgo nocallback cb_decoder_init
static int cb_decoder_init(void *st, opus_int32 rate) {
	return opus_decoder_init((OpusDecoder *)st, rate, 1);
}

// A memset before a free would be left out.
static void cb_wipe(void *p, size_t n) {
	volatile unsigned char *b = (volatile unsigned char *)p;
	while (n--) *b++ = 0;
}

#cgo noescape cb_forget
#cgo nocallback cb_forget
static void cb_forget(void *p, size_t n) { memset(p, 0, n); }

#cgo noescape cb_decode
#cgo nocallback cb_decode
static int cb_decode(void *st, const unsigned char *in, opus_int32 len, opus_int16 *pcm, int n, int fec, int scrub) {
	n = opus_decode((OpusDecoder *)st, in, len, pcm, n, fec);
	if (scrub) cb_scrub();
	return n;
}
*/
import "C"

import (
	"errors"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// state is the memory of a libopus encoder or decoder. It lies outside the collected heap: 18 to 44 kB of
// floating-point history that never points anywhere would else count twice, once live and once as the
// room the collector leaves. It is freed when the state is no longer reachable, so that what waits in
// a pool goes the way of the pool.
type state struct {
	p    unsafe.Pointer
	size C.size_t
	rate pcm.Rate // the rate it was last begun at, 0 before
}

// StateSize is what libopus needs for one mono encoder and decoder, in bytes.
func StateSize() (encoder, decoder int) {
	return int(C.opus_encoder_get_size(1)), int(C.opus_decoder_get_size(1))
}

func newState(size C.int) *state {
	n := C.size_t(size)
	s := &state{p: C.malloc(n), size: n} // cgo's malloc never returns nil
	runtime.AddCleanup(s, func(p unsafe.Pointer) {
		C.cb_wipe(p, n)
		C.free(p)
	}, s.p)
	return s
}

// forget overwrites what the state knows of a stream; it has to be begun anew.
func (s *state) forget() {
	if s.rate == 0 {
		return
	}
	C.cb_forget(s.p, s.size)
	s.rate = 0
	runtime.KeepAlive(s)
}

func newEncoderState() *state { return newState(C.opus_encoder_get_size(1)) }
func newDecoderState() *state { return newState(C.opus_decoder_get_size(1)) }

// beginEncoder makes the state a fresh encoder at a rate.
func (s *state) beginEncoder(r pcm.Rate) error {
	err := failed(C.cb_encoder_init(s.p, C.opus_int32(r)))
	s.rate = r
	runtime.KeepAlive(s)
	return err
}

// settle brings an encoder to a format.
func (s *state) settle(f media.Format) error {
	bitrate := f.Bitrate
	if bitrate == 0 {
		bitrate = DefaultBitrate
	}
	err := failed(C.cb_encoder_settle(s.p, C.opus_int32(bitrate), C.opus_int32(f.Complexity),
		C.opus_int32(f.LossPercent), flag(f.DTX), flag(f.LowDelay)))
	runtime.KeepAlive(s)
	return err
}

func (s *state) encode(dst []byte, src []int16) (int, error) {
	if len(dst) == 0 || len(src) == 0 {
		return 0, errArgument
	}
	n := C.cb_encode(s.p, (*C.opus_int16)(&src[0]), C.int(len(src)), (*C.uchar)(&dst[0]), C.opus_int32(len(dst)), scrubs())
	runtime.KeepAlive(s)
	return int(n), failed(min(n, 0))
}

// beginDecoder makes the state a fresh decoder at a rate.
func (s *state) beginDecoder(r pcm.Rate) error {
	err := failed(C.cb_decoder_init(s.p, C.opus_int32(r)))
	s.rate = r
	runtime.KeepAlive(s)
	return err
}

// copyDecoder makes the state equal to another decoder's. libopus promises that a copy of its memory is a
// decoder in the same state (opus_decoder_get_size).
func (s *state) copyDecoder(from *state) {
	C.memcpy(s.p, from.p, C.size_t(C.opus_decoder_get_size(1)))
	s.rate = from.rate
	runtime.KeepAlive(s)
	runtime.KeepAlive(from)
}

// decode decodes a payload, or, with fec, the copy in it of the len(dst) samples before it. Without a
// payload it conceals len(dst) samples.
func (s *state) decode(dst []int16, payload []byte, fec bool) (int, error) {
	if len(dst) == 0 {
		return 0, errArgument
	}
	var in *C.uchar
	if len(payload) > 0 {
		in = (*C.uchar)(&payload[0])
	}
	n := C.cb_decode(s.p, in, C.opus_int32(len(payload)), (*C.opus_int16)(&dst[0]), C.int(len(dst)), C.int(flag(fec)), scrubs())
	runtime.KeepAlive(s)
	return int(n), failed(min(n, 0))
}

// scrubbing counts who wants nothing left behind.
var scrubbing atomic.Int32

// Scrub has every encoder and decoder of the process leave nothing of what it works on upon its thread's stack
// and in its registers, from now until as many calls with false as with true. What it costs,
// BenchmarkScrub in media/codec tells. Safe for concurrent use.
func Scrub(on bool) {
	if on {
		scrubbing.Add(1)
	} else if scrubbing.Add(-1) < 0 {
		panic("opus: scrubbing ended more often than it began")
	}
}

func scrubs() C.int {
	if scrubbing.Load() > 0 {
		return 1
	}
	return 0
}

func flag(on bool) C.opus_int32 {
	if on {
		return 1
	}
	return 0
}

var (
	errArgument = errors.New("libopus: bad argument")
	errBuffer   = errors.New("libopus: buffer too small")
	errInternal = errors.New("libopus: internal error")
	errPacket   = errors.New("libopus: corrupted stream")
	errOther    = errors.New("libopus: error")
)

// failed is the error behind libopus's code, without an allocation: foreign packets may cause many.
func failed(code C.int) error {
	switch code {
	case C.OPUS_OK:
		return nil
	case C.OPUS_BAD_ARG:
		return errArgument
	case C.OPUS_BUFFER_TOO_SMALL:
		return errBuffer
	case C.OPUS_INTERNAL_ERROR:
		return errInternal
	case C.OPUS_INVALID_PACKET:
		return errPacket
	default:
		return errOther
	}
}
