package config

import (
	"strings"
	"testing"
)

func TestContentURL(t *testing.T) {
	clearEnvironment(t)
	for url, want := range map[string]struct{ bucket, dir string }{
		"":                               {"", "d/content"},
		"file:///var/lib/content":        {"", "/var/lib/content"},
		"s3://b?region=eu&prefix=warg/":  {"s3://b?region=eu&prefix=warg/", "d/content"},
		"gs://b":                         {"gs://b", "d/content"},
		"azblob://c?storage_account=acc": {"azblob://c?storage_account=acc", "d/content"},
	} {
		o, err := mustParse(t, "--data-dir=d", "--content-url="+url).Options()
		if err != nil || o.Content.BucketURL != want.bucket || o.Content.Dir != want.dir {
			t.Errorf("%q: bucket %q, folder %q, %v", url, o.Content.BucketURL, o.Content.Dir, err)
		}
	}
	for args, want := range map[string]string{
		"--content-url=http://b":                           "no kind of content store",
		"--content-url=mem://":                             "no kind of content store",
		"--content-url=s3://b/path":                        "no path",
		"--content-url=s3://":                              "name of a bucket",
		"--content-url=s3://user:secret@b":                 "credentials",
		"--content-url=file:content":                       "absolute path",
		"--content-url=file://host/content":                "absolute path",
		"--content-url=s3://b --content-dir=d":             "keep one",
		"--content-upload=direct":                          "content in a bucket",
		"--content-redirect --content-url=file:///d":       "content in a bucket",
		"--content-upload=sideways --content-url=s3://b":   "neither proxy nor direct",
		"--content-upload=direct --content-url=azblob://c": "leave it at proxy",
		"--content-retention=9m59s":                        "10m0s or more",
		"--content-retention=0 --content-url=s3://bucket":  "above zero",
		"--content-timeout=0s --content-url=s3://bucket":   "above zero",
	} {
		_, err := parse(t, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", args, err)
		}
	}
}
