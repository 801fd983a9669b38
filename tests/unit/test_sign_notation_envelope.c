#include "oci/sign/notation_envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "fake_notation.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct scene {
    struct fake_signer root;
    struct fake_signer leaf;
    struct fake_envelope usual;
};

static int set_up(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    fake_root("root", &scene->root);
    fake_leaf("leaf", &scene->root, &scene->leaf);
    scene->usual = (struct fake_envelope){.signer = &scene->leaf,
                                          .chain = {scene->leaf.cert, scene->root.cert}};
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fake_signer_release(&scene->root);
    fake_signer_release(&scene->leaf);
    free(scene);
    return 0;
}

static int parse(const char *media, const void *data, size_t size, struct error *err)
{
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    if (notation_envelope_parse(media, data, size, &envelope, err) < 0)
        return -1;
    return notation_envelope_verify(&envelope, err);
}

static void expect(const char *name, int result, const struct error *err, const char *wrong)
{
    if (wrong == NULL && result == 0)
        return;
    if (wrong == NULL || result == 0 || strstr(error_message(err), wrong) == NULL)
        fail_msg("%s: %s", name, result == 0 ? "taken" : error_message(err));
}

static void test_jws_is_read(void **state)
{
    struct scene *scene = *state;
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    scene->usual.protected =
        "{\"alg\":\"ES256\",\"cty\":\"application/vnd.cncf.notary.payload.v1+json\",\"crit\":"
        "[\"io.cncf.notary.signingScheme\",\"io.cncf.notary.authenticSigningTime\",\"io.cncf."
        "notary.expiry\"],\"io.cncf.notary.signingScheme\":\"notary.x509.signingAuthority\","
        "\"io.cncf.notary.authenticSigningTime\":\"2026-11-21T12:00:00+02:00\","
        "\"io.cncf.notary.expiry\":\"2026-11-22T10:00:00Z\",\"more\":1}";
    scene->usual.header = ",\"io.cncf.notary.signingAgent\":\"tests\"";
    scene->usual.stamp = (const unsigned char *)"stamp";
    scene->usual.stamp_size = 5;
    cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
    cleanup_error struct error err = {0};
    if (notation_envelope_parse(NOTATION_JWS_MEDIA, text, strlen(text), &envelope, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(notation_envelope_verify(&envelope, NULL), 0);
    assert_int_equal(envelope.scheme, NOTATION_SIGNING_AUTHORITY);
    assert_int_equal(envelope.signed_ms, FAKE_NOW);
    assert_int_equal(envelope.expires_ms, FAKE_NOW + 24 * FAKE_HOUR_S * 1000);
    assert_int_equal(envelope.timestamp.size, 5);
    assert_int_equal(envelope.chain.len, 2);
    assert_int_equal(envelope.target.size, 5);
    assert_string_equal(envelope.target.digest.text, FAKE_DIGEST);
    assert_string_equal(envelope.target.media_type, FAKE_TYPE);
}

static void test_jws_of_every_kind_of_key(void **state)
{
    struct scene *scene = *state;
    static const char *const kinds[][2] = {{"P-256", "ES256"},   {"P-384", "ES384"},
                                           {"P-521", "ES512"},   {"RSA2048", "PS256"},
                                           {"RSA3072", "PS384"}, {"RSA4096", "PS512"}};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        cleanup_fake_signer struct fake_signer leaf = {0};
        fake_certify(&(struct fake_certificate){.subject = "CN=x", .kind = kinds[i][0]},
                     &scene->root, &leaf);
        const struct fake_envelope wanted = {
            .signer = &leaf, .chain = {leaf.cert, scene->root.cert}, .algorithm = kinds[i][1]};
        cleanup_free char *text = fake_jws(&wanted, NULL, NULL);
        cleanup_error struct error err = {0};
        expect(kinds[i][0], parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err, NULL);
    }
}

#define HEAD "{\"alg\":\"ES256\",\"cty\":\"application/vnd.cncf.notary.payload.v1+json\""
#define SCHEME ",\"io.cncf.notary.signingScheme\":\"notary.x509\""
#define TIME ",\"io.cncf.notary.signingTime\":\"2026-11-21T10:00:00Z\""
#define AUTHENTIC ",\"io.cncf.notary.authenticSigningTime\":\"2026-11-21T10:00:00Z\""
#define EXPIRY ",\"io.cncf.notary.expiry\":\"2026-11-22T10:00:00Z\""
#define CRIT(more) ",\"crit\":[\"io.cncf.notary.signingScheme\"" more "]"
#define AUTHORITY ",\"io.cncf.notary.signingScheme\":\"notary.x509.signingAuthority\""

static const struct {
    const char *protected;
    const char *wrong;
} headers[] = {
    {HEAD SCHEME TIME CRIT("") "}", NULL},
    {HEAD SCHEME TIME EXPIRY CRIT(",\"io.cncf.notary.expiry\"") "}", NULL},
    {HEAD SCHEME TIME CRIT(",\"io.cncf.notary.signingTime\"") "}", NULL},
    {HEAD SCHEME TIME CRIT("") ",\"io.cncf.notary.signingSchemX\":1,"
                               "\"io.cncf.notary.verificationByOthersOnly\":1}",
     NULL},
    {HEAD SCHEME TIME CRIT(",\"a234567890a234567890a234567890a234567890a234567890a234567890a23456"
                           "7890a234567890a234567890a234567890a234567890\"") "}",
     "not understood here"},
    {"{\"alg\":\"ES256\",\"cty\":\"a234567890a234567890a234567890a234567890a234567890a234567890a"
     "234567890a234567890a234567890a234567890a234567890a234567890a234567890\"" SCHEME TIME CRIT(
         "") "}",
     "content type is no text"},
    {HEAD SCHEME TIME "}", "no list of critical headers"},
    {HEAD SCHEME TIME ",\"crit\":[]}", "no list of critical headers"},
    {HEAD SCHEME TIME ",\"crit\":{}}", "no list of critical headers"},
    {HEAD SCHEME TIME ",\"crit\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7]}", "no list of critical"},
    {HEAD SCHEME TIME ",\"crit\":[1]}", "no text"},
    {HEAD SCHEME TIME CRIT(",\"io.cncf.notary.signingScheme\"") "}", "twice"},
    {HEAD SCHEME TIME CRIT(",\"b64\"") ",\"b64\":false}", "not understood here"},
    {HEAD SCHEME TIME CRIT(",\"alg\"") "}", "not understood here"},
    {HEAD SCHEME TIME CRIT(",\"io.cncf.notary.expiry\"") "}", "does not have"},
    {HEAD SCHEME TIME EXPIRY CRIT("") "}", "must be critical"},
    {HEAD SCHEME TIME ",\"crit\":[\"io.cncf.notary.signingTime\"]}", "must be critical"},
    {HEAD SCHEME CRIT("") "}", "does not tell the time of signing"},
    {HEAD SCHEME TIME AUTHENTIC CRIT(",\"io.cncf.notary.authenticSigningTime\"") "}",
     "does not tell the time of signing"},
    {HEAD AUTHORITY TIME CRIT("") "}", "does not tell the time of signing"},
    {HEAD AUTHORITY AUTHENTIC CRIT("") "}", "must be critical"},
    {HEAD AUTHORITY AUTHENTIC CRIT(",\"io.cncf.notary.authenticSigningTime\"") "}", NULL},
    {HEAD TIME CRIT("") "}", "is not known"},
    {HEAD ",\"io.cncf.notary.signingScheme\":\"notary.x510\"" TIME CRIT("") "}", "is not known"},
    {HEAD ",\"io.cncf.notary.signingScheme\":1" TIME CRIT("") "}", "is no text"},
    {HEAD ",\"io.cncf.notary.signingScheme\":\"a234567890b234567890c234567890d234567890e234567890"
          "f234567890g234567890\"" TIME CRIT("") "}",
     "no text of at most"},
    {HEAD SCHEME ",\"io.cncf.notary.signingTime\":\"yesterday\"" CRIT("") "}", "signingTime"},
    {HEAD SCHEME ",\"io.cncf.notary.signingTime\":\"1960-01-01T00:00:00Z\"" CRIT("") "}", "1970"},
    {HEAD SCHEME TIME
     ",\"io.cncf.notary.expiry\":\"2026-11-21T10:00:00Z\"" CRIT(",\"io.cncf.notary.expiry\"") "}",
     "expires before it was signed"},
    {HEAD SCHEME TIME CRIT(",\"io.cncf.notary.verificationPlugin\"") ",\"io.cncf.notary."
                                                                     "verificationPlugin\":"
                                                                     "\"p\"}",
     "plugin"},
    {HEAD SCHEME TIME CRIT("") ",\"io.cncf.notary.verificationPluginMinVersion\":\"1.0.0\"}",
     "plugin"},
    {HEAD SCHEME TIME CRIT("") SCHEME "}", "duplicate"},
    {"{\"alg\":\"ES256\"" SCHEME TIME CRIT("") "}", "cty"},
    {"{\"cty\":\"a\"" SCHEME TIME CRIT("") "}", "alg"},
    {"{\"alg\":\"ES256\",\"cty\":\"text/plain\"" SCHEME TIME CRIT("") "}", "text/plain"},
    {"{\"alg\":\"none\",\"cty\":\"a\"" SCHEME TIME CRIT("") "}", "none of Notation's"},
    {"{\"alg\":\"HS256\",\"cty\":\"a\"" SCHEME TIME CRIT("") "}", "none of Notation's"},
    {"{\"alg\":\"PS256\",\"cty\":\"application/vnd.cncf.notary.payload.v1+json\"" SCHEME TIME CRIT(
         "") "}",
     "it says PS256"},
    {"[]", "signed header"},
    {"", "signed header"},
};

static void test_jws_headers(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        scene->usual.protected = headers[i].protected;
        cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
        cleanup_error struct error err = {0};
        expect(headers[i].protected, parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err,
               headers[i].wrong);
    }
}

