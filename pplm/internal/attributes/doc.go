// Package attributes is what the commands have in common that steer text: the
// flags that name bags of words and heads, in lists with ";" between them as the
// reference program has them, those that say how far they steer, and how both are
// opened.
//
// A name that is neither known nor a file is an error that lists the known ones.
// Nothing that is opened here has to be freed.
package attributes
