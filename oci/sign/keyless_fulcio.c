// Fulcio: an identity token in, a certificate out. The key's owner proves to have it by signing the
// name in the token.
#include "base/clock.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/url.h"
#include "oci/sign/certificate.h"
#include "oci/sign/identity_token.h"
#include "oci/sign/key.h"
#include "oci/sign/keyless_internal.h"
#include "oci/sign/pem.h"
#include "oci/sign/trusted_root.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ANSWER = 256 << 10, MAX_CERTIFICATES = 16 };

// Nobody on the way may read the token.
static int check_address(const char *text, struct error *err)
{
    cleanup_url struct url url = {0};
    if (url_parse(text, &url, err) < 0)
        return -1;
    if (strcmp(url.scheme, "https") != 0 && !url_host_is_local(url.host))
        return error_set(err, ERROR_DENIED,
                         "the identity token is not sent to %s in the clear; name the certificate "
                         "authority with https in the signing configuration",
                         text);
    return 0;
}

static int build_request(const struct keyless *keyless, const struct identity_token *token,
                         char **ret_body, struct error *err)
{
    cleanup_free unsigned char *proof = NULL;
    size_t proof_size = 0;
    if (sign_key_sign(keyless->key, token->subject, strlen(token->subject), &proof, &proof_size,
                      err) < 0)
        return -1;
    cleanup_free char *proof_text = base64_encode(proof, proof_size);
    cleanup_free char *pem = verify_key_pem(sign_key_public(keyless->key));
    cleanup_json json_t *body =
        json_pack("{s:{s:{s:s, s:s}, s:s}}", "publicKeyRequest", "publicKey", "algorithm", "ECDSA",
                  "content", pem, "proofOfPossession", proof_text);
    if (body == NULL)
        abort();
    *ret_body = jval_compact(body);
    return 0;
}

static int check_status(const struct keyless_question *question, struct http_response *response,
                        const struct identity_token *token, struct error *err)
{
    cleanup_error struct error cause = {0};
    int status = response->status;
    // A proxy or a mistaken address may well show the request.
    if (status / 100 != 2 && identity_token_shows(token, response->body.data, response->body.len))
        strbuf_reset(&response->body);
    if (keyless_check_status(question, response, &cause) == 0)
        return 0;
    if (status != 400 && status != 401 && status != 403)
        return error_move(err, &cause);
    return error_set(err, ERROR_DENIED,
                     "no certificate for this identity token: %s; the token may have expired, be "
                     "for another audience than \"sigstore\", or come from an issuer that this "
                     "Fulcio does not know: get a new one",
                     error_message(&cause));
}

int keyless_read_certificate(const char *text, size_t size, struct bytes *ret_der,
                             struct error *err)
{
    cleanup_json json_t *root = NULL;
    const json_t *list = NULL;
    char label[PEM_LABEL_SIZE];
    cleanup_bytes struct bytes der = {0};
    if (jval_parse_object(text, size, "its answer", &root, err) < 0)
        return -1;
    const json_t *embedded = json_proto_member(root, "signedCertificateEmbeddedSct");
    if (embedded == NULL && json_proto_member(root, "signedCertificateDetachedSct") != NULL)
        return error_set(err, ERROR_INVALID,
                         "it issues certificates that do not hold the promise of a log of "
                         "certificates, which verifiers ask for; configure its log");
    if (json_proto_array(json_proto_member(embedded, "chain"), "certificates", MAX_CERTIFICATES,
                         &list, err) < 0)
        return -1;
    const json_t *first = json_array_get(list, 0);
    if (!json_is_string(first))
        return error_set(err, ERROR_INVALID, "its answer holds no certificate");
    if (pem_decode(json_string_value(first), json_string_length(first),
                   "the certificate in its answer", label, &der.data, &der.size, err) < 0)
        return -1;
    if (strcmp(label, "CERTIFICATE") != 0)
        return error_set(err, ERROR_INVALID, "its answer holds a \"%s\", no certificate", label);
    *ret_der = der;
    der = (struct bytes){0};
    return 0;
}

// When it begins, which is when it was issued: this host's clock may be wrong.
static int issued_at(X509 *x509, int64_t *ret_ms, struct error *err)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(X509_get0_notBefore(x509), &tm) != 1)
        return error_set(err, ERROR_INVALID, "its certificate does not say when it begins");
    *ret_ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

static int check_certificate(const struct keyless *keyless, const struct certificate *certificate,
                             struct error *err)
{
    X509 *issuer = NULL;
    int64_t begins_ms = 0;
    const char *ours = verify_key_fingerprint(sign_key_public(keyless->key))->text;
    if (strcmp(verify_key_fingerprint(certificate->key)->text, ours) != 0)
        return error_set(err, ERROR_UNVERIFIED, "its certificate is for another key");
    if (issued_at(certificate->x509, &begins_ms, err) < 0 ||
        certificate_check_chain(certificate, keyless->root, begins_ms, &issuer, err) < 0)
        return -1;
    int result = certificate_check_sct(certificate, issuer, keyless->root, err);
    X509_free(issuer);
    return result;
}

static int adopt_certificate(struct keyless *keyless, const struct http_response *response,
                             struct error *err)
{
    cleanup_bytes struct bytes der = {0};
    cleanup_certificate struct certificate *certificate = NULL;
    if (keyless_read_certificate(response->body.data, response->body.len, &der, err) < 0 ||
        certificate_parse(der.data, der.size, &certificate, err) < 0)
        return -1;
    if (check_certificate(keyless, certificate, err) < 0)
        return error_wrap(err, "what it issued is not to be trusted; is the trusted root that of "
                               "this instance?");
    keyless->certificate = STEAL(certificate);
    return 0;
}

int keyless_get_certificate(struct keyless *keyless, const struct identity_token *token,
                            struct error *err)
{
    cleanup_free char *url = xasprintf("%s/api/v2/signingCert", keyless->authority->url);
    cleanup_secret char *authorization = xasprintf("Bearer %s", token->text);
    cleanup_free char *body = NULL;
    cleanup_http_response struct http_response response = {0};
    if (check_address(url, err) < 0 || build_request(keyless, token, &body, err) < 0)
        return -1;
    const struct keyless_question question = {.service = "Fulcio",
                                              .url = url,
                                              .type = "application/json",
                                              .accept = "application/json",
                                              .authorization = authorization,
                                              .body = body,
                                              .body_size = strlen(body),
                                              .max_bytes = MAX_ANSWER};
    if (keyless_ask(keyless, &question, &response, err) < 0 ||
        check_status(&question, &response, token, err) < 0)
        return -1;
    cleanup_error struct error cause = {0};
    if (adopt_certificate(keyless, &response, &cause) == 0)
        return 0;
    // Messages repeat what they stumble over.
    if (identity_token_shows(token, error_message(&cause), strlen(error_message(&cause))))
        error_set(&cause, ERROR_INVALID, "its answer is no certificate");
    error_move(err, &cause);
    return error_wrap(err, "Fulcio %s", url);
}
