package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The fakes leave their process id in the folder that this variable names.
const pidsVariable = "HEARTWOOD_TEST_PIDS"

func leavePID(name string) {
	if dir := os.Getenv(pidsVariable); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, name), []byte(strconv.Itoa(os.Getpid())), 0o600)
	}
}

func awaitSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	<-signals
}

// fakeCollector does what its configuration, a file of one word, says.
func fakeCollector() {
	leavePID("otelcol-heartwood")
	config, err := os.ReadFile(os.Args[2])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	switch strings.TrimSpace(string(config)) {
	case "broken":
		fmt.Fprintln(os.Stderr, "2026-11-21T08:42:39.941Z\tinfo\tStarting shutdown...")
		fmt.Fprint(os.Stderr, "Error: cannot start pipelines:\n\n'limit_mib' cannot parse value\n")
		os.Exit(1)
	case "never ready":
		fmt.Fprintln(os.Stderr, "waiting for a license server")
		awaitSignal()
		return
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		collect()
		select {}
	case "dies":
		collect()
		time.Sleep(300 * time.Millisecond)
		fmt.Fprintln(os.Stderr, "fatal error: out of memory")
		os.Exit(3)
	default:
		drain := collect()
		awaitSignal()
		drain()
	}
}

// collect listens where the quickstart says and writes each line of logfmt as a
// record whose body it is. drain waits for what has been sent, as the real receiver
// does before it ends.
func collect() (drain func()) {
	records := filepath.Join(os.Getenv("HEARTWOOD_RUN_DIR"), "records", "logs.jsonl")
	var mu sync.Mutex
	write := func(service, body string) {
		mu.Lock()
		defer mu.Unlock()
		file, err := os.OpenFile(records, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		defer func() { _ = file.Close() }()
		_, _ = fmt.Fprintf(file, `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":%q}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795250499783986000","severityNumber":9,"body":{"stringValue":%q}}]}]}]}`+"\n", service, body)
	}
	at := func(variable string) net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv(variable))
		if err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			os.Exit(1)
		}
		return l
	}
	lines := at("HEARTWOOD_LOGFMT_TCP_PORT")
	var reading sync.WaitGroup
	var connections sync.Map
	go func() {
		for {
			connection, err := lines.Accept()
			if err != nil {
				return
			}
			connections.Store(connection, nil)
			reading.Go(func() {
				for scanner := bufio.NewScanner(connection); scanner.Scan(); {
					write("lines", scanner.Text())
				}
				connections.Delete(connection)
				_ = connection.Close()
			})
		}
	}()
	serve := func(variable, service string) {
		l := at(variable)
		server := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				body, _ := io.ReadAll(r.Body)
				write(service, strings.TrimSpace(string(body)))
				_, _ = io.WriteString(w, `{"accepted":1,"rejected":0}`)
			}
		})}
		go func() { _ = server.Serve(l) }()
	}
	serve("HEARTWOOD_LOGFMT_HTTP_PORT", "web")
	serve("HEARTWOOD_OTLP_HTTP_PORT", "otlp")
	serve("HEARTWOOD_HEALTH_PORT", "health")
	return func() {
		connections.Range(func(connection, _ any) bool {
			// Whoever holds it open without a word is not waited for.
			_ = connection.(net.Conn).SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			return true
		})
		reading.Wait()
	}
}

func fakeShop() {
	part := os.Args[1]
	leavePID(part)
	if part == "inventory" {
		fmt.Println("app=inventory at=start")
	}
	if slices.Contains(strings.Fields(os.Getenv("HEARTWOOD_TEST_DIES")), part) {
		fmt.Fprintln(os.Stderr, part+" is tired")
		os.Exit(7)
	}
	awaitSignal()
	if part == "inventory" {
		fmt.Println("app=inventory at=stop")
	}
}
