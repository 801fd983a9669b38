// What to say where a tag is not there: the tags that are.
#ifndef OCI_TAG_WORDS_H
#define OCI_TAG_WORDS_H

#include "oci/repository.h"

// "; did you mean prod?", "; there are the tags prod, stable" or "; nothing is tagged there", of
// what oci_list_tags found; owned. `wanted` may be NULL.
char *oci_tag_words(const struct vec *tags, const char *wanted);

// oci_resolve of what a person named: where there is no such tag, the error says which there are.
// Not for another's login: the list shows what that one may see.
int oci_resolve_named(struct oci_repository *repository, const char *tag_or_digest,
                      struct oci_descriptor *ret_descriptor, struct error *err)
    __attribute__((warn_unused_result));

#endif
