// Whole bundles of a Sigstore made here: those that verify in every form, and each way to be wrong.
#include "oci/sign/sigstore_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bundle_scene.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/timestamp.h"
#include "oci/sign/trusted_root.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

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
        {.name = "the certificate's last second", .wish.time_s = FAKE_TIME + 600},
        {.name = "the certificate's first second", .wish.time_s = FAKE_TIME - 60},
        {.name = "the last second, stamped", .wish = {.v2 = true, .time_s = FAKE_TIME + 600}},
        {.name = "the last second of all authorities",
         .wish = {.v2 = true,
                  .time_s = FAKE_TIME + 10 * YEAR,
                  .certificate.lifetime_s = 10 * YEAR}},
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
        {.name = "a name that is no UTF-8, and so could not stand in a status",
         .wish.certificate.subject = "mail:\xff@example.com",
         .says = "exactly one identity"},
        {.name = "half a character",
         .wish.certificate = {.extra_oid = "1.3.6.1.4.1.57264.1.13", .extra_value = "\x0c\x01\xc3"},
         .says = "1.13 is no text"},
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

#define ZEROS_16 "AAAAAAAAAAAAAAAA"
#define ZEROS_48 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16

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
        {.name = "a stronger digest of something else",
         .bundle =
             "messageSignature.messageDigest={\"algorithm\":\"SHA2_384\",\"digest\":\"" ZEROS_48
             "\"}",
         .says = "its messageDigest"},
        {.name = "a stronger digest, and no bytes",
         .by_digest = true,
         .bundle =
             "messageSignature.messageDigest={\"algorithm\":\"SHA2_384\",\"digest\":\"" ZEROS_48
             "\"}",
         .says = "give the bytes"},
        {.name = "no digest in the bundle", .bundle = "messageSignature.messageDigest="},
        {.name = "an empty digest", .bundle = "messageSignature.messageDigest={}"},
        {.name = "an entry's time after the certificate's, of which nobody spoke",
         .wish = {.stamped = true, .entry.no_promise = true},
         .bundle = ENTRY ".integratedTime=\"1795255801\"",
         .says = "is from a time when the certificate was not valid"},
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
        {.name = "a log whose tree is hashed otherwise",
         .root = "tlogs.0.hashAlgorithm=\"SHA2_512\"",
         .says = "no log that the trusted root names"},
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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
