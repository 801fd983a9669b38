// What a Sync adopted, on the real store, with evidence as it is kept.
#include "controller/adoption.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "fake_place.h"
#include "oci/sign/evidence_json.h"

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define REPOSITORY "r.example.com/acme/shop"

static int setup(void **state)
{
    struct fake_place *place = xcalloc(1, sizeof *place);
    fake_place_init(place);
    fake_place_open(place);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    fake_place_release(*state);
    free(*state);
    return 0;
}

static json_t *entry(const char *digest, const char *channel, int64_t sequence)
{
    json_t *value = json_object();
    jval_set_string(value, "digest", digest);
    jval_set_string(value, "repository", REPOSITORY);
    jval_set_string(value, "channel", channel);
    jval_set_int(value, "sequence", sequence);
    jval_set_bool(value, "whole", true);
    json_object_set_new(value, "evidence", json_array());
    return value;
}

static void test_adoption_is_kept_until_it_is_forgotten(void **state)
{
    struct fake_place *place = *state;
    cleanup_json json_t *record = NULL;
    cleanup_json json_t *again = NULL;
    cleanup_json json_t *gone = NULL;
    cleanup_json json_t *sync = json_pack("{s:s, s:{s:s, s:s, s:s}}", "kind", "Sync", "metadata",
                                          "namespace", "shop", "name", "web", "uid", "one");
    assert_int_equal(adoptions_read(place->store, "one", &record, NULL), 0);
    assert_int_equal(json_object_size(record), 0);
    adoptions_note(record, entry(DIGEST_A, "prod", 1));
    assert_int_equal(adoptions_write(place->store, sync, record, NULL), 0);
    adoptions_note(record, entry(DIGEST_B, "prod", 2));
    assert_int_equal(adoptions_write(place->store, sync, record, NULL), 0);
    fake_place_open(place);
    assert_int_equal(adoptions_read(place->store, "one", &again, NULL), 0);
    assert_string_equal(jval_string(again, "name"), "web");
    assert_int_equal(json_array_size(jval_array(again, "history")), 2);
    assert_int_equal(adoptions_forget(place->store, "one", NULL), 0);
    assert_int_equal(adoptions_forget(place->store, "one", NULL), 0);
    assert_int_equal(adoptions_read(place->store, "one", &gone, NULL), 0);
    assert_int_equal(json_object_size(gone), 0);
}

static void test_adoption_newest_is_first_and_once(void **state)
{
    (void)state;
    cleanup_json json_t *record = json_object();
    adoptions_note(record, entry(DIGEST_A, "prod", 1));
    adoptions_note(record, entry(DIGEST_B, "prod", 2));
    adoptions_note(record, entry(DIGEST_A, "staging", 3));
    adoptions_note(record, entry(DIGEST_A, "prod", 4));
    const json_t *history = jval_array(record, "history");
    assert_int_equal(json_array_size(history), 3);
    assert_int_equal(jval_int(json_array_get(history, 0), "sequence", 0), 4);
    assert_int_equal(
        jval_int(adoptions_find(record, DIGEST_A, REPOSITORY, "staging"), "sequence", 0), 3);
    assert_null(adoptions_find(record, DIGEST_B, REPOSITORY, "staging"));
    assert_null(adoptions_find(record, DIGEST_B, "r.example.com/other", "prod"));
    assert_null(adoptions_find(record, DIGEST_B, REPOSITORY, NULL));
}

static void test_adoption_keeps_its_limits(void **state)
{
    (void)state;
    cleanup_json json_t *record = json_object();
    cleanup_free char *text = xcalloc(1, ADOPTION_EVIDENCE_BYTES);
    memset(text, 'x', ADOPTION_EVIDENCE_BYTES - 1);
    for (int i = 0; i < 2 * ADOPTION_HISTORY_MAX; i++) {
        cleanup_free char *channel = xasprintf("c%d", i);
        json_t *value = entry(DIGEST_A, channel, i + 1);
        json_array_append_new(json_object_get(value, "evidence"), json_string(text));
        adoptions_note(record, value);
    }
    const json_t *history = jval_array(record, "history");
    assert_int_equal(json_array_size(history), ADOPTION_HISTORY_MAX);
    assert_true(jval_bool(json_array_get(history, 0), "whole", false));
    const json_t *last = json_array_get(history, ADOPTION_HISTORY_MAX - 1);
    assert_false(jval_bool(last, "whole", true));
    assert_int_equal(json_array_size(jval_array(last, "evidence")), 0);
    cleanup_free char *all = jval_compact(record);
    assert_true(strlen(all) < ADOPTION_RECORD_BYTES + 8192);
}

