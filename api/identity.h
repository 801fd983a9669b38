// One spelling for what has many: git and OCI repositories, so that hooks, policies and floors can
// compare them; patterns over them; label selectors.
#ifndef API_IDENTITY_H
#define API_IDENTITY_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

// git_identity (base/git_identity.h), where it stands beside the others.
int identity_git(const char *url, char **ret_identity, struct error *err)
    __attribute__((warn_unused_result));
// Whether two spellings name one git repository; false when either is none.
bool identity_git_equal(const char *a, const char *b);
// A ref as policies and hooks compare it: "refs/heads/main" and "main" are "main"; tags stay
// "refs/tags/v1". Borrowed from ref.
const char *identity_git_ref(const char *ref);

// "host[:port]/path" of an OCI repository, with or without oci://, tag and digest, in lower case;
// docker.io and a name without host are "index.docker.io/…", with "library/" before a single
// segment. "oci-layout:///dir" is "oci-layout:/dir", links resolved as far as it exists.
// *ret_identity is owned. ERROR_INVALID.
int identity_oci(const char *repository, char **ret_identity, struct error *err)
    __attribute__((warn_unused_result));

// `*` matches within a segment (between slashes), `**` across segments; all else is literal.
bool identity_match(const char *pattern, const char *identity);

// A Kubernetes label selector {matchLabels, matchExpressions} against {name: value}. All its
// requirements must hold, so NULL and {} match everything; where they must match nothing (Hook),
// ask selector_is_empty first. Anything malformed matches nothing.
bool selector_matches(const json_t *selector, const json_t *labels);
bool selector_is_empty(const json_t *selector);
// Whether it can be read as a selector at all; NULL can.
bool selector_is_valid(const json_t *selector);

#endif
