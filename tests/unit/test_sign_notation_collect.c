// Notation signatures beside an artifact, as evidence for policies.
#include "oci/sign/collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "fake_notation.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/repository.h"
#include "oci/sign/evidence_json.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_sign.h"
#include "oci/sign/notation_trust.h"
#include "oci/sign/policy.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDENTITY "registry.example.com/acme/shop"
#define ALL_OF_ACME "x509.subject: C=US, ST=WA, O=acme"

struct fixture {
    char *dir;
    struct oci_repository *repository;
    struct oci_descriptor artifact;
    struct fake_signer root;
    struct fake_signer ada;
    struct fake_signer ben;
    struct trust_policy policy;
    struct evidence_set evidence;
    struct trust_verdict verdict;
    int64_t now_ms;
    struct error err;
};

static struct oci_descriptor put(struct fixture *fixture, const char *type, const char *data)
{
    struct oci_descriptor blob = {0};
    assert_int_equal(oci_put_blob(fixture->repository, type, data, strlen(data), &blob, NULL), 0);
    return blob;
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fake_root("root", &fixture->root);
    fake_leaf("ada", &fixture->root, &fixture->ada);
    fake_leaf("ben", &fixture->root, &fixture->ben);
    fixture->now_ms = FAKE_NOW;
    assert_int_equal(file_make_temp_dir("notation", &fixture->dir, NULL), 0);
    cleanup_free char *text = xasprintf("oci-layout://%s/shop", fixture->dir);
    cleanup_oci_reference struct oci_reference reference = {0};
    const struct oci_access access = {.identity = IDENTITY};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    assert_int_equal(oci_repository_open(&reference, &access, &fixture->repository, NULL), 0);
    cleanup_oci_manifest struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    *(struct oci_descriptor *)vec_push(&manifest.layers) =
        put(fixture, "application/octet-stream", "shop");
    manifest.artifact_type = xstrdup("application/vnd.dev.sealift.bundle.v1");
    manifest.config = put(fixture, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON);
    size_t size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &size);
    assert_int_equal(
        oci_put_manifest(fixture->repository, data, size, "prod", &fixture->artifact, NULL), 0);
    trust_policy_init(&fixture->policy, "TrustPolicy prod");
    evidence_set_init(&fixture->evidence);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    evidence_set_release(&fixture->evidence);
    trust_policy_release(&fixture->policy);
    trust_verdict_release(&fixture->verdict);
    error_release(&fixture->err);
    oci_descriptor_release(&fixture->artifact);
    oci_repository_close(fixture->repository);
    assert_int_equal(file_remove_tree(fixture->dir, NULL), 0);
    fake_signer_release(&fixture->root);
    fake_signer_release(&fixture->ada);
    fake_signer_release(&fixture->ben);
    free(fixture->dir);
    free(fixture);
    return 0;
}

static struct notation_trust *trust_of(struct fixture *fixture, const char *identity)
{
    struct notation_trust *trust = notation_trust_new();
    cleanup_free char *pem = fake_pem(&fixture->root.cert, 1);
    assert_int_equal(notation_trust_add_certificates(trust, NOTATION_CA, "acme", pem, strlen(pem),
                                                     "acme.pem", NULL),
                     0);
    assert_int_equal(notation_trust_add_identity(trust, identity, NULL), 0);
    assert_int_equal(notation_trust_seal(trust, NULL), 0);
    return trust;
}

static struct trust_entry *ask(struct fixture *fixture, const char *name, unsigned threshold,
                               const char *identity)
{
    struct trust_entry *entry = trust_policy_add_entry(&fixture->policy, name, threshold);
    entry->notation = trust_of(fixture, identity);
    entry->any_repository = true;
    return entry;
}

static void judge(struct fixture *fixture)
{
    const struct trust_subject subject = {.repository = IDENTITY,
                                          .digest = fixture->artifact.digest.text,
                                          .channel = "prod",
                                          .now_ms = fixture->now_ms};
    evidence_set_release(&fixture->evidence);
    evidence_set_init(&fixture->evidence);
    trust_verdict_release(&fixture->verdict);
    if (evidence_collect_for(fixture->repository, fixture->artifact.digest.text, &fixture->policy,
                             1, &fixture->evidence, &fixture->err) < 0)
        fail_msg("%s", error_message(&fixture->err));
    trust_evaluate(&fixture->policy, 1, &subject, &fixture->evidence, &fixture->verdict);
}