#define TARGET(type, digest, size) \
    "{\"targetArtifact\":{\"mediaType\":" type ",\"digest\":" digest ",\"size\":" size "}}"

static const struct {
    const char *payload;
    const char *wrong;
} payloads[] = {
    {TARGET("\"a/b\"", "\"" FAKE_DIGEST "\"", "0"), NULL},
    {TARGET("\"a/b\"", "\"" FAKE_DIGEST "\"", "-1"), "names no artifact"},
    {TARGET("\"a/b\"", "\"" FAKE_DIGEST "\"", "1.5"), "names no artifact"},
    {TARGET("\"a/b\"", "\"" FAKE_DIGEST "\"", "\"5\""), "names no artifact"},
    {TARGET("\"a/b\"", "\"sha512:00\"", "5"), "names no artifact"},
    {TARGET("\"a/b\"", "5", "5"), "names no artifact"},
    {TARGET("5", "\"" FAKE_DIGEST "\"", "5"), "names no artifact"},
    {"{}", "names no artifact"},
    {"{\"targetArtifact\":[]}", "names no artifact"},
    {"{\"targetArtifact\":{},\"targetArtifact\":{}}", "duplicate"},
    {"[]", "payload"},
    {"", "payload"},
};

static void test_payloads(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(payloads); i++) {
        scene->usual.payload = payloads[i].payload;
        cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
        cleanup_error struct error err = {0};
        expect(payloads[i].payload, parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err,
               payloads[i].wrong);
    }
    cleanup_free char *large = xmalloc((64 << 10) + 2);
    memset(large, ' ', (64 << 10) + 1);
    large[(64 << 10) + 1] = '\0';
    scene->usual.payload = large;
    cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
    cleanup_error struct error err = {0};
    expect("large", parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err, "at most 65536");
}

