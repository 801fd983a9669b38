#include "oci/sign/notation_time.h"

#include "base/memory.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// 9999-12-31: every list is past its time then, so that OpenSSL names the one that it used, and of
// several of one issuer takes the newest. When it is current is for the window to say.
static const int64_t end_of_time = INT64_C(253402300799);

// One certificate's turn.
struct lookup {
    int64_t authentic_ms;
    struct notation_window *window;
    X509_CRL *list; // that was used; borrowed
};

void notation_window_narrow(struct notation_window *window, int64_t from_ms, int64_t until_ms,
                            const char *limit)
{
    if (from_ms > window->from_ms)
        window->from_ms = from_ms;
    if (until_ms > 0 && (window->until_ms == 0 || until_ms < window->until_ms)) {
        window->until_ms = until_ms;
        window->limit = limit;
    }
}

static void use_list(struct lookup *lookup, X509_CRL *crl)
{
    int64_t from_ms = 0;
    int64_t until_ms = 0;
    // OpenSSL forgets it once it has complained about its time.
    lookup->list = crl;
    // Both were read when the list was added.
    if (notation_time_ms(X509_CRL_get0_lastUpdate(crl), &from_ms) < 0 ||
        notation_time_ms(X509_CRL_get0_nextUpdate(crl), &until_ms) < 0)
        abort();
    notation_window_narrow(lookup->window, from_ms, until_ms > 0 ? until_ms : 1,
                           "the next update of a revocation list");
}

// Whether the list says that the certificate was still good when it signed.
static bool was_good(const struct lookup *lookup, X509_STORE_CTX *context)
{
    X509_CRL *list = lookup->list != NULL ? lookup->list : X509_STORE_CTX_get0_current_crl(context);
    X509_REVOKED *entry = NULL;
    int64_t invalid_ms = 0;
    if (lookup->authentic_ms == 0 ||
        X509_CRL_get0_by_cert(list, &entry, X509_STORE_CTX_get_current_cert(context)) != 1)
        return false;
    ASN1_GENERALIZEDTIME *date = X509_REVOKED_get_ext_d2i(entry, NID_invalidity_date, NULL, NULL);
    bool good = notation_time_ms(date, &invalid_ms) == 0 && lookup->authentic_ms < invalid_ms;
    ASN1_GENERALIZEDTIME_free(date);
    return good;
}

static int decide(int ok, X509_STORE_CTX *context)
{
    struct lookup *lookup = X509_STORE_CTX_get_app_data(context);
    if (ok == 1)
        return 1;
    switch (X509_STORE_CTX_get_error(context)) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return 1;
    case X509_V_ERR_CRL_HAS_EXPIRED:
        use_list(lookup, X509_STORE_CTX_get0_current_crl(context));
        return 1;
    case X509_V_ERR_CERT_REVOKED:
        return was_good(lookup, context);
    default:
        return 0;
    }
}

static int look_up(const struct vec *chain, size_t index, STACK_OF(X509_CRL) * lists,
                   struct lookup *lookup)
{
    X509_STORE *anchors = X509_STORE_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (anchors == NULL || between == NULL || context == NULL)
        abort();
    for (size_t i = 0; i + 1 < chain->len; i++)
        sk_X509_push(between, notation_certificate(chain, i));
    X509_STORE_add_cert(anchors, notation_certificate(chain, chain->len - 1));
    if (X509_STORE_CTX_init(context, anchors, notation_certificate(chain, index), between) != 1)
        abort();
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, (time_t)end_of_time);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK);
    X509_STORE_CTX_set0_crls(context, lists);
    X509_STORE_CTX_set_app_data(context, lookup);
    X509_STORE_CTX_set_verify_cb(context, decide);
    int why = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    sk_X509_free(between);
    X509_STORE_free(anchors);
    ERR_clear_error();
    return why;
}

// Whether the certificate says that it can be revoked.
static bool names_a_place(const X509 *certificate)
{
    return X509_get_ext_by_NID(certificate, NID_crl_distribution_points, -1) >= 0 ||
           X509_get_ext_by_NID(certificate, NID_info_access, -1) >= 0;
}

static bool has_list(const struct vec *crls, const X509 *certificate)
{
    vec_foreach (X509_CRL *, crl, crls)
        if (X509_NAME_cmp(X509_CRL_get_issuer(*crl), X509_get_issuer_name(certificate)) == 0)
            return true;
    return false;
}

static int check_one(const struct vec *chain, size_t index, const struct vec *crls,
                     STACK_OF(X509_CRL) * lists, struct lookup *lookup, struct error *err)
{
    const X509 *certificate = notation_certificate(chain, index);
    bool given = has_list(crls, certificate);
    if (!given && !names_a_place(certificate))
        return 0;
    cleanup_free char *subject = notation_subject(certificate);
    if (!given)
        return error_set(err, ERROR_UNVERIFIED,
                         "whether the certificate of \"%.300s\" was revoked is not known: no list "
                         "of its issuer is given, and nothing is fetched; give its CRL, or have "
                         "the policy override revocation",
                         subject);
    lookup->list = NULL;
    int why = look_up(chain, index, lists, lookup);
    if (why == X509_V_ERR_CERT_REVOKED)
        return error_set(err, ERROR_UNVERIFIED, "the certificate of \"%.300s\" was revoked",
                         subject);
    if (why != X509_V_OK)
        return error_set(err, ERROR_UNVERIFIED,
                         "whether the certificate of \"%.300s\" was revoked cannot be told by the "
                         "list of its issuer: %s",
                         subject, X509_verify_cert_error_string(why));
    return 0;
}

int notation_revocation_check(const struct vec *chain, const struct vec *crls, int64_t authentic_ms,
                              struct notation_window *window, struct error *err)
{
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    struct lookup lookup = {.authentic_ms = authentic_ms, .window = window};
    int result = 0;
    if (lists == NULL)
        abort();
    vec_foreach (X509_CRL *, crl, crls)
        sk_X509_CRL_push(lists, *crl);
    for (size_t i = 0; i + 1 < chain->len && result == 0; i++)
        result = check_one(chain, i, crls, lists, &lookup, err);
    sk_X509_CRL_free(lists);
    return result;
}
