// Mirrors: other places that a registry's repositories are read from. Nothing about trust changes
// with them: bytes are compared with the digest that was asked for, and identities, policies,
// floors and credentials go by the registry's own name.
#ifndef OCI_MIRROR_H
#define OCI_MIRROR_H

#include <stdbool.h>

#include "base/error.h"
#include "base/vec.h"

struct oci_mirror {
    char *host;        // of the registry, canonical
    char *mirror_host; // "mirror.example.com:5000"
    char *prefix;      // before the repository's path there; "" for none
    bool plain;        // http
};
void oci_mirror_release(void *mirror);
#define OCI_MIRRORS VEC_OF(struct oci_mirror, oci_mirror_release)

// "registry.example.com=https://mirror.example.com/prefix". ERROR_INVALID.
int oci_mirror_parse(const char *text, struct oci_mirror *ret_mirror, struct error *err)
    __attribute__((warn_unused_result));

#endif
