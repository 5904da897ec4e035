//go:build cgo && linux

package cublas

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// planKey is what a plan depends on.
type planKey struct {
	size, samples int // samples is 16, 32 or 64
}

// plan is how a sequence is laid out over the device. No blocks: it does not fit.
type plan struct {
	forward, backward kernel
	blocks, shared    int
	warps             int // of a block, that multiply
	parts             int // bytes that blocks exchange in a backward step
}

// persistentThreads are a block's: BLOCK.
const persistentThreads = 256

// persistentPlan is the plan for H hidden units and B samples. Fewer units a block
// are better, as long as all blocks can run at the same time.
func (b *Backend) persistentPlan(size, batch int) plan {
	key := planKey{size, 16}
	for key.samples < batch {
		key.samples *= 2
	}
	if b.precision != backend.BF16 || b.dev.Major < 8 || !b.dev.Cooperative || key.samples > 64 {
		return plan{}
	}
	p, ok := b.lstms.plans[key]
	if ok {
		return p
	}
	for _, units := range b.lstms.units {
		if p = b.layout(key, units); p.blocks > 0 {
			break
		}
	}
	if b.lstms.plans == nil {
		b.lstms.plans = map[planKey]plan{}
	}
	b.lstms.plans[key] = p
	return p
}

// layout is the plan with so many units a block. A block's weights, in bfloat16,
// and its warps' results, four for each cell, are in shared memory.
func (b *Backend) layout(key planKey, units int) plan {
	if key.size%(4*units) != 0 {
		return plan{} // four blocks share a step's backward product
	}
	if (key.size/32+b.lstms.warps-1)/b.lstms.warps > units {
		return plan{} // a warp's threads wait for a block each
	}
	cells := units * key.samples
	name := func(pass string) kernel {
		return kernel{"persistent", fmt.Sprintf("lstm_%s_%d_%d", pass, units, key.samples), b.dev.Shared}
	}
	p := plan{forward: name("forward"), backward: name("backward"), blocks: key.size / units, warps: b.lstms.warps}
	p.shared = 2*4*units*key.size + 4*4*cells*p.warps
	p.parts = 4 * 4 * cells * p.blocks
	if p.shared > b.dev.Shared || !b.together(p.forward, p) || !b.together(p.backward, p) {
		return plan{}
	}
	return p
}

// together tells whether all blocks of a plan can run at the same time.
func (b *Backend) together(k kernel, p plan) bool {
	f, err := b.programs.function(k)
	if err != nil {
		b.check(err)
		return false
	}
	n, err := b.dev.Occupancy(f, persistentThreads, p.shared)
	b.check(err)
	return n >= p.blocks
}

// persistentPlan is the call's plan; none where its tensors do not suit.
func (l *lstm) persistentPlan() plan {
	if l.c.X.DType != tensor.Float32 || l.c.Gates.DType != tensor.BFloat16 || l.stored() || l.b.at(l.c.Gates)%16 != 0 {
		return plan{}
	}
	return l.b.persistentPlan(l.size, l.batch)
}

// launchTogether queues a kernel whose blocks wait for each other; false where the
// device cannot run them at the same time.
func (b *Backend) launchTogether(k kernel, p plan, words ...uint64) bool {
	launch := b.begin(k, p.blocks, persistentThreads, p.shared)
	if b.fault != nil {
		return true
	}
	err := b.dev.Launch(launch.Together().Words(words...))
	if cuda.Is(err, cuda.TooManyBlocks) || cuda.Is(err, cuda.NotSupported) {
		return false
	}
	if err != nil {
		b.check(fmt.Errorf("kernel %s: %w", k.name, err))
	}
	return true
}

// flags are so many words of 0.
func (b *Backend) flags(n int) scratch {
	mem := b.scratch(4 * n)
	b.fill(b.view(mem, tensor.Int32, n), 0)
	return mem
}

func (l *lstm) forwardPersistent() bool {
	b, c := l.b, l.c
	p := l.persistentPlan()
	if p.blocks == 0 {
		return false
	}
	whh, mem := b.narrowed(c.Whh)
	defer b.release(mem)
	h := b.scratch(2 * 2 * l.batch * l.size)
	defer b.release(h)
	flags := b.flags(p.blocks)
	defer b.release(flags)
	b.matMul(lstmRows(c.Gates), lstmRows(c.X), c.Wih.Transpose(), false)
	b.copy(b.view(h, tensor.BFloat16, l.batch, l.size), c.H0)
	return b.launchTogether(p.forward, p,
		uint64(b.at(c.Gates)), uint64(b.at(whh)), uint64(b.at(c.Bih)), uint64(b.at(c.Bhh)), uint64(b.at(c.C0)),
		uint64(b.at(c.Y)), uint64(b.at(c.Cells)), uint64(b.at(c.HN)), uint64(b.at(c.CN)),
		uint64(h.at), uint64(flags.at), uint64(l.steps), uint64(l.batch), uint64(l.size), uint64(p.warps))
}

// backwardPersistent turns Gates into gradients, as backwardSteps does.
func (l *lstm) backwardPersistent(g *backend.LSTMGrads) bool {
	b, c := l.b, l.c
	p := l.persistentPlan()
	if p.blocks == 0 {
		return false
	}
	whh, mem := b.narrowed(c.Whh)
	defer b.release(mem)
	parts := b.scratch(p.parts)
	defer b.release(parts)
	flags := b.flags(2 * p.blocks)
	defer b.release(flags)
	return b.launchTogether(p.backward, p,
		uint64(b.at(c.Gates)), uint64(b.at(whh)), uint64(b.at(c.C0)), uint64(b.at(c.Cells)),
		uint64(b.pointer(g.DY)), uint64(b.pointer(g.DHN)), uint64(b.pointer(g.DCN)),
		uint64(b.pointer(g.DH0)), uint64(b.pointer(g.DC0)), uint64(parts.at), uint64(flags.at),
		uint64(l.steps), uint64(l.batch), uint64(l.size), uint64(p.warps))
}
