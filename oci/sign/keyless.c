// Happy path: the services are chosen, the key is made, Fulcio certifies it; then, for every
// signature: sign, have it stamped, have it logged, put the bundle together, verify it.
#include "oci/sign/keyless.h"

#include "base/clock.h"
#include "base/memory.h"
#include "oci/sign/certificate.h"
#include "oci/sign/dsse.h"
#include "oci/sign/key.h"
#include "oci/sign/keyless_internal.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

// The newest interfaces that are spoken here, as signing configurations count them.
enum { AUTHORITY_MAJOR = 1, TSA_MAJOR = 1, LOG_MAJOR = 2, MAX_RETRIES = 3 };

void keyless_free(struct keyless *keyless)
{
    if (keyless == NULL)
        return;
    http_client_free(keyless->http);
    vec_free(&keyless->logs);
    vec_free(&keyless->tsas);
    sign_key_free(keyless->key);
    certificate_free(keyless->certificate);
    free(keyless);
}

void cleanup_keyless_pointer(struct keyless **keyless)
{
    keyless_free(*keyless);
}

const struct certificate *keyless_certificate(const struct keyless *keyless)
{
    return keyless->certificate;
}

// Between the certificate and a signature somebody may have been asked.
static void begin(struct keyless *keyless)
{
    keyless->deadline_mono_ms = clock_mono_ms(clock_system()) + keyless->timeout_ms;
}

int keyless_ask(const struct keyless *keyless, const struct keyless_question *question,
                struct http_response *ret_response, struct error *err)
{
    cleanup_vec struct vec headers = HTTP_HEADERS;
    int64_t left_ms = keyless->deadline_mono_ms - clock_mono_ms(clock_system());
    http_headers_add(&headers, "Content-Type", question->type);
    http_headers_add(&headers, "Accept", question->accept);
    const struct http_request request = {.method = "POST",
                                         .url = question->url,
                                         .headers = &headers,
                                         .authorization = question->authorization,
                                         .body = question->body,
                                         .body_size = question->body_size,
                                         .deadline_ms = left_ms > 0 ? left_ms : 1,
                                         .max_body_bytes = question->max_bytes,
                                         .max_retries = MAX_RETRIES,
                                         .cancel = keyless->cancel};
    if (http_do(keyless->http, &request, ret_response, err) < 0)
        return error_wrap(err, "%s %s", question->service, question->url);
    return 0;
}

int keyless_check_status(const struct keyless_question *question,
                         const struct http_response *response, struct error *err)
{
    cleanup_free char *who = xasprintf("%s %s", question->service, question->url);
    return http_status_error(response, who, err);
}

static int choose_services(struct keyless *keyless, const struct keyless_request *request,
                           struct error *err)
{
    static const struct signing_choice any = {.selector = SIGNING_ANY};
    const struct signing_config *config = request->config;
    cleanup_vec struct vec authorities = SIGNING_SERVICES;
    if (signing_services_select(&config->authorities, &any, AUTHORITY_MAJOR, request->now_ms,
                                "certificate authority", &authorities, err) < 0 ||
        signing_services_select(&config->logs, &config->log_choice, LOG_MAJOR, request->now_ms,
                                "log", &keyless->logs, err) < 0)
        return -1;
    keyless->authority = *(const struct signing_service **)vec_at(&authorities, 0);
    const struct signing_service *log = *(const struct signing_service **)vec_at(&keyless->logs, 0);
    // Older logs tell the time themselves.
    if (config->tsas.len == 0 && log->major < LOG_MAJOR)
        return 0;
    return signing_services_select(&config->tsas, &config->tsa_choice, TSA_MAJOR, request->now_ms,
                                   "timestamp authority", &keyless->tsas, err);
}

int keyless_open(const struct keyless_request *request, struct keyless **ret_keyless,
                 struct error *err)
{
    cleanup_keyless struct keyless *keyless = xcalloc(1, sizeof *keyless);
    keyless->root = request->root;
    keyless->http = http_client_new();
    keyless->timeout_ms = request->timeout_ms;
    keyless->cancel = request->cancel;
    keyless->logs = SIGNING_SERVICES;
    keyless->tsas = SIGNING_SERVICES;
    begin(keyless);
    if (choose_services(keyless, request, err) < 0 || sign_key_generate(&keyless->key, err) < 0 ||
        keyless_get_certificate(keyless, request->token, err) < 0)
        return -1;
    *ret_keyless = STEAL(keyless);
    return 0;
}

