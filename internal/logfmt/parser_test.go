package logfmt

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFirst(t *testing.T) {
	p := NewParser(Options{})
	pairs, err := p.AppendPairs(nil, `at=info "q k"="a\u00e9\n" n=5 f=1.5 b=true tag e= d=don't u=http://x?a=b s="5" z=007 m#x=12ms`+"\r\n")
	assert.NoError(t, err)
	got := string(AppendPairs(nil, pairs))
	assert.Equal(t, `at=info "q k"="aé\n" n=5 f=1.5 b=true tag e= d=don't u="http://x?a=b" s="5" z=007 m#x=12ms`, got)
	_, err = p.AppendPairs(nil, `a="b`)
	assert.EqualError(t, err, "logfmt: column 3: the quote is never closed")
}
