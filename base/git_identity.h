// The identity of a git repository: what stays the same however one reaches it. Provenance, trust
// policies and webhook payloads name repositories by different URLs; two of them mean the same
// repository when their identities are equal strings.
#ifndef BASE_GIT_IDENTITY_H
#define BASE_GIT_IDENTITY_H

#include "base/error.h"

// Drops scheme, user, password, the scheme's default port, slashes at either end and ".git", and
// writes the host in lower case: "https://Git.example.com:443/acme/config.git",
// "ssh://git@git.example.com/acme/config" and "git@git.example.com:acme/config.git" all become
// "git.example.com/acme/config". A path on this host (file:///srv/x.git, /srv/x) becomes "/srv/x".
// A text without scheme is taken for an identity already when its first segment looks like a host
// ("git.example.com/acme/config", "localhost:3000/x"), so that the function may run twice.
// *ret_identity is owned. ERROR_INVALID; the message holds no credentials.
int git_identity(const char *url, char **ret_identity, struct error *err)
    __attribute__((warn_unused_result));

#endif
