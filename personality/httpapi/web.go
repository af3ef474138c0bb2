package httpapi

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/warg-trillian/warg-trillian/personality/limits"
	"github.com/warg-trillian/warg-trillian/personality/web"
	"github.com/warg-trillian/warg-trillian/warg/api"
)

// The pages for people, where there is nothing of the API. What they show package web says.

// isPage reports whether a request is to be answered with a page, also if it fails.
func (h *handler) isPage(r *http.Request) bool {
	return h.Web != nil && (h.Web.IsPage(r) || r.Method == http.MethodPost && slices.Contains(web.FormPaths(), r.URL.Path))
}

// webClient is what the pages need to know of a client.
func (h *handler) webClient(r *http.Request, body []byte) web.Client {
	return web.Client{URL: cmp.Or(strings.TrimRight(h.BaseURL, "/"), h.baseURL(r)), HTTPS: h.Limits.Addresses.HTTPS(r), Body: body}
}

// pages serves a page to those who want one, and else says that nothing is there.
func (h *handler) pages(w http.ResponseWriter, r *http.Request) error {
	if h.Web == nil {
		return notFound(w, r)
	}
	w.Header().Add("Vary", "Accept")
	if !h.isPage(r) {
		return notFound(w, r)
	}
	notForOthers(w)
	return h.asked(h.Limits.Reading, h.page)(w, r)
}

// form takes a form of the pages.
func (h *handler) form(w http.ResponseWriter, r *http.Request) error {
	notForOthers(w)
	return h.exchange(h.Limits.Reading, h.page, func(w http.ResponseWriter, r *http.Request, held *limits.Holding) ([]byte, error) {
		return readBody(w, r, held, web.MaxForm)
	})(w, r)
}

func (h *handler) page(r *http.Request, body []byte) (reply, error) {
	answer, err := h.Web.Answer(r, h.webClient(r, body))
	if err != nil {
		return reply{}, err
	}
	return reply{
		status: answer.Status, contentType: answer.Header.Get("Content-Type"), header: answer.Header,
		encode: func(b []byte) []byte { return append(b, answer.Body...) }, size: len(answer.Body),
	}, nil
}

// writeProblem answers with the page that tells of an error.
func (h *handler) writeProblem(w http.ResponseWriter, r *http.Request, body api.Error) {
	notForOthers(w)
	answer := h.Web.Problem(r, h.webClient(r, nil), body.Status(), body.Error())
	maps.Copy(w.Header(), answer.Header)
	send(w, nil, answer.Status, answer.Header.Get("Content-Type"), answer.Body)
}

// notForOthers keeps the pages from the scripts of other sites: a browser sends a cookie
// for them.
func notForOthers(w http.ResponseWriter) {
	w.Header().Del("Access-Control-Allow-Origin")
	w.Header().Del("Access-Control-Expose-Headers")
}
