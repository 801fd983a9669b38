#include "oci/sign/notation_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "fake_notation.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_trust.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define ALL_OF_ACME "x509.subject: C=US, ST=WA, O=acme"
#define DAY_MS (24 * FAKE_HOUR_S * 1000)

struct scene {
    struct fake_signer root;
    struct fake_signer leaf;
    struct fake_signer other; // a root of the same name
    struct fake_signer time;  // a root of timestamps
    struct fake_signer stamps;
    struct notation_trust *trust;
    struct fake_envelope usual;
    struct notation_outcome outcome;
    struct error err;
};

static const struct fake_certificate stamper = {.subject = "CN=stamps",
                                                .purpose = "critical,timeStamping"};

static int set_up(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    fake_root("root", &scene->root);
    fake_root("root", &scene->other);
    fake_root("time", &scene->time);
    fake_leaf("leaf", &scene->root, &scene->leaf);
    fake_certify(&stamper, &scene->time, &scene->stamps);
    scene->trust = notation_trust_new();
    scene->usual = (struct fake_envelope){.signer = &scene->leaf,
                                          .chain = {scene->leaf.cert, scene->root.cert}};
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fake_signer_release(&scene->root);
    fake_signer_release(&scene->other);
    fake_signer_release(&scene->leaf);
    fake_signer_release(&scene->time);
    fake_signer_release(&scene->stamps);
    notation_trust_free(scene->trust);
    notation_outcome_release(&scene->outcome);
    error_release(&scene->err);
    free(scene);
    return 0;
}

static int store(struct scene *scene, enum notation_store_type type, const char *name, X509 *cert)
{
    cleanup_free char *pem = fake_pem(&cert, 1);
    return notation_trust_add_certificates(scene->trust, type, name, pem, strlen(pem), "store.pem",
                                           &scene->err);
}

// The usual trust.
static void trust_acme(struct scene *scene)
{
    assert_int_equal(store(scene, NOTATION_CA, "acme", scene->root.cert), 0);
    assert_int_equal(notation_trust_add_identity(scene->trust, ALL_OF_ACME, NULL), 0);
    assert_int_equal(notation_trust_seal(scene->trust, NULL), 0);
}

static int add_list(struct scene *scene, const struct fake_list *wanted)
{
    size_t size = 0;
    cleanup_free unsigned char *der = fake_list(wanted, &size);
    return notation_trust_add_crl(scene->trust, (const char *)der, size, "acme.crl", &scene->err);
}

static int judge_text(struct scene *scene, const char *text)
{
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    if (notation_envelope_parse(NOTATION_JWS_MEDIA, text, strlen(text), &envelope, &scene->err) <
            0 ||
        notation_verify_integrity(&envelope, &scene->err) < 0)
        fail_msg("%s", error_message(&scene->err));
    notation_outcome_release(&scene->outcome);
    scene->outcome = (struct notation_outcome){0};
    return notation_verify(&envelope, scene->trust, &scene->outcome, &scene->err);
}

static int judge(struct scene *scene)
{
    cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
    return judge_text(scene, text);
}

static void passes(struct scene *scene)
{
    if (judge(scene) < 0)
        fail_msg("%s", error_message(&scene->err));
}

static void refuses(struct scene *scene, const char *wrong)
{
    if (judge(scene) == 0)
        fail_msg("taken, not: %s", wrong);
    if (strstr(error_message(&scene->err), wrong) == NULL)
        fail_msg("%s", error_message(&scene->err));
    assert_int_equal(scene->err.code, ERROR_UNVERIFIED);
}

static void says(const struct scene *scene, const char *part)
{
    if (strstr(error_message(&scene->err), part) == NULL)
        fail_msg("%s", error_message(&scene->err));
}

static void warns(const struct scene *scene, const char *part)
{
    assert_int_equal(scene->outcome.warnings.len, 1);
    const char *said = *(char **)vec_at(&scene->outcome.warnings, 0);
    if (strstr(said, part) == NULL)
        fail_msg("%s", said);
}

