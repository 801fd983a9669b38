#include "controller/governance_notation.h"

#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/vec.h"
#include "oci/sign/notation_trust.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// What takes a file of a Secret: certificates of a store, or a list.
struct taker {
    struct notation_trust *trust;
    enum notation_store_type type;
    const char *store; // NULL: lists
    const struct secret_use *use;
};

static bool ends_in(const char *key, const char *end)
{
    size_t length = strlen(key);
    return length > strlen(end) && strcmp(key + length - strlen(end), end) == 0;
}

static bool takes(const struct taker *taker, const char *key)
{
    if (taker->store == NULL)
        return ends_in(key, ".crl");
    return ends_in(key, ".crt") || ends_in(key, ".cer") || ends_in(key, ".pem");
}

static int take(const struct taker *taker, const char *data, size_t size, const char *what,
                struct error *err)
{
    if (taker->store == NULL)
        return notation_trust_add_crl(taker->trust, data, size, what, err);
    return notation_trust_add_certificates(taker->trust, taker->type, taker->store, data, size,
                                           what, err);
}

// All keys of the Secret that end as they should, in the order of their names: the trust's digest
// follows the order.
static int take_secret(const struct role *role, const char *name, const struct taker *taker,
                       struct error *err)
{
    cleanup_secret_data struct secret_data *secret = NULL;
    cleanup_vec struct vec keys = VEC_OF(char *, vec_release_string);
    if (store_secret_for(role->store, taker->use, role->namespace, name, &secret, err) < 0)
        return -1;
    for (size_t i = 0; secret_data_key(secret, i) != NULL; i++)
        if (takes(taker, secret_data_key(secret, i)))
            vec_push_string(&keys, secret_data_key(secret, i));
    vec_sort(&keys, vec_compare_strings);
    if (keys.len == 0)
        return secret_use_refuse(taker->use, role->namespace, name, NULL, err);
    vec_foreach (char *, key, &keys) {
        cleanup_free char *what = xasprintf("%s of Secret %s/%s", *key, role->namespace, name);
        size_t size = 0;
        const char *data = secret_data_get(secret, *key, &size);
        if (take(taker, data, size, what, err) < 0)
            return -1;
    }
    return 0;
}

static int add_stores(const struct role *role, const json_t *policy, const json_t *stores,
                      struct notation_trust *trust, struct error *err)
{
    const struct secret_use use = {policy, "spec.require[].notation.trustStores[].secretRef",
                                   SECRET_TRUST_STORE};
    size_t index;
    json_t *store;
    json_array_foreach (stores, index, store) {
        const char *name = jval_string_or(store, "name", "");
        const char *pem = jval_string(store, "pem");
        struct taker taker = {.trust = trust, .use = &use};
        if (notation_store_name(name, &taker.type, &taker.store, err) < 0)
            return -1;
        int result = pem != NULL ? take(&taker, pem, strlen(pem), "pem", err)
                                 : take_secret(role, jval_string_or(store, "secretRef.name", ""),
                                               &taker, err);
        if (result < 0)
            return error_wrap(err, "trust store %s", name);
    }
    return 0;
}

static int add_identities(const json_t *identities, struct notation_trust *trust, struct error *err)
{
    size_t index;
    json_t *identity;
    json_array_foreach (identities, index, identity) {
        const char *text = json_string_value(identity);
        if (notation_trust_add_identity(trust, text != NULL ? text : "", err) < 0)
            return error_wrap(err, "trustedIdentities");
    }
    return 0;
}

static void set_levels(const json_t *notation, struct notation_trust *trust)
{
    const char *revocation = jval_string_or(notation, "revocation", "enforce");
    const char *when = jval_string_or(notation, "verifyTimestamp", "always");
    trust->stamp_after_expiry = strcmp(when, "afterCertExpiry") == 0;
    if (strcmp(revocation, "log") == 0)
        trust->actions[NOTATION_REVOCATION] = NOTATION_LOG;
    else if (strcmp(revocation, "skip") == 0)
        trust->actions[NOTATION_REVOCATION] = NOTATION_SKIP;
}

int governance_notation(const struct role *role, const json_t *policy, const json_t *notation,
                        struct notation_trust **ret_trust, const char **ret_reason,
                        struct error *err)
{
    cleanup_notation_trust struct notation_trust *trust = notation_trust_new();
    const char *lists = jval_string(notation, "crls.secretRef.name");
    const struct secret_use use = {policy, "spec.require[].notation.crls.secretRef",
                                   SECRET_REVOCATION_LISTS};
    const struct taker taker = {.trust = trust, .use = &use};
    set_levels(notation, trust);
    *ret_reason = "SecretNotUsable";
    if (add_stores(role, policy, jval_array(notation, "trustStores"), trust, err) < 0)
        return -1;
    if (lists != NULL && take_secret(role, lists, &taker, err) < 0)
        return -1;
    *ret_reason = "PolicyUnreadable";
    if (add_identities(jval_array(notation, "trustedIdentities"), trust, err) < 0 ||
        notation_trust_seal(trust, err) < 0)
        return -1;
    *ret_trust = STEAL(trust);
    return 0;
}
