// A whole sequence of an LSTM in one cooperative launch, with products of
// bfloat16. Each block owns some hidden units. Its part of the recurrent weights
// stays in its shared memory for all steps, the cells of its units stay in
// registers; what blocks tell each other goes through global memory.
//
// One step's product is a matrix of weights (M, H) by the transpose of x (B, H),
// M being four times the units of a block. Its inner dimension is cut over the
// warps, whose results are folded in a fixed order.
//
// A block tells by a flag, a step's number, that what it wrote in that step is
// there; a warp waits for the flags of the blocks that wrote what it reads. All
// blocks run at the same time, or the launch fails. What one block overwrites has
// been read: see publish's callers.

const int BLOCK = 256;
const int SPAN = 32; // of the inner dimension that a thread's loads of 16 bytes cover

// shape are the sizes of a kernel: MT tiles of 16 rows of weights, NT tiles of 8
// samples.
template <int MT, int NT> struct shape {
	static const int UNITS = 4 * MT;                     // of a block
	static const int CELLS = UNITS * 8 * NT;             // of a block
	static const int EACH = (CELLS + BLOCK - 1) / BLOCK; // cells of a thread
	static const int OUT = 4 * CELLS;                    // results of the product
	static const int CHUNK = 8 / NT;                     // spans that are loaded ahead
};

// acquire reads a flag; what was written before it was published can then be read.
DEVICE u32 acquire(const u32 *flag) {
#ifdef SIMULATOR
	u32 v = *(const volatile u32 *)flag;
	__threadfence();
#else
	u32 v;
	asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(flag) : "memory");
#endif
	return v;
}

// publish sets the block's flag once all of its threads have come here.
DEVICE void publish(u32 *flags, i64 step) {
	__syncthreads();
	if (threadIdx.x)
		return;
#ifdef SIMULATOR
	__threadfence();
	*(volatile u32 *)(flags + blockIdx.x) = (u32)step;
#else
	asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flags + blockIdx.x), "r"((u32)step) : "memory");
#endif
}

// await waits until so many blocks from first on, a warp's width at most, have
// published a step.
DEVICE void await(const u32 *flags, i64 first, i64 blocks, i64 step) {
	int lane = threadIdx.x % WARP;
	if (lane < blocks)
		while (acquire(flags + first + lane) < (u32)step)
			__nanosleep(20);
	__syncwarp();
}

// mma adds the product of a 16x16 tile and a 16x8 one to a 16x8 tile.
DEVICE void mma(float *c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
#ifdef SIMULATOR
	u32 a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
	sim_mma_m16n8k16_bf16(c, a, b);
#else
	asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
	    : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#endif
}

// share is a warp's part of the inner dimension, in spans.
struct share {
	i64 from, to, warps; // warps that have a part
};

DEVICE share share_of(i64 hidden, i64 warps) {
	i64 spans = hidden / SPAN, each = (spans + warps - 1) / warps, from = threadIdx.x / WARP * each;
	share s = {from < spans ? from : spans, from + each < spans ? from + each : spans, (spans + each - 1) / each};
	return s;
}

// Weights lie as threads read them: tile m of span s is 32 units of 16 bytes, for
// the tile's row lane/4, and then 32 for row lane/4 + 8. Each is the 8 elements
// of the span from 8*(lane%4) on. The order of a span's elements in the tiles that
// are multiplied is not theirs but the same for both factors: a load of 16 bytes
// gives a thread what it holds of two tiles.
template <int MT> DEVICE i64 weights_count(i64 hidden) { return hidden / SPAN * MT * 2 * WARP; }

// place is where the unit i of 16 bytes belongs: row of the block's weights and
// element.
template <int MT> DEVICE void place(i64 i, i64 *row, i64 *element) {
	int lane = i % WARP, tile = i / (2 * WARP) % MT;
	*row = tile * 16 + i / WARP % 2 * 8 + lane / 4;
	*element = i / (2 * WARP * MT) * SPAN + lane % 4 * 8;
}