static void test_who_is_trusted(void **state)
{
    struct scene *scene = *state;
    trust_acme(scene);
    passes(scene);
    assert_string_equal(scene->outcome.subject, "CN=leaf,O=acme,ST=WA,C=US");
    assert_non_null(scene->outcome.key);
    // Until its certificates end.
    assert_int_equal(scene->outcome.window.from_ms, FAKE_NOW - DAY_MS);
    assert_int_equal(scene->outcome.window.until_ms, FAKE_NOW + DAY_MS);
    assert_string_equal(scene->outcome.window.limit, "the validity of its certificates");
    assert_int_equal(scene->outcome.warnings.len, 0);
}

static void test_who_is_not_trusted(void **state)
{
    struct scene *scene = *state;
    // The same name and another key.
    assert_int_equal(store(scene, NOTATION_CA, "acme", scene->other.cert), 0);
    assert_int_equal(store(scene, NOTATION_TSA, "acme", scene->root.cert), 0);
    assert_int_equal(store(scene, NOTATION_AUTHORITY, "acme", scene->root.cert), 0);
    assert_int_equal(notation_trust_add_identity(scene->trust, "*", NULL), 0);
    refuses(scene, "authenticity: \"CN=leaf,O=acme,ST=WA,C=US\" is certified by nobody in the "
                   "policy's trust stores of type ca");
}

// 1969 is over, whatever 0 means elsewhere.
static void test_certificates_of_long_ago(void **state)
{
    struct scene *scene = *state;
    cleanup_fake_signer struct fake_signer leaf = {0};
    fake_certify(&(struct fake_certificate){.subject = "C=US/ST=WA/O=acme/CN=old",
                                            .from_s = -FAKE_NOW_S - 7200,
                                            .until_s = -FAKE_NOW_S - 3600},
                 &scene->root, &leaf);
    scene->usual = (struct fake_envelope){.signer = &leaf, .chain = {leaf.cert, scene->root.cert}};
    trust_acme(scene);
    passes(scene);
    assert_int_equal(scene->outcome.window.until_ms, 1);
}

static void test_nobody_is_trusted(void **state)
{
    struct scene *scene = *state;
    refuses(scene, "names no trust store of type ca");
    scene->trust->actions[NOTATION_AUTHENTICITY] = NOTATION_SKIP;
    passes(scene);
    scene->trust->actions[NOTATION_AUTHENTICITY] = NOTATION_ENFORCE;
    assert_int_equal(store(scene, NOTATION_CA, "acme", scene->root.cert), 0);
    refuses(scene, "none of the policy's trusted identities");
}

static void test_store_of_another_type(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(store(scene, NOTATION_AUTHORITY, "acme", scene->root.cert), 0);
    assert_int_equal(notation_trust_add_identity(scene->trust, "*", NULL), 0);
    refuses(scene, "names no trust store of type ca");
}

static void test_identity_that_is_not_listed(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(store(scene, NOTATION_CA, "acme", scene->root.cert), 0);
    assert_int_equal(
        notation_trust_add_identity(scene->trust, "x509.subject: C=US, ST=WA, O=other", NULL), 0);
    refuses(scene, "none of the policy's trusted identities");
    scene->trust->actions[NOTATION_AUTHENTICITY] = NOTATION_LOG;
    passes(scene);
    warns(scene, "authenticity: ");
}

static void test_anchor_in_the_middle(void **state)
{
    struct scene *scene = *state;
    cleanup_fake_signer struct fake_signer middle = {0};
    cleanup_fake_signer struct fake_signer leaf = {0};
    fake_certify(&(struct fake_certificate){.subject = "CN=middle",
                                            .usage = "critical,keyCertSign,cRLSign",
                                            .purpose = "",
                                            .constraints = "critical,CA:TRUE"},
                 &scene->root, &middle);
    fake_leaf("deep", &middle, &leaf);
    scene->usual = (struct fake_envelope){.signer = &leaf,
                                          .chain = {leaf.cert, middle.cert, scene->root.cert}};
    assert_int_equal(store(scene, NOTATION_CA, "other", scene->other.cert), 0);
    assert_int_equal(store(scene, NOTATION_CA, "acme", middle.cert), 0);
    assert_int_equal(notation_trust_add_identity(scene->trust, ALL_OF_ACME, NULL), 0);
    passes(scene);
    // One of the way up is revoked.
    assert_int_equal(
        add_list(scene, &(struct fake_list){.issuer = &scene->root, .revoked = middle.cert}), 0);
    refuses(scene, "revocation: the certificate of \"CN=middle\" was revoked");
}

