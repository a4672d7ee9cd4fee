package main

import (
	"log"
	"os"
)

func logRun(prefix string, flags int) {
	logger := log.New(os.Stdout, prefix, flags)
	logger.Print("an info message")
	logger.Print("ERROR an error message")
	logger.Print(unicode)
	logger.Print(lines)
	logger.Printf("payment failed: %v", pay())
	logger.Print("the end")
}

func logStandard() { logRun("", log.LstdFlags) }

func logShort() { logRun("shop: ", log.LstdFlags|log.Lmicroseconds|log.Lshortfile|log.LUTC) }