static void passes(struct fixture *fixture)
{
    judge(fixture);
    cleanup_free char *text = trust_explain(&fixture->verdict, &fixture->evidence, 0);
    if (!fixture->verdict.met)
        fail_msg("%s", text);
}

static void refuses(struct fixture *fixture, const char *part)
{
    judge(fixture);
    cleanup_free char *text = trust_explain(&fixture->verdict, &fixture->evidence, 0);
    if (fixture->verdict.met || strstr(text, part) == NULL)
        fail_msg("not \"%s\": %s", part, text);
}

static struct sign_key *key_of(const struct fake_signer *signer)
{
    struct sign_key *key = NULL;
    char *data = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, signer->key, NULL, NULL, 0, NULL, NULL), 1);
    long size = BIO_get_mem_data(bio, &data);
    assert_int_equal(sign_key_load(data, (size_t)size, NULL, "the key", &key, NULL), 0);
    BIO_free(bio);
    return key;
}

static int sign_as(struct fixture *fixture, const struct fake_signer *signer, int64_t expires_ms)
{
    cleanup_sign_key struct sign_key *key = key_of(signer);
    cleanup_vec struct vec chain = VEC_OF(X509 *, NULL);
    *(X509 **)vec_push(&chain) = signer->cert;
    *(X509 **)vec_push(&chain) = fixture->root.cert;
    const struct notation_signing signing = {
        .key = key, .chain = &chain, .now_ms = FAKE_NOW, .expires_ms = expires_ms};
    return notation_sign_artifact(fixture->repository, &fixture->artifact, &signing, NULL,
                                  &fixture->err);
}

// A referrer by hand.
struct referrer {
    const char *config; // its type; default Notation's
    const char *type;   // artifactType; NULL: none
    const char *media;
    const void *data;
    size_t size;
    size_t layers; // default 1
};

static void attach(struct fixture *fixture, const struct referrer *wanted)
{
    cleanup_oci_manifest struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    size_t size = 0;
    const char *config = wanted->config != NULL ? wanted->config : NOTATION_SIGNATURE_TYPE;
    for (size_t i = 0; i < (wanted->layers != 0 ? wanted->layers : 1); i++)
        assert_int_equal(oci_put_blob(fixture->repository, wanted->media, wanted->data,
                                      wanted->size, vec_push(&manifest.layers), NULL),
                         0);
    manifest.config = put(fixture, config, OCI_EMPTY_JSON);
    manifest.artifact_type = xstrdup_or_null(wanted->type);
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    *manifest.subject = oci_descriptor_copy(&fixture->artifact);
    cleanup_free char *data = oci_manifest_build(&manifest, &size);
    assert_int_equal(oci_put_manifest(fixture->repository, data, size, NULL, NULL, NULL), 0);
}

static char *payload_of(const struct fixture *fixture, int64_t more)
{
    return xasprintf("{\"targetArtifact\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%lld}}",
                     fixture->artifact.media_type, fixture->artifact.digest.text,
                     (long long)(fixture->artifact.size + more));
}

static void test_what_we_sign_counts(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "release", 1, ALL_OF_ACME);
    refuses(fixture, "have it signed by such a signer: notation sign " IDENTITY "@sha256:");
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), 0);
    passes(fixture);
    assert_int_equal(fixture->verdict.verified_by.len, 1);
    assert_string_equal(*(char **)vec_at(&fixture->verdict.verified_by, 0),
                        "release: CN=ada,O=acme,ST=WA,C=US");
    struct evidence *item = vec_at(&fixture->evidence.items, 0);
    assert_int_equal(item->form, EVIDENCE_NOTATION);
    assert_string_equal(evidence_form_name(item->form), "Notation");
    // Its certificates end, and then it is looked at again.
    assert_int_equal(fixture->verdict.judge_again_ms, FAKE_NOW + 24 * FAKE_HOUR_S * 1000 + 1);
}

