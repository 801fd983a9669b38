// Keyless signatures beside an artifact, in both forms, as evidence for policies.
#include "oci/sign/collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "fake_sigstore.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/repository.h"
#include "oci/sign/key.h"
#include "oci/sign/policy.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/simple_signing.h"
#include "oci/sign/trusted_root.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define IDENTITY "registry.example.com/acme/shop"
#define CERTIFICATE "dev.sigstore.cosign/certificate"
#define LOG "dev.sigstore.cosign/bundle"
#define STAMP "dev.sigstore.cosign/rfc3161timestamp"

enum { POLICIES = 3 };

struct fixture {
    struct fake_sigstore fake;
    struct fake_sigstore stranger; // a Sigstore that nobody trusts
    char *dir;
    struct oci_repository *repository;
    struct oci_descriptor artifact;
    struct trust_policy policies[POLICIES];
    size_t n_policies;
    struct evidence_set evidence;
};

static struct oci_descriptor put(struct fixture *fixture, const char *type, const char *data)
{
    struct oci_descriptor blob = {0};
    assert_int_equal(oci_put_blob(fixture->repository, type, data, strlen(data), &blob, NULL), 0);
    return blob;
}

// *manifest is released.
static void put_manifest(struct fixture *fixture, struct oci_manifest *manifest, const char *tag,
                         struct oci_descriptor *ret_descriptor)
{
    size_t size = 0;
    manifest->config = put(fixture, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON);
    cleanup_free char *data = oci_manifest_build(manifest, &size);
    assert_int_equal(oci_put_manifest(fixture->repository, data, size, tag, ret_descriptor, NULL),
                     0);
    oci_manifest_release(manifest);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fake_sigstore_init(&fixture->fake);
    fake_sigstore_init(&fixture->stranger);
    assert_int_equal(file_make_temp_dir("keyless", &fixture->dir, NULL), 0);
    cleanup_free char *text = xasprintf("oci-layout://%s/shop", fixture->dir);
    cleanup_oci_reference struct oci_reference reference = {0};
    const struct oci_access access = {.identity = IDENTITY};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    assert_int_equal(oci_repository_open(&reference, &access, &fixture->repository, NULL), 0);
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    *(struct oci_descriptor *)vec_push(&manifest.layers) =
        put(fixture, "application/octet-stream", "shop");
    manifest.artifact_type = xstrdup("application/vnd.dev.sealift.bundle.v1");
    put_manifest(fixture, &manifest, "prod", &fixture->artifact);
    evidence_set_init(&fixture->evidence);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    oci_repository_close(fixture->repository);
    assert_int_equal(file_remove_tree(fixture->dir, NULL), 0);
    oci_descriptor_release(&fixture->artifact);
    evidence_set_release(&fixture->evidence);
    for (size_t i = 0; i < fixture->n_policies; i++)
        trust_policy_release(&fixture->policies[i]);
    fake_sigstore_release(&fixture->fake);
    fake_sigstore_release(&fixture->stranger);
    free(fixture->dir);
    free(fixture);
    return 0;
}

// One more policy, under the root of `fake` (NULL: none), with one entry.
static struct trust_entry *add_policy(struct fixture *fixture, const struct fake_sigstore *fake)
{
    struct trust_policy *policy = &fixture->policies[fixture->n_policies++];
    trust_policy_init(policy, "policy");
    if (fake != NULL) {
        cleanup_json json_t *value = fake_sigstore_root(fake);
        cleanup_free char *text = jval_compact(value);
        assert_int_equal(trust_policy_set_root(policy, text, strlen(text), "root", NULL), 0);
    }
    return trust_policy_add_entry(policy, "ci", 1);
}

static void list(struct trust_entry *entry, const char *subject)
{
    assert_int_equal(trust_entry_add_identity(entry, FAKE_ISSUER, subject, NULL), 0);
}

static const struct evidence_set *collect(struct fixture *fixture)
{
    evidence_set_release(&fixture->evidence);
    evidence_set_init(&fixture->evidence);
    cleanup_error struct error err = {0};
    if (evidence_collect_for(fixture->repository, fixture->artifact.digest.text, fixture->policies,
                             fixture->n_policies, &fixture->evidence, &err) < 0)
        fail_msg("%s", error_message(&err));
    return &fixture->evidence;
}

