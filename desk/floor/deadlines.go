package floor

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"
)

// deadlines is a heap with entries that may be out of date; the state decides.
type deadlines []deadline

type deadline struct {
	at  time.Time
	key key
}

func (d deadlines) Len() int      { return len(d) }
func (d deadlines) Swap(i, j int) { d[i], d[j] = d[j], d[i] }

// Less is a total order, so that what happens at one moment does not depend on how the index was built.
func (d deadlines) Less(i, j int) bool {
	a, b := d[i], d[j]
	return cmp.Or(a.at.Compare(b.at), strings.Compare(string(a.key.kind), string(b.key.kind)), strings.Compare(a.key.id, b.key.id)) < 0
}
func (d *deadlines) Push(x any) { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

func (d *deadlines) add(old, fresh time.Time, k key) {
	if !fresh.IsZero() && !fresh.Equal(old) {
		heap.Push(d, deadline{fresh, k})
	}
}

// past keeps the last few settled things, so that a late click is told what became of them.
type past[T any] struct {
	m     map[string]T
	order []string
}

func (p *past[T]) add(id string, v T) {
	if p.m == nil {
		p.m = map[string]T{}
	}
	if _, there := p.m[id]; !there {
		p.order = append(p.order, id)
	}
	p.m[id] = v
	if len(p.order) > pastLimit {
		delete(p.m, p.order[0])
		p.order = slices.Delete(p.order, 0, 1)
	}
}
