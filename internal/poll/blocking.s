// The compiler accepts functions without a body, as blocking.go declares them, in a
// package that has a file of assembly.
