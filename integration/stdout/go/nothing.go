package main

import "fmt"

// crash shows what the runtime prints for a panic that nobody recovers from.
func crash() {
	fmt.Println("the beginning") //nolint:forbidigo // a program without a logger
	defer func() {
		panic(fmt.Errorf("payment failed: %w", recover().(error))) //nolint:forbidigo // it is to die
	}()
	panic(pay()) //nolint:forbidigo // it is to die
}