// What is replaced in a good envelope.
static const struct {
    const char *from;
    const char *to;
    const char *wrong;
} changes[] = {
    {"\"payload\":\"", "\"payload\":\"AA", "payload"},
    {"\"payload\":\"", "\"payload\":\"=", "no base64url"},
    {"\"payload\":\"", "\"payload\":\"+", "no base64url"},
    {"\"payload\":\"", "\"payload\":\"/", "no base64url"},
    {"\"payload\":\"", "\"payload\":\"A", "payload"},
    {"\"payload\":\"", "\"payload\":1,\"x\":\"", "unknown member"},
    {"\"payload\"", "\"payloads\"", "unknown member"},
    {"{\"payload\":\"", "{\"payload\":1,\"protected\":\"", "duplicate"},
    {"\"signature\":\"", "\"signature\":\"____", "did not make this signature"},
    {"\"signature\":\"", "\"signature\":\"=", "no base64url"},
    {"\"protected\":\"", "\"protected\":\"=", "no base64url"},
    {"\"signature\"", "\"protected\"", "duplicate"},
    {"\"header\"", "\"header\":{},\"header\"", "duplicate"},
    {"\"header\":{", "\"header\":{\"alg\":\"ES256\",", "is not signed"},
    {"\"header\":{", "\"header\":{\"io.cncf.notary.expiry\":\"x\",", "is not signed"},
    {"\"header\":{", "\"header\":{\"io.cncf.notary.timestampSignature\":1,", "timestampSignature"},
    {"\"header\":{", "\"header\":{\"io.cncf.notary.timestampSignature\":\"\",", "is empty"},
    {"\"header\":{", "\"header\":{\"anything\":1,", NULL},
    {"\"x5c\":[", "\"x5c\":{},\"x\":[", "no certificates"},
    {"\"x5c\":[", "\"x5c\":[],\"x\":[", "holds no certificates"},
    {"\"x5c\":[", "\"x5c\":[1,", "no base64"},
    {"\"x5c\":[", "\"x5c\":[\"?\",", "no base64"},
    {"\"x5c\":[", "\"x5c\":[\"AAAA\",", "no X.509"},
    {"\"x5c\":[", "\"x5c\":[\"\",", "no X.509"},
};

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void test_jws_members(void **state)
{
    struct scene *scene = *state;
    cleanup_free char *good = fake_jws(&scene->usual, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(changes); i++) {
        cleanup_free char *text = replaced(good, changes[i].from, changes[i].to);
        cleanup_error struct error err = {0};
        expect(changes[i].to, parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err,
               changes[i].wrong);
    }
    // Without a part.
    static const char *const parts[] = {"payload", "protected", "header", "signature"};
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        cleanup_free char *name = xasprintf("\"%s\"", parts[i]);
        cleanup_free char *other = xasprintf("\"%s-\"", parts[i]);
        cleanup_free char *text = replaced(good, name, other);
        cleanup_error struct error err = {0};
        expect(parts[i], parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err, "unknown");
    }
    cleanup_error struct error err = {0};
    expect("nothing", parse(NOTATION_JWS_MEDIA, "{}", 2, &err), &err, "protected");
    expect("no header", parse(NOTATION_JWS_MEDIA, "{\"protected\":\"e30\"}", 19, &err), &err,
           "payload");
    expect("other media", parse("text/plain", good, strlen(good), &err), &err, "neither");
    cleanup_free char *large = xcalloc(NOTATION_MAX_BYTES + 1, 1);
    expect("large", parse(NOTATION_JWS_MEDIA, large, NOTATION_MAX_BYTES + 1, &err), &err,
           "at most 1048576");
}