// Whoever trusts nobody yet is described, too.
static void test_description_of_nobody(void **state)
{
    struct scene *scene = *state;
    cleanup_free char *text = notation_trust_describe(scene->trust);
    assert_string_equal(text, "");
    assert_int_equal(notation_trust_add_identity(scene->trust, "*", NULL), 0);
    assert_int_equal(store(scene, NOTATION_CA, "acme", scene->root.cert), 0);
    assert_int_equal(notation_trust_seal(scene->trust, NULL), 0);
    assert_string_equal(notation_check_name(NOTATION_TIMESTAMP), "authenticTimestamp");
}

static void test_signer_of_its_own(void **state)
{
    struct scene *scene = *state;
    cleanup_fake_signer struct fake_signer alone = {0};
    fake_leaf("alone", NULL, &alone);
    scene->usual = (struct fake_envelope){.signer = &alone, .chain = {alone.cert}};
    assert_int_equal(store(scene, NOTATION_CA, "acme", alone.cert), 0);
    assert_int_equal(notation_trust_add_identity(scene->trust, ALL_OF_ACME, NULL), 0);
    passes(scene);
}

static void test_integrity(void **state)
{
    struct scene *scene = *state;
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    scene->usual.chain[1] = NULL;
    cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
    assert_int_equal(
        notation_envelope_parse(NOTATION_JWS_MEDIA, text, strlen(text), &envelope, NULL), 0);
    assert_int_equal(notation_verify_integrity(&envelope, &scene->err), -1);
    says(scene, "up to the root");
    envelope.signature.data[3] ^= 1;
    assert_int_equal(notation_verify_integrity(&envelope, &scene->err), -1);
    says(scene, "did not make this");
}

static void test_target(void **state)
{
    struct scene *scene = *state;
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
    char type[] = FAKE_TYPE;
    char other[] = "a/b";
    struct notation_target target = {.media_type = type, .digest = {FAKE_DIGEST}, .size = 5};
    assert_int_equal(
        notation_envelope_parse(NOTATION_JWS_MEDIA, text, strlen(text), &envelope, NULL), 0);
    assert_int_equal(notation_verify_target(&envelope, &target, NULL), 0);
    target.size = 6;
    assert_int_equal(notation_verify_target(&envelope, &target, &scene->err), -1);
    says(scene, "of 5 bytes; it is a");
    target.size = 5;
    target.media_type = other;
    assert_int_equal(notation_verify_target(&envelope, &target, &scene->err), -1);
    target.media_type = type;
    target.digest.text[10] = '0';
    assert_int_equal(notation_verify_target(&envelope, &target, &scene->err), -1);
    says(scene, "for another artifact");
}

static const char expiring[] =
    "{\"alg\":\"ES256\",\"cty\":\"application/vnd.cncf.notary.payload.v1+json\",\"crit\":"
    "[\"io.cncf.notary.signingScheme\",\"io.cncf.notary.expiry\"],\"io.cncf.notary.signingScheme\":"
    "\"notary.x509\",\"io.cncf.notary.signingTime\":\"2026-11-21T09:00:00Z\","
    "\"io.cncf.notary.expiry\":\"2026-11-21T10:00:01Z\"}";

static void test_expiry(void **state)
{
    struct scene *scene = *state;
    scene->usual.protected = expiring;
    trust_acme(scene);
    passes(scene);
    assert_int_equal(scene->outcome.window.until_ms, FAKE_NOW + 999);
    assert_string_equal(scene->outcome.window.limit, "its expiry");
    scene->trust->actions[NOTATION_EXPIRY] = NOTATION_LOG;
    passes(scene);
    warns(scene, "may be used until 2026-11-21T10:00:01Z, which is not enforced");
    assert_int_equal(scene->outcome.window.until_ms, FAKE_NOW + DAY_MS);
    scene->trust->actions[NOTATION_TIMESTAMP] = NOTATION_LOG;
    passes(scene);
    assert_int_equal(scene->outcome.window.until_ms, 0);
}

