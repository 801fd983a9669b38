// Floors, on the real store.
#include "controller/floor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "fake_place.h"

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST_C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const struct floor_key key = {
    .namespace = "shop", .repository = "r.example.com/a", .channel = "prod", .uid = "one"};

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

static int adopt(struct fake_place *place, const struct floor_key *who, const char *digest,
                 int64_t sequence)
{
    const struct floor_adoption adoption = {
        .digest = digest, .sequence = sequence, .raise = true, .rules = "rules"};
    cleanup_error struct error err = {0};
    return floor_adopt(place->store, who, &adoption, &err) == 0 ? 0 : (int)err.code;
}

static void expect(struct fake_place *place, const struct floor_key *who, const char *digest,
                   int64_t sequence, const char *adopted)
{
    cleanup_floor struct floor floor = {0};
    assert_int_equal(floor_read(place->store, who, &floor, NULL), 0);
    assert_int_equal(floor.floor.sequence, sequence);
    assert_string_equal(floor.floor.digest.text, digest);
    if (adopted == NULL)
        assert_null(floor.adopted);
    else
        assert_string_equal(floor.adopted, adopted);
}

static void test_floor_is_raised_and_kept(void **state)
{
    struct fake_place *place = *state;
    expect(place, &key, "", 0, NULL);
    assert_int_equal(adopt(place, &key, DIGEST_A, 5), 0);
    expect(place, &key, DIGEST_A, 5, DIGEST_A);
    assert_int_equal(adopt(place, &key, DIGEST_B, 9), 0);
    expect(place, &key, DIGEST_B, 9, DIGEST_B);
    // Another process.
    fake_place_open(place);
    expect(place, &key, DIGEST_B, 9, DIGEST_B);
}

static void test_floor_refuses_what_is_below(void **state)
{
    struct fake_place *place = *state;
    assert_int_equal(adopt(place, &key, DIGEST_B, 9), 0);
    assert_int_equal(adopt(place, &key, DIGEST_A, 8), ERROR_CONFLICT);
    expect(place, &key, DIGEST_B, 9, DIGEST_B);
    // Its own digest is fine whatever the sequence, and does not lower it.
    assert_int_equal(adopt(place, &key, DIGEST_B, 3), 0);
    expect(place, &key, DIGEST_B, 9, DIGEST_B);
}

static void test_floor_lets_a_sync_keep_what_it_adopted(void **state)
{
    struct fake_place *place = *state;
    struct floor_key other = key;
    other.uid = "two";
    assert_int_equal(adopt(place, &key, DIGEST_A, 5), 0);
    assert_int_equal(adopt(place, &other, DIGEST_B, 9), 0);
    assert_int_equal(adopt(place, &key, DIGEST_A, 5), 0);
    assert_int_equal(adopt(place, &other, DIGEST_A, 5), ERROR_CONFLICT);
    expect(place, &key, DIGEST_B, 9, DIGEST_A);
    expect(place, &other, DIGEST_B, 9, DIGEST_B);
}

static void test_floor_without_raise_only_notes_the_adoption(void **state)
{
    struct fake_place *place = *state;
    const struct floor_adoption adoption = {.digest = DIGEST_C, .sequence = 1, .rules = "r"};
    assert_int_equal(adopt(place, &key, DIGEST_A, 5), 0);
    assert_int_equal(floor_adopt(place->store, &key, &adoption, NULL), 0);
    expect(place, &key, DIGEST_A, 5, DIGEST_C);
}

