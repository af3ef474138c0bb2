package liar

import "context"

func contextWith(ctx context.Context, body []byte) context.Context {
	return context.WithValue(ctx, requestBody{}, body)
}

// bodyOf is the body of the request that a context is of.
func bodyOf(ctx context.Context) []byte {
	body, _ := ctx.Value(requestBody{}).([]byte)
	return body
}
