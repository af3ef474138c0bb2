package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Readers of a private registry sign in with a token that its operator gave them. The
// browser keeps it in a cookie that nothing but the pages takes: the API has no cookies,
// so no other site can use it by way of a signed-in reader. It lets read, whatever the
// token allows.

const (
	signInPath  = "/sign-in"
	signOutPath = "/sign-out"
	cookieName  = "warg-pages"
	// cookieTime is for how long a browser keeps a token. One that is withdrawn ends at once.
	cookieTime = 30 * 24 * time.Hour
	// MaxForm is the size in bytes of the largest form.
	MaxForm = 8 << 10
)

// FormPaths are where forms are posted.
func FormPaths() []string { return []string{signInPath, signOutPath} }

var errPrivate = &Problem{http.StatusUnauthorized, "This registry is private. Its operator gives out tokens that let you read it."}

// signInForm is what the page to sign in is made of.
type signInForm struct {
	Next    string // where to go from there
	Message string
}

// visit says what a client may see.
func (s *Site) visit(r *http.Request, c Client) *visit {
	v := &visit{client: c, link: func(path string) string { return s.prefix + path }}
	if s.Access == nil {
		v.mayRead = true
		return v
	}
	if cookie, err := r.Cookie(cookieName); err == nil {
		if link, ok := s.Access.Reader(cookie.Value); ok {
			v.mayRead, v.signed = true, true
			v.link = func(path string) string { return s.prefix + link(path) }
		}
	}
	return v
}

// signIn takes a token and keeps it in a cookie.
func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	token := strings.TrimSpace(form.Get("token"))
	if _, ok := s.Access.Reader(token); !ok {
		v := visitOf(r)
		body, err := s.render(page{template: "signin", title: "Sign in", data: signInForm{
			localPath(form.Get("next")), "This registry does not know that token. Ask its operator for one.",
		}}, r, v)
		if err != nil {
			fail(w, err)
			return
		}
		s.setHeader(w.Header())
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusForbidden)
		w.Write(body)
		return
	}
	s.setCookie(w, r, token, int(cookieTime.Seconds()))
	s.goTo(w, localPath(form.Get("next")))
}

// signOut makes the browser forget the token.
func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.form(w, r); !ok {
		return
	}
	s.setCookie(w, r, "", -1)
	s.goTo(w, "/")
}

// form reads a form that a page of this registry has sent: one of another site could sign
// a reader in, with a token of its own, or out.
func (s *Site) form(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	if s.Access == nil {
		fail(w, &Problem{http.StatusNotFound, "This registry is public: nobody needs to sign in."})
		return nil, false
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		fail(w, &Problem{http.StatusForbidden, "The form was sent from another site."})
		return nil, false
	}
	form, err := url.ParseQuery(string(visitOf(r).client.Body))
	if err != nil {
		fail(w, &Problem{http.StatusBadRequest, "The form can not be read."})
		return nil, false
	}
	return form, true
}

func (s *Site) setCookie(w http.ResponseWriter, r *http.Request, token string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: token, Path: s.prefix + "/", MaxAge: age,
		HttpOnly: true, Secure: visitOf(r).client.HTTPS, SameSite: http.SameSiteStrictMode,
	})
}

// goTo sends a browser on, with GET.
func (s *Site) goTo(w http.ResponseWriter, path string) {
	w.Header().Set("Location", s.prefix+path)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// localPath is a path of this registry, and "/" for all else: a form must not lead to
// another site.
func localPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || len(text) > 2048 ||
		!strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(text, "\\\r\n") {
		return "/"
	}
	return u.RequestURI()
}