static void test_jws_without_signature_or_header(void **state)
{
    struct scene *scene = *state;
    cleanup_free char *good = fake_jws(&scene->usual, NULL, NULL);
    cleanup_error struct error err = {0};
    const char *at = strstr(good, "\"signature\"");
    cleanup_free char *unsigned_text = xasprintf("%.*s\"signature\":\"\"}", (int)(at - good), good);
    expect("unsigned", parse(NOTATION_JWS_MEDIA, unsigned_text, strlen(unsigned_text), &err), &err,
           "no signature");
    const char *header = strstr(good, "\"header\"");
    cleanup_free char *bare = xasprintf("%.*s\"header\":[],%s", (int)(header - good), good, at);
    cleanup_free char *none = xasprintf("%.*s%s", (int)(header - good), good, at);
    expect("none", parse(NOTATION_JWS_MEDIA, none, strlen(none), &err), &err, "no \"header\"");
    expect("bare", parse(NOTATION_JWS_MEDIA, bare, strlen(bare), &err), &err, "no \"header\"");
}

static void test_chains_that_are_too_long(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < 11; i++)
        scene->usual.chain[i] = scene->leaf.cert;
    cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
    cleanup_error struct error err = {0};
    expect("long", parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err, "more than 10");
}

static void test_keys_that_do_not_sign(void **state)
{
    struct scene *scene = *state;
    static const char *const kinds[] = {"P-224", "ED25519", "RSA1024", "secp256k1"};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        cleanup_fake_signer struct fake_signer leaf = {0};
        fake_certify(&(struct fake_certificate){.subject = "CN=x", .kind = kinds[i]}, &scene->root,
                     &leaf);
        scene->usual.chain[0] = leaf.cert;
        cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
        cleanup_error struct error err = {0};
        expect(kinds[i], parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err,
               "Notation signs with");
    }
}