static void test_nobody_asks(void **state)
{
    struct fixture *fixture = *state;
    cleanup_sign_key struct sign_key *key = key_of(&fixture->ada);
    cleanup_free char *pem = verify_key_pem(sign_key_public(key));
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), 0);
    struct trust_entry *entry = trust_policy_add_entry(&fixture->policy, "keys", 1);
    assert_int_equal(trust_entry_add_key(entry, "ada", pem, strlen(pem), 0, 0, NULL), 0);
    refuses(fixture, "no signature by a key of this entry");
    assert_int_equal(fixture->evidence.looked_at, 0);
    // It counts for no entry that lists its key alone, even when another makes it evidence.
    ask(fixture, "release", 1, ALL_OF_ACME);
    refuses(fixture, "1 signature of keys (ada)");
    assert_int_equal(fixture->evidence.items.len, 1);
}

static void test_subjects_are_signers(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fake_signer struct fake_signer again = {0};
    ask(fixture, "release", 2, ALL_OF_ACME);
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), 0);
    // Another certificate, the same subject.
    fake_leaf("ada", &fixture->root, &again);
    assert_int_equal(sign_as(fixture, &again, 0), 0);
    refuses(fixture, "1 of 2: CN=ada");
    assert_int_equal(sign_as(fixture, &fixture->ben, 0), 0);
    passes(fixture);
    assert_int_equal(fixture->verdict.verified_by.len, 2);
}

static void test_a_signer_sits_once(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "first", 1, ALL_OF_ACME);
    ask(fixture, "second", 1, "x509.subject: C=US, ST=WA, O=acme, CN=ada");
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), 0);
    refuses(fixture, "counts for another entry");
    assert_int_equal(sign_as(fixture, &fixture->ben, 0), 0);
    passes(fixture);
}

// What one policy trusts is nothing to another.
static void test_policies_do_not_share_trust(void **state)
{
    struct fixture *fixture = *state;
    struct trust_policy policies[2];
    cleanup_evidence_set struct evidence_set evidence;
    cleanup_trust_verdict struct trust_verdict verdict = {0};
    const char *const who[] = {"x509.subject: C=US, ST=WA, O=acme, CN=ada",
                               "x509.subject: C=US, ST=WA, O=acme, CN=ben"};
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), 0);
    evidence_set_init(&evidence);
    for (size_t i = 0; i < 2; i++) {
        trust_policy_init(&policies[i], i == 0 ? "one" : "two");
        struct trust_entry *entry = trust_policy_add_entry(&policies[i], "release", 1);
        entry->notation = trust_of(fixture, who[i]);
        entry->any_repository = true;
    }
    const struct trust_subject subject = {
        .repository = IDENTITY, .digest = fixture->artifact.digest.text, .now_ms = FAKE_NOW};
    assert_int_equal(
        evidence_collect_for(fixture->repository, subject.digest, policies, 2, &evidence, NULL), 0);
    assert_int_equal(evidence.items.len, 1);
    trust_evaluate(policies, 2, &subject, &evidence, &verdict);
    assert_false(verdict.met);
    assert_true(((struct trust_finding *)vec_at(&verdict.findings, 0))->met);
    assert_false(((struct trust_finding *)vec_at(&verdict.findings, 1))->met);
    trust_policy_release(&policies[0]);
    trust_policy_release(&policies[1]);
}

static void test_time_decides(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture, "release", 1, ALL_OF_ACME);
    assert_int_equal(sign_as(fixture, &fixture->ada, FAKE_NOW + 5000), 0);
    passes(fixture);
    assert_int_equal(fixture->verdict.judge_again_ms, FAKE_NOW + 5000);
    fixture->now_ms = FAKE_NOW + 5000;
    refuses(fixture, "CN=ada,O=acme,ST=WA,C=US (its signature counted until "
                     "2026-11-21T10:00:04Z: its expiry)");
    fixture->now_ms = FAKE_NOW - 25 * FAKE_HOUR_S * 1000;
    refuses(fixture, "(its signature counts from 2026-11-20T10:00:00Z on)");
    // A longer one of the same signer is another piece of evidence.
    assert_int_equal(sign_as(fixture, &fixture->ada, FAKE_NOW + 9000), 0);
    fixture->now_ms = FAKE_NOW + 7000;
    passes(fixture);
    assert_int_equal(fixture->evidence.items.len, 2);
}