// load_tiles reads a thread's weights of some spans.
template <int CHUNK, int HALVES> DEVICE void load_tiles(uint4 (&w)[CHUNK][HALVES], const uint4 *weights, i64 from, i64 to) {
#pragma unroll
	for (int i = 0; i < CHUNK; i++)
		if (from + i < to) {
#pragma unroll
			for (int k = 0; k < HALVES; k++)
				w[i][k] = weights[((from + i) * HALVES + k) * WARP + threadIdx.x % WARP];
		}
}

// multiply puts a warp's part of the product into its part of partial: results
// lie by tile m, tile n, register and lane. x is (B, H) with rows pitch apart; it
// is there when the blocks that write the warp's part have published step.
template <int MT, int NT> DEVICE void multiply(float *partial, const uint4 *weights, const bf16 *x, i64 pitch, i64 batch, share s, const u32 *flags, i64 step) {
	typedef shape<MT, NT> S;
	if (s.from == s.to)
		return;
	const int lane = threadIdx.x % WARP;
	const i64 writers = SPAN / S::UNITS; // of a span
	float c[MT][NT][4];
	uint4 w[S::CHUNK][2 * MT], b[S::CHUNK][NT];
#pragma unroll
	for (int i = 0; i < MT * NT * 4; i++)
		c[i / 4 / NT][i / 4 % NT][i % 4] = 0;
	load_tiles<S::CHUNK, 2 * MT>(w, weights, s.from, s.to); // while others are waited for
	await(flags, s.from * writers, (s.to - s.from) * writers, step);
	x += lane / 4 * pitch + lane % 4 * 8;
	for (i64 from = s.from; from < s.to; from += S::CHUNK) {
#pragma unroll
		for (int i = 0; i < S::CHUNK; i++)
#pragma unroll
			for (int n = 0; n < NT; n++) {
				b[i][n] = make_uint4(0, 0, 0, 0);
				if (from + i < s.to && n * 8 + lane / 4 < batch)
					b[i][n] = __ldcg((const uint4 *)(x + n * 8 * pitch + (from + i) * SPAN));
			}
#pragma unroll
		for (int i = 0; i < S::CHUNK; i++)
			if (from + i < s.to) {
#pragma unroll
				for (int m = 0; m < MT; m++) {
					uint4 top = w[i][2 * m], bottom = w[i][2 * m + 1];
#pragma unroll
					for (int n = 0; n < NT; n++) {
						mma(c[m][n], top.x, bottom.x, top.y, bottom.y, b[i][n].x, b[i][n].y);
						mma(c[m][n], top.z, bottom.z, top.w, bottom.w, b[i][n].z, b[i][n].w);
					}
				}
			}
		load_tiles<S::CHUNK, 2 * MT>(w, weights, from + S::CHUNK, s.to);
	}
	partial += threadIdx.x / WARP * S::OUT + lane;
#pragma unroll
	for (int i = 0; i < MT * NT * 4; i++)
		partial[i * WARP] = c[i / 4 / NT][i / 4 % NT][i % 4];
}

// folded is result i of the product, once all warps have put theirs.
DEVICE float folded(const float *partial, int out, int i, i64 warps) {
	float sum = partial[i];
	for (int w = 1; w < warps; w++)
		sum += partial[w * out + i];
	return sum;
}

// cell is where cell i of a block belongs: its unit among the block's, and sample.
// A tile's result in register e or 2+e of a lane is for unit lane/4 of a group of
// 8 and sample 2*(lane%4) + e of 8.
template <int NT> DEVICE void cell(int i, i64 *unit, i64 *sample) {
	int lane = i % WARP, e = i / WARP % 2, n = i / (2 * WARP) % NT, group = i / (2 * WARP * NT);
	*unit = group * 8 + lane / 4;
	*sample = n * 8 + lane % 4 * 2 + e;
}

// result is the number of the result for cell i and gate k, where a group's tiles
// are those of i above f and of g above o.
template <int NT> DEVICE int result(int i, int k) {
	int lane = i % WARP, e = i / WARP % 2, n = i / (2 * WARP) % NT, group = i / (2 * WARP * NT);
	return (((group * 2 + k / 2) * NT + n) * 4 + k % 2 * 2 + e) * WARP + lane;
}