static void test_certificates_that_are_none(void **state)
{
    struct scene *scene = *state;
    cleanup_free char *good = fake_jws(&scene->usual, NULL, NULL);
    cleanup_error struct error err = {0};
    size_t size = 0;
    cleanup_free unsigned char *der = fake_der(scene->leaf.cert, &size);
    cleanup_free unsigned char *large = xcalloc((64 << 10) + 1, 1);
    memcpy(large, der, size);
    cleanup_free char *longer = base64_encode(large, size + 1);
    cleanup_free char *largest = base64_encode(large, (64 << 10) + 1);
    cleanup_free char *first = xasprintf("\"x5c\":[\"%s\",", longer);
    cleanup_free char *second = xasprintf("\"x5c\":[\"%s\",", largest);
    cleanup_free char *padded = replaced(good, "\"x5c\":[", first);
    cleanup_free char *huge = replaced(good, "\"x5c\":[", second);
    expect("longer", parse(NOTATION_JWS_MEDIA, padded, strlen(padded), &err), &err, "no X.509");
    expect("largest", parse(NOTATION_JWS_MEDIA, huge, strlen(huge), &err), &err,
           "more than 65536 bytes");
    X509 *odd = fake_unreadable_key(scene->leaf.cert);
    scene->usual.chain[0] = odd;
    cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
    expect("key", parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err, "cannot be read");
    X509_free(odd);
}

static void test_signature_of_another_key(void **state)
{
    struct scene *scene = *state;
    cleanup_fake_signer struct fake_signer other = {0};
    fake_leaf("other", &scene->root, &other);
    scene->usual.chain[0] = other.cert;
    cleanup_free char *text = fake_jws(&scene->usual, NULL, NULL);
    cleanup_error struct error err = {0};
    expect("other", parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err, "did not make this");
    assert_int_equal(err.code, ERROR_UNVERIFIED);
}

static void test_rsa_signature_that_is_wrong(void **state)
{
    struct scene *scene = *state;
    cleanup_fake_signer struct fake_signer leaf = {0};
    cleanup_fake_signer struct fake_signer other = {0};
    fake_certify(&(struct fake_certificate){.subject = "CN=x", .kind = "RSA2048"}, &scene->root,
                 &leaf);
    fake_certify(&(struct fake_certificate){.subject = "CN=y", .kind = "RSA2048"}, &scene->root,
                 &other);
    const struct fake_envelope wanted = {
        .signer = &leaf, .chain = {other.cert, scene->root.cert}, .algorithm = "PS256"};
    cleanup_free char *text = fake_jws(&wanted, NULL, NULL);
    cleanup_error struct error err = {0};
    expect("rsa", parse(NOTATION_JWS_MEDIA, text, strlen(text), &err), &err, "did not make this");
}

