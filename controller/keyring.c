#include "controller/keyring.h"

#include "api/object.h"
#include "base/memory.h"
#include "base/vec.h"
#include "oci/sign/key.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct held_key {
    char *secret;  // "namespace/name"
    char *version; // of the Secret
    struct sign_key *key;
    unsigned holders;
    bool outdated; // freed when the last holder gives it back
};

struct keyring {
    pthread_mutex_t lock; // of keys
    pthread_mutex_t
        loading; // one decryption at a time: scrypt takes 64 MiB, and many may want the same key
    struct vec keys; // of struct held_key
};

static void release_key(void *element)
{
    struct held_key *held = element;
    free(held->secret);
    free(held->version);
    sign_key_free(held->key);
}

struct keyring *keyring_new(void)
{
    struct keyring *keyring = xcalloc(1, sizeof *keyring);
    keyring->keys = VEC_OF(struct held_key, release_key);
    pthread_mutex_init(&keyring->lock, NULL);
    pthread_mutex_init(&keyring->loading, NULL);
    return keyring;
}

void keyring_free(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    vec_free(&keyring->keys);
    pthread_mutex_destroy(&keyring->loading);
    pthread_mutex_destroy(&keyring->lock);
    free(keyring);
}

// With the lock held. Marks what belongs to older versions of the Secret.
static const struct sign_key *take_known(struct keyring *keyring, const char *secret,
                                         const char *version)
{
    const struct sign_key *found = NULL;
    for (size_t i = keyring->keys.len; i-- > 0;) {
        struct held_key *held = vec_at(&keyring->keys, i);
        if (strcmp(held->secret, secret) != 0)
            continue;
        if (strcmp(held->version, version) == 0 && !held->outdated) {
            held->holders++;
            found = held->key;
            continue;
        }
        held->outdated = true;
        if (held->holders == 0)
            vec_remove(&keyring->keys, i);
    }
    return found;
}

static int load(const struct secret_data *data, const char *secret, struct sign_key **ret_key,
                struct error *err)
{
    size_t size = 0;
    const char *pem = secret_data_get(data, "cosign.key", &size);
    cleanup_free char *what = xasprintf("cosign.key of Secret %s", secret);
    const char *password = secret_data_text(data, "cosign.password");
    if (sign_key_load(pem, size, password, what, ret_key, err) == 0)
        return 0;
    return password == NULL && err->code == ERROR_DENIED
               ? error_set(err, ERROR_DENIED,
                           "%s is encrypted, and no password was given; put it into that Secret as "
                           "cosign.password",
                           what)
               : -1;
}

static const struct sign_key *find_key(struct keyring *keyring, const char *secret,
                                       const char *version)
{
    pthread_mutex_lock(&keyring->lock);
    const struct sign_key *known = take_known(keyring, secret, version);
    pthread_mutex_unlock(&keyring->lock);
    return known;
}

static int load_key(struct keyring *keyring, const struct secret_data *data, const char *secret,
                    const struct sign_key **ret_key, struct error *err)
{
    const char *version = secret_data_version(data);
    // Whoever held the turn before may have loaded it.
    const struct sign_key *known = find_key(keyring, secret, version);
    struct sign_key *key = NULL;
    if (known != NULL) {
        *ret_key = known;
        return 0;
    }
    if (load(data, secret, &key, err) < 0)
        return -1;
    pthread_mutex_lock(&keyring->lock);
    *(struct held_key *)vec_push(&keyring->keys) = (struct held_key){
        .secret = xstrdup(secret), .version = xstrdup(version), .key = key, .holders = 1};
    pthread_mutex_unlock(&keyring->lock);
    *ret_key = key;
    return 0;
}

int keyring_take(struct keyring *keyring, struct store *store, const struct secret_use *use,
                 const char *name, const struct sign_key **ret_key, struct error *err)
{
    const char *namespace = object_namespace(use->object);
    cleanup_secret_data struct secret_data *data = NULL;
    cleanup_free char *secret = xasprintf("%s/%s", namespace, name);
    if (store_secret_for(store, use, namespace, name, &data, err) < 0)
        return -1;
    if (secret_data_get(data, "cosign.key", NULL) == NULL)
        return secret_use_refuse(use, namespace, name, "cosign.key", err);
    *ret_key = find_key(keyring, secret, secret_data_version(data));
    if (*ret_key != NULL)
        return 0;
    pthread_mutex_lock(&keyring->loading);
    int result = load_key(keyring, data, secret, ret_key, err);
    pthread_mutex_unlock(&keyring->loading);
    return result == 0 ? 0 : error_wrap(err, "%s", use->field);
}

void keyring_give(struct keyring *keyring, const struct sign_key *key)
{
    if (key == NULL)
        return;
    pthread_mutex_lock(&keyring->lock);
    for (size_t i = 0; i < keyring->keys.len; i++) {
        struct held_key *held = vec_at(&keyring->keys, i);
        if (held->key != key)
            continue;
        held->holders--;
        if (held->outdated && held->holders == 0)
            vec_remove(&keyring->keys, i);
        break;
    }
    pthread_mutex_unlock(&keyring->lock);
}