static void test_floor_keys_are_apart(void **state)
{
    struct fake_place *place = *state;
    const struct floor_key others[] = {
        {.namespace = "web", .repository = key.repository, .channel = "prod", .uid = "one"},
        {.namespace = "shop", .repository = "r.example.com/b", .channel = "prod", .uid = "one"},
        {.namespace = "shop", .repository = key.repository, .channel = "dev", .uid = "one"},
        {.namespace = "shop",
         .repository = key.repository,
         .channel = "prod",
         .own = true,
         .uid = "one"},
        {.namespace = "shop",
         .repository = key.repository,
         .channel = "prod",
         .own = true,
         .uid = "two"},
    };
    assert_int_equal(adopt(place, &key, DIGEST_A, 5), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        expect(place, &others[i], "", 0, NULL);
}

// The floor of a Sync that follows a range does not move with the tag that is the highest.
static void test_floor_of_a_range_holds_the_version(void **state)
{
    struct fake_place *place = *state;
    struct floor_key range = key;
    range.own = true;
    range.channel = "1.2.0";
    const struct floor_adoption adoption = {
        .digest = DIGEST_A, .sequence = 5, .rules = "r", .version = "1.2.0"};
    assert_int_equal(floor_adopt(place->store, &range, &adoption, NULL), 0);
    range.channel = "1.1.0";
    cleanup_floor struct floor floor = {0};
    assert_int_equal(floor_read(place->store, &range, &floor, NULL), 0);
    assert_string_equal(floor.version, "1.2.0");
    assert_string_equal(floor.floor.digest.text, DIGEST_A);
    assert_int_equal(floor.floor.sequence, 0);
}

static void test_floor_forgets_the_oldest_of_too_many_adoptions(void **state)
{
    struct fake_place *place = *state;
    for (int i = 0; i < FLOOR_ADOPTIONS_MAX + 1; i++) {
        cleanup_free char *uid = xasprintf("uid-%d", i);
        struct floor_key who = key;
        who.uid = uid;
        assert_int_equal(adopt(place, &who, DIGEST_A, 5), 0);
        // The second is heard of again; what it adopted is news only when it changes.
        if (i == 1)
            assert_int_equal(adopt(place, &who, DIGEST_A, 5), 0);
    }
    struct floor_key who = key;
    who.uid = "uid-0";
    expect(place, &who, DIGEST_A, 5, NULL);
    who.uid = "uid-1";
    expect(place, &who, DIGEST_A, 5, DIGEST_A);
}

static void test_floor_reset_forgets(void **state)
{
    struct fake_place *place = *state;
    assert_int_equal(floor_reset(place->store, &key, NULL), 0);
    assert_int_equal(adopt(place, &key, DIGEST_B, 9), 0);
    assert_int_equal(floor_reset(place->store, &key, NULL), 0);
    expect(place, &key, "", 0, NULL);
    assert_int_equal(adopt(place, &key, DIGEST_A, 1), 0);
}

struct racer {
    struct fake_place *place;
    const char *uid;
    const char *digest;
    int64_t first;
    unsigned refused;
};

enum { RACES = 30 };

static void *race(void *arg)
{
    struct racer *racer = arg;
    for (int i = 0; i < RACES; i++) {
        struct floor_key who = key;
        who.uid = racer->uid;
        racer->refused += adopt(racer->place, &who, racer->digest, racer->first + 2 * i) != 0;
    }
    return NULL;
}

// Two Syncs on two workers: the highest wins, whoever comes last, and nothing is lost.
static void test_floor_of_a_uid_goes_with_its_sync(void **state)
{
    struct fake_place *place = *state;
    struct floor_key own = key;
    own.own = true;
    cleanup_json json_t *sync =
        json_pack("{s:s, s:{s:s, s:s, s:s}, s:{s:{s:s, s:s}}}", "kind", "Sync", "metadata", "name",
                  "shop", "namespace", key.namespace, "uid", key.uid, "spec", "artifact",
                  "repository", "oci://r.example.com/a", "semver", "*");
    assert_int_equal(adopt(place, &key, DIGEST_A, 5), 0);
    assert_int_equal(adopt(place, &own, DIGEST_B, 6), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(floor_forget_own(place->store, sync, NULL), 0);
    expect(place, &own, "", 0, NULL);
    expect(place, &key, DIGEST_A, 5, DIGEST_A);
}

static void test_floor_two_syncs_race(void **state)
{
    struct fake_place *place = *state;
    struct racer racers[] = {{place, "one", DIGEST_A, 100, 0}, {place, "two", DIGEST_B, 101, 0}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct floor_key two = key;
    two.uid = "two";
    expect(place, &key, DIGEST_B, 101 + 2 * (RACES - 1), DIGEST_A);
    expect(place, &two, DIGEST_B, 101 + 2 * (RACES - 1), DIGEST_B);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_floor_is_raised_and_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floor_refuses_what_is_below, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floor_lets_a_sync_keep_what_it_adopted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_floor_without_raise_only_notes_the_adoption, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_floor_keys_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floor_of_a_range_holds_the_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floor_forgets_the_oldest_of_too_many_adoptions, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_floor_reset_forgets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floor_of_a_uid_goes_with_its_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floor_two_syncs_race, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
