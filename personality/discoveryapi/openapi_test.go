package discoveryapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/warg-trillian/warg-trillian/warg/discovery"
)

type document struct {
	Paths map[string]map[string]struct {
		OperationID string
		Parameters  []struct{ Name, In string }
		Responses   map[string]struct {
			Content map[string]struct{ Schema map[string]any }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Required   []string
	Properties map[string]any
	AllOf      []schema
}

func readDocument(t *testing.T) (d document) {
	t.Helper()
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The document has every route, and no other, with the parameters in its path.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	d := readDocument(t)
	var routes, documented []string
	for _, r := range New(nil, nil).Routes() {
		routes = append(routes, "/"+r.Path)
	}
	for path, methods := range d.Paths {
		documented = append(documented, path)
		if len(methods) != 1 || methods["get"].OperationID == "" {
			t.Errorf("%s has the methods %v", path, methods)
		}
		for _, part := range strings.Split(path, "/") {
			name := strings.Trim(part, "{}")
			if name != part && !slices.ContainsFunc(methods["get"].Parameters, func(p struct{ Name, In string }) bool { return p.Name == name && p.In == "path" }) {
				t.Errorf("%s lacks its parameter %s", path, name)
			}
		}
	}
	sort.Strings(routes)
	sort.Strings(documented)
	if !slices.Equal(routes, documented) {
		t.Errorf("the routes are\n%s\nthe document has\n%s", routes, documented)
	}
}

// Every parameter of a query is in the document, and every one there is taken.
func TestOpenAPIHasEveryParameter(t *testing.T) {
	var q discovery.Query
	v := reflect.ValueOf(&q).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"x"}))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int:
			f.SetInt(1)
		}
	}
	var want, got []string
	for name := range q.Values() {
		want = append(want, name)
	}
	for _, p := range readDocument(t).Paths["/"+discovery.PackagesPath]["get"].Parameters {
		got = append(got, p.Name)
	}
	sort.Strings(want)
	sort.Strings(got)
	if !slices.Equal(got, want) {
		t.Errorf("the document has the parameters %s, want %s", got, want)
	}
}

// The schemas have the members of the types, and require those that are always there.
func TestOpenAPIHasEveryMember(t *testing.T) {
	schemas := readDocument(t).Components.Schemas
	for name, of := range map[string]reflect.Type{
		"Page": reflect.TypeFor[discovery.Page](), "Package": reflect.TypeFor[discovery.Package](), "Release": reflect.TypeFor[discovery.Release](),
		"Summary": reflect.TypeFor[discovery.Summary](), "Description": reflect.TypeFor[discovery.Description](), "Interface": reflect.TypeFor[discovery.Interface](),
		"Facets": reflect.TypeFor[discovery.Facets](), "Key": reflect.TypeFor[discovery.Key](), "KeyPackage": reflect.TypeFor[discovery.KeyPackage](),
		"Event": reflect.TypeFor[discovery.Event](), "Log": reflect.TypeFor[discovery.Log](), "Status": reflect.TypeFor[discovery.Status](), "WIT": reflect.TypeFor[discovery.WIT](),
		"Change": reflect.TypeFor[discovery.Change](), "Reason": reflect.TypeFor[discovery.Reason](), "Held": reflect.TypeFor[discovery.Held](),
		"Capability": reflect.TypeFor[discovery.Capability](), "Extern": reflect.TypeFor[discovery.Extern](), "Dependency": reflect.TypeFor[discovery.Dependency](),
		"Metadata": reflect.TypeFor[discovery.Metadata](), "Producer": reflect.TypeFor[discovery.Producer](), "Section": reflect.TypeFor[discovery.Section](),
		"WITPackage": reflect.TypeFor[discovery.WITPackage](), "WITWorld": reflect.TypeFor[discovery.WITWorld](), "Facet": reflect.TypeFor[discovery.Facet](),
		"InterfaceAmount": reflect.TypeFor[discovery.InterfaceAmount](), "Externs": reflect.TypeFor[discovery.List[discovery.Extern]](),
	} {
		got, want := map[string]bool{}, map[string]bool{} // member to whether it is always there
		collect(schemas, schemas[name], got)
		members(of, want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the document has %v, the type %v", name, got, want)
		}
	}
}

func collect(schemas map[string]schema, s schema, into map[string]bool) {
	if s.Ref != "" {
		s = schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	for name := range s.Properties {
		into[name] = slices.Contains(s.Required, name)
	}
	for _, part := range s.AllOf {
		collect(schemas, part, into)
	}
}

func members(of reflect.Type, into map[string]bool) {
	for i := range of.NumField() {
		field := of.Field(i)
		if field.Anonymous {
			members(field.Type, into)
			continue
		}
		name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
		into[name] = rest != "omitempty"
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	answer, err := New(nil, nil).openAPI(httptest.NewRequest(http.MethodGet, "/"+discovery.OpenAPIPath, nil), "")
	if err != nil || !slices.Equal(answer.Body, openAPI) || answer.ContentType != "application/json" {
		t.Error(answer, err)
	}
}
