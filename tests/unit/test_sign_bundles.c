// Bundles signed with a key, and what is no bundle, no log entry and no trusted root.
#include "oci/sign/sigstore_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "bundle_scene.h"
#include "oci/sign/rekor.h"

#include <openssl/x509.h>

#define VERSION_2 "application/vnd.dev.sigstore.bundle+json;version=0.2"

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
         .wish = {.chain = true, .media_type = VERSION_2},
         .bundle = "verificationMaterial.x509CertificateChain.certificates=[]",
         .says = "x509CertificateChain is empty"},
        {.name = "a chain of what is no certificate",
         .wish = {.chain = true, .media_type = VERSION_2},
         .bundle = "verificationMaterial.x509CertificateChain.certificates.1.rawBytes=\"YWJj\"",
         .says = "what is no certificate"},
        {.name = "a chain of numbers",
         .wish = {.chain = true, .media_type = VERSION_2},
         .bundle = "verificationMaterial.x509CertificateChain.certificates.1=7",
         .says = "certificate is missing or no object"},
        {.name = "a chain that is a list",
         .wish = {.chain = true, .media_type = VERSION_2},
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
        {.name = "a key with more to it",
         .wish.keyed = true,
         .bundle = "verificationMaterial.publicKey.extra=1",
         .says = "unknown member"},
        {.name = "a hint that is a number",
         .wish.keyed = true,
         .bundle = "verificationMaterial.publicKey.hint=7",
         .says = "hint is no text"},
        {.name = "no hint", .wish.keyed = true, .bundle = "verificationMaterial.publicKey={}"},
        {.name = "a chain with more to it",
         .wish = {.chain = true, .media_type = VERSION_2},
         .bundle = "verificationMaterial.x509CertificateChain.extra=1",
         .says = "unknown member"},
        {.name = "a chain that is a number",
         .wish = {.chain = true, .media_type = VERSION_2},
         .bundle = "verificationMaterial.x509CertificateChain.certificates=7",
         .says = "certificates is no list"},
        {.name = "two timestamps",
         .bundle = "verificationMaterial.timestampVerificationData={\"rfc3161Timestamps\":"
                   "[{\"signedTimestamp\":\"YQ==\"},{\"signedTimestamp\":\"Yg==\"}]}",
         .says = "no granted RFC 3161 response"},
        {.name = "a checkpoint that is none",
         .bundle = PROOF ".checkpoint.envelope=\"x\"",
         .says = "the checkpoint"},
        {.name = "an entry that is text",
         .bundle = "verificationMaterial.tlogEntries=[1]",
         .says = "the entry is missing or no object"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

static void test_bundles_with_a_root_or_an_entry_twice(void **state)
{
    struct scene *scene = *state;
    const struct fake_bundle wish = {
        .data = ARTIFACT, .size = strlen(ARTIFACT), .chain = true, .media_type = VERSION_2};
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

// What is as long as nobody writes it.
static void test_bundles_that_are_too_long(void **state)
{
    struct scene *scene = *state;
    cleanup_free char *hint = xcalloc(1, 1026);
    memset(hint, 'A', 1025);
    cleanup_free char *long_hint = xasprintf("verificationMaterial.publicKey.hint=\"%s\"", hint);
    const struct attempt attempts[] = {
        {.name = "a long hint",
         .wish.keyed = true,
         .bundle = long_hint,
         .says = "hint is no text of at most 1024 bytes"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

// Entries of one log at two places, and of two logs at one place, are different entries.
static void test_bundles_with_two_entries(void **state)
{
    struct scene *scene = *state;
    static const char *const changes[] = {"logIndex=\"99\"", "logId.keyId=\"AAAA\"",
                                          "kindVersion.kind=\"hashedrekord\""};
    for (size_t i = 0; i < ARRAY_LENGTH(changes); i++) {
        const struct fake_bundle wish = {.data = ARTIFACT, .size = strlen(ARTIFACT)};
        cleanup_json json_t *value = fake_bundle_mint(&scene->fake, &wish);
        char last[64];
        json_t *entries = owner_of(value, "verificationMaterial.tlogEntries.0", last);
        json_t *second = json_deep_copy(json_array_get(entries, 0));
        change(second, changes[i]);
        json_array_append_new(entries, second);
        cleanup_free char *text = jval_compact(value);
        cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
        int result = sigstore_bundle_parse(text, strlen(text), &bundle, NULL);
        assert_int_equal(result, i < 2 ? 0 : -1);
    }
}

// A byte behind a certificate is a second way to write the same one.
static void test_a_chain_with_bytes_behind_a_certificate(void **state)
{
    struct scene *scene = *state;
    const struct fake_bundle wish = {
        .data = ARTIFACT, .size = strlen(ARTIFACT), .chain = true, .media_type = VERSION_2};
    cleanup_json json_t *value = fake_bundle_mint(&scene->fake, &wish);
    char last[64];
    json_t *owner =
        owner_of(value, "verificationMaterial.x509CertificateChain.certificates.1.rawBytes", last);
    const char *before = json_string_value(json_object_get(owner, "rawBytes"));
    cleanup_free unsigned char *der = NULL;
    size_t size = 0;
    assert_int_equal(base64_decode(before, strlen(before), &der, &size, NULL), 0);
    cleanup_free unsigned char *longer = xcalloc(1, size + 1);
    memcpy(longer, der, size);
    cleanup_free char *after = base64_encode(longer, size + 1);
    json_object_set_new(owner, "rawBytes", json_string(after));
    cleanup_free char *text = jval_compact(value);
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(sigstore_bundle_parse(text, strlen(text), &bundle, &err), -1);
    assert_non_null(strstr(error_message(&err), "what is no certificate"));
}

// The bundle that `sealift sign-bundle` writes, read back: with and without a trusted root.
static void test_a_keyed_bundle_of_ours(void **state)
{
    struct scene *scene = *state;
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_free unsigned char *signature = NULL;
    struct signed_data data, another;
    size_t signature_size = 0, size = 0;
    assert_int_equal(sign_key_generate(&key, NULL), 0);
    signed_data_of(ARTIFACT, strlen(ARTIFACT), &data);
    signed_data_of("another", 7, &another);
    assert_int_equal(
        sign_key_sign(key, ARTIFACT, strlen(ARTIFACT), &signature, &signature_size, NULL), 0);
    const struct verify_key *public_half = sign_key_public(key);
    cleanup_free char *text = sigstore_bundle_build_message(data.sha256, signature, signature_size,
                                                            verify_key_hint(public_half), &size);
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_trusted_root struct trusted_root *root = root_of(scene, "");
    assert_int_equal(sigstore_bundle_parse(text, size, &bundle, NULL), 0);
    assert_int_equal(sigstore_verify_keyed(&bundle, public_half, NULL, &data, NULL), 0);
    assert_int_equal(sigstore_verify_keyed(&bundle, public_half, root, &data, NULL), 0);
    assert_int_equal(sigstore_verify_keyed(&bundle, public_half, NULL, &another, NULL), -1);
}

static void test_a_certificate_is_no_listed_key(void **state)
{
    struct scene *scene = *state;
    const struct fake_bundle wish = {
        .data = ARTIFACT, .size = strlen(ARTIFACT), .key = scene->signer};
    cleanup_json json_t *value = fake_bundle_mint(&scene->fake, &wish);
    cleanup_free char *text = jval_compact(value);
    cleanup_free char *pem = fake_public_pem(scene->signer);
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_verify_key struct verify_key *key = NULL;
    cleanup_error struct error err = {0};
    struct signed_data data;
    signed_data_of(ARTIFACT, strlen(ARTIFACT), &data);
    assert_int_equal(verify_key_load(pem, strlen(pem), "key", &key, NULL), 0);
    assert_int_equal(sigstore_bundle_parse(text, strlen(text), &bundle, NULL), 0);
    assert_int_equal(sigstore_verify_keyed(&bundle, key, NULL, &data, &err), -1);
    assert_non_null(strstr(error_message(&err), "signed with a certificate, not with a key"));
}

#define NAME_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

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
        {"tlogs.0.hashAlgorithm=", "tlogs[0]: hashAlgorithm is missing"},
        {"tlogs.0.hashAlgorithm=\"SHA2_512\"", NULL},
        {"tlogs.0.publicKey.keyDetails=\"PKIX_ED25519\"", "an ECDSA P-256 key, not of keyDetails"},
        {"tlogs.1.publicKey.keyDetails=\"PKIX_ECDSA_P256_SHA_256\"", "an Ed25519 key, not of"},
        {"ctlogs.0.publicKey.keyDetails=\"PKIX_RSA_PKCS1V15_2048_SHA256\"", "not of keyDetails"},
        {"ctlogs.0.publicKey.keyDetails=\"PKIX_ECDSA_P384_SHA_384\"", NULL},
        {"tlogs.0.publicKey.rawBytes=", "rawBytes is missing"},
        {"tlogs.0.publicKey.rawBytes=\"YWJj\"", "no public key that can be read"},
        {"tlogs.0.publicKey.keyDetails=\"PKCS1_RSA_PKCS1V5\"", "is no PKCS#1 key"},
        {"tlogs.0.logId=", "keyId is missing"},
        {"tlogs.0.publicKey.validFor.end=null", NULL},
        {"tlogs.0.publicKey.validFor=null", "validFor.start is missing"},
        {"tlogs.0.baseUrl=\"https://" NAME_64 NAME_64 NAME_64 NAME_64 ".example.com/\"",
         "baseUrl names a host of more than"},
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
        cmocka_unit_test(test_keyed_bundles),
        cmocka_unit_test(test_bundles_that_are_malformed),
        cmocka_unit_test(test_bundles_with_a_root_or_an_entry_twice),
        cmocka_unit_test(test_bundles_that_are_too_long),
        cmocka_unit_test(test_bundles_with_two_entries),
        cmocka_unit_test(test_a_chain_with_bytes_behind_a_certificate),
        cmocka_unit_test(test_a_keyed_bundle_of_ours),
        cmocka_unit_test(test_a_certificate_is_no_listed_key),
        cmocka_unit_test(test_trusted_roots_that_are_refused),
        cmocka_unit_test(test_trusted_root_reads_pkcs1),
        cmocka_unit_test(test_digests_as_artifacts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