#define AUTHORITY(time)                                                                    \
    "{\"alg\":\"ES256\",\"cty\":\"application/vnd.cncf.notary.payload.v1+json\",\"crit\":" \
    "[\"io.cncf.notary.signingScheme\",\"io.cncf.notary.authenticSigningTime\"],"          \
    "\"io.cncf.notary.signingScheme\":\"notary.x509.signingAuthority\","                   \
    "\"io.cncf.notary.authenticSigningTime\":\"" time "\"}"

static void test_signing_authority(void **state)
{
    struct scene *scene = *state;
    scene->usual.protected = AUTHORITY("2026-11-21T10:00:00Z");
    trust_acme(scene);
    refuses(scene, "no trust store of type signingAuthority");
    assert_int_equal(store(scene, NOTATION_AUTHORITY, "acme", scene->root.cert), 0);
    passes(scene);
    // It outlives its certificates.
    assert_int_equal(scene->outcome.window.until_ms, 0);
    scene->usual.protected = AUTHORITY("2026-11-24T10:00:00Z");
    refuses(scene, "authenticTimestamp: its certificates were not valid when");
    scene->usual.protected = AUTHORITY("2026-11-19T10:00:00Z");
    refuses(scene, "authenticTimestamp: its certificates were not valid when");
}

static void test_revocation_lists(void **state)
{
    struct scene *scene = *state;
    cleanup_fake_signer struct fake_signer leaf = {0};
    fake_certify(&(struct fake_certificate){.subject = "C=US/ST=WA/O=acme/CN=listed",
                                            .lists = "URI:http://crl.example.com/a"},
                 &scene->root, &leaf);
    scene->usual = (struct fake_envelope){.signer = &leaf, .chain = {leaf.cert, scene->root.cert}};
    trust_acme(scene);
    refuses(scene, "is not known: no list of its issuer is given");
    // One of somebody else, and one by another key of the same name.
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->time}), 0);
    refuses(scene, "is not known");
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->other}), 0);
    refuses(scene, "cannot be told by the list");
    scene->trust->actions[NOTATION_REVOCATION] = NOTATION_LOG;
    passes(scene);
    warns(scene, "revocation: whether the certificate");
    scene->trust->actions[NOTATION_REVOCATION] = NOTATION_SKIP;
    passes(scene);
    assert_int_equal(scene->outcome.warnings.len, 0);
}

static void test_revoked(void **state)
{
    struct scene *scene = *state;
    trust_acme(scene);
    // An older list that names it, and a newer one that does not: the newer counts.
    struct fake_list old = {.issuer = &scene->root,
                            .revoked = scene->leaf.cert,
                            .from_s = -3 * FAKE_HOUR_S,
                            .until_s = -2 * FAKE_HOUR_S};
    assert_int_equal(add_list(scene, &old), 0);
    refuses(scene, "was revoked");
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root}), 0);
    passes(scene);
    assert_int_equal(scene->outcome.window.from_ms, FAKE_NOW - FAKE_HOUR_S * 1000);
    assert_int_equal(scene->outcome.window.until_ms, FAKE_NOW + FAKE_HOUR_S * 1000);
    assert_string_equal(scene->outcome.window.limit, "the next update of a revocation list");
    scene->trust->actions[NOTATION_REVOCATION] = NOTATION_LOG;
    passes(scene);
    assert_int_equal(scene->outcome.window.until_ms, FAKE_NOW + DAY_MS);
}

static void test_revoked_after_it_signed(void **state)
{
    struct scene *scene = *state;
    trust_acme(scene);
    assert_int_equal(store(scene, NOTATION_AUTHORITY, "acme", scene->root.cert), 0);
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root,
                                                         .revoked = scene->leaf.cert,
                                                         .invalid_from_s = -1800}),
                     0);
    // What the signer says of its time proves nothing.
    refuses(scene, "was revoked");
    scene->usual.protected = AUTHORITY("2026-11-21T09:00:00Z");
    passes(scene);
    scene->usual.protected = AUTHORITY("2026-11-21T09:45:00Z");
    refuses(scene, "was revoked");
}

