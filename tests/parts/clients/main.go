// Clients of registries as other projects have them, for the tests: Flux's, which is what Flux's source-controller
// reads artifacts with, and oras-go's.
//
//	clients flux-push FOLDER REFERENCE     prints the digest
//	clients flux-pull REFERENCE FOLDER     prints the digest
//	clients oras-push FOLDER REFERENCE     one layer, as `oras push` makes it; prints the digest
//	clients oras-copy REFERENCE REFERENCE  with referrers, recursively; prints the digest
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/fluxcd/pkg/oci"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

func repository(reference string) *remote.Repository {
	name, err := remote.NewRepository(reference)
	if err != nil {
		log.Fatal(err)
	}
	name.PlainHTTP = true
	logins, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		log.Fatal(err)
	}
	name.Client = &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache(), Credential: credentials.Credential(logins)}
	return name
}

func orasPush(ctx context.Context, folder, reference string) (string, error) {
	store, err := file.New(filepath.Dir(folder))
	if err != nil {
		return "", err
	}
	defer store.Close()
	store.TarReproducible = true
	layer, err := store.Add(ctx, filepath.Base(folder), ocispec.MediaTypeImageLayerGzip, folder)
	if err != nil {
		return "", err
	}
	options := oras.PackManifestOptions{Layers: []ocispec.Descriptor{layer}}
	manifest, err := oras.PackManifest(ctx, store, oras.PackManifestVersion1_1, "application/vnd.example.config", options)
	if err != nil {
		return "", err
	}
	target := repository(reference)
	if err := oras.CopyGraph(ctx, store, target, manifest, oras.DefaultCopyGraphOptions); err != nil {
		return "", err
	}
	return manifest.Digest.String(), target.Tag(ctx, manifest, target.Reference.Reference)
}

func run(ctx context.Context, command, from, to string) (string, error) {
	client := oci.NewClient(oci.DefaultOptions())
	switch command {
	case "flux-push":
		reference, err := client.Push(ctx, to, from, oci.WithPushMetadata(oci.Metadata{
			Source:   "https://git.example.com/acme/config.git",
			Revision: "main@sha1:1111111111111111111111111111111111111111",
			Created:  "2026-01-31T12:00:00Z",
		}))
		if err != nil {
			return "", err
		}
		_, digest, _ := strings.Cut(reference, "@")
		return digest, nil
	case "oras-push":
		return orasPush(ctx, from, to)
	case "flux-pull":
		meta, err := client.Pull(ctx, from, to)
		if err != nil {
			return "", err
		}
		return meta.Digest, nil
	case "oras-copy":
		source, target := repository(from), repository(to)
		found, err := oras.Resolve(ctx, source, source.Reference.Reference, oras.DefaultResolveOptions)
		if err != nil {
			return "", err
		}
		if err := oras.ExtendedCopyGraph(ctx, source, target, found, oras.DefaultExtendedCopyGraphOptions); err != nil {
			return "", err
		}
		return found.Digest.String(), target.Tag(ctx, found, target.Reference.Reference)
	}
	return "", fmt.Errorf("no such command: %s", command)
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: clients COMMAND FROM TO")
	}
	digest, err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(digest)
}
