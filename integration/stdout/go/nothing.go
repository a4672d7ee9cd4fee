package main

import "fmt"

// crash shows what the runtime prints for a panic that nobody recovers from.
func crash() {
	fmt.Println("the beginning")
	defer func() {
		panic(fmt.Errorf("payment failed: %w", recover().(error)))
	}()
	panic(pay())
}