// A list that outlives the end of time is not named by OpenSSL's complaint.
static void test_revoked_for_ever(void **state)
{
    struct scene *scene = *state;
    trust_acme(scene);
    assert_int_equal(store(scene, NOTATION_AUTHORITY, "acme", scene->root.cert), 0);
    assert_int_equal(
        add_list(scene, &(struct fake_list){.issuer = &scene->root,
                                            .revoked = scene->leaf.cert,
                                            .invalid_from_s = -1800,
                                            .until_s = INT64_C(253402300799) - FAKE_NOW_S}),
        0);
    scene->usual.protected = AUTHORITY("2026-11-21T09:00:00Z");
    passes(scene);
    scene->usual.protected = AUTHORITY("2026-11-21T09:45:00Z");
    refuses(scene, "was revoked");
}

static void test_revoked_without_a_date(void **state)
{
    struct scene *scene = *state;
    trust_acme(scene);
    assert_int_equal(store(scene, NOTATION_AUTHORITY, "acme", scene->root.cert), 0);
    assert_int_equal(
        add_list(scene, &(struct fake_list){.issuer = &scene->root, .revoked = scene->leaf.cert}),
        0);
    scene->usual.protected = AUTHORITY("2026-11-21T09:00:00Z");
    refuses(scene, "was revoked");
}

static void test_lists_that_cannot_be_used(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root, .delta = 1}), -1);
    says(scene, "delta list");
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root, .hash = "SHA1"}),
                     -1);
    says(scene, "weak or unknown hash");
    cleanup_fake_signer struct fake_signer odd = {0};
    fake_certify(&(struct fake_certificate){.subject = "CN=odd",
                                            .kind = "ED25519",
                                            .usage = "critical,cRLSign"},
                 NULL, &odd);
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &odd}), -1);
    says(scene, "weak or unknown hash");
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root, .hash = "SHA384"}),
                     0);
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root, .hash = "SHA512"}),
                     0);
    cleanup_free char *large = xcalloc(NOTATION_MAX_CRL_BYTES + 1, 1);
    assert_int_equal(notation_trust_add_crl(scene->trust, large, NOTATION_MAX_CRL_BYTES + 1,
                                            "a.crl", &scene->err),
                     -1);
    says(scene, "at most 64");
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root, .endless = 1}),
                     -1);
    says(scene, "when the next list comes");
    assert_int_equal(notation_trust_add_crl(scene->trust, "text", 4, "a.crl", &scene->err), -1);
    says(scene, "not exactly one revocation list");
    for (int i = 2; i < NOTATION_MAX_CRLS; i++)
        assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root}), 0);
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root}), -1);
    says(scene, "at most 64");
}

static void test_lists_in_pem(void **state)
{
    struct scene *scene = *state;
    size_t size = 0;
    cleanup_free unsigned char *der = fake_list(&(struct fake_list){.issuer = &scene->root}, &size);
    cleanup_free char *body = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    const unsigned char *at = der;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)size);
    char *text = NULL;
    assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
    long length = BIO_get_mem_data(bio, &text);
    body = xstrndup(text, (size_t)length);
    cleanup_free char *twice = xasprintf("%s%s", body, body);
    assert_int_equal(notation_trust_add_crl(scene->trust, body, strlen(body), "a.crl", &scene->err),
                     0);
    assert_int_equal(
        notation_trust_add_crl(scene->trust, twice, strlen(twice), "a.crl", &scene->err), -1);
    says(scene, "not exactly one");
    // Something behind.
    cleanup_free unsigned char *more = xcalloc(size + 1, 1);
    memcpy(more, der, size);
    assert_int_equal(
        notation_trust_add_crl(scene->trust, (char *)more, size + 1, "a.crl", &scene->err), -1);
    X509_CRL_free(crl);
    BIO_free(bio);
}