static void assert_note(const struct evidence_set *set, const char *says)
{
    for (size_t i = 0; i < set->notes.len; i++)
        if (strstr(*(char **)vec_at(&set->notes, i), says) != NULL)
            return;
    for (size_t i = 0; i < set->notes.len; i++)
        printf("note: %s\n", *(char **)vec_at(&set->notes, i));
    fail_msg("no note says \"%s\"", says);
}

static const struct evidence *only(const struct evidence_set *set)
{
    for (size_t i = 0; i < set->notes.len; i++)
        printf("note: %s\n", *(char **)vec_at(&set->notes, i));
    assert_int_equal(set->items.len, 1);
    return vec_at(&set->items, 0);
}

// A statement in a bundle that is a referrer. `wish` without data.
static void attach(struct fixture *fixture, const struct fake_sigstore *fake, const char *statement,
                   struct fake_bundle wish)
{
    wish.data = statement;
    wish.size = strlen(statement);
    wish.dsse = true;
    cleanup_json json_t *bundle = fake_bundle_mint(fake, &wish);
    cleanup_free char *text = jval_compact(bundle);
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    *(struct oci_descriptor *)vec_push(&manifest.layers) = put(fixture, SIGSTORE_BUNDLE_TYPE, text);
    manifest.artifact_type = xstrdup(SIGSTORE_BUNDLE_TYPE);
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    *manifest.subject = oci_descriptor_copy(&fixture->artifact);
    struct oci_descriptor descriptor = {0};
    put_manifest(fixture, &manifest, NULL, &descriptor);
    oci_descriptor_release(&descriptor);
}

static void attach_signature(struct fixture *fixture, const struct fake_sigstore *fake,
                             struct fake_bundle wish)
{
    cleanup_free char *statement = statement_build_sign(IDENTITY, fixture->artifact.digest.text);
    attach(fixture, fake, statement, wish);
}

static void test_an_identity_that_is_listed_signs(void **state)
{
    struct fixture *fixture = *state;
    attach_signature(fixture, &fixture->fake, (struct fake_bundle){0});
    assert_int_equal(collect(fixture)->items.len, 0);
    assert_note(&fixture->evidence, "by " FAKE_SUBJECT " (" FAKE_ISSUER "), which is not listed");
    list(add_policy(fixture, &fixture->fake), FAKE_SUBJECT);
    const struct evidence *item = only(collect(fixture));
    assert_int_equal(item->form, EVIDENCE_BUNDLE);
    assert_int_equal(item->kind, STATEMENT_SIGN);
    assert_string_equal(item->subject, FAKE_SUBJECT);
    assert_string_equal(item->issuer, FAKE_ISSUER);
    assert_string_equal(item->repository, IDENTITY);
    assert_string_equal(item->source_repository, FAKE_REPOSITORY);
    assert_string_equal(item->source_ref, "refs/heads/main");
    assert_string_equal(item->root.text, fixture->policies[0].root->digest.text);
}

static void test_an_identity_of_another_root_does_not(void **state)
{
    struct fixture *fixture = *state;
    attach_signature(fixture, &fixture->stranger, (struct fake_bundle){0});
    list(add_policy(fixture, &fixture->fake), "https://git.example.com/**");
    assert_int_equal(collect(fixture)->items.len, 0);
    assert_note(&fixture->evidence, "no log that the trusted root names has an entry of it");
    // Another policy trusts that one; what it vouches for says so.
    list(add_policy(fixture, &fixture->stranger), FAKE_SUBJECT);
    assert_string_equal(only(collect(fixture))->root.text, fixture->policies[1].root->digest.text);
}

static void test_policies_with_one_root_ask_once(void **state)
{
    struct fixture *fixture = *state;
    attach_signature(fixture, &fixture->fake, (struct fake_bundle){.v2 = true});
    list(add_policy(fixture, &fixture->fake), "other@example.com");
    list(add_policy(fixture, &fixture->fake), FAKE_SUBJECT);
    add_policy(fixture, NULL);
    only(collect(fixture));
}

static void test_a_listed_key_in_a_certificate_counts_as_key(void **state)
{
    struct fixture *fixture = *state;
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    cleanup_free char *pem = fake_public_pem(key);
    attach_signature(fixture, &fixture->stranger, (struct fake_bundle){.key = key});
    struct trust_entry *entry = add_policy(fixture, NULL);
    assert_int_equal(trust_entry_add_key(entry, "alice", pem, strlen(pem), 0, 0, NULL), 0);
    const struct evidence *item = only(collect(fixture));
    assert_null(item->subject);
    assert_string_equal(item->root.text, "");
    // And as both where both are listed.
    list(add_policy(fixture, &fixture->stranger), FAKE_SUBJECT);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 2);
    assert_string_equal(((struct evidence *)vec_at(&set->items, 0))->signer.text,
                        ((struct evidence *)vec_at(&set->items, 1))->signer.text);
    EVP_PKEY_free(key);
}