// owned are the cells of a thread: where each lies in a state (B, H), or -1, and
// in a step's gates (B, 4H).
template <int EACH> struct owned {
	i64 at[EACH], row[EACH];
};

template <int MT, int NT> DEVICE owned<shape<MT, NT>::EACH> own(i64 hidden, i64 batch) {
	typedef shape<MT, NT> S;
	owned<S::EACH> o;
#pragma unroll
	for (int j = 0; j < S::EACH; j++) {
		i64 unit, sample;
		cell<NT>(threadIdx.x + j * BLOCK, &unit, &sample);
		unit += (i64)blockIdx.x * S::UNITS;
		bool mine = threadIdx.x + j * BLOCK < S::CELLS && sample < batch;
		o.at[j] = mine ? sample * hidden + unit : -1;
		o.row[j] = sample * 4 * hidden + unit;
	}
	return o;
}

// sequence are the operands of a forward pass. Gates hold input products, and
// then activations. h is two states, the first of them what h begins with.
struct sequence {
	bf16 *gates;         // (T, B, 4H)
	const bf16 *weights; // (4H, H)
	const float *bih, *bhh, *c0;
	float *y, *cells; // (T, B, H)
	float *hn, *cn;   // (B, H)
	bf16 *h;          // (2, B, H)
	u32 *flags;       // one for each block, 0
	i64 steps, batch, hidden;
	i64 warps; // that the inner dimension is cut over: a block's at most
};

// Rows of weights are those of i and f, and of g and o, for 8 units at a time.
template <int MT> DEVICE void load_rows(uint4 *weights, const sequence &p) {
	for (i64 i = threadIdx.x; i < weights_count<MT>(p.hidden); i += BLOCK) {
		i64 row, element;
		place<MT>(i, &row, &element);
		i64 gate = row / 16 % 2 * 2 + row / 8 % 2, unit = (i64)blockIdx.x * 4 * MT + row / 32 * 8 + row % 8;
		weights[i] = *(const uint4 *)(p.weights + (gate * p.hidden + unit) * p.hidden + element);
	}
}

template <int MT, int NT> DEVICE void lstm_forward(const sequence &p) {
	typedef shape<MT, NT> S;
	DYNAMIC_SHARED(uint4, weights);
	const i64 H = p.hidden, B = p.batch;
	const owned<S::EACH> o = own<MT, NT>(H, B);
	const share s = share_of(H, p.warps);
	float *partial = (float *)(weights + weights_count<MT>(H));
	load_rows<MT>(weights, p);
	float c[S::EACH], h[S::EACH], z[S::EACH][4], bias[S::EACH][4];
#pragma unroll
	for (int j = 0; j < S::EACH; j++) {
		c[j] = o.at[j] < 0 ? 0 : p.c0[o.at[j]];
#pragma unroll
		for (int k = 0; k < 4; k++) {
			i64 row = o.at[j] < 0 ? 0 : o.at[j] % H + k * H;
			bias[j][k] = p.bih[row] + p.bhh[row];
		}
	}
	__syncthreads();
	for (i64 t = 0; t < p.steps; t++) {
		bf16 *gates = p.gates + t * B * 4 * H, inputs[S::EACH][4];
#pragma unroll
		for (int j = 0; j < S::EACH; j++)
			for (int k = 0; k < 4 && o.at[j] >= 0; k++) // they come while others are waited for
				inputs[j][k] = gates[o.row[j] + k * H];
		multiply<MT, NT>(partial, weights, p.h + t % 2 * B * H, H, B, s, p.flags, t);
		__syncthreads();
		// The state that is overwritten here is the one before the last. Its readers
		// were done with it when they published the last one, which between them this
		// block's warps have waited for all of.
		bf16 *next = p.h + (t + 1) % 2 * B * H;
#pragma unroll
		for (int j = 0; j < S::EACH; j++)
			if (o.at[j] >= 0) {
#pragma unroll
				for (int k = 0; k < 4; k++) {
					float v = widen(inputs[j][k]) + bias[j][k] + folded(partial, S::OUT, result<NT>(threadIdx.x + j * BLOCK, k), s.warps);
					z[j][k] = k == 2 ? tanhf(v) : logistic(v);
				}
				c[j] = z[j][1] * c[j] + z[j][0] * z[j][2];
				h[j] = z[j][3] * tanhf(c[j]);
				__stcg(&next[o.at[j]].bits, round_bf16(h[j]).bits);
			}
		publish(p.flags, t + 1);
#pragma unroll
		for (int j = 0; j < S::EACH; j++)
			if (o.at[j] >= 0) { // nobody waits for these
#pragma unroll
				for (int k = 0; k < 4; k++)
					gates[o.row[j] + k * H] = round_bf16(z[j][k]);
				p.cells[t * B * H + o.at[j]] = c[j];
				p.y[t * B * H + o.at[j]] = h[j];
			}
	}
#pragma unroll
	for (int j = 0; j < S::EACH; j++)
		if (o.at[j] >= 0)
			p.hn[o.at[j]] = h[j], p.cn[o.at[j]] = c[j];
}