static void test_trust_that_cannot_be_used(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(notation_trust_seal(scene->trust, &scene->err), -1);
    says(scene, "nobody is trusted");
    assert_int_equal(store(scene, NOTATION_TSA, "a", scene->time.cert), 0);
    assert_int_equal(notation_trust_seal(scene->trust, &scene->err), -1);
    assert_int_equal(store(scene, NOTATION_CA, "a", scene->root.cert), 0);
    assert_int_equal(notation_trust_seal(scene->trust, &scene->err), -1);
    says(scene, "no trusted identity");
    assert_int_equal(store(scene, NOTATION_CA, "a", scene->leaf.cert), -1);
    says(scene, "neither an authority nor signed by itself");
    cleanup_fake_signer struct fake_signer alone = {0};
    fake_leaf("alone", NULL, &alone);
    assert_int_equal(store(scene, NOTATION_TSA, "a", alone.cert), -1);
    says(scene, "is no root");
    cleanup_fake_signer struct fake_signer middle = {0};
    fake_certify(&(struct fake_certificate){.subject = "CN=middle",
                                            .usage = "critical,keyCertSign",
                                            .constraints = "critical,CA:TRUE"},
                 &scene->root, &middle);
    assert_int_equal(store(scene, NOTATION_TSA, "a", middle.cert), -1);
    says(scene, "is no root");
    assert_int_equal(
        notation_trust_add_certificates(scene->trust, NOTATION_CA, "a", "", 0, "x", &scene->err),
        -1);
    says(scene, "no certificate");
    for (int i = 0; i < NOTATION_MAX_STORES - 2; i++) {
        cleanup_free char *name = xasprintf("store-%d", i);
        assert_int_equal(store(scene, NOTATION_CA, name, scene->root.cert), 0);
    }
    assert_int_equal(store(scene, NOTATION_CA, "one-more", scene->root.cert), -1);
    says(scene, "more than 32");
}

static void test_store_of_too_many(void **state)
{
    struct scene *scene = *state;
    for (int i = 0; i < NOTATION_MAX_CERTIFICATES; i++)
        assert_int_equal(store(scene, NOTATION_CA, "a", scene->root.cert), 0);
    assert_int_equal(store(scene, NOTATION_CA, "a", scene->root.cert), -1);
    says(scene, "at most 256");
}

static void test_trusts_are_told_apart(void **state)
{
    struct scene *scene = *state;
    trust_acme(scene);
    struct digest first = scene->trust->digest;
    assert_int_equal(notation_trust_seal(scene->trust, NULL), 0);
    assert_string_equal(scene->trust->digest.text, first.text);
    scene->trust->actions[NOTATION_REVOCATION] = NOTATION_SKIP;
    assert_int_equal(notation_trust_seal(scene->trust, NULL), 0);
    assert_string_not_equal(scene->trust->digest.text, first.text);
    scene->trust->actions[NOTATION_REVOCATION] = NOTATION_ENFORCE;
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->root}), 0);
    assert_int_equal(notation_trust_seal(scene->trust, NULL), 0);
    assert_string_not_equal(scene->trust->digest.text, first.text);
    cleanup_free char *names = notation_trust_describe(scene->trust);
    assert_string_equal(names, "Notation signer \"C=US, ST=WA, O=acme\"");
    struct notation_trust *open = notation_trust_new();
    notation_trust_free(scene->trust);
    scene->trust = open;
    assert_int_equal(store(scene, NOTATION_CA, "a", scene->root.cert), 0);
    assert_int_equal(store(scene, NOTATION_TSA, "b", scene->time.cert), 0);
    assert_int_equal(notation_trust_add_identity(open, "*", NULL), 0);
    cleanup_free char *any = notation_trust_describe(open);
    assert_string_equal(any, "any Notation signer of ca:a");
    notation_trust_free(NULL);
}

// A signature with a timestamp over it, or over `other`.
static int judge_stamped(struct scene *scene, const struct fake_signer *by, int64_t at_s,
                         int accuracy_ms, const char *hash, const char *other)
{
    unsigned char *signature = NULL;
    size_t size = 0;
    cleanup_free char *bare = fake_jws(&scene->usual, &signature, &size);
    const void *over = other != NULL ? (const void *)other : signature;
    size_t stamp_size = 0;
    cleanup_free unsigned char *stamp =
        fake_stamp(by, scene->time.cert, over, other != NULL ? strlen(other) : size, at_s,
                   accuracy_ms, hash, &stamp_size);
    free(signature);
    // The envelope is the same but for what is not signed.
    cleanup_free char *encoded = base64_encode(stamp, stamp_size);
    const char *at = strstr(bare, "\"header\":{") + strlen("\"header\":{");
    cleanup_free char *text = xasprintf("%.*s\"io.cncf.notary.timestampSignature\":\"%s\",%s",
                                        (int)(at - bare), bare, encoded, at);
    return judge_text(scene, text);
}

