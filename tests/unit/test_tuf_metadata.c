// Single files of TUF: what is no metadata, keys of every kind, canonical JSON.
#include "oci/sign/tuf_metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json_change.h"
#include "oci/sign/public_good_root.h"
#include "oci/sign/tuf_key.h"
#include "tuf_scene.h"

// A changed file of the repository of tuf_scene.h.
static json_t *changed(const char *text, const char *changes)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    change(value, changes);
    return value;
}

// `count` of: "a0":{},"a1":{}, … or "a0","a1", …
static char *many(size_t count, bool members)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 20);
    strbuf_addstr(&out, members ? "{" : "[");
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&out, "%s\"a%zu\"%s", i > 0 ? "," : "", i, members ? ":{}" : "");
    strbuf_addstr(&out, members ? "}" : "]");
    return strbuf_steal(&out);
}

static void test_tuf_metadata_that_is_none(void **state)
{
    struct repository *repo = *state;
    static const struct {
        enum tuf_role role;
        const char *change;
        size_t many;
        const char *says; // NULL: it is metadata
    } cases[] = {
        {TUF_TIMESTAMP, "", 0, NULL},
        {TUF_TIMESTAMP, "signed=", 0, "no TUF metadata"},
        {TUF_TIMESTAMP, "signed=[]", 0, "no TUF metadata"},
        {TUF_TIMESTAMP, "signatures=", 0, "no TUF metadata"},
        {TUF_TIMESTAMP, "signatures={}", 0, "no TUF metadata"},
        {TUF_TIMESTAMP, "signatures=%s", 65, "at most 64"},
        {TUF_TIMESTAMP, "signed._type=", 0, "it is no timestamp"},
        {TUF_TIMESTAMP, "signed._type=\"snapshot\"", 0, "it is no timestamp"},
        {TUF_TIMESTAMP, "signed.spec_version=", 0, "version 1 of TUF"},
        {TUF_TIMESTAMP, "signed.spec_version=\"2.0\"", 0, "version 1 of TUF"},
        {TUF_TIMESTAMP, "signed.version=0", 0, "it has no version"},
        {TUF_TIMESTAMP, "signed.version=\"1\"", 0, "it has no version"},
        {TUF_TIMESTAMP, "signed.expires=", 0, "no time at which it expires"},
        {TUF_TIMESTAMP, "signed.expires=\"never\"", 0, "no time at which it expires"},
        {TUF_TIMESTAMP, "signed.meta=", 0, "it lists no files"},
        {TUF_TIMESTAMP, "signed.meta=[]", 0, "it lists no files"},
        {TUF_TIMESTAMP, "signed.meta=%s", 4097, "more than 4096"},
        {TUF_TIMESTAMP, "signed.meta=%s", 4096, NULL},
        {TUF_ROOT, "", 0, NULL},
        {TUF_ROOT, "signed.keys=", 0, "it has no keys"},
        {TUF_ROOT, "signed.keys=[]", 0, "it has no keys"},
        {TUF_ROOT, "signed.keys=%s", 65, "more than 64"},
        {TUF_ROOT, "signed.roles.snapshot=", 0, "which keys sign snapshot"},
        {TUF_ROOT, "signed.roles.snapshot.keyids={}", 0, "which keys sign snapshot"},
        {TUF_ROOT, "signed.roles.snapshot.keyids=%s", 65, "which keys sign snapshot"},
        {TUF_ROOT, "signed.roles.snapshot.threshold=0", 0, "at least one of them must"},
        {TUF_ROOT, "signed.roles.snapshot.threshold=-1", 0, "at least one of them must"},
        {TUF_ROOT, "signed.roles.snapshot.threshold=", 0, "at least one of them must"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *gap = strstr(cases[i].change, "%s");
        cleanup_free char *list = many(
            cases[i].many, cases[i].role == TUF_ROOT ? strstr(cases[i].change, "keyids") == NULL
                                                     : strstr(cases[i].change, "meta") != NULL);
        cleanup_free char *line =
            gap != NULL ? xasprintf("%.*s%s", (int)(gap - cases[i].change), cases[i].change, list)
                        : xstrdup(cases[i].change);
        cleanup_json json_t *value = changed(
            text_at(repo, cases[i].role == TUF_ROOT ? "1.root.json" : "timestamp.json"), line);
        cleanup_free char *text = jval_compact(value);
        cleanup_tuf_metadata struct tuf_metadata metadata = {0};
        cleanup_error struct error err = {0};
        int result = tuf_metadata_parse(text, strlen(text), cases[i].role, &metadata, &err);
        if (cases[i].says == NULL
                ? result < 0
                : result == 0 || strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s: \"%s\"", cases[i].change, error_message(&err));
    }
    static const char *const texts[] = {
        "", "[]", "{}",
        "{\"signed\":{\"_type\":\"timestamp\",\"_type\":\"timestamp\"},\"signatures\":[]}"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct tuf_metadata metadata = {0};
        assert_int_equal(
            tuf_metadata_parse(texts[i], strlen(texts[i]), TUF_TIMESTAMP, &metadata, NULL), -1);
    }
}

// Signatures by what the root does not quite name; CVE-2026-23991 and CVE-2026-23992.
static void test_tuf_signatures_that_do_not_count(void **state)
{
    struct repository *repo = *state;
    static const struct {
        const char *timestamp, *root; // changes
        const char *says;             // NULL: it is signed
    } cases[] = {
        {"", "", NULL},
        {"signatures.0.keyid=", "", "0 of the keys"},
        {"signatures.0.keyid=7", "", "0 of the keys"},
        {"signatures.0.keyid=\"z\"", "", "0 of the keys"},
        {"signatures.0.sig=", "", "0 of the keys"},
        {"signatures.0.sig=\"\"", "", "0 of the keys"},
        {"signatures.0.sig=\"zz\"", "", "0 of the keys"},
        {"signatures.0.sig=\"00\"", "", "0 of the keys"},
        {"signatures.0=7", "", "0 of the keys"},
        {"signatures.0=null", "", "0 of the keys"},
        {"", "signed.keys.d=", "0 of the keys"},
        {"", "signed.keys.d=7", "0 of the keys"},
        {"", "signed.keys.d.keyval=", "0 of the keys"},
        {"", "signed.keys.d.keytype=\"gpg\"", "0 of the keys"},
        {"", "signed.roles.timestamp.keyids=[7,null,\"d\"]", NULL},
        {"", "signed.roles.timestamp.keyids=[7,null,\"c\"]", "0 of the keys"},
        {"signed.custom=1.5", "", "no integer"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *one = changed(text_at(repo, "timestamp.json"), cases[i].timestamp);
        cleanup_json json_t *two = changed(text_at(repo, "1.root.json"), cases[i].root);
        cleanup_free char *timestamp = jval_compact(one);
        cleanup_free char *root = jval_compact(two);
        cleanup_tuf_metadata struct tuf_metadata metadata = {0}, above = {0};
        cleanup_error struct error err = {0};
        assert_int_equal(
            tuf_metadata_parse(timestamp, strlen(timestamp), TUF_TIMESTAMP, &metadata, NULL), 0);
        assert_int_equal(tuf_metadata_parse(root, strlen(root), TUF_ROOT, &above, NULL), 0);
        int result = tuf_metadata_verify(&metadata, &above, &err);
        if (cases[i].says == NULL
                ? result < 0
                : result == 0 || strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s, %s: \"%s\"", cases[i].timestamp, cases[i].root, error_message(&err));
    }
    // A signature of a kilobyte and more is not even decoded.
    cleanup_free char *zeros = xcalloc(1, 2051);
    memset(zeros, '0', 2050);
    cleanup_free char *line = xasprintf("signatures.0.sig=\"%s\"", zeros);
    cleanup_json json_t *value = changed(text_at(repo, "timestamp.json"), line);
    cleanup_free char *text = jval_compact(value);
    cleanup_tuf_metadata struct tuf_metadata metadata = {0}, root = {0};
    const char *root_text = text_at(repo, "1.root.json");
    assert_int_equal(tuf_metadata_parse(text, strlen(text), TUF_TIMESTAMP, &metadata, NULL), 0);
    assert_int_equal(tuf_metadata_parse(root_text, strlen(root_text), TUF_ROOT, &root, NULL), 0);
    assert_int_equal(tuf_metadata_verify(&metadata, &root, NULL), -1);
    // A threshold below one asks for nobody, however it came in.
    change(root.value, "signed.roles.timestamp.threshold=0");
    assert_int_equal(tuf_metadata_verify(&metadata, &root, NULL), -1);
}

#define HEX_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_tuf_listed_files(void **state)
{
    struct repository *repo = *state;
    static const struct {
        const char *targets, *snapshot; // changes of what is said about the one file
        const char *says;               // NULL: it is a file
    } cases[] = {
        {"length=5", NULL, NULL},
        {"length=", NULL, "has no length"},
        {"length=-1", NULL, "has no length"},
        {"hashes=", NULL, "no hash that is known"},
        {"hashes={\"md5\":\"00\"}", NULL, "no hash that is known"},
        {"hashes={\"sha256\":7}", NULL, "sha256 is no hash"},
        {"hashes={\"sha256\":\"00\"}", NULL, "sha256 is no hash"},
        {"hashes={\"sha256\":\"x" HEX_64 "\"}", NULL, "sha256 is no hash"},
        {"hashes={\"sha512\":\"" HEX_64 "\"}", NULL, "sha512 is no hash"},
        {"hashes={\"sha512\":\"" HEX_64 HEX_64 "\"}", NULL, NULL},
        {"hashes.sha512=\"g" HEX_64 "\"", NULL, "sha512 is no hash"},
        {NULL, "length=", NULL},
        {NULL, "version=", "has no version"},
        {NULL, "version=0", "has no version"},
        {NULL, "hashes.sha256=\"00\"", "sha256 is no hash"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        bool target = cases[i].targets != NULL;
        cleanup_json json_t *value =
            json_loads(text_at(repo, target ? "1.targets.json" : "1.snapshot.json"), 0, NULL);
        json_t *part = json_object_get(value, "signed");
        json_t *file = target
                           ? json_object_get(json_object_get(part, "targets"), "trusted_root.json")
                           : json_object_get(json_object_get(part, "meta"), "targets.json");
        change(file, target ? cases[i].targets : cases[i].snapshot);
        cleanup_free char *text = jval_compact(value);
        cleanup_tuf_metadata struct tuf_metadata metadata = {0};
        cleanup_error struct error err = {0};
        struct tuf_file found;
        assert_int_equal(tuf_metadata_parse(text, strlen(text), target ? TUF_TARGETS : TUF_SNAPSHOT,
                                            &metadata, NULL),
                         0);
        int result = tuf_metadata_file(&metadata, target ? "trusted_root.json" : "targets.json",
                                       &found, &err);
        if (cases[i].says == NULL
                ? result < 0
                : result == 0 || strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s: \"%s\"", target ? cases[i].targets : cases[i].snapshot,
                     error_message(&err));
    }
    // Each hash that is said must hold.
    const struct tuf_file file = {.length = 5, .sha512 = HEX_64 HEX_64};
    assert_int_equal(tuf_file_check(&file, "first", 5, "it", NULL), -1);
}

static void test_tuf_keys(void **state)
{
    (void)state;
    static const struct {
        const char *type, *scheme, *public;
        bool fine;
    } cases[] = {
        {"ed25519", "ed25519", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
         true},
        {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256",
         "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e"
         "9"
         "5628bc64f2f1b20c2d7e9f5177a3c294d4462299",
         true},
        {"ed25519", "ecdsa-sha2-nistp256",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", false},
        {"ed25519", "ed25519", "d75a", false},
        {"ed25519", "ed25519", "zz", false},
        {"rsa", "rsassa-pss-sha256", "d75a", false},
        {"gpg", "gpg", "d75a", false},
        {"ed25519", "ed25519",
         "-----BEGIN PUBLIC KEY-----\n"
         "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2G2Y+2tabdTV5BcGiBIx0a9fAFwr\n"
         "kBbmLSGtks4L3qX6yYY0zufBnhC8Ur/iy55GhWP/9A/bY2LhC30M9+RYtw==\n"
         "-----END PUBLIC KEY-----\n",
         false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *value =
            json_pack("{s:s, s:s, s:{s:s}}", "keytype", cases[i].type, "scheme", cases[i].scheme,
                      "keyval", "public", cases[i].public);
        cleanup_verify_key struct verify_key *key = NULL;
        assert_int_equal(tuf_key_load(value, &key, NULL), cases[i].fine ? 0 : -1);
    }
}

// Signed by people with hardware keys, in canonical JSON of the tools that they use.
static void test_tuf_root_of_the_public_instance(void **state)
{
    (void)state;
    cleanup_tuf_metadata struct tuf_metadata root = {0};
    cleanup_error struct error err = {0};
    if (tuf_metadata_parse(public_good_tuf_root, public_good_tuf_root_size, TUF_ROOT, &root, &err) <
            0 ||
        tuf_metadata_verify(&root, &root, &err) < 0)
        fail_msg("%s", error_message(&err));
    assert_int_equal(root.version, 14);
    assert_true(tuf_root_is_consistent(&root));
    // One letter of what is signed.
    json_t *part = json_object_get(root.value, "signed");
    json_object_set_new(part, "expires", json_string("2036-06-22T13:27:01Z"));
    assert_int_equal(tuf_metadata_verify(&root, &root, NULL), -1);
}

static void test_tuf_canonical_json(void **state)
{
    (void)state;
    static const char text[] =
        "{\"b\": [1, true, null, -5], \"a\\n\": \"x\\\"\\\\\\u00e9\\u0001\", "
        "\"B\": {}, \"\": false}";
    cleanup_json json_t *value = json_loads(text, 0, NULL);
    size_t size = 0;
    cleanup_free char *canonical = tuf_canonical(value, &size);
    assert_string_equal(
        canonical,
        "{\"\":false,\"B\":{},\"a\n\":\"x\\\"\\\\\xc3\xa9\x01\",\"b\":[1,true,null,-5]}");
    assert_int_equal(size, strlen(canonical));
    cleanup_json json_t *real = json_loads("[1.5]", 0, NULL);
    assert_null(tuf_canonical(real, &size));
}

#define TEST_OF_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_REPOSITORY(test_tuf_metadata_that_is_none),
        TEST_OF_REPOSITORY(test_tuf_signatures_that_do_not_count),
        TEST_OF_REPOSITORY(test_tuf_listed_files),
        cmocka_unit_test(test_tuf_keys),
        cmocka_unit_test(test_tuf_root_of_the_public_instance),
        cmocka_unit_test(test_tuf_canonical_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
