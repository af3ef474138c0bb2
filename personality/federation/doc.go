// Package federation holds what a registry needs to answer for others beside itself:
// which they are, who answers for each, where clients are sent whose package is
// elsewhere, and how requests that go round in circles end.
//
// The registries are configured in a file ([Load]). A client names one of them with the
// header Warg-Registry; [Router] finds the handler that answers for it. Each registry has
// a mode, which is how its answers come about:
//
//   - [Proxy]: each is asked of the registry itself and verified (package proxy below);
//   - [Mirror]: they come from a verified copy.
//
// A mode is whatever implements [Other]: what the API asks of any registry, so that
// encoding, limits and errors are the same code, with [ReadOnly] for what can not be done
// through another registry. The server makes an HTTP API of it and gives it to the router;
// see others.go in package personality, where a mode is opened by its name.
//
// No request goes anywhere but to registries of the file.
package federation
