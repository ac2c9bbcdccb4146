// The network of model.py and the loss of loss.py, forward and backward in one pass over time, for training on a
// CPU: many times faster than a framework that runs layer by layer, because what a frame needs stays in the cache.
// loss.py is the reference; test_fused.py compares values and gradients.
//
//   gcc -O3 -march=native -ffp-contract=fast -fno-math-errno -shared -fPIC fused.c -o fused.so -lm
//
// Arrays are row after row of float32. A row of the network is one place of one sequence: row b*P+p. Weights and
// their gradients are one vector in the order of weights.bin (export.py).
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOW = 48, HIGH = 16, BANDS = LOW + HIGH, BINS = 161, PAD = 176, TAPS = 3,
	P = 16, C = 32, BLOCKS = 2, HEADS = 4, IN = 4, STEP = BANDS / P, O = 32, G = 3 * C,
	EDGE = 2 * IN,                  // two bands of nothing before the first
	ROWIN = (BANDS + 4) * IN,       // features of one frame with both edges
	ACTIVITY = STEP * (1 + 2 * TAPS)
};

// Offsets in the vector of weights.
enum {
	ENC_W = 0, ENC_ADD = ENC_W + 8 * IN * C, BLOCK = ENC_ADD + P * C,
	X_W = 0, X_B = X_W + C * G, H_W = X_B + G, H_B = H_W + C * G, AFTER_W = H_B + G, AFTER_B = AFTER_W + C * C,
	MIX = AFTER_B + C, MIX_ADD = MIX + HEADS * P * P, OUT_W = MIX_ADD + P * C, OUT_B = OUT_W + C * C, BLOCK_SIZE = OUT_B + C,
	DEC_W = BLOCK + BLOCKS * BLOCK_SIZE, DEC_B = DEC_W + C * C, HEAD_W = DEC_B + C, HEAD_ADD = HEAD_W + 2 * C * O,
	WEIGHTS = HEAD_ADD + P * O
};

typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int i16 __attribute__((vector_size(64), aligned(4), may_alias));
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE v16 all(float x) { return (v16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE v16 load(const float *p) { return *(const v16 *)p; }
INLINE void store(float *p, v16 v) { *(v16 *)p = v; }
INLINE v16 choose(i16 which, v16 a, v16 b) { return (v16)((which & (i16)a) | (~which & (i16)b)); }
INLINE v16 larger(v16 a, v16 b) { return choose(a > b, a, b); }
INLINE v16 smaller(v16 a, v16 b) { return choose(a < b, a, b); }

INLINE v16 exp2v(v16 x) {
	x = larger(smaller(x, all(126)), all(-126));
	const v16 magic = all(12582912.f);
	v16 whole = (x + magic) - magic, f = x - whole;
	v16 y = all(1.535336188e-4f);
	y = y * f + all(1.339887440e-3f);
	y = y * f + all(9.618437357e-3f);
	y = y * f + all(5.550332471e-2f);
	y = y * f + all(2.402264791e-1f);
	y = y * f + all(6.931472028e-1f);
	y = y * f + all(1.0f);
	i16 e = (__builtin_convertvector(whole, i16) + 127) << 23;
	return y * (v16)e;
}

INLINE v16 log2v(v16 x) {
	i16 bits = (i16)x;
	i16 e = ((bits - 0x3f3504f3) >> 23);
	v16 m = (v16)(bits - (e << 23)) - all(1); // -0.293 to 0.414
	v16 y = all(-0.10749908f);
	y = y * m + all(0.18476216f);
	y = y * m + all(-0.19138884f);
	y = y * m + all(0.20485742f);
	y = y * m + all(-0.23960804f);
	y = y * m + all(0.28855257f);
	y = y * m + all(-0.36069655f);
	y = y * m + all(0.48089852f);
	y = y * m + all(-0.72134735f);
	y = y * m + all(1.44269504f);
	return y * m + __builtin_convertvector(e, v16);
}

INLINE v16 sigmoidv(v16 x) { return all(1) / (all(1) + exp2v(x * all(-1.4426950f))); }
INLINE v16 tanhv(v16 x) { return all(2) * sigmoidv(x + x) - all(1); }

// tile is y += x w for R rows and N columns, K inner; or y = where fresh.
INLINE void tile(float *y, int ldy, const float *x, int ldx, const float *w, int K, int N, int R, int fresh) {
	v16 acc[8][6];
	UNROLL for (int i = 0; i < R; i++)
		UNROLL for (int j = 0; j < N / 16; j++) acc[i][j] = fresh ? all(0) : load(y + i * ldy + 16 * j);
	for (int k = 0; k < K; k++) {
		v16 b[6];
		UNROLL for (int j = 0; j < N / 16; j++) b[j] = load(w + k * N + 16 * j);
		UNROLL for (int i = 0; i < R; i++) {
			v16 a = all(x[i * ldx + k]);
			UNROLL for (int j = 0; j < N / 16; j++) acc[i][j] += a * b[j];
		}
	}
	UNROLL for (int i = 0; i < R; i++)
		UNROLL for (int j = 0; j < N / 16; j++) store(y + i * ldy + 16 * j, acc[i][j]);
}

// product is y = x w, or y += x w unless fresh. Rows are a multiple of 8.
static void product32(float *y, int ldy, const float *x, int ldx, int rows, const float *w, int K, int fresh) {
	if (fresh)
		for (int r = 0; r < rows; r += 8) tile(y + r * ldy, ldy, x + r * ldx, ldx, w, K, 32, 8, 1);
	else
		for (int r = 0; r < rows; r += 8) tile(y + r * ldy, ldy, x + r * ldx, ldx, w, K, 32, 8, 0);
}
static void product96(float *y, const float *x, int rows, const float *w) {
	for (int r = 0; r < rows; r += 4) tile(y + r * G, G, x + r * C, C, w, C, G, 4, 0);
}

// outer is dw += x' dy, dw being K x N.
INLINE void outer(float *dw, const float *x, int ldx, const float *dy, int ldy, int rows, int K, int N, int KB) {
	for (int r0 = 0; r0 < rows; r0 += 64) {
		int r1 = r0 + 64 < rows ? r0 + 64 : rows;
		for (int k = 0; k < K; k += KB) {
			v16 acc[8][6];
			UNROLL for (int i = 0; i < KB; i++)
				UNROLL for (int j = 0; j < N / 16; j++) acc[i][j] = load(dw + (k + i) * N + 16 * j);
			for (int r = r0; r < r1; r++) {
				v16 b[6];
				UNROLL for (int j = 0; j < N / 16; j++) b[j] = load(dy + r * ldy + 16 * j);
				UNROLL for (int i = 0; i < KB; i++) {
					v16 a = all(x[r * ldx + k + i]);
					UNROLL for (int j = 0; j < N / 16; j++) acc[i][j] += a * b[j];
				}
			}
			UNROLL for (int i = 0; i < KB; i++)
				UNROLL for (int j = 0; j < N / 16; j++) store(dw + (k + i) * N + 16 * j, acc[i][j]);
		}
	}
}
static void outer32(float *dw, const float *x, int ldx, const float *dy, int ldy, int rows, int K) { outer(dw, x, ldx, dy, ldy, rows, K, 32, 8); }
static void outer96(float *dw, const float *x, const float *dy, int rows) { outer(dw, x, C, dy, G, rows, C, G, 4); }

// sums is db += the rows of dy.
static void sums(float *db, const float *dy, int rows, int n) {
	for (int j = 0; j < n; j += 16) {
		v16 s = load(db + j);
		for (int r = 0; r < rows; r++) s += load(dy + r * n + j);
		store(db + j, s);
	}
}

// placesums is the same for each place.
static void placesums(float *d, const float *dy, int rows, int n) {
	for (int r = 0; r < rows; r++)
		for (int j = 0; j < n; j += 16) store(d + (r % P) * n + j, load(d + (r % P) * n + j) + load(dy + r * n + j));
}

static void fill(float *y, const float *b, int rows, int n) {
	for (int r = 0; r < rows; r++) memcpy(y + r * n, b, n * sizeof *y);
}
static void fillplaces(float *y, const float *b, int rows, int n) {
	for (int r = 0; r < rows; r += P) memcpy(y + r * n, b, P * n * sizeof *y);
}
static void relu(float *y, int n) {
	for (int i = 0; i < n; i += 16) store(y + i, larger(load(y + i), all(0)));
}
// hold clears the gradient where nothing went through.
static void hold(float *d, const float *y, int n) {
	for (int i = 0; i < n; i += 16) store(d + i, choose(load(y + i) > all(0), load(d + i), all(0)));
}
static void turn(float *t, const float *w, int rows, int cols) {
	for (int i = 0; i < rows; i++)
		for (int j = 0; j < cols; j++) t[j * rows + i] = w[i * cols + j];
}

// spread makes of the heads' matrices one of vectors: to each pair of places the weight of each channel. back is the
// same transposed.
static void spread(float *wide, const float *mix, int back) {
	for (int p = 0; p < P; p++)
		for (int q = 0; q < P; q++)
			for (int c = 0; c < C; c++) wide[(p * P + q) * C + c] = mix[(c / (C / HEADS)) * P * P + (back ? q * P + p : p * P + q)];
}
// blend is y += the mix of x.
static void blend(float *y, const float *x, int rows, const float *wide) {
	for (int r = 0; r < rows; r += P)
		for (int c = 0; c < C; c += 16) {
			v16 v[P];
			UNROLL for (int q = 0; q < P; q++) v[q] = load(x + (r + q) * C + c);
			for (int p = 0; p < P; p++) {
				v16 a = load(y + (r + p) * C + c), b = all(0);
				UNROLL for (int q = 0; q < P; q += 2) {
					a += v[q] * load(wide + (p * P + q) * C + c);
					b += v[q + 1] * load(wide + (p * P + q + 1) * C + c);
				}
				store(y + (r + p) * C + c, a + b);
			}
		}
}
static void blendgrad(float *dwide, const float *x, const float *dy, int rows) {
	for (int r = 0; r < rows; r += P)
		for (int c = 0; c < C; c += 16) {
			v16 v[P];
			UNROLL for (int q = 0; q < P; q++) v[q] = load(x + (r + q) * C + c);
			for (int p = 0; p < P; p++) {
				v16 d = load(dy + (r + p) * C + c);
				UNROLL for (int q = 0; q < P; q++) {
					float *at = dwide + (p * P + q) * C + c;
					store(at, load(at) + v[q] * d);
				}
			}
		}
}
static void gather(float *dmix, const float *dwide) {
	for (int p = 0; p < P; p++)
		for (int q = 0; q < P; q++)
			for (int c = 0; c < C; c++) dmix[(c / (C / HEADS)) * P * P + p * P + q] += dwide[(p * P + q) * C + c];
}

// Where the bands above LOW begin, and between which bands' centres their bins lie. Set by setup.
static int edges[HIGH + 1], upband[PAD];
static float uppart[PAD];
static float counts[PAD]; // how much a bin counts in the loss

void setup(const int *e, const float *binweights) {
	float centre[HIGH + 1];
	memcpy(edges, e, sizeof edges);
	memcpy(counts, binweights, BINS * sizeof *counts);
	centre[0] = LOW - 1;
	for (int k = 0; k < HIGH; k++) centre[k + 1] = (edges[k] + edges[k + 1] - 1) / 2.f;
	for (int b = BINS; b < PAD; b++) counts[b] = 0;
	for (int b = LOW; b < BINS; b++) {
		int j = 0;
		while (j < HIGH - 1 && b > centre[j + 1]) j++;
		float t = (b - centre[j]) / (centre[j + 1] - centre[j]);
		upband[b] = LOW - 1 + j;
		uppart[b] = t < 0 ? 0 : t > 1 ? 1 : t;
	}
}
int weights(void) { return WEIGHTS; }

// What one frame leaves for the way back. R is the number of rows.
typedef struct {
	float *in, *xr, *xi, *sr, *si, *yr, *yi, *e, *d, *o;
	struct { float *gates, *h, *x1, *m, *x; } block[BLOCKS];
} frame;

static frame *frames;
static float *arena;
static size_t arenasize;
static int framecount;

// rows of activations of B sequences, T frames; the states before the first are frame -1.
static void lay(int B, int T) {
	int R = B * P;
	size_t each = (size_t)B * (ROWIN + 6 * PAD) + (size_t)R * (C + C + O) + BLOCKS * (size_t)R * (4 * C + 4 * C);
	if (each * (T + 1) > arenasize || T + 1 > framecount) {
		free(arena);
		free(frames);
		arenasize = each * (T + 1);
		framecount = T + 1;
		arena = aligned_alloc(64, (arenasize * sizeof *arena + 63) / 64 * 64);
		frames = malloc(framecount * sizeof *frames);
		memset(arena, 0, arenasize * sizeof *arena);
	}
	float *at = arena;
	for (int t = 0; t <= T; t++) {
		frame *f = frames + t;
		f->xr = at; at += B * PAD;
		f->xi = at; at += B * PAD;
		f->sr = at; at += B * PAD;
		f->si = at; at += B * PAD;
		f->yr = at; at += B * PAD;
		f->yi = at; at += B * PAD;
		f->e = at; at += R * C;
		f->d = at; at += R * C;
		f->o = at; at += R * O;
		for (int i = 0; i < BLOCKS; i++) {
			f->block[i].gates = at; at += R * 4 * C;
			f->block[i].h = at; at += R * C;
			f->block[i].x1 = at; at += R * C;
			f->block[i].m = at; at += R * C;
			f->block[i].x = at; at += R * C;
		}
		f->in = at; at += B * ROWIN;
	}
}

static void split(float *re, float *im, const float *z) {
	for (int k = 0; k < BINS; k++) re[k] = z[2 * k], im[k] = z[2 * k + 1];
	for (int k = BINS; k < PAD; k++) re[k] = im[k] = 0;
}

// features of one frame of one sequence; last holds the logarithms of the frame before.
static void features(float *in, const float *re, const float *im, float *last) {
	float power[PAD], logs[BANDS], bend[BANDS];
	for (int k = 0; k < PAD; k += 16) store(power + k, load(re + k) * load(re + k) + load(im + k) * load(im + k));
	for (int b = 0; b < LOW; b++) logs[b] = power[b];
	for (int k = 0; k < HIGH; k++) {
		float s = k == HIGH - 1 ? power[BINS - 1] : 0;
		for (int b = edges[k]; b < edges[k + 1]; b++) s += power[b];
		logs[LOW + k] = s / (edges[k + 1] - edges[k]);
	}
	for (int b = 0; b < BANDS; b += 16) {
		v16 l = log2v(load(logs + b) + all(1e-12f));
		store(bend + b, exp2v(all(2) - all(0.35f) * l));
		store(logs + b, all(1.8f) + all(0.3f * 0.30102999566f) * l);
	}
	memset(in, 0, ROWIN * sizeof *in);
	in += EDGE;
	for (int b = 0; b < BANDS; b++) {
		in[IN * b] = logs[b];
		in[IN * b + 1] = last[b];
		if (b < LOW) in[IN * b + 2] = bend[b] * re[b], in[IN * b + 3] = bend[b] * im[b];
		last[b] = logs[b];
	}
}

// gates turns the two halves of a recurrent unit into its next state, keeping what the way back needs.
static void gates(float *keep, float *h, const float *before, const float *gx, const float *gh, int rows) {
	for (int r = 0; r < rows; r++, gx += G, gh += G, keep += 4 * C, h += C, before += C)
		for (int c = 0; c < C; c += 16) {
			v16 reset = sigmoidv(load(gx + c) + load(gh + c));
			v16 update = sigmoidv(load(gx + C + c) + load(gh + C + c));
			v16 was = load(gh + 2 * C + c);
			v16 next = tanhv(load(gx + 2 * C + c) + reset * was);
			store(keep + c, reset);
			store(keep + C + c, update);
			store(keep + 2 * C + c, next);
			store(keep + 3 * C + c, was);
			store(h + c, next + update * (load(before + c) - next));
		}
}
static void gatesback(float *dgx, float *dgh, float *dbefore, const float *dh, const float *keep, const float *before, int rows) {
	for (int r = 0; r < rows; r++, dgx += G, dgh += G, keep += 4 * C, dh += C, before += C, dbefore += C)
		for (int c = 0; c < C; c += 16) {
			v16 reset = load(keep + c), update = load(keep + C + c), next = load(keep + 2 * C + c), was = load(keep + 3 * C + c);
			v16 d = load(dh + c), one = all(1);
			v16 dn = d * (one - update) * (one - next * next);
			v16 dz = d * (load(before + c) - next) * update * (one - update);
			v16 dr = dn * was * reset * (one - reset);
			store(dgx + c, dr);
			store(dgx + C + c, dz);
			store(dgx + 2 * C + c, dn);
			store(dgh + c, dr);
			store(dgh + C + c, dz);
			store(dgh + 2 * C + c, dn * reset);
			store(dbefore + c, d * update);
		}
}

// apply makes the spectrum of one sequence's frame from the network's answer, whose gains are tanh of half the logit.
static void apply(frame *f, int t, int b) {
	const float *o = f->o + b * P * O, *xr = f->xr + b * PAD, *xi = f->xi + b * PAD;
	float *yr = f->yr + b * PAD, *yi = f->yi + b * PAD, gain[BANDS];
	for (int p = 0; p < P; p++)
		for (int j = 0; j < STEP; j++) gain[p * STEP + j] = 0.5f + 0.5f * o[p * O + j];
	for (int k = 0; k < LOW; k++) yr[k] = gain[k] * xr[k], yi[k] = gain[k] * xi[k];
	for (int k = LOW; k < BINS; k++) {
		float g = gain[upband[k]] + uppart[k] * (gain[upband[k] + 1] - gain[upband[k]]);
		yr[k] = g * xr[k], yi[k] = g * xi[k];
	}
	for (int k = BINS; k < PAD; k++) yr[k] = yi[k] = 0;
	for (int tap = 0; tap < TAPS && tap <= t; tap++) {
		const float *ar = (f - tap)->xr + b * PAD, *ai = (f - tap)->xi + b * PAD;
		for (int k = 0; k < LOW; k++) {
			const float *v = o + k / STEP * O + STEP * (1 + 2 * tap) + k % STEP;
			yr[k] += v[0] * ar[k] - v[STEP] * ai[k];
			yi[k] += v[0] * ai[k] + v[STEP] * ar[k];
		}
	}
}
// applyback turns the spectrum's gradient into that of the answer's logits.
static void applyback(float *d, const frame *f, int t, int b, const float *gr, const float *gi) {
	const float *o = f->o + b * P * O, *xr = f->xr + b * PAD, *xi = f->xi + b * PAD;
	float dg[BANDS + 1] = {0};
	for (int k = 0; k < LOW; k++) dg[k] = gr[k] * xr[k] + gi[k] * xi[k];
	for (int k = LOW; k < BINS; k++) {
		float g = gr[k] * xr[k] + gi[k] * xi[k];
		dg[upband[k]] += g * (1 - uppart[k]);
		dg[upband[k] + 1] += g * uppart[k];
	}
	memset(d, 0, P * O * sizeof *d);
	for (int p = 0; p < P; p++)
		for (int j = 0; j < STEP; j++) d[p * O + j] = 0.5f * dg[p * STEP + j] * (1 - o[p * O + j] * o[p * O + j]);
	for (int tap = 0; tap < TAPS && tap <= t; tap++) {
		const float *ar = (f - tap)->xr + b * PAD, *ai = (f - tap)->xi + b * PAD;
		for (int k = 0; k < LOW; k++) {
			int at = k / STEP * O + STEP * (1 + 2 * tap) + k % STEP;
			d[at] = (gr[k] * ar[k] + gi[k] * ai[k]) * (1 - o[at] * o[at]);
			d[at + STEP] = (gi[k] * ar[k] - gr[k] * ai[k]) * (1 - o[at + STEP] * o[at + STEP]);
		}
	}
}

// forward begins with the states, BLOCKS x R x C, and leaves those after the last frame in them.
static void forward(const float *w, int B, int T, const float *X, float *states, float *scratch, const float *wide) {
	int R = B * P;
	float *gx = scratch, *gh = gx + R * G, *last = gh + R * G;
	for (int i = 0; i < B * BANDS; i++) last[i] = -1.8f;
	for (int i = 0; i < BLOCKS; i++) memcpy(frames[0].block[i].h, states + i * R * C, R * C * sizeof *gx);
	for (int t = 0; t < T; t++) {
		frame *f = frames + 1 + t;
		fillplaces(f->e, w + ENC_ADD, R, C);
		for (int b = 0; b < B; b++) {
			split(f->xr + b * PAD, f->xi + b * PAD, X + ((size_t)b * T + t) * 2 * BINS);
			features(f->in + b * ROWIN, f->xr + b * PAD, f->xi + b * PAD, last + b * BANDS);
			product32(f->e + b * P * C, C, f->in + b * ROWIN, STEP * IN, P, w + ENC_W, 8 * IN, 0);
		}
		relu(f->e, R * C);
		const float *x = f->e;
		for (int i = 0; i < BLOCKS; i++) {
			const float *v = w + BLOCK + i * BLOCK_SIZE, *before = (f - 1)->block[i].h;
			float *h = f->block[i].h, *x1 = f->block[i].x1, *m = f->block[i].m;
			fill(gx, v + X_B, R, G);
			product96(gx, x, R, v + X_W);
			fill(gh, v + H_B, R, G);
			product96(gh, before, R, v + H_W);
			gates(f->block[i].gates, h, before, gx, gh, R);
			for (int r = 0; r < R; r++)
				for (int c = 0; c < C; c += 16) store(x1 + r * C + c, load(x + r * C + c) + load(v + AFTER_B + c));
			product32(x1, C, h, C, R, v + AFTER_W, C, 0);
			fillplaces(m, v + MIX_ADD, R, C);
			blend(m, x1, R, wide + 2 * i * P * P * C);
			relu(m, R * C);
			float *y = f->block[i].x;
			for (int r = 0; r < R; r++)
				for (int c = 0; c < C; c += 16) store(y + r * C + c, load(x1 + r * C + c) + load(v + OUT_B + c));
			product32(y, C, m, C, R, v + OUT_W, C, 0);
			x = y;
		}
		fill(f->d, w + DEC_B, R, C);
		product32(f->d, C, x, C, R, w + DEC_W, C, 0);
		relu(f->d, R * C);
		fillplaces(f->o, w + HEAD_ADD, R, O);
		product32(f->o, O, f->d, C, R, w + HEAD_W, C, 0);
		product32(f->o, O, f->e, C, R, w + HEAD_W + C * O, C, 0);
		for (int r = 0; r < R; r++) {
			float raw = f->o[r * O + ACTIVITY];
			for (int j = 0; j < O; j += 16) store(f->o + r * O + j, tanhv(load(f->o + r * O + j)));
			f->o[r * O + ACTIVITY] = raw;
		}
		for (int b = 0; b < B; b++) apply(f, t, b);
	}
	for (int i = 0; i < BLOCKS; i++) memcpy(states + i * R * C, frames[T].block[i].h, R * C * sizeof *gx);
}

// The weights of the loss, as in loss.py.
typedef struct { float magnitude, spectrum, ratio, activity, over, power; } recipe;

// lossback writes the gradient of the spectra over frames' y, and returns the parts of the loss.
static void lossback(int B, int T, const float *S, const float *weight, const recipe *c, float *logits, float *parts) {
	double magnitude = 0, spectrum = 0, ratio = 0, activity = 0;
	const float n = 1.f / ((float)B * T * BINS);
	for (int b = 0; b < B; b++) {
		double level = 0, es = 0, ee = 0;
		float most = 0;
		float *energy = malloc(T * sizeof *energy);
		for (int t = 0; t < T; t++) {
			frame *f = frames + 1 + t;
			float *sr = f->sr + b * PAD, *si = f->si + b * PAD;
			split(sr, si, S + ((size_t)b * T + t) * 2 * BINS);
			v16 x2 = all(0), s2 = all(0), e2 = all(0);
			for (int k = 0; k < PAD; k += 16) {
				v16 xr = load(f->xr + b * PAD + k), xi = load(f->xi + b * PAD + k), r = load(sr + k), i = load(si + k);
				v16 er = r - load(f->yr + b * PAD + k), ei = i - load(f->yi + b * PAD + k);
				x2 += xr * xr + xi * xi;
				s2 += r * r + i * i;
				e2 += er * er + ei * ei;
			}
			float x = 0, s = 0, e = 0;
			for (int k = 0; k < 16; k++) x += x2[k], s += s2[k], e += e2[k];
			level += x, es += s, ee += e;
			energy[t] = s;
			if (s > most) most = s;
		}
		level = level / (T * BINS) + 1e-10;
		es /= level, ee /= level;
		float turnratio = 0;
		if (es > 1) {
			ratio += 10 * log10((ee + 1e-3 * es) / (es + 1e-6) + 1e-6) / B;
			turnratio = c->ratio * 10 / log(10) * 2 / (ee + 1e-3 * es) / B;
		}
		float scale = 1 / sqrtf(level);
		const float half = c->power / 2;
		for (int t = 0; t < T; t++) {
			frame *f = frames + 1 + t;
			float wt = weight[b * T + t];
			v16 msum = all(0), ssum = all(0);
			for (int k = 0; k < PAD; k += 16) {
				v16 sr = load(f->sr + b * PAD + k) * all(scale), si = load(f->si + b * PAD + k) * all(scale);
				v16 yr = load(f->yr + b * PAD + k) * all(scale), yi = load(f->yi + b * PAD + k) * all(scale);
				v16 ps = sr * sr + si * si + all(1e-7f), py = yr * yr + yi * yi + all(1e-7f);
				v16 ls = log2v(ps), ly = log2v(py);
				v16 ms = exp2v(ls * all(half)), my = exp2v(ly * all(half));
				v16 d = ms - my, lost = larger(d, all(0));
				v16 count = load(counts + k);
				msum += count * (d * d + all(c->over) * lost * lost);
				v16 gm = all(-2 * c->magnitude * c->power) * (d + all(c->over) * lost) * my / py;
				v16 qs = exp2v(ls * all(half - 0.5f)), qy = exp2v(ly * all(half - 0.5f));
				v16 ur = yr * qy - sr * qs, ui = yi * qy - si * qs;
				ssum += count * (ur * ur + ui * ui);
				v16 along = all(c->power - 1) * (ur * yr + ui * yi) * qy / py;
				v16 gs = all(2 * c->spectrum);
				v16 common = gm + gs * along, w = all(wt * n * scale) * count, tr = all(turnratio * scale);
				store(f->yr + b * PAD + k, w * (common * yr + gs * ur * qy) + tr * (yr - sr));
				store(f->yi + b * PAD + k, w * (common * yi + gs * ui * qy) + tr * (yi - si));
			}
			for (int k = 0; k < 16; k++) magnitude += (double)wt * n * msum[k], spectrum += (double)wt * n * ssum[k];
			float v = 0;
			for (int p = 0; p < P; p++) v += f->o[(b * P + p) * O + ACTIVITY] / P;
			int speaks = energy[t] > most * 1e-4f && energy[t] > 1e-8f;
			activity += (log1pf(expf(-fabsf(v))) + (v > 0 ? v : 0) - (speaks ? v : 0)) / ((double)B * T);
			logits[b * T + t] = (1 / (1 + expf(-v)) - speaks) * c->activity / ((float)B * T * P);
		}
		free(energy);
	}
	parts[0] = c->magnitude * magnitude + c->spectrum * spectrum + c->ratio * ratio + c->activity * activity;
	parts[1] = magnitude, parts[2] = spectrum, parts[3] = ratio, parts[4] = activity;
}

static void backward(const float *w, float *g, int B, int T, const float *logits, float *scratch, const float *wide, float *dwide) {
	int R = B * P;
	float *dgx = scratch, *dgh = dgx + R * G, *dO = dgh + R * G, *dD = dO + R * O, *dE = dD + R * C, *dX = dE + R * C;
	float *dM = dX + R * C, *dh = dM + R * C, *carry = dh + R * C, *tw = carry + BLOCKS * R * C;
	float *thead = tw, *tdec = thead + O * 2 * C, *tblock = tdec + C * C;
	turn(thead, w + HEAD_W, 2 * C, O); // O x 2C
	float *theadD = tblock + BLOCKS * (2 * G * C + 2 * C * C), *theadE = theadD + O * C;
	for (int o = 0; o < O; o++) {
		memcpy(theadD + o * C, thead + o * 2 * C, C * sizeof *tw);
		memcpy(theadE + o * C, thead + o * 2 * C + C, C * sizeof *tw);
	}
	turn(tdec, w + DEC_W, C, C);
	for (int i = 0; i < BLOCKS; i++) {
		const float *v = w + BLOCK + i * BLOCK_SIZE;
		float *t = tblock + i * (2 * G * C + 2 * C * C);
		turn(t, v + X_W, C, G);
		turn(t + G * C, v + H_W, C, G);
		turn(t + 2 * G * C, v + AFTER_W, C, C);
		turn(t + 2 * G * C + C * C, v + OUT_W, C, C);
	}
	memset(carry, 0, BLOCKS * R * C * sizeof *carry);
	for (int t = T - 1; t >= 0; t--) {
		frame *f = frames + 1 + t;
		for (int b = 0; b < B; b++) {
			applyback(dO + b * P * O, f, t, b, f->yr + b * PAD, f->yi + b * PAD);
			for (int p = 0; p < P; p++) dO[(b * P + p) * O + ACTIVITY] = logits[b * T + t];
		}
		const float *x = f->block[BLOCKS - 1].x;
		placesums(g + HEAD_ADD, dO, R, O);
		outer32(g + HEAD_W, f->d, C, dO, O, R, C);
		outer32(g + HEAD_W + C * O, f->e, C, dO, O, R, C);
		product32(dD, C, dO, O, R, theadD, O, 1);
		product32(dE, C, dO, O, R, theadE, O, 1);
		hold(dD, f->d, R * C);
		outer32(g + DEC_W, x, C, dD, C, R, C);
		sums(g + DEC_B, dD, R, C);
		product32(dX, C, dD, C, R, tdec, C, 1);
		for (int i = BLOCKS - 1; i >= 0; i--) {
			float *gb = g + BLOCK + i * BLOCK_SIZE, *tb = tblock + i * (2 * G * C + 2 * C * C), *back = carry + i * R * C;
			const float *before = (f - 1)->block[i].h, *xin = i ? f->block[i - 1].x : f->e;
			outer32(gb + OUT_W, f->block[i].m, C, dX, C, R, C);
			sums(gb + OUT_B, dX, R, C);
			product32(dM, C, dX, C, R, tb + 2 * G * C + C * C, C, 1);
			hold(dM, f->block[i].m, R * C);
			placesums(gb + MIX_ADD, dM, R, C);
			blendgrad(dwide + i * P * P * C, f->block[i].x1, dM, R);
			blend(dX, dM, R, wide + (2 * i + 1) * P * P * C);
			outer32(gb + AFTER_W, f->block[i].h, C, dX, C, R, C);
			sums(gb + AFTER_B, dX, R, C);
			memcpy(dh, back, R * C * sizeof *dh);
			product32(dh, C, dX, C, R, tb + 2 * G * C, C, 0);
			gatesback(dgx, dgh, back, dh, f->block[i].gates, before, R);
			outer96(gb + X_W, xin, dgx, R);
			outer96(gb + H_W, before, dgh, R);
			sums(gb + X_B, dgx, R, G);
			sums(gb + H_B, dgh, R, G);
			product32(back, C, dgh, G, R, tb + G * C, G, 0);
			product32(dX, C, dgx, G, R, tb, G, 0);
		}
		for (int i = 0; i < R * C; i += 16) store(dX + i, load(dX + i) + load(dE + i));
		hold(dX, f->e, R * C);
		placesums(g + ENC_ADD, dX, R, C);
		for (int b = 0; b < B; b++) outer32(g + ENC_W, f->in + b * ROWIN, STEP * IN, dX + b * P * C, C, P, 8 * IN);
	}
	for (int i = 0; i < BLOCKS; i++) gather(g + BLOCK + i * BLOCK_SIZE + MIX, dwide + i * P * P * C);
}

static float *room(size_t n) {
	static float *p;
	static size_t have;
	if (n > have) {
		free(p);
		p = aligned_alloc(64, (n * sizeof *p + 63) / 64 * 64);
		have = n;
	}
	return p;
}

// step runs B sequences of T frames through the network, X and S being their spectra, B x T x BINS complex, noisy and
// clean, and weight what each frame counts, B x T. They begin with states, which become those after the last frame. grad is
// set; parts are the loss and its four terms.
void step(const float *w, float *grad, int B, int T, const float *X, const float *S, const float *weight, const recipe *c, float *states, float *parts) {
	int R = B * P;
	lay(B, T);
	size_t wides = (size_t)P * P * C, wtotal = 2 * O * 2 * C + C * C + BLOCKS * (2 * G * C + 2 * C * C);
	float *wide = room(3 * BLOCKS * wides + (size_t)B * T + (size_t)R * (2 * G + O + 6 * C + BLOCKS * C) + wtotal + B * BANDS);
	float *dwide = wide + 2 * BLOCKS * wides, *logits = dwide + BLOCKS * wides, *scratch = logits + (size_t)(B * T + 15) / 16 * 16;
	for (int i = 0; i < BLOCKS; i++)
		for (int back = 0; back < 2; back++) spread(wide + (2 * i + back) * wides, w + BLOCK + i * BLOCK_SIZE + MIX, back);
	memset(dwide, 0, BLOCKS * wides * sizeof *dwide);
	memset(grad, 0, WEIGHTS * sizeof *grad);
	forward(w, B, T, X, states, scratch, wide);
	lossback(B, T, S, weight, c, logits, parts);
	backward(w, grad, B, T, logits, scratch, wide, dwide);
}

// enhance runs the network without learning: Y is B x T x BINS complex, vad the logits, gains B x T x BANDS.
void enhance(const float *w, int B, int T, const float *X, float *Y, float *gain, float *vad) {
	int R = B * P;
	lay(B, T);
	size_t wides = (size_t)P * P * C;
	float *wide = room(2 * BLOCKS * wides + (size_t)R * (2 * G + BLOCKS * C) + B * BANDS + 64), *states = wide + 2 * BLOCKS * wides;
	memset(states, 0, BLOCKS * R * C * sizeof *states);
	for (int i = 0; i < BLOCKS; i++) spread(wide + 2 * i * wides, w + BLOCK + i * BLOCK_SIZE + MIX, 0);
	forward(w, B, T, X, states, states + BLOCKS * R * C, wide);
	for (int b = 0; b < B; b++)
		for (int t = 0; t < T; t++) {
			frame *f = frames + 1 + t;
			float *y = Y + ((size_t)b * T + t) * 2 * BINS, v = 0;
			for (int k = 0; k < BINS; k++) y[2 * k] = f->yr[b * PAD + k], y[2 * k + 1] = f->yi[b * PAD + k];
			for (int p = 0; p < P; p++) {
				v += f->o[(b * P + p) * O + ACTIVITY] / P;
				for (int j = 0; j < STEP; j++) gain[((size_t)b * T + t) * BANDS + p * STEP + j] = 0.5f + 0.5f * f->o[(b * P + p) * O + j];
			}
			vad[b * T + t] = v;
		}
}