static void add(struct evidence_set *set, enum evidence_form form, char *statement)
{
    struct evidence *item = vec_push(&set->items);
    *item = (struct evidence){.form = form, .kind = STATEMENT_SIGN};
    memcpy(item->signer.text, DIGEST_B, sizeof DIGEST_B);
    item->repository = xstrdup(REPOSITORY);
    item->subject = xstrdup("ada@example.com");
    item->issuer = xstrdup("https://issuer.example.com");
    if (statement == NULL)
        return;
    assert_int_equal(
        statement_parse(statement, strlen(statement), DIGEST_A, &item->statement, NULL), 0);
    item->kind = item->statement.kind;
    free(statement);
}

static void test_evidence_comes_back_as_it_was(void **state)
{
    (void)state;
    const struct release release = {.repository = REPOSITORY,
                                    .channel = "prod",
                                    .sequence = 7,
                                    .issued_at_ms = 1795000000000,
                                    .supersedes = DIGEST_B,
                                    .reason = "it fails"};
    cleanup_evidence_set struct evidence_set set;
    cleanup_evidence_set struct evidence_set again;
    evidence_set_init(&set);
    evidence_set_init(&again);
    add(&set, EVIDENCE_SIMPLE, NULL);
    add(&set, EVIDENCE_BUNDLE, statement_build_release(REPOSITORY, DIGEST_A, &release));
    bool whole = false;
    cleanup_json json_t *array = evidence_to_json(&set, 64 << 10, &whole);
    assert_true(whole);
    cleanup_free char *text = jval_compact(array);
    cleanup_json json_t *parsed = NULL;
    assert_int_equal(jval_parse(text, strlen(text), "evidence", &parsed, NULL), 0);
    assert_int_equal(evidence_from_json(parsed, DIGEST_A, &again, NULL), 0);
    assert_int_equal(again.items.len, 2);
    const struct evidence *simple = vec_at(&again.items, 0);
    const struct evidence *bundle = vec_at(&again.items, 1);
    assert_int_equal(simple->form, EVIDENCE_SIMPLE);
    assert_int_equal(simple->kind, STATEMENT_SIGN);
    assert_string_equal(simple->signer.text, DIGEST_B);
    assert_string_equal(simple->subject, "ada@example.com");
    assert_int_equal(bundle->kind, STATEMENT_RELEASE);
    assert_int_equal(bundle->statement.release.sequence, 7);
    assert_string_equal(bundle->statement.release.supersedes, DIGEST_B);
    assert_string_equal(bundle->statement.release.reason, "it fails");
    // About another artifact it is nothing.
    cleanup_evidence_set struct evidence_set other;
    evidence_set_init(&other);
    assert_int_equal(evidence_from_json(parsed, DIGEST_B, &other, NULL), -1);
}

static void test_evidence_says_what_is_missing(void **state)
{
    (void)state;
    cleanup_evidence_set struct evidence_set set;
    evidence_set_init(&set);
    add(&set, EVIDENCE_SIMPLE, NULL);
    bool whole = true;
    cleanup_json json_t *array = evidence_to_json(&set, 16, &whole);
    assert_int_equal(json_array_size(array), 0);
    assert_false(whole);
    set.cut = true;
    cleanup_json json_t *cut = evidence_to_json(&set, 4096, &whole);
    assert_int_equal(json_array_size(cut), 1);
    assert_false(whole);
    static const char *const bad[] = {
        "[{}]", "[{\"form\": \"simple\"}]", "[{\"form\": \"other\", \"signer\": \"" DIGEST_A "\"}]",
        "[{\"form\": \"bundle\", \"signer\": \"" DIGEST_A "\", \"statement\": {}}]",
        "[{\"form\": \"simple\", \"signer\": \"" DIGEST_A "\", \"root\": \"x\"}]"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        cleanup_json json_t *value = NULL;
        cleanup_evidence_set struct evidence_set read;
        evidence_set_init(&read);
        assert_int_equal(jval_parse(bad[i], strlen(bad[i]), "bad", &value, NULL), 0);
        assert_int_equal(evidence_from_json(value, DIGEST_A, &read, NULL), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_adoption_is_kept_until_it_is_forgotten, setup,
                                        teardown),
        cmocka_unit_test(test_adoption_newest_is_first_and_once),
        cmocka_unit_test(test_adoption_keeps_its_limits),
        cmocka_unit_test(test_evidence_comes_back_as_it_was),
        cmocka_unit_test(test_evidence_says_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