static void test_timestamps(void **state)
{
    struct scene *scene = *state;
    trust_acme(scene);
    assert_int_equal(store(scene, NOTATION_TSA, "other", scene->other.cert), 0);
    refuses(scene, "authenticTimestamp: it has no timestamp");
    assert_int_equal(judge_stamped(scene, &scene->stamps, 0, 0, "SHA256", NULL), -1);
    says(scene, "by none of the authorities of the tsa trust stores");
    assert_int_equal(store(scene, NOTATION_TSA, "time", scene->time.cert), 0);
    if (judge_stamped(scene, &scene->stamps, 0, 0, "SHA256", NULL) < 0)
        fail_msg("%s", error_message(&scene->err));
    // It outlives its certificates.
    assert_int_equal(scene->outcome.window.until_ms, 0);
    assert_int_equal(judge_stamped(scene, &scene->stamps, 0, 1500, "SHA512", NULL), 0);
    assert_int_equal(judge_stamped(scene, &scene->stamps, 0, 0, "SHA384", NULL), 0);
    assert_int_equal(judge_stamped(scene, &scene->stamps, 0, 0, "SHA256", "other bytes"), -1);
    says(scene, "about another signature");
    assert_int_equal(judge_stamped(scene, &scene->stamps, 0, 0, "SHA1", NULL), -1);
    says(scene, "none of SHA-256");
    // Signed with, or naming its signer by, SHA-1 alone.
    assert_int_equal(judge_stamped(scene, &scene->stamps, 0, 0, "SHA256/SHA1", NULL), -1);
    says(scene, "by none of the authorities");
    assert_int_equal(judge_stamped(scene, &scene->stamps, 0, 0, "SHA256/SHA256/SHA1", NULL), -1);
    says(scene, "by none of the authorities");
    assert_int_equal(judge_stamped(scene, &scene->stamps, 0, 0, "SHA256/SHA512/SHA384", NULL), 0);
}

static void test_timestamps_of_another_time(void **state)
{
    struct scene *scene = *state;
    cleanup_fake_signer struct fake_signer leaf = {0};
    fake_certify(&(struct fake_certificate){.subject = "C=US/ST=WA/O=acme/CN=short",
                                            .from_s = -100,
                                            .until_s = 100},
                 &scene->root, &leaf);
    scene->usual = (struct fake_envelope){.signer = &leaf, .chain = {leaf.cert, scene->root.cert}};
    trust_acme(scene);
    assert_int_equal(store(scene, NOTATION_TSA, "time", scene->time.cert), 0);
    assert_int_equal(judge_stamped(scene, &scene->stamps, -101, 0, "SHA256", NULL), -1);
    says(scene, "when its certificates were not valid");
    assert_int_equal(judge_stamped(scene, &scene->stamps, 101, 0, "SHA256", NULL), -1);
    assert_int_equal(judge_stamped(scene, &scene->stamps, 99, 0, "SHA256", NULL), 0);
    assert_int_equal(judge_stamped(scene, &scene->stamps, 99, 2000, "SHA256", NULL), -1);
    assert_int_equal(judge_stamped(scene, &scene->stamps, -99, 2000, "SHA256", NULL), -1);
    assert_int_equal(judge_stamped(scene, &scene->stamps, 99, -1, "SHA256", NULL), 0);
    assert_int_equal(judge_stamped(scene, &scene->stamps, 100, -1, "SHA256", NULL), -1);
    assert_int_equal(judge_stamped(scene, &scene->stamps, -FAKE_NOW_S - 9, 0, "SHA256", NULL), -1);
    says(scene, "tells no time");
    // Only once a certificate has expired: then it ends with them.
    scene->trust->stamp_after_expiry = true;
    assert_int_equal(judge_stamped(scene, &scene->stamps, 101, 0, "SHA256", NULL), 0);
    assert_int_equal(scene->outcome.window.until_ms, FAKE_NOW + 100000);
    assert_int_equal(judge_stamped(scene, &scene->stamps, 99, 0, "SHA256", NULL), 0);
    assert_int_equal(scene->outcome.window.until_ms, 0);
    passes(scene);
    assert_int_equal(scene->outcome.window.until_ms, FAKE_NOW + 100000);
}