static void test_signatures_name_no_repository(void **state)
{
    struct fixture *fixture = *state;
    struct trust_entry *entry = ask(fixture, "release", 1, ALL_OF_ACME);
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), 0);
    entry->any_repository = false;
    refuses(fixture, "name no repository; set anyRepository: true");
    assert_int_equal(fixture->verdict.reason, TRUST_POLICY_INVALID);
    entry->any_repository = true;
    entry->attests = true;
    refuses(fixture, "entry release attests, and lists Notation signers only");
    entry->attests = false;
    entry->approves = true;
    refuses(fixture, "entry release approves, and lists Notation signers only");
    // Beside keys, only approvals count, and this is none.
    cleanup_sign_key struct sign_key *key = key_of(&fixture->ben);
    cleanup_free char *pem = verify_key_pem(sign_key_public(key));
    assert_int_equal(trust_entry_add_key(entry, "ben", pem, strlen(pem), 0, 0, NULL), 0);
    refuses(fixture, "a signature that names no channel is no approval");
}

static void test_envelopes_of_others(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *payload = payload_of(fixture, 0);
    const struct fake_envelope wanted = {.signer = &fixture->ben,
                                         .chain = {fixture->ben.cert, fixture->root.cert},
                                         .payload = payload};
    cleanup_strbuf struct strbuf header;
    cleanup_strbuf struct strbuf cose;
    strbuf_init(&header, 4096);
    strbuf_init(&cose, 1 << 16);
    fake_cose_header(&header, 0);
    fake_cose(&wanted, &header, &cose);
    ask(fixture, "release", 1, ALL_OF_ACME);
    attach(fixture,
           &(struct referrer){.media = NOTATION_COSE_MEDIA, .data = cose.data, .size = cose.len});
    passes(fixture);
    cleanup_free char *jws = fake_jws(&wanted, NULL, NULL);
    attach(fixture, &(struct referrer){.config = OCI_MEDIA_EMPTY,
                                       .type = NOTATION_SIGNATURE_TYPE,
                                       .media = NOTATION_JWS_MEDIA,
                                       .data = jws,
                                       .size = strlen(jws)});
    passes(fixture);
    assert_int_equal(fixture->evidence.looked_at, 2);
    // The same signer in the same words.
    assert_int_equal(fixture->evidence.items.len, 1);
}

static void test_what_does_not_count(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *payload = payload_of(fixture, 1);
    cleanup_free char *mine = payload_of(fixture, 0);
    struct fake_envelope wanted = {.signer = &fixture->ben,
                                   .chain = {fixture->ben.cert, fixture->root.cert},
                                   .payload = payload};
    cleanup_free char *other_size = fake_jws(&wanted, NULL, NULL);
    wanted.payload = NULL;
    cleanup_free char *other_artifact = fake_jws(&wanted, NULL, NULL);
    wanted.payload = mine;
    wanted.chain[1] = NULL;
    cleanup_free char *short_chain = fake_jws(&wanted, NULL, NULL);
    wanted.chain[1] = fixture->root.cert;
    cleanup_free char *good = fake_jws(&wanted, NULL, NULL);
    const struct {
        struct referrer referrer;
        const char *said;
    } rows[] = {
        {{.media = NOTATION_JWS_MEDIA, .data = other_size, .size = strlen(other_size)},
         "it is a application/vnd.oci.image.manifest.v1+json of"},
        {{.media = NOTATION_JWS_MEDIA, .data = other_artifact, .size = strlen(other_artifact)},
         "a signature for another artifact"},
        {{.media = NOTATION_JWS_MEDIA, .data = short_chain, .size = strlen(short_chain)},
         "up to the root"},
        {{.media = NOTATION_COSE_MEDIA, .data = good, .size = strlen(good)}, "its CBOR"},
        {{.media = "text/plain", .data = good, .size = strlen(good)}, "neither"},
        {{.media = NOTATION_JWS_MEDIA, .data = good, .size = strlen(good), .layers = 2},
         "it has 2 layers, not one"},
    };
    ask(fixture, "release", 1, ALL_OF_ACME);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        attach(fixture, &rows[i].referrer);
        refuses(fixture, rows[i].said);
    }
    attach(fixture,
           &(struct referrer){.media = NOTATION_JWS_MEDIA, .data = good, .size = strlen(good)});
    passes(fixture);
}