// sequence_grad are the operands of a backward pass. Gates hold activations, and
// then the gradients of what they were computed from. dy, dhn, dcn, dh0 and dc0
// may be null.
struct sequence_grad {
	bf16 *gates;
	const bf16 *weights;
	const float *c0, *cells;
	const float *dy, *dhn, *dcn;
	float *dh0, *dc0;
	float *parts; // for each block and gate, what it adds to the block's dh
	u32 *flags;   // two for each block, 0: for gates and for parts
	i64 steps, batch, hidden;
	i64 warps; // that the inner dimension is cut over: a block's at most
};

// Columns of a gate's weights, for the units of four blocks.
template <int MT> DEVICE void load_columns(uint4 *weights, const sequence_grad &p) {
	const bf16 *w = p.weights + blockIdx.x % 4 * p.hidden * p.hidden + (i64)blockIdx.x / 4 * 16 * MT;
	for (i64 i = threadIdx.x; i < weights_count<MT>(p.hidden); i += BLOCK) {
		i64 column, element;
		place<MT>(i, &column, &element);
		u32 v[4];
#pragma unroll
		for (int k = 0; k < 4; k++) {
			const bf16 *two = w + (element + 2 * k) * p.hidden + column;
			v[k] = two[0].bits | (u32)two[p.hidden].bits << 16;
		}
		weights[i] = make_uint4(v[0], v[1], v[2], v[3]);
	}
}

// activations are what a step of a thread's cells needs.
template <int EACH> struct activations {
	bf16 gates[EACH][4];
	float c[EACH], before[EACH], dy[EACH];
};

// fetch reads those of step t, but for c, which is known as the later step's
// before.
template <int EACH> DEVICE void fetch(activations<EACH> &a, const sequence_grad &p, const owned<EACH> &o, i64 t) {
	i64 state = t * p.batch * p.hidden;
#pragma unroll
	for (int j = 0; j < EACH; j++)
		if (o.at[j] >= 0) {
			for (int k = 0; k < 4; k++)
				a.gates[j][k] = p.gates[4 * state + o.row[j] + k * p.hidden];
			a.c[j] = a.before[j];
			a.before[j] = t ? p.cells[state - p.batch * p.hidden + o.at[j]] : p.c0[o.at[j]];
			a.dy[j] = p.dy ? p.dy[state + o.at[j]] : 0;
		}
}

