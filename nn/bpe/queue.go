package bpe

// queue is a binary heap: pop gives the element that comes before all others.
type queue[T ordered[T]] []T

type ordered[T any] interface{ before(T) bool }

func (q *queue[T]) push(x T) {
	*q = append(*q, x)
	h, i := *q, len(*q)-1
	for i > 0 {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *queue[T]) pop() T {
	h := *q
	top, n := h[0], len(h)-1
	h[0] = h[n]
	h = h[:n]
	*q = h
	for i := 0; ; {
		next := 2*i + 1
		if next >= n {
			return top
		}
		if next+1 < n && h[next+1].before(h[next]) {
			next++
		}
		if !h[next].before(h[i]) {
			return top
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
}