// What was kept is judged again, by what is trusted now.
static void test_what_was_kept(void **state)
{
    struct fixture *fixture = *state;
    struct trust_entry *entry = ask(fixture, "release", 1, ALL_OF_ACME);
    const struct trust_subject subject = {
        .repository = IDENTITY, .digest = fixture->artifact.digest.text, .now_ms = FAKE_NOW};
    bool whole = false;
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), 0);
    passes(fixture);
    cleanup_json json_t *kept = evidence_to_json(&fixture->evidence, 1 << 20, &whole);
    assert_true(whole);
    for (int round = 0; round < 3; round++) {
        cleanup_evidence_set struct evidence_set set;
        cleanup_evidence_set struct evidence_set other;
        cleanup_trust_verdict struct trust_verdict verdict = {0};
        evidence_set_init(&set);
        evidence_set_init(&other);
        // Twice the same is one.
        assert_int_equal(evidence_from_json(kept, subject.digest, &set, NULL), 0);
        assert_int_equal(evidence_from_json(kept, subject.digest, &set, NULL), 0);
        trust_evaluate(&fixture->policy, 1, &subject, &set, &verdict);
        assert_false(verdict.met);
        trust_verdict_release(&verdict);
        if (round > 0) {
            // Another list: first of nobody, then one that names the signer.
            size_t size = 0;
            cleanup_free unsigned char *list =
                fake_list(&(struct fake_list){.issuer = &fixture->root,
                                              .revoked = round == 2 ? fixture->ada.cert : NULL,
                                              .from_s = -60 + round},
                          &size);
            assert_int_equal(
                notation_trust_add_crl(entry->notation, (const char *)list, size, "a.crl", NULL),
                0);
            assert_int_equal(notation_trust_seal(entry->notation, NULL), 0);
        }
        *(struct evidence *)vec_insert(&set.items, 0) = (struct evidence){.form = EVIDENCE_SIMPLE};
        evidence_renew_notation(&set, subject.digest, &fixture->policy, 1);
        trust_evaluate(&fixture->policy, 1, &subject, &set, &verdict);
        assert_int_equal(set.items.len, round == 2 ? 1 : 2);
        assert_int_equal(verdict.met, round != 2);
        assert_int_equal(evidence_from_json(kept, subject.digest, &other, NULL), 0);
        evidence_renew_notation(&other, FAKE_DIGEST, &fixture->policy, 1);
        assert_int_equal(other.items.len, 0);
        assert_int_equal(other.notes.len, 1);
    }
}

static void test_what_cannot_be_read_back(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "[{\"form\":\"notation\",\"signer\":\"" FAKE_DIGEST "\"}]",
        "[{\"form\":\"notation\",\"signer\":\"" FAKE_DIGEST "\",\"media\":\"a/b\","
        "\"envelope\":\"e30=\"}]",
        "[{\"form\":\"notation\",\"signer\":\"" FAKE_DIGEST "\",\"media\":\"application/cose\"}]",
        "[{\"form\":\"other\",\"signer\":\"" FAKE_DIGEST "\"}]",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_evidence_set struct evidence_set set;
        cleanup_json json_t *array = json_loads(rows[i], 0, NULL);
        evidence_set_init(&set);
        assert_int_equal(evidence_from_json(array, FAKE_DIGEST, &set, NULL), -1);
    }
    // Read, and then judged to be nothing.
    static const char *const odd[] = {"e30=", "?"};
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        cleanup_evidence_set struct evidence_set set;
        cleanup_free char *text =
            xasprintf("[{\"form\":\"notation\",\"signer\":\"" FAKE_DIGEST
                      "\",\"media\":\"application/jose+json\",\"envelope\":\"%s\"}]",
                      odd[i]);
        cleanup_json json_t *array = json_loads(text, 0, NULL);
        evidence_set_init(&set);
        assert_int_equal(evidence_from_json(array, FAKE_DIGEST, &set, NULL), 0);
        evidence_renew_notation(&set, FAKE_DIGEST, NULL, 0);
        assert_int_equal(set.items.len, 0);
        assert_int_equal(set.notes.len, 1);
    }
}

