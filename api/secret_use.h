// What a Secret is for, for the sentences where it is not usable: which object names it in which
// field, which keys are taken from it, and the command that writes it.
#ifndef API_SECRET_USE_H
#define API_SECRET_USE_H

#include <jansson.h>

#include "base/error.h"

enum secret_content {
    SECRET_GIT_LOGIN,
    SECRET_GIT_SSH,
    SECRET_REGISTRY_LOGIN,
    SECRET_CERTIFICATES,
    SECRET_PROXY,
    SECRET_SIGNING_KEY,
    SECRET_PIN,
    SECRET_NOTATION,
    SECRET_PUBLIC_KEY,
    SECRET_TRUSTED_ROOT,
    SECRET_TRUST_STORE,
    SECRET_REVOCATION_LISTS,
    SECRET_HOOK_TOKEN,
    SECRET_NOTIFY_TOKEN,
    SECRET_KUBECONFIG,
};

struct secret_use {
    const json_t *object; // that names it; borrowed, as the next
    const char *field;    // "spec.sign.secretRef"
    enum secret_content content;
};

// "sealift create secret NAME -n NAMESPACE --from-file …"; owned.
char *secret_use_command(const struct secret_use *use, const char *namespace, const char *name);

// Refuses one that does not exist.
int secret_use_missing(const struct secret_use *use, const char *namespace, const char *name,
                       struct error *err);
// Refuses one that is there: `lacks` is what it lacks, "cosign.pub"; NULL: all of the keys that it
// is for.
int secret_use_refuse(const struct secret_use *use, const char *namespace, const char *name,
                      const char *lacks, struct error *err);

#endif
