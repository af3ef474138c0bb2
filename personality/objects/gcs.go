package objects

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2/google"
)

// openGCS opens a bucket of Google Cloud Storage. The library goes on without credentials
// where it finds none, and prints that on standard output, which belongs to what scripts
// read: it is not asked where that would happen.
func openGCS(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	q := u.Query()
	if anonymous, _ := strconv.ParseBool(q.Get("anonymous")); anonymous || q.Get("access_id") == "-" {
		var mux blob.URLMux
		mux.RegisterBucket(gcsblob.Scheme, &gcsblob.URLOpener{Client: gcp.NewAnonymousHTTPClient(gcp.DefaultTransport())})
		return mux.OpenBucketURL(ctx, u)
	}
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" && os.Getenv("STORAGE_EMULATOR_HOST_GRPC") == "" {
		if err := findGCSCredentials(ctx, q.Get("universe_domain")); err != nil {
			return nil, err
		}
	}
	return blob.DefaultURLMux().OpenBucketURL(ctx, u)
}

func findGCSCredentials(ctx context.Context, universe string) error {
	var credentials *google.Credentials
	var err error
	if universe == "" {
		credentials, err = gcp.DefaultCredentials(ctx)
	} else {
		credentials, err = gcp.DefaultCredentialsWithParams(ctx, google.CredentialsParams{UniverseDomain: universe})
	}
	if err == nil {
		_, err = credentials.GetUniverseDomain()
	}
	if err != nil {
		return fmt.Errorf("there are no credentials for Google Cloud Storage: set GOOGLE_APPLICATION_CREDENTIALS, or append ?anonymous=true to the URL (%w)", err)
	}
	return nil
}

// signGCS has URLs signed by version 4 of Google's signatures; the library's own choice,
// version 2, is its older one.
func signGCS(as func(any) bool) error {
	var o *storage.SignedURLOptions
	if !as(&o) {
		return errors.New("the library of Google Cloud Storage has other options for signed URLs")
	}
	o.Scheme = storage.SigningSchemeV4
	return nil
}