// Everything that vouches for the signature, which is in the bundle already.
static int add_witnesses(const struct keyless *keyless, const struct bytes *signature,
                         const struct signed_data *data, struct sigstore_bundle *bundle,
                         struct error *err)
{
    const struct rekor_claim claim = {
        .signature = signature->data,
        .signature_size = signature->size,
        .signer = keyless->certificate->der,
        .signer_size = keyless->certificate->der_size,
        .signer_is_certificate = true,
        .data = data,
        .dsse = bundle->content == SIGSTORE_DSSE ? &bundle->dsse : NULL,
    };
    vec_foreach (const struct signing_service *const, tsa, &keyless->tsas) {
        struct bytes *timestamp = vec_push(&bundle->timestamps);
        if (keyless_get_timestamp(keyless, *tsa, signature, timestamp, err) < 0)
            return -1;
    }
    vec_foreach (const struct signing_service *const, log, &keyless->logs) {
        struct rekor_entry *entry = vec_push(&bundle->entries);
        if (keyless_log(keyless, *log, &claim, entry, err) < 0)
            return -1;
    }
    return 0;
}

// What was written is read and judged as somebody else would. `data` is the artifact.
static int check_written(const struct keyless *keyless, const char *text, size_t size,
                         const struct signed_data *data, struct error *err)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_certificate struct certificate *signer = NULL;
    if (sigstore_bundle_parse(text, size, &bundle, err) < 0 ||
        sigstore_verify_keyless(&bundle, keyless->root, data, &signer, err) < 0)
        return error_wrap(err, "the new signature does not verify, and was not written");
    // The log and the timestamps cannot have changed who it is.
    if (strcmp(signer->subject, keyless->certificate->subject) != 0)
        return error_set(err, ERROR_INTERNAL, "the new signature is by %s, not by %s",
                         signer->subject, keyless->certificate->subject);
    return 0;
}

static int finish(const struct keyless *keyless, struct sigstore_bundle *bundle,
                  const struct signed_data *data, char **ret_bundle, size_t *ret_size,
                  struct error *err)
{
    const struct certificate *certificate = keyless->certificate;
    bundle->material = SIGSTORE_CERTIFICATE;
    bundle->certificate.data = xmemdup(certificate->der, certificate->der_size);
    bundle->certificate.size = certificate->der_size;
    size_t size = 0;
    cleanup_free char *text = sigstore_bundle_write(bundle, &size);
    if (check_written(keyless, text, size, data, err) < 0)
        return -1;
    *ret_bundle = STEAL(text);
    *ret_size = size;
    return 0;
}

#define EMPTY_BUNDLE                                                \
    {                                                               \
        .entries = VEC_OF(struct rekor_entry, rekor_entry_release), \
        .timestamps = VEC_OF(struct bytes, bytes_release),          \
    }

int keyless_sign_bytes(struct keyless *keyless, const void *data, size_t size, char **ret_bundle,
                       size_t *ret_size, struct error *err)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = EMPTY_BUNDLE;
    struct signed_data signed_data;
    signed_data_of(data, size, &signed_data);
    begin(keyless);
    bundle.content = SIGSTORE_MESSAGE;
    bundle.digest.data = xmemdup(signed_data.sha256, SHA256_SIZE);
    bundle.digest.size = SHA256_SIZE;
    if (sign_key_sign(keyless->key, data, size, &bundle.signature.data, &bundle.signature.size,
                      err) < 0 ||
        add_witnesses(keyless, &bundle.signature, &signed_data, &bundle, err) < 0)
        return -1;
    return finish(keyless, &bundle, &signed_data, ret_bundle, ret_size, err);
}

int keyless_sign_statement(struct keyless *keyless, const void *statement, size_t size,
                           char **ret_bundle, size_t *ret_size, struct error *err)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = EMPTY_BUNDLE;
    struct signed_data signed_data;
    begin(keyless);
    bundle.content = SIGSTORE_DSSE;
    if (dsse_sign(keyless->key, DSSE_IN_TOTO, statement, size, &bundle.dsse, err) < 0)
        return -1;
    size_t encoding_size = 0;
    cleanup_free char *encoding = dsse_pae(DSSE_IN_TOTO, statement, size, &encoding_size);
    const struct bytes signature = {bundle.dsse.signature, bundle.dsse.signature_size};
    signed_data_of(encoding, encoding_size, &signed_data);
    if (add_witnesses(keyless, &signature, &signed_data, &bundle, err) < 0)
        return -1;
    return finish(keyless, &bundle, &signed_data, ret_bundle, ret_size, err);
}