static void test_authorities_of_timestamps(void **state)
{
    struct scene *scene = *state;
    cleanup_fake_signer struct fake_signer weak = {0};
    cleanup_fake_signer struct fake_signer listed = {0};
    cleanup_fake_signer struct fake_signer old = {0};
    struct fake_certificate wanted = stamper;
    wanted.kind = "RSA2560";
    fake_certify(&wanted, &scene->time, &weak);
    wanted = stamper;
    wanted.lists = "URI:http://crl.example.com/t";
    fake_certify(&wanted, &scene->time, &listed);
    wanted = stamper;
    wanted.until_s = -3600;
    fake_certify(&wanted, &scene->time, &old);
    trust_acme(scene);
    assert_int_equal(store(scene, NOTATION_TSA, "time", scene->time.cert), 0);
    assert_int_equal(judge_stamped(scene, &weak, 0, 0, "SHA256", NULL), -1);
    says(scene, "the timestamp's authority: the certificate of \"CN=stamps\"");
    assert_int_equal(judge_stamped(scene, &old, 0, 0, "SHA256", NULL), -1);
    says(scene, "by none of the authorities");
    assert_int_equal(judge_stamped(scene, &old, -7200, 0, "SHA256", NULL), 0);
    assert_int_equal(judge_stamped(scene, &listed, 0, 0, "SHA256", NULL), -1);
    says(scene, "the timestamp's authority: whether the certificate of \"CN=stamps\"");
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->time}), 0);
    assert_int_equal(judge_stamped(scene, &listed, 0, 0, "SHA256", NULL), 0);
    assert_int_equal(scene->outcome.window.until_ms, FAKE_NOW + FAKE_HOUR_S * 1000);
    assert_int_equal(add_list(scene, &(struct fake_list){.issuer = &scene->time,
                                                         .revoked = listed.cert,
                                                         .from_s = -60}),
                     0);
    assert_int_equal(judge_stamped(scene, &listed, 0, 0, "SHA256", NULL), -1);
    says(scene, "was revoked");
    scene->trust->actions[NOTATION_REVOCATION] = NOTATION_SKIP;
    assert_int_equal(judge_stamped(scene, &listed, 0, 0, "SHA256", NULL), 0);
}

static void test_timestamps_that_are_none(void **state)
{
    struct scene *scene = *state;
    trust_acme(scene);
    assert_int_equal(store(scene, NOTATION_TSA, "time", scene->time.cert), 0);
    size_t size = 0;
    cleanup_free unsigned char *stamp =
        fake_stamp(&scene->stamps, scene->time.cert, "x", 1, 0, 0, "SHA256", &size);
    cleanup_free unsigned char *long_one = xcalloc((64 << 10) + 1, 1);
    cleanup_free unsigned char *more = xcalloc(size + 1, 1);
    memcpy(more, stamp, size);
    const struct {
        const unsigned char *data;
        size_t size;
    } rows[] = {{(const unsigned char *)"stamp", 5},
                {long_one, (64 << 10) + 1},
                {more, size + 1},
                // Signed data, and nothing in it.
                {(const unsigned char *)"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 13},
                // PKCS#7 "data", not signed.
                {(const unsigned char *)"\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0"
                                        "\x02\x04\x00",
                 17}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        scene->usual.stamp = rows[i].data;
        scene->usual.stamp_size = rows[i].size;
        assert_int_equal(judge(scene), -1);
        says(scene, "no RFC 3161 token");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_is_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_is_not_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_certificates_of_long_ago, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_is_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_of_another_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_identity_that_is_not_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_anchor_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_description_of_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signer_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_integrity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_target, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signing_authority, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_revocation_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_revoked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_revoked_after_it_signed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_revoked_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_revoked_without_a_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists_in_pem, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trust_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store_of_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trusts_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timestamps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timestamps_of_another_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_authorities_of_timestamps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timestamps_that_are_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
