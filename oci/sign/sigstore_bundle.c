#include "oci/sign/sigstore_bundle.h"

#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/json_strict.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LOG_ENTRIES = 32, MAX_TIMESTAMPS = 32, MAX_HINT = 1024 };

void sigstore_bundle_release(struct sigstore_bundle *bundle)
{
    free(bundle->hint);
    dsse_envelope_release(&bundle->dsse);
    *bundle = (struct sigstore_bundle){0};
}

static int check_version(const json_t *root, struct error *err)
{
    static const char *const versions[] = {
        SIGSTORE_BUNDLE_TYPE,
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
    };
    const char *type = NULL;
    if (json_strict_string(root, "mediaType", &type, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(versions); i++)
        if (strcmp(type, versions[i]) == 0)
            return 0;
    return error_set(err, ERROR_INVALID, "mediaType \"%.100s\" is no bundle of version 0.1 to 0.3",
                     type);
}

// proto3 JSON: null means absent.
static const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

static int check_count(const json_t *array, const char *name, size_t max, struct error *err)
{
    if (array == NULL)
        return 0;
    if (!json_is_array(array))
        return error_set(err, ERROR_INVALID, "%s is no list", name);
    if (json_array_size(array) > max)
        return error_set(err, ERROR_LIMIT, "%s has %zu entries; at most %zu are read", name,
                         json_array_size(array), max);
    return 0;
}

static int parse_hint(const json_t *key, struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"hint", NULL};
    if (json_strict_members(key, "publicKey", names, err) < 0)
        return -1;
    const json_t *hint = member(key, "hint");
    if (hint != NULL && (!json_is_string(hint) || json_string_length(hint) > MAX_HINT))
        return error_set(err, ERROR_INVALID, "hint is no text of at most %d bytes", MAX_HINT);
    bundle->material = SIGSTORE_PUBLIC_KEY;
    bundle->hint = xstrdup(hint != NULL ? json_string_value(hint) : "");
    return 0;
}

static int parse_material(const json_t *material, struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"publicKey",
                                        "certificate",
                                        "tlogEntries",
                                        "x509CertificateChain",
                                        "timestampVerificationData",
                                        NULL};
    if (json_strict_members(material, "verificationMaterial", names, err) < 0)
        return -1;
    const json_t *key = member(material, "publicKey");
    const json_t *certificate = member(material, "certificate");
    const json_t *chain = member(material, "x509CertificateChain");
    if ((key != NULL) + (certificate != NULL) + (chain != NULL) != 1)
        return error_set(err, ERROR_INVALID,
                         "verificationMaterial holds not exactly one of publicKey, certificate and "
                         "x509CertificateChain");
    const json_t *times = member(material, "timestampVerificationData");
    if (times != NULL && !json_is_object(times))
        return error_set(err, ERROR_INVALID, "timestampVerificationData is no object");
    if (check_count(member(material, "tlogEntries"), "tlogEntries", MAX_LOG_ENTRIES, err) < 0 ||
        check_count(member(times, "rfc3161Timestamps"), "rfc3161Timestamps", MAX_TIMESTAMPS, err) <
            0)
        return -1;
    if (key != NULL)
        return parse_hint(key, bundle, err);
    bundle->material = SIGSTORE_CERTIFICATE;
    return 0;
}

static int parse_bundle(const json_t *root, struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"mediaType", "verificationMaterial", "messageSignature",
                                        "dsseEnvelope", NULL};
    if (json_strict_members(root, "the bundle", names, err) < 0 || check_version(root, err) < 0 ||
        parse_material(member(root, "verificationMaterial"), bundle, err) < 0)
        return -1;
    const json_t *dsse = member(root, "dsseEnvelope");
    const json_t *message = member(root, "messageSignature");
    if ((dsse != NULL) + (message != NULL) != 1)
        return error_set(err, ERROR_INVALID,
                         "it holds not exactly one of dsseEnvelope and messageSignature");
    bundle->content = dsse != NULL ? SIGSTORE_DSSE : SIGSTORE_MESSAGE;
    return dsse != NULL ? dsse_parse(dsse, &bundle->dsse, err) : 0;
}

int sigstore_bundle_parse(const char *data, size_t size, struct sigstore_bundle *ret_bundle,
                          struct error *err)
{
    cleanup_json json_t *root = NULL;
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    if (size > SIGSTORE_BUNDLE_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "the bundle has %zu bytes; at most %d are read", size,
                         SIGSTORE_BUNDLE_MAX_BYTES);
    if (jval_parse_object(data, size, "the bundle", &root, err) < 0)
        return -1;
    if (parse_bundle(root, &bundle, err) < 0)
        return error_wrap(err, "Sigstore bundle");
    *ret_bundle = bundle;
    bundle = (struct sigstore_bundle){0};
    return 0;
}

char *sigstore_bundle_build(const struct dsse_envelope *envelope, const char *hint,
                            size_t *ret_size)
{
    cleanup_json json_t *root = json_pack("{s:s, s:{s:{s:s}}, s:o}", "mediaType",
                                          SIGSTORE_BUNDLE_TYPE, "verificationMaterial", "publicKey",
                                          "hint", hint, "dsseEnvelope", dsse_json(envelope));
    if (root == NULL)
        abort();
    char *text = jval_compact(root);
    *ret_size = strlen(text);
    return text;
}