static void test_cose_is_read(void **state)
{
    struct scene *scene = *state;
    cleanup_strbuf struct strbuf header;
    cleanup_strbuf struct strbuf out;
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    strbuf_init(&header, 4096);
    strbuf_init(&out, 1 << 16);
    fake_cose_header(&header, FAKE_NOW_S + 60);
    scene->usual.stamp = (const unsigned char *)"stamp";
    scene->usual.stamp_size = 5;
    fake_cose(&scene->usual, &header, &out);
    cleanup_error struct error err = {0};
    if (notation_envelope_parse(NOTATION_COSE_MEDIA, out.data, out.len, &envelope, &err) < 0 ||
        notation_envelope_verify(&envelope, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(envelope.signed_ms, FAKE_NOW);
    assert_int_equal(envelope.expires_ms, FAKE_NOW + 60000);
    assert_int_equal(envelope.timestamp.size, 5);
    assert_string_equal(envelope.target.digest.text, FAKE_DIGEST);
}

static void test_cose_payload_that_is_large(void **state)
{
    struct scene *scene = *state;
    cleanup_strbuf struct strbuf header;
    cleanup_strbuf struct strbuf out;
    cleanup_error struct error err = {0};
    cleanup_free char *large = xmalloc(70001);
    memset(large, ' ', 70000);
    large[70000] = '\0';
    strbuf_init(&header, 4096);
    strbuf_init(&out, 1 << 18);
    fake_cose_header(&header, 0);
    scene->usual.payload = large;
    fake_cose(&scene->usual, &header, &out);
    expect("large", parse(NOTATION_COSE_MEDIA, out.data, out.len, &err), &err, "at most 65536");
}

// Signed headers in a small language: "1=-7" and so on are too long to spell in CBOR, so each row
// is a function that writes the map.
enum { ALG = 1, CRITICAL = 2, TYPE = 4, SCHEME_HEADER = 8, SIGNED_AT = 16, ALL = 31 };

static void write_headers(struct strbuf *out, unsigned which, unsigned more)
{
    fake_cbor(out, 5, (unsigned)__builtin_popcount(which) + more);
    if (which & ALG) {
        fake_cbor(out, 0, 1);
        fake_cbor(out, 1, 6);
    }
    if (which & CRITICAL) {
        fake_cbor(out, 0, 2);
        fake_cbor(out, 4, 1);
        fake_cbor_text(out, "io.cncf.notary.signingScheme");
    }
    if (which & TYPE) {
        fake_cbor(out, 0, 3);
        fake_cbor_text(out, "application/vnd.cncf.notary.payload.v1+json");
    }
    if (which & SCHEME_HEADER) {
        fake_cbor_text(out, "io.cncf.notary.signingScheme");
        fake_cbor_text(out, "notary.x509");
    }
    if (which & SIGNED_AT) {
        fake_cbor_text(out, "io.cncf.notary.signingTime");
        fake_cbor_time(out, FAKE_NOW_S);
    }
}

static void add_hex(struct strbuf *out, const char *hex)
{
    unsigned char bytes[256];
    size_t size = strlen(hex) / 2;
    assert_int_equal(hex_decode(hex, bytes, size), 0);
    strbuf_add(out, bytes, size);
}

static const struct {
    unsigned which;
    const char *more; // hex of another pair
    const char *name; // or the name of another header, whose value is `more`
    const char *wrong;
} cose_headers[] = {
    {ALL, NULL, NULL, NULL},
    {ALL, "0441ff", NULL, NULL}, // kid
    {ALL, "2100", NULL, NULL},
    {ALL, "00", "anything", NULL},
    {ALL & ~ALG, NULL, NULL, "names no algorithm"},
    {ALL & ~ALG, "0126", NULL, NULL},
    {ALL & ~ALG, "0106", NULL, "none of Notation's"},
    {ALL & ~ALG, "0138ff", NULL, "none of Notation's"},
    {ALL & ~ALG, "01644553", NULL, "too early"},
    {ALL & ~ALG, "013822", NULL, "it says ES384"},
    {ALL & ~ALG, "013823", NULL, "it says ES512"},
    {ALL & ~ALG, "013824", NULL, "it says PS256"},
    {ALL & ~ALG, "013825", NULL, "it says PS384"},
    {ALL & ~ALG, "013826", NULL, "it says PS512"},
    {ALL & ~CRITICAL, NULL, NULL, "must be critical"},
    {ALL & ~CRITICAL, "0280", NULL, "no list of critical"},
    {ALL & ~CRITICAL, "02a0", NULL, "no list of critical"},
    {ALL & ~CRITICAL, "0291", NULL, "too early"},
    {ALL & ~CRITICAL, "02910000000000000000000000000000000000", NULL, "no list of critical"},
    {ALL & ~CRITICAL, "028101", NULL, "not understood here"},
    {ALL & ~CRITICAL, "02816162", NULL, "not understood here"},
    {ALL & ~TYPE, NULL, NULL, "payload is a \"\""},
    {ALL & ~TYPE, "0300", NULL, "content type is no text"},
    {ALL & ~TYPE, "036161", NULL, "payload is a \"a\""},
    {ALL & ~TYPE, "036100", NULL, "no text of at most"},
    {ALL & ~SCHEME_HEADER, NULL, NULL, "signing scheme \"\""},
    {ALL & ~SCHEME_HEADER, "00", "io.cncf.notary.signingScheme", "is no text"},
    {ALL & ~SIGNED_AT, NULL, NULL, "does not tell the time"},
    {ALL & ~SIGNED_AT, "00", "io.cncf.notary.signingTime", "no number of seconds"},
    {ALL & ~SIGNED_AT, "01", "io.cncf.notary.signingTime", "no number of seconds"},
    {ALL & ~SIGNED_AT, "c020", "io.cncf.notary.signingTime", "no number of seconds"},
    {ALL & ~SIGNED_AT, "c120", "io.cncf.notary.signingTime", "no number of seconds"},
    {ALL & ~SIGNED_AT, "c16161", "io.cncf.notary.signingTime", "no number of seconds"},
    {ALL & ~SIGNED_AT, "c11bffffffffffffffff", "io.cncf.notary.signingTime", "no number of"},
    {ALL & ~SIGNED_AT, "c100", "io.cncf.notary.signingTime", "1970"},
    {ALL & ~SIGNED_AT, "c1", "io.cncf.notary.signingTime", "too early"},
    {ALL, "00", "io.cncf.notary.verificationPlugin", "plugin"},
    {ALL, "0126", NULL, "twice"},
    {ALL, "00f9", "a", "something behind"},
    {ALL, "f93c00", "a", "float"},
};

static void test_cose_headers(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < ARRAY_LENGTH(cose_headers); i++) {
        cleanup_strbuf struct strbuf header;
        cleanup_strbuf struct strbuf out;
        cleanup_error struct error err = {0};
        cleanup_free char *name = xasprintf("%zu", i);
        strbuf_init(&header, 4096);
        strbuf_init(&out, 1 << 16);
        write_headers(&header, cose_headers[i].which, cose_headers[i].more != NULL);
        if (cose_headers[i].name != NULL)
            fake_cbor_text(&header, cose_headers[i].name);
        if (cose_headers[i].more != NULL)
            add_hex(&header, cose_headers[i].more);
        fake_cose(&scene->usual, &header, &out);
        expect(name, parse(NOTATION_COSE_MEDIA, out.data, out.len, &err), &err,
               cose_headers[i].wrong);
    }
}

// The whole message by hand: `unprotected` is hex of a map.
static void write_message(struct strbuf *out, const char *head, const char *unprotected,
                          const char *rest)
{
    cleanup_strbuf struct strbuf header;
    strbuf_init(&header, 4096);
    write_headers(&header, ALL, 0);
    add_hex(out, head);
    fake_cbor_bytes(out, header.data, header.len);
    add_hex(out, unprotected);
    add_hex(out, rest);
}

static const struct {
    const char *head;
    const char *unprotected;
    const char *rest; // payload and signature
    const char *wrong;
} messages[] = {
    {"d284", "a0", "4041ff", "holds no certificates"},
    {"84", "a0", "4041ff", "no COSE_Sign1"},
    {"d184", "a0", "4041ff", "no COSE_Sign1"},
    {"12", "a0", "4041ff", "no COSE_Sign1"},
    {"d283", "a0", "4041ff", "no COSE_Sign1"},
    {"d2a4", "a0", "4041ff", "no COSE_Sign1"},
    {"d284", "80", "4041ff", "no map"},
    {"d284", "a0", "", "too early"},
    {"d284", "a0", "6041ff", "payload is no bytes"},
    {"d284", "a0", "f641ff", "payload is no bytes"},
    {"d284", "a0", "40", "too early"},
    {"d284", "a0", "4061ff", "no UTF-8"},
    {"d284", "a0", "406161", "signature is no bytes"},
    {"d284", "a0", "4041ff00", "something behind"},
    {"d284", "a1012600", "", "must be signed"},
    {"d284", "a1028000", "", "must be signed"},
    {"d284", "a1036000", "", "must be signed"},
    {"d284", "a20102", "", "too early"},
    {"d284", "a2182140182140", "4041ff", "twice"},
    {"d284", "a1182140", "4041ff", "no X.509"},
    {"d284", "a1182100", "4041ff", "no list"},
    {"d284", "a118218100", "4041ff", "is no bytes"},
    {"d284", "a118218140", "4041ff", "no X.509"},
    {"d284", "a1182180", "4041ff", "holds no certificates"},
    {"d284", "a1204100", "4041ff", "holds no certificates"},
    {"d284", "a1616100", "4041ff", "holds no certificates"},
};

static void test_cose_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(messages); i++) {
        cleanup_strbuf struct strbuf out;
        cleanup_error struct error err = {0};
        cleanup_free char *name = xasprintf("%zu", i);
        strbuf_init(&out, 1 << 16);
        write_message(&out, messages[i].head, messages[i].unprotected, messages[i].rest);
        expect(name, parse(NOTATION_COSE_MEDIA, out.data, out.len, &err), &err, messages[i].wrong);
    }
    cleanup_error struct error err = {0};
    expect("nothing", parse(NOTATION_COSE_MEDIA, "", 0, &err), &err, "too early");
    expect("a tag", parse(NOTATION_COSE_MEDIA, "\xd2", 1, &err), &err, "too early");
    expect("text", parse(NOTATION_COSE_MEDIA, "\xd2\x84\x61\x61", 4, &err), &err, "is no bytes");
}

