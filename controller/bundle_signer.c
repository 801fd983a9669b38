// Who signs for a Bundle: the key in its Secret, a key in a PKCS#11 token whose PIN is in its
// Secret, or a program that keeps the key. In a cluster the last two are only what the
// administrator's flags name: a Bundle must not choose what runs beside the other keys.
#include "controller/bundle_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/keyring.h"
#include "oci/sign/signer.h"

#include <string.h>

enum { MAX_PIN_BYTES = 255 };

// "PROGRAM" is for every namespace, "NAMESPACE=PROGRAM" for one.
static bool allows(const char *entry, const char *namespace, const char *program)
{
    const char *path = strchr(entry, '/');
    if (path == NULL || strcmp(path, program) != 0)
        return false;
    size_t prefix = (size_t)(path - entry);
    return prefix == 0 || (strlen(namespace) + 1 == prefix && entry[prefix - 1] == '=' &&
                           strncmp(entry, namespace, prefix - 1) == 0);
}

static int check_program(struct bundle_flow *flow, const char *program, struct error *err)
{
    const char *namespace = object_namespace(flow->object);
    const char *const *entry = flow->role->signers;
    if (entry == NULL)
        return 0;
    for (; *entry != NULL; entry++)
        if (allows(*entry, namespace, program))
            return 0;
    flow->reason = "SignerNotAllowed";
    return error_set(err, ERROR_INVALID,
                     "program %s may not be run for namespace %s; let sealift serve run with "
                     "--allow-signer %s=%s",
                     program, namespace, namespace, program);
}

static int open_command(struct bundle_flow *flow, const json_t *command, struct error *err)
{
    const char *program = jval_string_or(command, "program", "");
    const struct signer signer = {.argv = (const char *const[]){program, NULL},
                                  .key = jval_string_or(command, "key", ""),
                                  .namespace = object_namespace(flow->object),
                                  .cancel = flow->cancel};
    if (check_program(flow, program, err) < 0)
        return -1;
    flow->reason = "SignFailed";
    return sign_key_open(&signer, &flow->outside_key, err);
}

// The PIN of the token, where the Bundle names a Secret. Owned, secret.
static int read_pin(struct bundle_flow *flow, const char *secret, char **ret_pin, struct error *err)
{
    cleanup_secret_data struct secret_data *data = NULL;
    size_t size = 0;
    if (secret == NULL)
        return 0;
    flow->reason = "SecretNotUsable";
    const struct secret_use use = {flow->object, "spec.sign.secretRef", SECRET_PIN};
    if (store_secret_for(flow->role->store, &use, object_namespace(flow->object), secret, &data,
                         err) < 0)
        return -1;
    const char *pin = secret_data_get(data, "pkcs11.pin", &size);
    cleanup_free char *lacks = xasprintf("pkcs11.pin of at most %d bytes", MAX_PIN_BYTES);
    if (pin == NULL || size > MAX_PIN_BYTES)
        return secret_use_refuse(&use, object_namespace(flow->object), secret, lacks, err);
    *ret_pin = xstrndup(pin, size);
    (*ret_pin)[strcspn(*ret_pin, "\r\n")] = '\0';
    return 0;
}

static int open_token(struct bundle_flow *flow, const char *uri, const char *secret,
                      struct error *err)
{
    cleanup_secret char *pin = NULL;
    if (flow->role->signers != NULL && flow->role->pkcs11_module == NULL) {
        flow->reason = "SignerNotAllowed";
        return error_set(err, ERROR_INVALID,
                         "Bundles of a cluster use PKCS#11 tokens only where sealift serve runs "
                         "with --pkcs11-module and the library of the token");
    }
    if (read_pin(flow, secret, &pin, err) < 0)
        return -1;
    const struct signer signer = {
        .argv = (const char *const[]){SIGNER_OURSELVES, "pkcs11-signer", NULL},
        .key = uri,
        .namespace = object_namespace(flow->object),
        .module = flow->role->pkcs11_module,
        .pin = pin,
        .cancel = flow->cancel};
    flow->reason = "SignFailed";
    return sign_key_open(&signer, &flow->outside_key, err);
}

int bundle_signer_open(struct bundle_flow *flow, struct error *err)
{
    const json_t *sign = object_spec(flow->object, "sign");
    const json_t *command = jval_object(sign, "command");
    const char *uri = jval_string(sign, "pkcs11");
    const char *secret = jval_string(sign, "secretRef.name");
    const struct secret_use use = {flow->object, "spec.sign.secretRef", SECRET_SIGNING_KEY};
    int result;
    flow->reason = "SecretNotUsable";
    if (command == NULL && uri == NULL)
        return keyring_take(flow->role->keyring, flow->role->store, &use,
                            secret != NULL ? secret : "", &flow->key, err);
    result =
        command != NULL ? open_command(flow, command, err) : open_token(flow, uri, secret, err);
    flow->key = flow->outside_key;
    return result == 0 ? 0 : error_wrap(err, "spec.sign");
}

void bundle_signer_close(struct bundle_flow *flow)
{
    if (flow->outside_key != NULL)
        sign_key_free(flow->outside_key);
    else
        keyring_give(flow->role->keyring, flow->key);
    flow->outside_key = NULL;
    flow->key = NULL;
}