static void test_what_is_no_statement_about_it_is_a_note(void **state)
{
    struct fixture *fixture = *state;
    list(add_policy(fixture, &fixture->fake), FAKE_SUBJECT);
    attach(fixture, &fixture->fake, "{}", (struct fake_bundle){0});
    attach(fixture, &fixture->fake, "text", (struct fake_bundle){.payload_type = "text/plain"});
    attach_signature(fixture, &fixture->fake,
                     (struct fake_bundle){.certificate.extended_usage = "serverAuth"});
    attach_signature(fixture, &fixture->fake, (struct fake_bundle){.certificate = {.issuer = ""}});
    assert_int_equal(collect(fixture)->items.len, 0);
    assert_note(&fixture->evidence, "_type is missing");
    assert_note(&fixture->evidence, "its payload is a text/plain");
    assert_note(&fixture->evidence, "may not be used for code signing");
    assert_note(&fixture->evidence, "(no issuer), which is not listed");
}

// The newest release per identity is kept, whatever keys it used.
static void test_releases_of_one_identity_are_one_line(void **state)
{
    struct fixture *fixture = *state;
    list(add_policy(fixture, &fixture->fake), "**@refs/heads/main");
    for (int i = 0; i < 3; i++) {
        const struct release release = {.repository = IDENTITY,
                                        .channel = "prod",
                                        .sequence = i == 1 ? 30 : 10 + i,
                                        .issued_at_ms = FAKE_TIME * 1000};
        cleanup_free char *statement =
            statement_build_release(IDENTITY, fixture->artifact.digest.text, &release);
        attach(fixture, &fixture->fake, statement, (struct fake_bundle){0});
    }
    assert_true(only(collect(fixture))->statement.release.sequence == 30);
}

// Certificate and log entry of a bundle as annotations of a layer.
static json_t *annotations_of(const json_t *bundle, const char *signature)
{
    const json_t *material = json_object_get(bundle, "verificationMaterial");
    const json_t *entry = json_array_get(json_object_get(material, "tlogEntries"), 0);
    cleanup_free unsigned char *id = NULL;
    size_t id_size = 0;
    const char *id_text = jval_string(entry, "logId.keyId");
    assert_int_equal(base64_decode(id_text, strlen(id_text), &id, &id_size, NULL), 0);
    cleanup_free char *hex = hex_encode(id, id_size);
    cleanup_free char *pem =
        xasprintf("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
                  jval_string(material, "certificate.rawBytes"));
    cleanup_free char *log = xasprintf(
        "{\"SignedEntryTimestamp\":\"%s\",\"Payload\":{\"body\":\"%s\",\"integratedTime\":%s,"
        "\"logIndex\":%s,\"logID\":\"%s\"}}",
        jval_string(entry, "inclusionPromise.signedEntryTimestamp"),
        jval_string(entry, "canonicalizedBody"), jval_string(entry, "integratedTime"),
        jval_string(entry, "logIndex"), hex);
    return json_pack("{s:s, s:s, s:s}", SIMPLE_SIGNING_ANNOTATION, signature, CERTIFICATE, pem, LOG,
                     log);
}

// The layers are released.
static void put_under_tag(struct fixture *fixture, const char *suffix,
                          struct oci_descriptor *layers, size_t count)
{
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    for (size_t i = 0; i < count; i++)
        *(struct oci_descriptor *)vec_push(&manifest.layers) = layers[i];
    cleanup_free char *tag = oci_derived_tag(fixture->artifact.digest.text, suffix);
    struct oci_descriptor descriptor = {0};
    put_manifest(fixture, &manifest, tag, &descriptor);
    oci_descriptor_release(&descriptor);
}

