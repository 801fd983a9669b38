// What the two writers of signatures share.
#ifndef OCI_SIGN_ATTACH_INTERNAL_H
#define OCI_SIGN_ATTACH_INTERNAL_H

#include "oci/sign/attach.h"

// Adds a layer under the .sig tag (attach_simple.c).
int attach_simple(struct oci_repository *repository, const struct oci_descriptor *artifact,
                  const struct sign_key *key, struct error *err)
    __attribute__((warn_unused_result));

#endif
