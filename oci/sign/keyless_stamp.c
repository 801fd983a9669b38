// A timestamp authority: a hash and a random number in, its word about the time out.
// Format: RFC 3161 section 2.4.
#include "base/clock.h"
#include "base/memory.h"
#include "oci/sign/keyless_internal.h"
#include "oci/sign/timestamp.h"
#include "oci/sign/trusted_root.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ts.h>

#include <stdbool.h>
#include <stdlib.h>

enum { NONCE_BYTES = 8 };

static void release_request(TS_REQ **request)
{
    TS_REQ_free(*request);
}
#define cleanup_ts_request __attribute__((cleanup(release_request)))

static ASN1_INTEGER *random_nonce(void)
{
    unsigned char bytes[NONCE_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        abort();
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    ASN1_INTEGER *nonce = BN_to_ASN1_INTEGER(number, NULL);
    if (number == NULL || nonce == NULL)
        abort();
    BN_free(number);
    return nonce;
}

static TS_REQ *build_request(const struct bytes *signature)
{
    unsigned char hash[SHA256_SIZE];
    TS_REQ *request = TS_REQ_new();
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    ASN1_INTEGER *nonce = random_nonce();
    sha256(signature->data, signature->size, hash);
    if (request == NULL || imprint == NULL || algorithm == NULL ||
        X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) != 1 ||
        TS_MSG_IMPRINT_set_algo(imprint, algorithm) != 1 ||
        TS_MSG_IMPRINT_set_msg(imprint, hash, sizeof hash) != 1 ||
        TS_REQ_set_version(request, 1) != 1 || TS_REQ_set_msg_imprint(request, imprint) != 1 ||
        TS_REQ_set_nonce(request, nonce) != 1 || TS_REQ_set_cert_req(request, 1) != 1)
        abort();
    ASN1_INTEGER_free(nonce);
    X509_ALGOR_free(algorithm);
    TS_MSG_IMPRINT_free(imprint);
    return request;
}

// An older answer about the same signature would have another.
static bool has_nonce(const struct strbuf *answer, const TS_REQ *request)
{
    const unsigned char *at = (const unsigned char *)answer->data;
    TS_RESP *response = d2i_TS_RESP(NULL, &at, (long)answer->len);
    TS_TST_INFO *info = response != NULL ? TS_RESP_get_tst_info(response) : NULL;
    const ASN1_INTEGER *nonce = info != NULL ? TS_TST_INFO_get_nonce(info) : NULL;
    bool same = nonce != NULL && ASN1_INTEGER_cmp(nonce, TS_REQ_get_nonce(request)) == 0;
    TS_RESP_free(response);
    ERR_clear_error();
    return same;
}

static int check_answer(const struct keyless *keyless, const TS_REQ *request,
                        const struct strbuf *answer, const struct bytes *signature,
                        struct error *err)
{
    int64_t wall_ms = 0;
    if (timestamp_verify(answer->data, answer->len, signature->data, signature->size,
                         &keyless->root->tsas, &wall_ms, err) < 0)
        return -1;
    if (!has_nonce(answer, request))
        return error_set(err, ERROR_UNVERIFIED,
                         "its timestamp answers another request (the nonce is not ours)");
    if (wall_ms == 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "its timestamps are by nobody that the trusted root names; is the trusted "
                         "root that of this instance?");
    return 0;
}

int keyless_get_timestamp(const struct keyless *keyless, const struct signing_service *tsa,
                          const struct bytes *signature, struct bytes *ret_response,
                          struct error *err)
{
    cleanup_ts_request TS_REQ *request = build_request(signature);
    cleanup_http_response struct http_response response = {0};
    unsigned char *der = NULL;
    int size = i2d_TS_REQ(request, &der);
    if (size <= 0)
        abort();
    const struct keyless_question question = {.service = "timestamp authority",
                                              .url = tsa->url,
                                              .type = "application/timestamp-query",
                                              .accept = "application/timestamp-reply",
                                              .body = der,
                                              .body_size = (size_t)size,
                                              .max_bytes = TIMESTAMP_MAX_BYTES};
    int result = keyless_ask(keyless, &question, &response, err);
    OPENSSL_free(der);
    if (result < 0)
        return -1;
    if (keyless_check_status(&question, &response, err) < 0)
        return -1;
    if (check_answer(keyless, request, &response.body, signature, err) < 0)
        return error_wrap(err, "timestamp authority %s", tsa->url);
    ret_response->size = response.body.len;
    ret_response->data = (unsigned char *)strbuf_steal(&response.body);
    return 0;
}