// A .sig layer whose annotations say what the bundle says; changes: "NAME=VALUE" or "NAME=".
static void attach_old(struct fixture *fixture, const struct fake_bundle *like,
                       const char *change_name, const char *change_value)
{
    struct fake_bundle wish = *like;
    cleanup_free char *payload = simple_signing_build(IDENTITY, fixture->artifact.digest.text);
    if (wish.data == NULL)
        wish.data = payload;
    wish.size = strlen(wish.data);
    cleanup_json json_t *bundle = fake_bundle_mint(&fixture->fake, &wish);
    const json_t *stamp = json_array_get(
        jval_array(bundle, "verificationMaterial.timestampVerificationData.rfc3161Timestamps"), 0);
    struct oci_descriptor layer = put(fixture, SIMPLE_SIGNING_MEDIA, wish.data);
    layer.annotations = annotations_of(
        bundle, jval_string(json_object_get(bundle, "messageSignature"), "signature"));
    if (stamp != NULL) {
        cleanup_free char *text =
            xasprintf("{\"SignedRFC3161Timestamp\":\"%s\"}", jval_string(stamp, "signedTimestamp"));
        json_object_set_new(layer.annotations, STAMP, json_string(text));
    }
    if (change_name != NULL && change_value != NULL)
        json_object_set_new(layer.annotations, change_name, json_string(change_value));
    else if (change_name != NULL)
        json_object_del(layer.annotations, change_name);
    put_under_tag(fixture, ".sig", &layer, 1);
}

static void test_the_older_form_counts(void **state)
{
    struct fixture *fixture = *state;
    list(add_policy(fixture, &fixture->fake), FAKE_SUBJECT);
    attach_old(fixture, &(struct fake_bundle){0}, NULL, NULL);
    const struct evidence *item = only(collect(fixture));
    assert_int_equal(item->form, EVIDENCE_SIMPLE);
    assert_int_equal(item->kind, STATEMENT_SIGN);
    assert_string_equal(item->subject, FAKE_SUBJECT);
    assert_string_equal(item->repository, IDENTITY);
    attach_old(fixture, &(struct fake_bundle){.stamped = true}, NULL, NULL);
    only(collect(fixture));
    // By a listed key that has a certificate of somebody else's.
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    cleanup_free char *pem = fake_public_pem(key);
    struct trust_entry *entry = add_policy(fixture, NULL);
    assert_int_equal(trust_entry_add_key(entry, "alice", pem, strlen(pem), 0, 0, NULL), 0);
    attach_old(fixture, &(struct fake_bundle){.key = key}, CERTIFICATE, "rubbish");
    assert_null(only(collect(fixture))->subject);
    EVP_PKEY_free(key);
}

static void test_the_older_form_is_checked_in_full(void **state)
{
    struct fixture *fixture = *state;
    list(add_policy(fixture, &fixture->fake), FAKE_SUBJECT);
    cleanup_free char *other =
        simple_signing_build(IDENTITY, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e730"
                                       "43362938b9824");
    static const char id[] = "c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d";
    const struct {
        struct fake_bundle wish;
        const char *name;
        const char *value;
        const char *says;
    } cases[] = {
        {{.data = other}, NULL, NULL, "a signature by a certificate for another artifact"},
        {{.data = "{}"}, NULL, NULL, "critical is missing"},
        {{0}, CERTIFICATE, NULL, "signed by none of the listed keys"},
        {{0}, CERTIFICATE, "x", "the certificate"},
        {{0},
         CERTIFICATE,
         "-----BEGIN PUBLIC KEY-----\nYQ==\n-----END PUBLIC KEY-----\n",
         "the certificate is a \"PUBLIC KEY\""},
        {{0}, LOG, NULL, "no log that the trusted root names"},
        {{0}, LOG, "[]", LOG},
        {{0}, LOG, "{\"x\":1}", "unknown member"},
        {{0}, LOG, "{\"SignedEntryTimestamp\":\"YQ==\"}", "Payload is missing"},
        {{0},
         LOG,
         "{\"SignedEntryTimestamp\":\"\",\"Payload\":{}}",
         "SignedEntryTimestamp is empty"},
        {{0}, LOG, "{\"SignedEntryTimestamp\":\"YQ==\",\"Payload\":{}}", "body is missing"},
        {{0},
         LOG,
         "{\"SignedEntryTimestamp\":\"YQ==\",\"Payload\":{\"body\":\"YQ==\"}}",
         "integratedTime is missing"},
        {{0},
         LOG,
         "{\"SignedEntryTimestamp\":\"YQ==\",\"Payload\":{\"body\":\"YQ==\",\"integratedTime\":1}}",
         "logIndex is missing"},
        {{0},
         LOG,
         "{\"SignedEntryTimestamp\":\"YQ==\",\"Payload\":{\"body\":\"YQ==\",\"integratedTime\":1,"
         "\"logIndex\":1}}",
         "logID is missing"},
        {{0},
         LOG,
         "{\"SignedEntryTimestamp\":\"YQ==\",\"Payload\":{\"body\":\"YQ==\",\"integratedTime\":1,"
         "\"logIndex\":1,\"logID\":\"00\"}}",
         "logID is no hash"},
        {{0}, STAMP, "{", STAMP},
        {{0}, STAMP, "{\"x\":1}", "unknown member"},
        {{0}, STAMP, "{\"SignedRFC3161Timestamp\":\"YQ==\"}", "no granted RFC 3161 response"},
        {{.entry_signature = true}, NULL, NULL, "another signature"},
        {{.certificate.subject = "mallory@example.com"}, NULL, NULL, "which is not listed"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        attach_old(fixture, &cases[i].wish, cases[i].name, cases[i].value);
        assert_int_equal(collect(fixture)->items.len, 0);
        assert_note(&fixture->evidence, cases[i].says);
    }
    // What the body is decides its kind here.
    static const char *const bodies[][2] = {
        {"x", "body"}, {"{}", "kind is missing"}, {"{\"kind\":\"x\"}", "apiVersion is missing"}};
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        cleanup_free char *body = base64_encode(bodies[i][0], strlen(bodies[i][0]));
        cleanup_free char *text =
            xasprintf("{\"SignedEntryTimestamp\":\"YQ==\",\"Payload\":{\"body\":\"%s\","
                      "\"integratedTime\":1,\"logIndex\":1,\"logID\":\"%s\"}}",
                      body, id);
        attach_old(fixture, &(struct fake_bundle){0}, LOG, text);
        assert_int_equal(collect(fixture)->items.len, 0);
        assert_note(&fixture->evidence, bodies[i][1]);
    }
}