static void test_warnings_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct trust_entry *entry = ask(fixture, "release", 1, ALL_OF_ACME);
    entry->notation->actions[NOTATION_EXPIRY] = NOTATION_LOG;
    assert_int_equal(notation_trust_seal(entry->notation, NULL), 0);
    assert_int_equal(sign_as(fixture, &fixture->ada, FAKE_NOW + 5000), 0);
    fixture->now_ms = FAKE_NOW + 6000;
    passes(fixture);
    cleanup_free char *text = trust_explain(&fixture->verdict, &fixture->evidence, 0);
    assert_non_null(strstr(text, "counts, but expiry: it may be used until"));
}

static void test_what_is_not_signed(void **state)
{
    struct fixture *fixture = *state;
    cleanup_sign_key struct sign_key *key = key_of(&fixture->ada);
    cleanup_vec struct vec chain = VEC_OF(X509 *, NULL);
    struct notation_signing signing = {.key = key, .chain = &chain, .now_ms = FAKE_NOW};
    const struct {
        X509 *certificates[12];
        int64_t now_ms;
        int64_t expires_ms;
        const char *wrong;
    } rows[] = {
        {{NULL}, FAKE_NOW, 0, "0 certificates"},
        {{fixture->ben.cert, fixture->root.cert}, FAKE_NOW, 0, "not for this key"},
        {{fixture->ada.cert}, FAKE_NOW, 0, "up to the root"},
        {{fixture->ada.cert, fixture->root.cert}, FAKE_NOW * 2, 0, "not valid now"},
        {{fixture->ada.cert, fixture->root.cert}, 1, 0, "not valid now"},
        {{fixture->ada.cert, fixture->root.cert}, FAKE_NOW, FAKE_NOW, "expire at once"},
        {{fixture->ada.cert, fixture->root.cert, fixture->root.cert, fixture->root.cert,
          fixture->root.cert, fixture->root.cert, fixture->root.cert, fixture->root.cert,
          fixture->root.cert, fixture->root.cert, fixture->root.cert},
         FAKE_NOW,
         0,
         "11 certificates"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_error struct error err = {0};
        vec_clear(&chain);
        for (size_t j = 0; rows[i].certificates[j] != NULL; j++)
            *(X509 **)vec_push(&chain) = rows[i].certificates[j];
        signing.now_ms = rows[i].now_ms;
        signing.expires_ms = rows[i].expires_ms;
        assert_int_equal(
            notation_sign_artifact(fixture->repository, &fixture->artifact, &signing, NULL, &err),
            -1);
        if (strstr(error_message(&err), rows[i].wrong) == NULL)
            fail_msg("%s", error_message(&err));
    }
}

// What is not there cannot be compared with.
static void test_artifact_that_is_gone(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *blob = xasprintf("%s/shop/blobs/sha256/%s", fixture->dir,
                                        digest_hex(fixture->artifact.digest.text));
    ask(fixture, "release", 1, ALL_OF_ACME);
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), 0);
    assert_int_equal(unlink(blob), 0);
    refuses(fixture, "Notation signature that names \"CN=ada");
}

static void test_signing_where_nothing_can_be_written(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *layout = xasprintf("%s/shop", fixture->dir);
    assert_int_equal(file_remove_tree(layout, NULL), 0);
    assert_int_equal(file_write_atomic(layout, "", 0, 0644, NULL), 0);
    assert_int_equal(sign_as(fixture, &fixture->ada, 0), -1);
}

static void test_signing_with_rsa(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fake_signer struct fake_signer rsa = {0};
    fake_certify(
        &(struct fake_certificate){.subject = "C=US/ST=WA/O=acme/CN=rsa", .kind = "RSA2048"},
        &fixture->root, &rsa);
    ask(fixture, "release", 1, "*");
    assert_int_equal(sign_as(fixture, &rsa, 0), 0);
    passes(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_we_sign_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_asks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_subjects_are_signers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_signer_sits_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_policies_do_not_share_trust, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signatures_name_no_repository, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_envelopes_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_kept, set_up, tear_down),
        cmocka_unit_test(test_what_cannot_be_read_back),
        cmocka_unit_test_setup_teardown(test_warnings_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_signed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_artifact_that_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signing_where_nothing_can_be_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_signing_with_rsa, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
