package viewerexporter

import (
	"encoding/json"
	"net/http"
)

// problem is an answer of RFC 9457.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	At     *int   `json:"at,omitempty"`
}

func (p problem) write(w http.ResponseWriter) {
	body, _ := json.Marshal(p) // can't fail
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

func answerProblem(w http.ResponseWriter, status int, title, detail string) {
	problem{Title: title, Status: status, Detail: detail}.write(w)
}