// Four blocks multiply for the units that they own together, each by the weights
// of one gate, so that each reads a quarter of the gates' gradients of a step. Then
// they exchange the parts of dh that are for each other's units.
template <int MT, int NT> DEVICE void lstm_backward(const sequence_grad &p) {
	typedef shape<MT, NT> S;
	DYNAMIC_SHARED(uint4, weights);
	const i64 H = p.hidden, B = p.batch, four = blockIdx.x / 4 * 4, gate = blockIdx.x % 4;
	const owned<S::EACH> o = own<MT, NT>(H, B);
	const share s = share_of(H, p.warps);
	float *partial = (float *)(weights + weights_count<MT>(H));
	u32 *part_flags = p.flags + gridDim.x;
	load_columns<MT>(weights, p);
	float dh[S::EACH], dc[S::EACH];
	activations<S::EACH> a;
#pragma unroll
	for (int j = 0; j < S::EACH; j++) {
		dh[j] = p.dhn && o.at[j] >= 0 ? p.dhn[o.at[j]] : 0;
		dc[j] = p.dcn && o.at[j] >= 0 ? p.dcn[o.at[j]] : 0;
		a.before[j] = o.at[j] < 0 ? 0 : p.cells[(p.steps - 1) * B * H + o.at[j]];
	}
	fetch(a, p, o, p.steps - 1);
	__syncthreads();
	for (i64 step = 1; step <= p.steps; step++) {
		i64 t = p.steps - step;
		bf16 *gates = p.gates + t * B * 4 * H;
#pragma unroll
		for (int j = 0; j < S::EACH; j++)
			if (o.at[j] >= 0) {
				bf16 *row = gates + o.row[j];
				float i = widen(a.gates[j][0]), f = widen(a.gates[j][1]), g = widen(a.gates[j][2]), u = widen(a.gates[j][3]);
				float h = tanhf(a.c[j]), d = dh[j] + a.dy[j], e = dc[j] + d * u * (1 - h * h);
				__stcg(&row[0].bits, round_bf16(e * g * i * (1 - i)).bits);
				__stcg(&row[H].bits, round_bf16(e * a.before[j] * f * (1 - f)).bits);
				__stcg(&row[2 * H].bits, round_bf16(e * i * (1 - g * g)).bits);
				__stcg(&row[3 * H].bits, round_bf16(d * h * u * (1 - u)).bits);
				dc[j] = e * f;
			}
		if (t == 0 && !p.dh0)
			break;
		publish(p.flags, step);
		if (t > 0)
			fetch(a, p, o, t - 1); // it comes while others are waited for
		multiply<MT, NT>(partial, weights, gates + gate * H, 4 * H, B, s, p.flags, step);
		__syncthreads();
		// The parts that are overwritten here were read before their reader published
		// its gates, which between them this block's warps have waited for all of.
		for (int i = threadIdx.x; i < S::OUT; i += BLOCK) {
			int lane = i % WARP, r = i / WARP % 4, n = i / (4 * WARP) % NT, m = i / (4 * WARP * NT);
			int eight = 2 * m + r / 2, owner = eight / (S::UNITS / 8), group = eight % (S::UNITS / 8);
			int to = ((group * NT + n) * 2 + r % 2) * WARP + lane;
			__stcg(p.parts + ((four + owner) * 4 + gate) * S::CELLS + to, folded(partial, S::OUT, i, s.warps));
		}
		publish(part_flags, step);
		await(part_flags, four, 4, step);
#pragma unroll
		for (int j = 0; j < S::EACH; j++)
			if (o.at[j] >= 0) {
				const float *part = p.parts + (i64)blockIdx.x * 4 * S::CELLS + threadIdx.x + j * BLOCK;
				dh[j] = __ldcg(part) + __ldcg(part + S::CELLS) + __ldcg(part + 2 * S::CELLS) + __ldcg(part + 3 * S::CELLS);
			}
	}
#pragma unroll
	for (int j = 0; j < S::EACH; j++)
		if (o.at[j] >= 0) {
			if (p.dh0)
				p.dh0[o.at[j]] = dh[j];
			if (p.dc0)
				p.dc0[o.at[j]] = dc[j];
		}
}

// Kernels for blocks of 8 and of 16 units, and up to 16, 32 and 64 samples.
#define PERSISTENT(units, samples) \
	KERNEL __launch_bounds__(BLOCK) lstm_forward_##units##_##samples(sequence p) { lstm_forward<units / 4, samples / 8>(p); } \
	KERNEL __launch_bounds__(BLOCK) lstm_backward_##units##_##samples(sequence_grad p) { lstm_backward<units / 4, samples / 8>(p); }
PERSISTENT(8, 16)
PERSISTENT(8, 32)
PERSISTENT(8, 64)
PERSISTENT(16, 16)
PERSISTENT(16, 32)
PERSISTENT(16, 64)
