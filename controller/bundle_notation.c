// A signature of Notation beside cosign's, where spec.sign.notation asks for one. The artifact is
// signed when it is new, when the certificate is another one, and when half of the expiry is over,
// so that who follows it always finds one that holds. What was signed stands in
// status.artifact.notation.
#include "controller/bundle_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/repository.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_sign.h"

#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

struct bundle_notation {
    struct vec chain;          // X509 *, the leaf first
    struct sign_key *own_key;  // NULL: the key that seals signs this, too
    struct digest certificate; // of the leaf
    int64_t expiry_ms;         // 0: never
};

static int read_chain(const struct secret_data *data, const char *key, const char *secret,
                      struct vec *chain, struct error *err)
{
    size_t size = 0;
    const char *pem = secret_data_get(data, key, &size);
    cleanup_free char *what = xasprintf("%s of Secret %s", key, secret);
    return notation_certificates_read(pem, size, what, chain, err);
}

static struct digest digest_of_certificate(X509 *certificate)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    if (size <= 0)
        abort();
    struct digest digest = digest_of(der, (size_t)size);
    OPENSSL_free(der);
    return digest;
}

// Issuers of certificates for machines leave the root out of tls.crt and put it beside it.
static int read_certificates(struct bundle_notation *notation, const struct secret_data *data,
                             const char *secret, struct error *err)
{
    struct vec *chain = &notation->chain;
    if (read_chain(data, "tls.crt", secret, chain, err) < 0)
        return -1;
    if (!notation_is_self_signed(notation_certificate(chain, chain->len - 1)) &&
        secret_data_get(data, "ca.crt", NULL) != NULL &&
        read_chain(data, "ca.crt", secret, chain, err) < 0)
        return -1;
    notation->certificate = digest_of_certificate(notation_certificate(chain, 0));
    return 0;
}

static int read_key(struct bundle_notation *notation, const struct secret_data *data,
                    const char *secret, struct error *err)
{
    size_t size = 0;
    const char *pem = secret_data_get(data, "tls.key", &size);
    cleanup_free char *what = xasprintf("tls.key of Secret %s", secret);
    if (pem == NULL)
        return 0;
    return sign_key_load(pem, size, NULL, what, &notation->own_key, err);
}

int bundle_notation_open(struct bundle_flow *flow, struct error *err)
{
    const json_t *wanted = object_spec(flow->object, "sign.notation");
    cleanup_secret_data struct secret_data *data = NULL;
    if (wanted == NULL)
        return 0;
    const char *name = jval_string_or(wanted, "secretRef.name", "");
    cleanup_free char *secret = xasprintf("%s/%s", object_namespace(flow->object), name);
    flow->notation = xcalloc(1, sizeof *flow->notation);
    flow->notation->chain = NOTATION_CHAIN;
    flow->notation->expiry_ms = object_spec_duration_ms(flow->object, "sign.notation.expiry", 0);
    flow->reason = "SecretNotUsable";
    const struct secret_use use = {flow->object, "spec.sign.notation.secretRef", SECRET_NOTATION};
    if (store_secret_for(flow->role->store, &use, object_namespace(flow->object), name, &data,
                         err) < 0)
        return -1;
    if (secret_data_get(data, "tls.crt", NULL) == NULL)
        return secret_use_refuse(&use, object_namespace(flow->object), name,
                                 "tls.crt (the signer's certificate first, then each issuer's, up "
                                 "to the root)",
                                 err);
    if (read_certificates(flow->notation, data, secret, err) < 0 ||
        read_key(flow->notation, data, secret, err) < 0)
        return error_wrap(err, "spec.sign.notation");
    return 0;
}

void bundle_notation_close(struct bundle_flow *flow)
{
    struct bundle_notation *notation = STEAL(flow->notation);
    if (notation == NULL)
        return;
    vec_free(&notation->chain);
    sign_key_free(notation->own_key);
    free(notation);
}

static bool is_noted(const struct bundle_flow *flow, const char *path, const char *value)
{
    return strcmp(jval_string_or(flow->status, path, ""), value) == 0;
}

static bool is_due(const struct bundle_flow *flow, const char *digest)
{
    const struct bundle_notation *notation = flow->notation;
    int64_t signed_ms = 0;
    if (notation == NULL)
        return false;
    if (!is_noted(flow, "artifact.notation.digest", digest) ||
        !is_noted(flow, "artifact.notation.certificate", notation->certificate.text) ||
        time_parse(jval_string_or(flow->status, "artifact.notation.signedAt", ""), &signed_ms,
                   NULL) < 0)
        return true;
    return notation->expiry_ms > 0 &&
           clock_wall_ms(flow->role->clock) - signed_ms >= notation->expiry_ms / 2;
}

// The one before by the same certificate, which the new one replaces. Where the registry deletes
// nothing it stays, which does no harm.
static int delete_older(struct bundle_flow *flow, const char *digest, struct error *err)
{
    cleanup_error struct error cause = {0};
    const char *older = jval_string(flow->status, "artifact.notation.signature");
    if (older == NULL || !is_noted(flow, "artifact.notation.digest", digest) ||
        !is_noted(flow, "artifact.notation.certificate", flow->notation->certificate.text))
        return 0;
    if (oci_delete_manifest(flow->repository, older, &cause) < 0 && cause.code == ERROR_CANCELED)
        return error_move(err, &cause);
    return 0;
}

int bundle_notation_sign(struct bundle_flow *flow, const struct oci_descriptor *artifact,
                         json_t **ret_note, struct error *err)
{
    const struct bundle_notation *notation = flow->notation;
    struct digest signature;
    char now[TIME_TEXT_SIZE];
    if (notation == NULL)
        return 0;
    struct notation_signing signing = {.key = notation->own_key != NULL ? notation->own_key
                                                                        : flow->key,
                                       .chain = &notation->chain,
                                       .now_ms = clock_wall_ms(flow->role->clock)};
    signing.expires_ms = notation->expiry_ms > 0 ? signing.now_ms + notation->expiry_ms : 0;
    flow->reason = "SignFailed";
    if (notation_sign_artifact(flow->repository, artifact, &signing, &signature, err) < 0)
        return error_wrap(err, "spec.sign.notation");
    cleanup_free char *subject = notation_subject(notation_certificate(&notation->chain, 0));
    time_format(signing.now_ms, now);
    *ret_note = json_object();
    jval_set_string(*ret_note, "digest", artifact->digest.text);
    jval_set_string(*ret_note, "signature", signature.text);
    jval_set_string(*ret_note, "subject", subject);
    jval_set_string(*ret_note, "certificate", notation->certificate.text);
    jval_set_string(*ret_note, "signedAt", now);
    return 0;
}

int bundle_notation_maintain(struct bundle_flow *flow, const struct oci_descriptor *artifact,
                             struct error *err)
{
    json_t *note = NULL;
    if (!is_due(flow, artifact->digest.text))
        return 0;
    if (bundle_notation_sign(flow, artifact, &note, err) < 0)
        return -1;
    int result = delete_older(flow, artifact->digest.text, err);
    jval_set(flow->status, "artifact.notation", note);
    return result;
}
