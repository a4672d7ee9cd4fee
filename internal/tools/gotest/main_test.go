package main

import (
	"strings"
	"testing"
)

func TestSummarise(t *testing.T) {
	var out strings.Builder
	run := summarise(strings.NewReader(`{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: needs a thing\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB","Elapsed":0}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: went wrong\n"}
{"Action":"fail","Package":"p","Test":"TestC","Elapsed":2}
{"Action":"fail","Package":"p","Elapsed":2.5}
{"Action":"skip","Package":"q"}
`), &out)
	if run.passed != 1 || run.failed != 1 || len(run.skipped) != 1 {
		t.Errorf("passed %d, failed %d, skipped %v: want one each", run.passed, run.failed, run.skipped)
	}
	for _, want := range []string{"c_test.go:9: went wrong", "SKIP  p TestB: b_test.go:3: needs a thing", "1 packages have no test files"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the report:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Errorf("the output of a test that passed is in the report:\n%s", out.String())
	}
}

func TestABuildFailureIsShown(t *testing.T) {
	var out strings.Builder
	run := summarise(strings.NewReader(`{"ImportPath":"p","Action":"build-output","Output":"p/a.go:1:1: syntax error\n"}
{"Action":"fail","Package":"p","Elapsed":0}
`), &out)
	if run.passed != 0 || !strings.Contains(out.String(), "syntax error") {
		t.Errorf("report:\n%s", out.String())
	}
}