// A layer of an .att tag: the envelope of a bundle, and with a certificate what goes with it.
static struct oci_descriptor attestation(struct fixture *fixture, const char *statement,
                                         struct fake_bundle wish, bool stamped)
{
    wish.data = statement;
    wish.size = strlen(statement);
    wish.dsse = true;
    cleanup_json json_t *bundle = fake_bundle_mint(&fixture->fake, &wish);
    cleanup_free char *envelope = jval_compact(json_object_get(bundle, "dsseEnvelope"));
    struct oci_descriptor layer = put(fixture, "application/vnd.dsse.envelope.v1+json", envelope);
    layer.annotations =
        wish.keyed ? json_pack("{s:s}", SIMPLE_SIGNING_ANNOTATION, "") : annotations_of(bundle, "");
    if (!stamped)
        return layer;
    size_t size = 0;
    cleanup_free unsigned char *stamp = fake_timestamp_mint(
        &fixture->fake, envelope, strlen(envelope), FAKE_TIME, true, EVP_sha256(), &size);
    cleanup_free char *encoded = base64_encode(stamp, size);
    cleanup_free char *text = xasprintf("{\"SignedRFC3161Timestamp\":\"%s\"}", encoded);
    json_object_set_new(layer.annotations, STAMP, json_string(text));
    return layer;
}

static char *release_of(const struct fixture *fixture, int64_t sequence)
{
    const struct release release = {.repository = IDENTITY,
                                    .channel = "prod",
                                    .sequence = sequence,
                                    .issued_at_ms = FAKE_TIME * 1000};
    return statement_build_release(IDENTITY, fixture->artifact.digest.text, &release);
}

static void test_attestations_of_the_older_form_count(void **state)
{
    struct fixture *fixture = *state;
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    cleanup_free char *pem = fake_public_pem(key);
    cleanup_free char *first = release_of(fixture, 1);
    cleanup_free char *second = release_of(fixture, 2);
    struct trust_entry *entry = add_policy(fixture, &fixture->fake);
    list(entry, FAKE_SUBJECT);
    assert_int_equal(trust_entry_add_key(entry, "alice", pem, strlen(pem), 0, 0, NULL), 0);
    const struct fake_bundle keyed = {.key = key, .keyed = true};
    put_under_tag(fixture, ".att",
                  (struct oci_descriptor[]){attestation(fixture, first, keyed, false)}, 1);
    // Nobody asks for statements.
    assert_int_equal(collect(fixture)->items.len, 0);
    entry->attests = true;
    const struct evidence *item = only(collect(fixture));
    assert_int_equal(item->kind, STATEMENT_RELEASE);
    assert_null(item->subject);
    assert_int_equal(item->statement.release.sequence, 1);
    put_under_tag(fixture, ".att",
                  (struct oci_descriptor[]){
                      attestation(fixture, first, (struct fake_bundle){0}, false),
                      attestation(fixture, second, (struct fake_bundle){0}, true),
                  },
                  2);
    item = only(collect(fixture));
    assert_string_equal(item->subject, FAKE_SUBJECT);
    assert_int_equal(item->statement.release.sequence, 2);
    EVP_PKEY_free(key);
}

