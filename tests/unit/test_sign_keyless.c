// Whole bundles of a Sigstore made here: those that verify in every form, and each way to be wrong.
#include "oci/sign/sigstore_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "fake_sigstore.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/timestamp.h"
#include "oci/sign/trusted_root.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define ARTIFACT "the artifact\n"
// SHA-256 of ARTIFACT is put into %s.
#define STATEMENT                                          \
    "{\"_type\":\"https://in-toto.io/Statement/"           \
    "v1\",\"subject\":[{\"digest\":{\"sha256\":\"%s\"}}]," \
    "\"predicateType\":\"https://example.com/p\",\"predicate\":{}}"
#define ENTRY "verificationMaterial.tlogEntries.0"
#define PROOF ENTRY ".inclusionProof"
#define YEAR (INT64_C(365) * 86400)

struct scene {
    struct fake_sigstore fake;
    EVP_PKEY *signer;
    EVP_PKEY *other;
    char *statement;
};

static int set_up(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    fake_sigstore_init(&scene->fake);
    scene->signer = fake_key(FAKE_KEY_P256);
    scene->other = fake_key(FAKE_KEY_P256);
    struct digest digest = digest_of(ARTIFACT, strlen(ARTIFACT));
    scene->statement = xasprintf(STATEMENT, digest_hex(digest.text));
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fake_sigstore_release(&scene->fake);
    EVP_PKEY_free(scene->signer);
    EVP_PKEY_free(scene->other);
    free(scene->statement);
    free(scene);
    return 0;
}

// "a.0.b": members and indexes. The value's owner, and the last step.
static json_t *owner_of(json_t *value, const char *path, char last[64])
{
    for (;;) {
        size_t length = strcspn(path, ".");
        snprintf(last, 64, "%.*s", (int)length, path);
        if (path[length] == '\0')
            return value;
        value = json_is_array(value) ? json_array_get(value, strtoul(last, NULL, 10))
                                     : json_object_get(value, last);
        path += length + 1;
    }
}

// Changes of the form "path=JSON", or "path=" to remove it; several are separated by newlines.
static void change(json_t *value, const char *changes)
{
    for (const char *at = changes; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n");
        cleanup_free char *text = xstrndup(at, length);
        char *equals = strchr(text, '=');
        assert_non_null(equals);
        *equals = '\0';
        char last[64];
        json_t *owner = owner_of(value, text, last);
        assert_non_null(owner);
        json_t *new_value =
            equals[1] != '\0' ? json_loads(equals + 1, JSON_DECODE_ANY, NULL) : NULL;
        if (json_is_array(owner) && new_value == NULL)
            json_array_remove(owner, strtoul(last, NULL, 10));
        else if (json_is_array(owner) && strtoul(last, NULL, 10) >= json_array_size(owner))
            json_array_append_new(owner, new_value);
        else if (json_is_array(owner))
            json_array_set_new(owner, strtoul(last, NULL, 10), new_value);
        else if (new_value == NULL)
            json_object_del(owner, last);
        else
            json_object_set_new(owner, last, new_value);
        at += length + (at[length] == '\n');
    }
}

struct attempt {
    const char *name;
    struct fake_bundle wish; // of ARTIFACT, or of the statement with dsse
    const char *bundle;      // changes
    const char *root;        // changes of the trusted root
    const char *artifact;    // NULL: ARTIFACT
    bool by_digest;
    const char *says; // NULL: verifies
};

static struct trusted_root *root_of(const struct scene *scene, const char *changes)
{
    cleanup_json json_t *value = fake_sigstore_root(&scene->fake);
    change(value, changes);
    cleanup_free char *text = jval_compact(value);
    cleanup_error struct error err = {0};
    struct trusted_root *root = NULL;
    if (trusted_root_parse(text, strlen(text), "the root", &root, &err) < 0)
        fail_msg("%s: %s", error_message(&err), changes);
    return root;
}

static int verify(const struct scene *scene, const struct attempt *attempt,
                  struct certificate **ret_signer, struct error *err)
{
    struct fake_bundle wish = attempt->wish;
    if (wish.key == NULL)
        wish.key = scene->signer;
    if (wish.data == NULL) {
        wish.data = wish.dsse ? scene->statement : ARTIFACT;
        wish.size = strlen(wish.data);
    }
    cleanup_json json_t *value = fake_bundle_mint(&scene->fake, &wish);
    change(value, attempt->bundle);
    cleanup_free char *text = jval_compact(value);
    cleanup_trusted_root struct trusted_root *root = root_of(scene, attempt->root);
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    const char *artifact = attempt->artifact != NULL ? attempt->artifact : ARTIFACT;
    struct signed_data data;
    signed_data_of(artifact, strlen(artifact), &data);
    if (attempt->by_digest)
        data.data = NULL;
    if (sigstore_bundle_parse(text, strlen(text), &bundle, err) < 0)
        return -1;
    if (wish.keyed) {
        cleanup_free char *pem = fake_public_pem(wish.key);
        cleanup_verify_key struct verify_key *key = NULL;
        assert_int_equal(verify_key_load(pem, strlen(pem), "key", &key, NULL), 0);
        if (sigstore_verify_keyed(&bundle, key, root, &data, err) < 0)
            return -1;
    } else if (sigstore_verify_keyless(&bundle, root, &data, ret_signer, err) < 0) {
        return -1;
    }
    return sigstore_check_content(&bundle, &data, err);
}

static void try(const struct scene *scene, const struct attempt *attempt)
{
    cleanup_certificate struct certificate *signer = NULL;
    cleanup_error struct error err = {0};
    int result = verify(scene, attempt, &signer, &err);
    if (attempt->says == NULL) {
        if (result < 0)
            fail_msg("%s: %s", attempt->name, error_message(&err));
        return;
    }
    if (result == 0)
        fail_msg("%s: verifies", attempt->name);
    if (strstr(error_message(&err), attempt->says) == NULL)
        fail_msg("%s: \"%s\" shall say \"%s\"", attempt->name, error_message(&err), attempt->says);
}

