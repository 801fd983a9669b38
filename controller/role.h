// What the packager and the controller are given to work with. Everything is borrowed and outlives
// them.
#ifndef CONTROLLER_ROLE_H
#define CONTROLLER_ROLE_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "oci/artifact.h"

struct clients;
struct cluster;
struct keyring;
struct oci_budget;
struct oci_cache;
struct oci_token_cache;
struct oci_warnings;
struct series;
struct store;

struct role {
    struct loop *loop;
    struct pool *pool;
    const struct clock *clock;
    struct store *store;
    struct metrics *metrics;
    struct clients *clients;
    struct keyring *keyring; // of the packager; NULL elsewhere
    struct series *series;
    struct oci_cache *cache;   // of artifacts, by digest
    struct oci_budget *budget; // of unpacked bytes
    struct oci_token_cache *tokens;
    struct oci_warnings *warnings; // of registries
    struct oci_limits limits;      // of artifacts; zeros are the defaults
    size_t max_repository_bytes;   // of what one git fetch brings; 0 = 1 GiB
    const char *git_dir;           // scratch folder of fetched objects
    const char *namespace;         // the controller's own: TrustPolicies find their Secrets there
    const char
        *docker_config; // of the person or host; used where an object names no Secret; or NULL
    bool run_helpers;   // those that docker_config names
    bool cloud_login;   // as in struct oci_access; where an object names no Secret
    const struct vec *mirrors;   // struct oci_mirror, or NULL
    enum http_reach reach;       // where URLs of objects may lead
    const char *const *own_dirs; // NULL-ended: config, state, cache; no target may be in them
    // NULL: anywhere. Else NULL-ended: folders below which objects may name places of this host.
    const char *const *local_paths;
    // NULL: any. Else NULL-ended: programs that may sign for Bundles, "PROGRAM" or
    // "NAMESPACE=PROGRAM".
    const char *const *signers;
    const char *pkcs11_module; // the library of the tokens that Bundles sign with; NULL: none named
    struct cluster *cluster;   // where Syncs without a target apply; NULL on a plain host
    // "name", in the Sync's namespace, or "namespace/name": whom Syncs act as that name nobody;
    // NULL = sealift.
    const char *default_account;
    bool leave_secrets;    // the controller may not list or watch Secrets, only read them by name
    bool allow_unverified; // Syncs that no key covers are applied, and say so
};

#endif