// What may stand in the header that is not signed, under names.
static void test_cose_unsigned_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *wrong;
    } rows[] = {
        {"io.cncf.notary.expiry", "00", "must be signed"},
        {"io.cncf.notary.signingScheme", "6161", "must be signed"},
        {"io.cncf.notary.timestampSignature", "00", "no bytes"},
        {"io.cncf.notary.timestampSignature", "40", "no bytes"},
        {"io.cncf.notary.signingAgent", "6161", "holds no certificates"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_strbuf struct strbuf map;
        cleanup_strbuf struct strbuf out;
        cleanup_error struct error err = {0};
        strbuf_init(&map, 4096);
        strbuf_init(&out, 1 << 16);
        fake_cbor(&map, 5, 1);
        fake_cbor_text(&map, rows[i].name);
        add_hex(&map, rows[i].value);
        cleanup_free char *hex = hex_encode(map.data, map.len);
        write_message(&out, "d284", hex, "4041ff");
        expect(rows[i].name, parse(NOTATION_COSE_MEDIA, out.data, out.len, &err), &err,
               rows[i].wrong);
    }
}

static void test_cose_of_one_certificate(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer alone = {0};
    cleanup_strbuf struct strbuf map;
    cleanup_strbuf struct strbuf out;
    cleanup_error struct error err = {0};
    fake_certify(&(struct fake_certificate){.subject = "CN=x"}, NULL, &alone);
    size_t size = 0;
    cleanup_free unsigned char *der = fake_der(alone.cert, &size);
    strbuf_init(&map, 4096);
    strbuf_init(&out, 1 << 16);
    fake_cbor(&map, 5, 1);
    fake_cbor(&map, 0, 33);
    fake_cbor_bytes(&map, der, size);
    cleanup_strbuf struct strbuf header;
    strbuf_init(&header, 4096);
    write_headers(&header, ALL, 0);
    add_hex(&out, "d284");
    fake_cbor_bytes(&out, header.data, header.len);
    strbuf_add(&out, map.data, map.len);
    fake_cbor_bytes(&out, FAKE_PAYLOAD, strlen(FAKE_PAYLOAD));
    size_t before = out.len;
    add_hex(&out, "4101");
    expect("one", parse(NOTATION_COSE_MEDIA, out.data, out.len, &err), &err, "did not make this");
    strbuf_truncate(&out, before);
    add_hex(&out, "40");
    expect("none", parse(NOTATION_COSE_MEDIA, out.data, out.len, &err), &err, "no signature");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_jws_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jws_of_every_kind_of_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jws_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_payloads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jws_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jws_without_signature_or_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chains_that_are_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_that_do_not_sign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_certificates_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signature_of_another_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rsa_signature_that_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cose_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cose_payload_that_is_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cose_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cose_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cose_unsigned_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cose_of_one_certificate, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