static void try_all(const struct scene *scene, const struct attempt *attempts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        try(scene, &attempts[i]);
}

static void test_keyless_every_form_verifies(void **state)
{
    struct scene *scene = *state;
    const struct attempt attempts[] = {
        {.name = "hashedrekord"},
        {.name = "by digest", .by_digest = true},
        {.name = "0.1 with a chain",
         .wish = {.media_type = "application/vnd.dev.sigstore.bundle+json;version=0.1",
                  .chain = true}},
        {.name = "0.1 with a promise alone",
         .wish = {.media_type = "application/vnd.dev.sigstore.bundle+json;version=0.1",
                  .entry.no_proof = true}},
        {.name = "0.2",
         .wish = {.media_type = "application/vnd.dev.sigstore.bundle+json;version=0.2"}},
        {.name = "0.3 in the older spelling",
         .wish = {.media_type = "application/vnd.dev.sigstore.bundle+json;version=0.3"}},
        {.name = "Rekor v2", .wish.v2 = true},
        {.name = "Rekor v2 by digest", .wish.v2 = true, .by_digest = true},
        {.name = "Rekor v2, the only entry", .wish = {.v2 = true, .entry.size = 1}},
        {.name = "Rekor v2, the last of seven",
         .wish = {.v2 = true, .entry = {.size = 7, .index = 6}}},
        {.name = "the last of eleven", .wish.entry = {.size = 11, .index = 10}},
        {.name = "the first of sixteen", .wish.entry = {.size = 16, .index = 0}},
        {.name = "v1 with a timestamp instead of a promise",
         .wish = {.stamped = true, .entry.no_promise = true}},
        {.name = "promise and timestamp", .wish.stamped = true},
        {.name = "timestamp without an authority in the root",
         .wish.stamped = true,
         .root = "timestampAuthorities="},
        {.name = "dsse", .wish.dsse = true},
        {.name = "dsse by digest", .wish.dsse = true, .by_digest = true},
        {.name = "dsse of v2", .wish = {.dsse = true, .v2 = true}},
        {.name = "dsse 0.0.2",
         .wish = {.dsse = true, .v2 = true, .kind = "dsse", .version = "0.0.2"}},
        {.name = "dsse as hashedrekord", .wish = {.dsse = true, .kind = "hashedrekord"}},
        {.name = "intoto 0.0.1", .wish = {.dsse = true, .kind = "intoto", .version = "0.0.1"}},
        {.name = "intoto 0.0.2", .wish = {.dsse = true, .kind = "intoto", .version = "0.0.2"}},
        {.name = "e-mail", .wish.certificate.subject = "mail:a@example.com"},
        {.name = "other name", .wish.certificate.subject = "other:alice"},
        {.name = "old issuer alone", .wish.certificate = {.issuer = "", .old_issuer = FAKE_ISSUER}},
        {.name = "both issuers", .wish.certificate.old_issuer = FAKE_ISSUER},
        {.name = "a log nobody knows promised too", .wish.certificate.two_scts = true},
        {.name = "a witness signed too",
         .wish = {.v2 = true, .entry.extra_signature = "\xe2\x80\x94 witness AAAAAAAAAAAA\n"}},
        {.name = "another key of the log's name",
         .wish = {.v2 = true,
                  .entry.extra_signature = "\xe2\x80\x94 log2.example.com AAAAAAAAAAAA\n"}},
        {.name = "numbers as numbers",
         .bundle = ENTRY ".logIndex=77001\n" ENTRY ".integratedTime=1795255200"},
        {.name = "null is absent", .bundle = "verificationMaterial.publicKey=null"},
        {.name = "the log's key ended then",
         .root = "tlogs.0.publicKey.validFor.end=\"2026-11-21T10:00:00Z\""},
        {.name = "the authority's window ended then",
         .root = "certificateAuthorities.0.validFor.end=\"2026-11-21T10:00:00Z\""},
        {.name = "an anchor that is an intermediate",
         .root = "certificateAuthorities.0.certChain.certificates.1="},
        {.name = "no digest in the bundle", .bundle = "messageSignature.messageDigest="},
        {.name = "a digest of another kind",
         .bundle =
             "messageSignature.messageDigest={\"algorithm\":\"SHA2_512\",\"digest\":\"YQ==\"}"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

static void test_keyless_names_the_signer(void **state)
{
    struct scene *scene = *state;
    cleanup_certificate struct certificate *signer = NULL;
    assert_int_equal(verify(scene, &(struct attempt){.name = "plain"}, &signer, NULL), 0);
    assert_string_equal(signer->subject, FAKE_SUBJECT);
    assert_string_equal(signer->issuer, FAKE_ISSUER);
    assert_string_equal(signer->claims[CLAIM_SOURCE_REPOSITORY_URI], FAKE_REPOSITORY);
    assert_string_equal(signer->claims[CLAIM_SOURCE_REPOSITORY_REF], "refs/heads/main");
    assert_null(signer->claims[CLAIM_SOURCE_REPOSITORY_DIGEST]);
    assert_true(strlen(signer->serial) >= 4);
}

static void test_keyless_other_kinds_of_keys(void **state)
{
    struct scene *scene = *state;
    const int kinds[] = {FAKE_KEY_P384, FAKE_KEY_ED25519, FAKE_KEY_RSA};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        EVP_PKEY *key = fake_key(kinds[i]);
        try(scene, &(struct attempt){.name = "bytes", .wish.key = key});
        try(scene, &(struct attempt){.name = "an envelope", .wish = {.key = key, .dsse = true}});
        try(scene, &(struct attempt){.name = "digest",
                                     .wish.key = key,
                                     .by_digest = true,
                                     .says = kinds[i] == FAKE_KEY_RSA ? NULL
                                             : kinds[i] == FAKE_KEY_ED25519
                                                 ? "cannot be checked against a digest"
                                                 : "no valid ECDSA P-384 signature"});
        EVP_PKEY_free(key);
    }
}

static void test_keyless_certificates_that_are_refused(void **state)
{
    struct scene *scene = *state;
    const struct attempt attempts[] = {
        {.name = "no name", .wish.certificate.subject = "", .says = "exactly one identity"},
        {.name = "two names",
         .wish.certificate.second_subject = "mail:b@example.com",
         .says = "exactly one identity"},
        {.name = "a host's name",
         .wish.certificate.subject = "dns:example.com",
         .says = "exactly one identity"},
        {.name = "a name of another kind",
         .wish.certificate.subject = "strange:alice",
         .says = "exactly one identity"},
        {.name = "a name of another type",
         .wish.certificate.subject = "ia5:alice",
         .says = "exactly one identity"},
        {.name = "two issuers",
         .wish.certificate.old_issuer = "https://evil.example.com",
         .says = "two issuers"},
        {.name = "no usage", .wish.certificate.key_usage = "", .says = "digital signatures"},
        {.name = "another usage",
         .wish.certificate.key_usage = "critical,keyEncipherment",
         .says = "digital signatures"},
        {.name = "no extended usage",
         .wish.certificate.extended_usage = "",
         .says = "code signing"},
        {.name = "another extended usage",
         .wish.certificate.extended_usage = "serverAuth",
         .says = "code signing"},
        {.name = "an authority",
         .wish.certificate = {.basic = "critical,CA:TRUE"},
         .says = "an authority's"},
        {.name = "an extension twice",
         .wish.certificate = {.extra_oid = "1.3.6.1.4.1.57264.1.13",
                              .extra_value = "\x0c\x01x",
                              .extra_twice = true},
         .says = "1.13 twice"},
        {.name = "an extension that is no text",
         .wish.certificate = {.extra_oid = "1.3.6.1.4.1.57264.1.13", .extra_value = "plain"},
         .says = "1.13 is no text"},
        {.name = "an extension with something behind its text",
         .wish.certificate = {.extra_oid = "1.3.6.1.4.1.57264.1.13", .extra_value = "\x0c\x01xy"},
         .says = "1.13 is no text"},
        {.name = "control characters",
         .wish.certificate = {.extra_oid = "1.3.6.1.4.1.57264.1.2", .extra_value = "a\x1b[0m"},
         .says = "1.2 is no text"},
        {.name = "a trusted name under another authority",
         .wish.certificate.self_issued = true,
         .says = "certificate signature failure"},
        {.name = "no promise",
         .wish.certificate.no_sct = true,
         .says = "holds no promise of a log"},
        {.name = "a promise by another key",
         .wish.certificate.wrong_sct = true,
         .says = "no log of the trusted root promised"},
        {.name = "a promise from before the log's key",
         .wish.certificate.sct_ms = (FAKE_TIME - 3 * YEAR) * 1000,
         .says = "no log of the trusted root promised"},
        {.name = "a promise after the log's key ended",
         .root = "ctlogs.0.publicKey.validFor.end=\"2026-11-21T09:59:59Z\"",
         .says = "no log of the trusted root promised"},
        {.name = "no certificate log", .root = "ctlogs=[]", .says = "no log of the trusted root"},
        {.name = "used too late",
         .wish.time_s = FAKE_TIME + 601,
         .says = "certificate has expired"},
        {.name = "used too early",
         .wish.time_s = FAKE_TIME - 61,
         .says = "certificate is not yet valid"},
        {.name = "stamped too late",
         .wish = {.v2 = true, .time_s = FAKE_TIME + 601},
         .says = "expired"},
        {.name = "the authority's window was over",
         .root = "certificateAuthorities.0.validFor.end=\"2026-11-21T09:59:59Z\"",
         .says = "names no authority of certificates for that time"},
        {.name = "the authority's window had not begun",
         .root = "certificateAuthorities.0.validFor.start=\"2026-11-21T10:00:01Z\"",
         .says = "names no authority"},
        {.name = "no authority", .root = "certificateAuthorities=", .says = "names no authority"},
        {.name = "the root alone does not reach it",
         .root = "certificateAuthorities.0.certChain.certificates.0=",
         .says = "unable to get local issuer"},
        {.name = "no DER",
         .bundle = "verificationMaterial.certificate.rawBytes=\"YWJj\"",
         .says = "no X.509 certificate of version 3"},
        {.name = "version 1", .wish.certificate.old_version = true, .says = "of version 3"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

static void test_keyless_entries_that_are_refused(void **state)
{
    struct scene *scene = *state;
    const struct attempt attempts[] = {
        {.name = "no entry",
         .bundle = "verificationMaterial.tlogEntries=[]",
         .says = "no log that"},
        {.name = "entries are absent",
         .bundle = "verificationMaterial.tlogEntries=",
         .says = "no log"},
        {.name = "a log nobody knows", .root = "tlogs=[]", .says = "no log that the trusted root"},
        {.name = "another log's name",
         .bundle = ENTRY ".logId.keyId=\"AAAA\"",
         .says = "no log that the trusted root names"},
        {.name = "another time",
         .bundle = ENTRY ".integratedTime=\"1795255201\"",
         .says = "promise"},
        {.name = "another index", .bundle = ENTRY ".logIndex=\"77002\"", .says = "promise"},
        {.name = "another body", .bundle = ENTRY ".canonicalizedBody=\"e30=\"", .says = "promise"},
        {.name = "a huge time",
         .wish.entry.time_s = INT64_MAX,
         .says = "key was not valid when it took the entry in"},
        {.name = "before the log's key",
         .wish.time_s = FAKE_TIME - 3 * YEAR,
         .says = "key was not valid when it took"},
        {.name = "after the log's key",
         .root = "tlogs.0.publicKey.validFor.end=\"2026-11-21T09:59:59.999Z\"",
         .says = "key was not valid when it took"},
        {.name = "no time at all",
         .wish.entry.no_promise = true,
         .says = "nothing trusted tells when"},
        {.name = "0.1 without a promise",
         .wish = {.media_type = "application/vnd.dev.sigstore.bundle+json;version=0.1",
                  .entry.no_promise = true},
         .says = "0.1 needs an inclusionPromise"},
        {.name = "0.2 without a proof",
         .wish = {.media_type = "application/vnd.dev.sigstore.bundle+json;version=0.2",
                  .entry.no_proof = true},
         .says = "need an inclusionProof"},
        {.name = "0.3 without a proof", .wish.entry.no_proof = true, .says = "an inclusionProof"},
        {.name = "another root",
         .bundle = PROOF ".rootHash=\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
         .says = "another tree than the checkpoint"},
        {.name = "another size", .bundle = PROOF ".treeSize=\"12\"", .says = "another tree"},
        {.name = "another place", .bundle = PROOF ".logIndex=\"4\"", .says = "does not lead"},
        {.name = "a place outside", .bundle = PROOF ".logIndex=\"11\"", .says = "does not lead"},
        {.name = "a missing hash", .bundle = PROOF ".hashes.3=", .says = "does not lead"},
        {.name = "a hash too many",
         .bundle = PROOF ".hashes.9=\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
         .says = "does not lead"},
        {.name = "v2 at another place",
         .wish.v2 = true,
         .bundle = PROOF ".logIndex=\"4\"",
         .says = "about another entry"},
        {.name = "v2 with another index",
         .wish.v2 = true,
         .bundle = ENTRY ".logIndex=\"4\"",
         .says = "about another entry"},
        {.name = "v2 without a timestamp",
         .wish = {.entry.v2 = true, .kind = "hashedrekord", .version = "0.0.2"},
         .says = "nothing trusted tells when"},
        {.name = "v2 after the log's key",
         .wish.v2 = true,
         .root = "tlogs.1.publicKey.validFor.end=\"2026-11-21T09:59:59Z\"",
         .says = "was not valid when the signature was made"},
        {.name = "a forged checkpoint",
         .wish.entry.corrupt_note = true,
         .says = "the checkpoint: no valid ECDSA"},
        {.name = "a forged checkpoint of v2",
         .wish = {.v2 = true, .entry.corrupt_note = true},
         .says = "the checkpoint: no valid Ed25519"},
        {.name = "a checkpoint of another host",
         .wish = {.v2 = true, .entry.origin = "other.example.com"},
         .says = "not of the log log2.example.com"},
        {.name = "a checkpoint of a host that begins like it",
         .wish = {.v2 = true, .entry.origin = "log2.example.org"},
         .says = "not of the log log2.example.com"},
        {.name = "the root names another host",
         .wish.v2 = true,
         .root = "tlogs.1.baseUrl=\"https://elsewhere.example.com\"",
         .says = "not of the log elsewhere"},
        {.name = "a checkpoint of v1 signed by v2's log",
         .wish = {.v2 = true, .entry.origin = "log2.example.com - 5"},
         .says = NULL},
        {.name = "no checkpoint", .bundle = PROOF ".checkpoint=", .says = "checkpoint is missing"},
        {.name = "checkpoint without text", .bundle = PROOF ".checkpoint={}", .says = "envelope"},
        {.name = "an unknown kind",
         .wish = {.entry = {.kind = "jar", .version = "0.0.1"}},
         .says = "a jar 0.0.1, which is not read"},
        {.name = "an unknown version",
         .wish = {.entry = {.kind = "hashedrekord", .version = "0.0.9"}},
         .says = "hashedrekord 0.0.9, which is not read"},
        {.name = "another kind than the body's",
         .wish.entry = {.kind = "hashedrekord", .version = "0.0.2"},
         .says = "another kind than it says"},
        {.name = "another version than the body's",
         .wish.entry = {.kind = "dsse", .version = "0.0.1"},
         .says = "another kind than it says"},
        {.name = "an envelope's entry for a bare signature",
         .wish.entry = {.kind = "dsse",
                        .version = "0.0.1",
                        .body = "{\"apiVersion\":\"0.0.1\",\"kind\":\"dsse\",\"spec\":{}}"},
         .says = "another kind of signature"},
        {.name = "a body that is no JSON", .wish.entry.body = "{", .says = "canonicalizedBody"},
        {.name = "a body with more in it",
         .wish.entry.body =
             "{\"apiVersion\":\"0.0.1\",\"kind\":\"hashedrekord\",\"spec\":{},\"x\":1}",
         .says = "unknown member"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

// Each kind of entry, about another signature, signer and content than the bundle.
static void test_keyless_entries_about_something_else(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *kind;
        const char *version;
        bool v2;
        bool dsse;
    } kinds[] = {
        {"hashedrekord", "0.0.1", false, false}, {"hashedrekord", "0.0.2", true, false},
        {"dsse", "0.0.1", false, true},          {"dsse", "0.0.2", true, true},
        {"intoto", "0.0.1", false, true},        {"intoto", "0.0.2", false, true},
        {"hashedrekord", "0.0.2", true, true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        const struct fake_bundle fine = {.kind = kinds[i].kind,
                                         .version = kinds[i].version,
                                         .v2 = kinds[i].v2,
                                         .dsse = kinds[i].dsse};
        struct attempt attempt = {.name = kinds[i].kind, .wish = fine};
        try(scene, &attempt);
        attempt.wish.entry_signature = true;
        bool hashed =
            strcmp(kinds[i].kind, "intoto") == 0 && strcmp(kinds[i].version, "0.0.1") == 0;
        attempt.says = hashed ? "another content" : "another signature";
        try(scene, &attempt);
        attempt.wish = fine;
        attempt.wish.entry_key = scene->other;
        attempt.says = "another certificate";
        try(scene, &attempt);
        attempt.wish = fine;
        attempt.wish.entry_data = "something else";
        attempt.wish.entry_size = strlen("something else");
        attempt.says = "another content";
        try(scene, &attempt);
    }
}

#define BODY(spec) "{\"apiVersion\":\"0.0.1\",\"kind\":\"hashedrekord\",\"spec\":" spec "}"
#define BODY2(spec)                                                                                \
    "{\"apiVersion\":\"0.0.2\",\"kind\":\"hashedrekord\",\"spec\":{\"hashedRekordV002\":" spec "}" \
    "}"

static void test_keyless_malformed_bodies(void **state)
{
    struct scene *scene = *state;
    struct digest digest = digest_of(ARTIFACT, strlen(ARTIFACT));
    cleanup_free char *no_signature =
        xasprintf(BODY("{\"data\":{\"hash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"}}}"),
                  digest_hex(digest.text));
    const struct attempt attempts[] = {
        {.name = "no spec", .wish.entry.body = BODY("{}"), .says = "no readable hash"},
        {.name = "spec is a list", .wish.entry.body = BODY("[]"), .says = "no readable hash"},
        {.name = "a short hash",
         .wish.entry.body =
             BODY("{\"data\":{\"hash\":{\"algorithm\":\"sha256\",\"value\":\"00\"}}}"),
         .says = "another content"},
        {.name = "half a digit",
         .wish.entry.body =
             BODY("{\"data\":{\"hash\":{\"algorithm\":\"sha256\",\"value\":\"000\"}}}"),
         .says = "no readable hash"},
        {.name = "no digits",
         .wish.entry.body =
             BODY("{\"data\":{\"hash\":{\"algorithm\":\"sha256\",\"value\":\"zz\"}}}"),
         .says = "no readable hash"},
        {.name = "a hash of another kind",
         .wish.entry.body = BODY("{\"data\":{\"hash\":{\"algorithm\":\"sha1\",\"value\":\"00\"}}}"),
         .says = "a hash of an unknown kind"},
        {.name = "no kind of hash",
         .wish.entry.body = BODY("{\"data\":{\"hash\":{\"value\":\"00\"}}}"),
         .says = "a hash of an unknown kind"},
        {.name = "SHA-384 of something else",
         .wish.entry.body =
             BODY("{\"data\":{\"hash\":{\"algorithm\":\"sha384\",\"value\":\"00\"}}}"),
         .says = "another content"},
        {.name = "SHA-512 by digest",
         .wish.entry.body =
             BODY("{\"data\":{\"hash\":{\"algorithm\":\"sha512\",\"value\":\"00\"}}}"),
         .by_digest = true,
         .says = "give the bytes"},
        {.name = "no signature", .wish.entry.body = no_signature, .says = "content is missing"},
        {.name = "v2 without a digest",
         .wish = {.v2 = true, .entry.body = BODY2("{}")},
         .says = "digest is missing"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

static void test_keyless_content_that_is_refused(void **state)
{
    struct scene *scene = *state;
    const struct attempt attempts[] = {
        {.name = "another artifact", .artifact = "another", .says = "another content"},
        {.name = "another artifact by digest",
         .artifact = "another",
         .by_digest = true,
         .says = "another content"},
        {.name = "an envelope about another artifact",
         .wish.dsse = true,
         .artifact = "another",
         .says = "it is about sha256:"},
        {.name = "an envelope that holds no statement",
         .wish = {.dsse = true, .payload_type = "text/plain"},
         .says = "text/plain, not an in-toto statement"},
        {.name = "another digest in the bundle",
         .bundle = "messageSignature.messageDigest.digest="
                   "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
         .says = "its messageDigest"},
        {.name = "another signature",
         .bundle = "messageSignature.signature=\"YWJj\"",
         .says = "another signature"},
        {.name = "a stamp on something else",
         .wish.v2 = true,
         .bundle = "messageSignature.signature=\"YWJj\"",
         .says = "the timestamp is about another signature"},
        {.name = "a stamp that is none",
         .wish.stamped = true,
         .bundle = "verificationMaterial.timestampVerificationData.rfc3161Timestamps.0."
                   "signedTimestamp=\"YWJj\"",
         .says = "no granted RFC 3161 response"},
        {.name = "a TSA nobody knows",
         .wish.v2 = true,
         .root = "timestampAuthorities=[]",
         .says = "nothing trusted tells when"},
        {.name = "a TSA that was not trusted then",
         .wish.v2 = true,
         .root = "timestampAuthorities.0.validFor.end=\"2026-11-21T09:59:59Z\"",
         .says = "when its authority was not trusted"},
        {.name = "a key, no certificate",
         .bundle = "verificationMaterial.certificate=\n"
                   "verificationMaterial.publicKey={\"hint\":\"x\"}",
         .says = "signed with a key"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

// The stranger's certificate is in the root's place: same names, another key.
static void test_keyless_timestamps_by_another_leaf(void **state)
{
    struct scene *scene = *state;
    struct fake_sigstore fake = scene->fake;
    fake.tsa = X509_dup(scene->fake.tsa);
    ASN1_INTEGER_set(X509_get_serialNumber(fake.tsa), 99);
    assert_true(X509_sign(fake.tsa, fake.tsa_root_key, EVP_sha256()) > 0);
    struct fake_bundle wish = {.data = ARTIFACT, .size = strlen(ARTIFACT), .v2 = true};
    cleanup_json json_t *value = fake_bundle_mint(&fake, &wish);
    cleanup_free char *text = jval_compact(value);
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_certificate struct certificate *signer = NULL;
    cleanup_error struct error err = {0};
    struct signed_data data;
    signed_data_of(ARTIFACT, strlen(ARTIFACT), &data);
    assert_int_equal(sigstore_bundle_parse(text, strlen(text), &bundle, NULL), 0);
    cleanup_trusted_root struct trusted_root *root = root_of(scene, "");
    assert_int_equal(sigstore_verify_keyless(&bundle, root, &data, &signer, &err), -1);
    assert_non_null(strstr(error_message(&err), "nothing trusted tells when"));
    // Where the root names no leaf, any under the authority will do.
    cleanup_trusted_root struct trusted_root *open =
        root_of(scene, "timestampAuthorities.0.certChain.certificates.0=");
    assert_int_equal(sigstore_verify_keyless(&bundle, open, &data, &signer, NULL), 0);
    X509_free(fake.tsa);
}

static void test_keyless_timestamp_hashes(void **state)
{
    struct scene *scene = *state;
    cleanup_trusted_root struct trusted_root *root = root_of(scene, "");
    const EVP_MD *const hashes[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
    for (size_t i = 0; i < ARRAY_LENGTH(hashes); i++) {
        for (int embed = 0; embed < 2; embed++) {
            size_t size = 0;
            int64_t wall_ms = 0;
            cleanup_error struct error err = {0};
            cleanup_free unsigned char *stamp = fake_timestamp_mint(
                &scene->fake, "signature", 9, FAKE_TIME, embed, hashes[i], &size);
            if (timestamp_verify(stamp, size, "signature", 9, &root->tsas, &wall_ms, &err) < 0)
                fail_msg("%s", error_message(&err));
            assert_true(wall_ms == FAKE_TIME * 1000);
            assert_int_equal(
                timestamp_verify(stamp, size, "signatur", 8, &root->tsas, &wall_ms, NULL), -1);
            assert_int_equal(
                timestamp_verify(stamp, size - 1, "signature", 9, &root->tsas, &wall_ms, NULL), -1);
        }
    }
    cleanup_free char *large = xcalloc(1, TIMESTAMP_MAX_BYTES + 1);
    int64_t wall_ms = 0;
    assert_int_equal(
        timestamp_verify(large, TIMESTAMP_MAX_BYTES + 1, "", 0, &root->tsas, &wall_ms, NULL), -1);
}

static void test_keyed_bundles(void **state)
{
    struct scene *scene = *state;
    const struct attempt attempts[] = {
        {.name = "with an entry", .wish.keyed = true},
        {.name = "with an entry of v2", .wish = {.keyed = true, .v2 = true}},
        {.name = "an envelope", .wish = {.keyed = true, .dsse = true}},
        {.name = "an envelope in v2", .wish = {.keyed = true, .dsse = true, .v2 = true}},
        {.name = "without an entry",
         .wish.keyed = true,
         .bundle = "verificationMaterial.tlogEntries=[]"},
        {.name = "an entry of a log nobody knows",
         .wish.keyed = true,
         .root = "tlogs=[]",
         .says = "of logs that the trusted root does not name"},
        {.name = "an entry about another key",
         .wish = {.keyed = true, .entry_key = scene->other},
         .says = "another key"},
        {.name = "an entry about another key in v2",
         .wish = {.keyed = true, .v2 = true, .entry_key = scene->other},
         .says = "another key"},
        {.name = "another artifact",
         .wish.keyed = true,
         .artifact = "another",
         .says = "another artifact"},
        {.name = "a forged promise",
         .wish.keyed = true,
         .bundle = ENTRY ".integratedTime=\"1\"",
         .says = "promise"},
        {.name = "a stamp that is none",
         .wish = {.keyed = true, .stamped = true},
         .bundle = "verificationMaterial.timestampVerificationData.rfc3161Timestamps.0."
                   "signedTimestamp=\"YWJj\"",
         .says = "no granted RFC 3161 response"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

static void test_bundles_that_are_malformed(void **state)
{
    struct scene *scene = *state;
    const struct attempt attempts[] = {
        {.name = "unknown version",
         .wish.media_type = "application/vnd.dev.sigstore.bundle+json;version=0.4",
         .says = "no bundle of version"},
        {.name = "a chain in 0.3", .wish.chain = true, .says = "not an x509CertificateChain"},
        {.name = "an empty chain",
         .wish = {.chain = true,
                  .media_type = "application/vnd.dev.sigstore.bundle+json;version=0.2"},
         .bundle = "verificationMaterial.x509CertificateChain.certificates=[]",
         .says = "x509CertificateChain is empty"},
        {.name = "a chain of what is no certificate",
         .wish = {.chain = true,
                  .media_type = "application/vnd.dev.sigstore.bundle+json;version=0.2"},
         .bundle = "verificationMaterial.x509CertificateChain.certificates.1.rawBytes=\"YWJj\"",
         .says = "what is no certificate"},
        {.name = "a chain of numbers",
         .wish = {.chain = true,
                  .media_type = "application/vnd.dev.sigstore.bundle+json;version=0.2"},
         .bundle = "verificationMaterial.x509CertificateChain.certificates.1=7",
         .says = "certificate is missing or no object"},
        {.name = "a chain that is a list",
         .wish = {.chain = true,
                  .media_type = "application/vnd.dev.sigstore.bundle+json;version=0.2"},
         .bundle = "verificationMaterial.x509CertificateChain=[]",
         .says = "x509CertificateChain is missing or no object"},
        {.name = "a certificate that is text",
         .bundle = "verificationMaterial.certificate=\"x\"",
         .says = "certificate is missing or no object"},
        {.name = "a negative index", .bundle = ENTRY ".logIndex=-1", .says = "logIndex is"},
        {.name = "a negative index as text",
         .bundle = ENTRY ".logIndex=\"-1\"",
         .says = "logIndex is"},
        {.name = "leading zero", .bundle = ENTRY ".logIndex=\"07\"", .says = "logIndex is"},
        {.name = "too large",
         .bundle = ENTRY ".logIndex=\"9223372036854775808\"",
         .says = "logIndex is"},
        {.name = "too long",
         .bundle = ENTRY ".logIndex=\"10000000000000000000000\"",
         .says = "logIndex is"},
        {.name = "trailing text", .bundle = ENTRY ".logIndex=\"7x\"", .says = "logIndex is"},
        {.name = "a fraction", .bundle = ENTRY ".logIndex=7.5", .says = "logIndex is"},
        {.name = "an unknown member", .bundle = ENTRY ".extra=1", .says = "unknown member"},
        {.name = "no log", .bundle = ENTRY ".logId=", .says = "logId is missing"},
        {.name = "an empty name of a log",
         .bundle = ENTRY ".logId.keyId=\"\"",
         .says = "keyId is empty"},
        {.name = "no kind", .bundle = ENTRY ".kindVersion=", .says = "kindVersion is missing"},
        {.name = "no name of a kind",
         .bundle = ENTRY ".kindVersion.kind=",
         .says = "kind is missing"},
        {.name = "no version",
         .bundle = ENTRY ".kindVersion.version=",
         .says = "version is missing"},
        {.name = "a time that is a list",
         .bundle = ENTRY ".integratedTime=[]",
         .says = "integratedTime"},
        {.name = "no body", .bundle = ENTRY ".canonicalizedBody=", .says = "canonicalizedBody is"},
        {.name = "no base64",
         .bundle = ENTRY ".canonicalizedBody=\"!\"",
         .says = "canonicalizedBody"},
        {.name = "an empty promise",
         .bundle = ENTRY ".inclusionPromise={}",
         .says = "signedEntryTimestamp"},
        {.name = "a promise that is text",
         .bundle = ENTRY ".inclusionPromise=\"x\"",
         .says = "inclusionPromise"},
        {.name = "a proof that is a list",
         .bundle = PROOF "=[]",
         .says = "inclusionProof is missing or no"},
        {.name = "no size", .bundle = PROOF ".treeSize=", .says = "treeSize is missing"},
        {.name = "no root", .bundle = PROOF ".rootHash=", .says = "rootHash is missing"},
        {.name = "a short root",
         .bundle = PROOF ".rootHash=\"YWJj\"",
         .says = "rootHash has 3 bytes, not 32"},
        {.name = "a bad index", .bundle = PROOF ".logIndex=[]", .says = "logIndex is"},
        {.name = "hashes that are text",
         .bundle = PROOF ".hashes=\"x\"",
         .says = "hashes is no list"},
        {.name = "a hash that is a number",
         .bundle = PROOF ".hashes.0=1",
         .says = "hashes[0] is no hash"},
        {.name = "a hash that is no base64",
         .bundle = PROOF ".hashes.0=\"!\"",
         .says = "hashes[0] is no hash"},
        {.name = "a short hash",
         .bundle = PROOF ".hashes.0=\"YWJj\"",
         .says = "hashes[0] is no hash"},
        {.name = "no digest",
         .bundle = "messageSignature.messageDigest.digest=",
         .says = "digest is missing"},
        {.name = "a digest that is text",
         .bundle = "messageSignature.messageDigest=\"x\"",
         .says = "messageDigest is missing or no object"},
        {.name = "a message that is text",
         .bundle = "messageSignature=\"x\"",
         .says = "messageSignature is"},
        {.name = "timestamps that are text",
         .bundle = "verificationMaterial.timestampVerificationData={\"rfc3161Timestamps\":\"x\"}",
         .says = "rfc3161Timestamps is no list"},
        {.name = "a timestamp that is text",
         .bundle = "verificationMaterial.timestampVerificationData={\"rfc3161Timestamps\":[1]}",
         .says = "rfc3161Timestamps is missing or no object"},
        {.name = "a timestamp without bytes",
         .bundle = "verificationMaterial.timestampVerificationData={\"rfc3161Timestamps\":[{}]}",
         .says = "signedTimestamp is missing"},
        {.name = "a timestamp twice",
         .bundle = "verificationMaterial.timestampVerificationData={\"rfc3161Timestamps\":"
                   "[{\"signedTimestamp\":\"YQ==\"},{\"signedTimestamp\":\"YQ==\"}]}",
         .says = "the same timestamp stands there twice"},
        {.name = "an entry that is text",
         .bundle = "verificationMaterial.tlogEntries=[1]",
         .says = "the entry is missing or no object"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

static void test_bundles_with_a_root_or_an_entry_twice(void **state)
{
    struct scene *scene = *state;
    const struct fake_bundle wish = {.data = ARTIFACT,
                                     .size = strlen(ARTIFACT),
                                     .chain = true,
                                     .media_type =
                                         "application/vnd.dev.sigstore.bundle+json;version=0.2"};
    cleanup_json json_t *value = fake_bundle_mint(&scene->fake, &wish);
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    char last[64];
    json_t *chain =
        owner_of(value, "verificationMaterial.x509CertificateChain.certificates.0", last);
    json_t *roots = owner_of(root, "certificateAuthorities.0.certChain.certificates.0", last);
    json_array_append(chain, json_array_get(roots, 1));
    for (int i = 0; i < 2; i++) {
        cleanup_free char *text = jval_compact(value);
        cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
        cleanup_error struct error err = {0};
        assert_int_equal(sigstore_bundle_parse(text, strlen(text), &bundle, &err), -1);
        assert_non_null(strstr(error_message(&err), i == 0
                                                        ? "holds a root certificate"
                                                        : "the same log entry stands there twice"));
        json_array_remove(chain, 2);
        json_t *entries = owner_of(value, "verificationMaterial.tlogEntries.0", last);
        json_array_append_new(entries, json_deep_copy(json_array_get(entries, 0)));
    }
}

static void test_trusted_roots_that_are_refused(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *change;
        const char *says;
    } cases[] = {
        {"mediaType=", "mediaType is missing"},
        {"mediaType=\"application/json\"", "is no trusted root of version"},
        {"tlogs={}", "tlogs is no list"},
        {"tlogs.0.publicKey.validFor=", "tlogs[0]: validFor.start is missing"},
        {"ctlogs.0.publicKey.validFor.start=", "ctlogs[0]: validFor.start is missing"},
        {"tlogs.0.publicKey.validFor.start=7", "validFor.start is no RFC 3339"},
        {"tlogs.0.publicKey.validFor.end=\"soon\"", "validFor.end is no RFC 3339"},
        {"tlogs.0.publicKey.validFor=[]", "validFor is no object"},
        {"tlogs.0.publicKey=", "validFor.start is missing"},
        {"tlogs.0.publicKey.keyDetails=", "keyDetails is missing"},
        {"tlogs.0.publicKey.rawBytes=", "rawBytes is missing"},
        {"tlogs.0.publicKey.rawBytes=\"YWJj\"", "no public key that can be read"},
        {"tlogs.0.publicKey.keyDetails=\"PKCS1_RSA_PKCS1V5\"", "is no PKCS#1 key"},
        {"tlogs.0.logId=", "keyId is missing"},
        {"tlogs.0.logId.keyId="
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "AAAAAAAAAAAAAAAAAAAA\"",
         "keyId is too long"},
        {"certificateAuthorities=7", "certificateAuthorities is no list"},
        {"certificateAuthorities.0.certChain=", "names no certificates"},
        {"certificateAuthorities.0.certChain.certificates=\"x\"", "certificates is no list"},
        {"certificateAuthorities.0.certChain.certificates.0=", NULL},
        {"certificateAuthorities.0.certChain.certificates.0={}", "certificates[0]: rawBytes"},
        {"certificateAuthorities.0.certChain.certificates.0={\"rawBytes\":\"YWJj\"}",
         "certificates[0] is no certificate"},
        {"certificateAuthorities.0.validFor=7", "validFor is no object"},
        {"certificateAuthorities.0.validFor=", NULL},
        {"timestampAuthorities.0.certChain.certificates=[]", "timestampAuthorities[0]: certChain"},
        {"tlogs.0.publicKey.keyDetails=\"PKIX_ML_DSA_65\"", NULL},
        {"tlogs.0.operator=\"someone\"", NULL},
        {"mediaType=\"application/vnd.dev.sigstore.trustedroot.v0.2+json\"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *value = fake_sigstore_root(&scene->fake);
        change(value, cases[i].change);
        cleanup_free char *text = jval_compact(value);
        cleanup_error struct error err = {0};
        cleanup_trusted_root struct trusted_root *root = NULL;
        int result = trusted_root_parse(text, strlen(text), "root.json", &root, &err);
        if (cases[i].says == NULL && result < 0)
            fail_msg("%s: %s", cases[i].change, error_message(&err));
        if (cases[i].says != NULL &&
            (result == 0 || strstr(error_message(&err), cases[i].says) == NULL))
            fail_msg("%s: \"%s\" shall say \"%s\"", cases[i].change, error_message(&err),
                     cases[i].says);
    }
    cleanup_error struct error err = {0};
    struct trusted_root *root = NULL;
    assert_int_equal(trusted_root_parse("[]", 2, "root.json", &root, &err), -1);
    assert_int_equal(trusted_root_parse("", TRUSTED_ROOT_MAX_BYTES + 1, "root.json", &root, &err),
                     -1);
    assert_non_null(strstr(error_message(&err), "root.json has 1048577 bytes"));
}

// Two of Sigstore's logs have RSA keys in the older form.
static void test_trusted_root_reads_pkcs1(void **state)
{
    struct scene *scene = *state;
    EVP_PKEY *key = fake_key(FAKE_KEY_RSA);
    unsigned char *der = NULL;
    int size = i2d_PublicKey(key, &der);
    cleanup_free char *raw = base64_encode(der, (size_t)size);
    cleanup_free char *change_text = xasprintf(
        "ctlogs.0.publicKey.keyDetails=\"PKCS1_RSA_PKCS1V5\"\nctlogs.0.publicKey.rawBytes="
        "\"%s\"\nctlogs.0.baseUrl=\"bare.example.com\"",
        raw);
    cleanup_trusted_root struct trusted_root *root = root_of(scene, change_text);
    const struct trusted_log *log = vec_at(&root->ct_logs, 0);
    assert_int_equal(verify_key_algorithm(log->key), KEY_RSA);
    assert_string_equal(log->host, "bare.example.com");
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static void test_digests_as_artifacts(void **state)
{
    (void)state;
    struct signed_data data;
    struct digest digest = digest_of("x", 1);
    assert_int_equal(signed_data_of_digest(digest.text, &data, NULL), 0);
    assert_null(data.data);
    assert_int_equal(signed_data_of_digest("sha256:00", &data, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyless_every_form_verifies),
        cmocka_unit_test(test_keyless_names_the_signer),
        cmocka_unit_test(test_keyless_other_kinds_of_keys),
        cmocka_unit_test(test_keyless_certificates_that_are_refused),
        cmocka_unit_test(test_keyless_entries_that_are_refused),
        cmocka_unit_test(test_keyless_entries_about_something_else),
        cmocka_unit_test(test_keyless_malformed_bodies),
        cmocka_unit_test(test_keyless_content_that_is_refused),
        cmocka_unit_test(test_keyless_timestamps_by_another_leaf),
        cmocka_unit_test(test_keyless_timestamp_hashes),
        cmocka_unit_test(test_keyed_bundles),
        cmocka_unit_test(test_bundles_that_are_malformed),
        cmocka_unit_test(test_bundles_with_a_root_or_an_entry_twice),
        cmocka_unit_test(test_trusted_roots_that_are_refused),
        cmocka_unit_test(test_trusted_root_reads_pkcs1),
        cmocka_unit_test(test_digests_as_artifacts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
