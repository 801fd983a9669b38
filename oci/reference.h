// Names of artifacts: where a repository is, and which of its manifests is meant.
//
//     oci://registry.example.com:5000/acme/shop:prod@sha256:…     a registry ("oci://" may be left
//     out) oci-layout:///var/lib/sealift/shop:prod@sha256:…            an OCI image layout on disk
//
// Format: distribution-spec 1.1 "Pulling manifests" for names and tags, docker's reference grammar
// for what is left out (docker.io, library/).
#ifndef OCI_REFERENCE_H
#define OCI_REFERENCE_H

#include <stdbool.h>

#include "base/error.h"

enum oci_kind { OCI_REGISTRY, OCI_LAYOUT };

struct oci_reference {
    enum oci_kind kind;
    char *host; // registry: canonical "host[:port]", lower case; docker.io is "index.docker.io"
    char *repository;  // registry: "acme/shop"; docker.io's one-word names get "library/"
    char *layout_path; // layout: absolute, without "." and ".." segments
    char *tag;         // NULL when absent; nothing is assumed
    char *digest;      // "sha256:…", NULL when absent
};

// ERROR_INVALID says what is wrong and what a reference looks like. "scheme://" other than oci and
// oci-layout, user:password, a query, upper case in the path are refused. *ret_reference is owned.
int oci_reference_parse(const char *text, struct oci_reference *ret_reference, struct error *err)
    __attribute__((warn_unused_result));
void oci_reference_release(struct oci_reference *reference); // may be called twice
#define cleanup_oci_reference __attribute__((cleanup(oci_reference_release)))
struct oci_reference oci_reference_copy(const struct oci_reference *reference); // owned

// The repository as signatures, policies and floors name it: "host[:port]/path", or "oci-layout:"
// and the real path (links resolved as far as it exists). Without tag and digest. Owned.
char *oci_reference_identity(const struct oci_reference *reference);
// The repository in the form oci_reference_parse reads, without tag and digest:
// "oci://host/path" or "oci-layout:///path". Owned.
char *oci_reference_repository(const struct oci_reference *reference);
// The same with tag and digest. Owned.
char *oci_reference_format(const struct oci_reference *reference);

// "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}".
bool oci_tag_is_valid(const char *tag);
// Tags that clients use in place of the referrers API or for signatures:
// "sha256-<64 hex>", with ".sig", ".att" or ".sbom" at its end. They are no versions of anything.
bool oci_tag_is_derived(const char *tag);
// "sha256-<64 hex>" and suffix ("" or ".sig") of a valid digest. Owned.
char *oci_derived_tag(const char *digest, const char *suffix);

#endif