static void test_attestations_of_the_older_form_are_checked_in_full(void **state)
{
    struct fixture *fixture = *state;
    struct trust_entry *entry = add_policy(fixture, &fixture->fake);
    cleanup_free char *release = release_of(fixture, 1);
    cleanup_free char *other = statement_build_sign(
        IDENTITY, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    list(entry, FAKE_SUBJECT);
    entry->attests = true;
    // A stamp over the signature alone says nothing of the envelope here.
    struct oci_descriptor stamped = attestation(fixture, release, (struct fake_bundle){0}, true);
    struct oci_descriptor unstamped = attestation(fixture, other, (struct fake_bundle){0}, true);
    json_object_set(stamped.annotations, STAMP, json_object_get(unstamped.annotations, STAMP));
    struct oci_descriptor odd = put(fixture, "application/octet-stream", "x");
    struct oci_descriptor rubbish = put(fixture, "application/vnd.dsse.envelope.v1+json", "{}");
    struct oci_descriptor certificate =
        attestation(fixture, release, (struct fake_bundle){0}, false);
    json_object_set_new(certificate.annotations, CERTIFICATE, json_string("x"));
    struct oci_descriptor layers[] = {
        attestation(fixture, other, (struct fake_bundle){0}, false),
        attestation(fixture, "{}", (struct fake_bundle){0}, false),
        attestation(fixture, release, (struct fake_bundle){.keyed = true}, false),
        attestation(fixture, release,
                    (struct fake_bundle){.certificate.subject = "mallory@example.com"}, false),
        attestation(fixture, release, (struct fake_bundle){.entry_signature = true}, false),
        attestation(fixture, release, (struct fake_bundle){.payload_type = "text/plain"}, false),
        stamped,
        certificate,
        odd,
        rubbish,
    };
    oci_descriptor_release(&unstamped);
    put_under_tag(fixture, ".att", layers, ARRAY_LENGTH(layers));
    assert_int_equal(collect(fixture)->items.len, 0);
    static const char *const notes[] = {
        "layer 1: the statement: it is about",
        "layer 2: ",
        "layer 3: signed by none of the listed keys",
        "layer 4: by mallory@example.com",
        "layer 5: by " FAKE_SUBJECT,
        "layer 6: its payload is a text/plain",
        "layer 7: by " FAKE_SUBJECT,
        "layer 8: the certificate",
        "layer 9: a layer of type application/octet-stream",
        "layer 10: the DSSE envelope",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(notes); i++)
        assert_note(&fixture->evidence, notes[i]);
}

// Of very many the last are looked at: those were written last.
static void test_attestations_of_the_older_form_have_an_end(void **state)
{
    struct fixture *fixture = *state;
    struct trust_entry *entry = add_policy(fixture, &fixture->fake);
    cleanup_free char *release = release_of(fixture, 1);
    struct oci_descriptor layers[300];
    list(entry, FAKE_SUBJECT);
    entry->attests = true;
    for (size_t i = 0; i < ARRAY_LENGTH(layers); i++)
        layers[i] = put(fixture, "application/octet-stream", "x");
    oci_descriptor_release(&layers[ARRAY_LENGTH(layers) - 1]);
    layers[ARRAY_LENGTH(layers) - 1] =
        attestation(fixture, release, (struct fake_bundle){0}, false);
    put_under_tag(fixture, ".att", layers, ARRAY_LENGTH(layers));
    assert_int_equal(collect(fixture)->items.len, 1);
    assert_true(fixture->evidence.cut);
    assert_int_equal(fixture->evidence.looked_at, 256);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_identity_that_is_listed_signs),
        TEST(test_an_identity_of_another_root_does_not),
        TEST(test_policies_with_one_root_ask_once),
        TEST(test_a_listed_key_in_a_certificate_counts_as_key),
        TEST(test_what_is_no_statement_about_it_is_a_note),
        TEST(test_releases_of_one_identity_are_one_line),
        TEST(test_the_older_form_counts),
        TEST(test_the_older_form_is_checked_in_full),
        TEST(test_attestations_of_the_older_form_count),
        TEST(test_attestations_of_the_older_form_are_checked_in_full),
        TEST(test_attestations_of_the_older_form_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
