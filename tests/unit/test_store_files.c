// The store on files, on real directories: what it reads of them, and what it makes of bad ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_files_scene.h"

static void test_store_reads_objects_with_identity(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m") "---\n" BUNDLE("api", "2m"));
    put_file(place, "secret.yml", SECRET("hunter2"));
    put_file(place, ".hidden.yaml", BUNDLE("hidden", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_int_equal(strlen(object_uid(web)), 36);
    assert_int_equal(object_generation(web), 1);
    assert_string_equal(jval_string(web, "metadata.creationTimestamp"), "2023-11-14T22:13:20Z");
    assert_string_equal(object_spec_string(web, "interval"), "1m");
    assert_string_equal(object_spec_string(web, "timeout"), "5m");
    assert_int_equal(object_problem(web), OBJECT_FINE);
    cleanup_json json_t *all = NULL;
    assert_int_equal(store_list(store, "Bundle", NULL, &all, NULL), 0);
    assert_int_equal(json_array_size(all), 2);
    assert_string_equal(object_name(json_array_get(all, 0)), "api");
    assert_int_equal(get_code(store, "Bundle", "hidden"), ERROR_NOT_FOUND);
    assert_int_equal(get_code(store, "Pod", "web"), ERROR_INVALID);
    store_free(store);

    struct store *again = open_store(place);
    cleanup_json json_t *same = get(again, "Bundle", "web");
    assert_string_equal(object_uid(same), object_uid(web));
    assert_string_equal(object_resource_version(same), object_resource_version(web));
    store_free(again);
}

static void test_store_hands_secrets_out_only_when_asked(void **state)
{
    struct place *place = *state;
    put_file(place, "secret.yaml", SECRET("hunter2"));
    struct store *store = open_store(place);
    cleanup_json json_t *object = get(store, "Secret", "key");
    cleanup_free char *text = jval_compact(object);
    assert_null(strstr(text, "hunter2"));
    assert_null(strstr(text, "YQBi"));
    cleanup_secret_data struct secret_data *secret = NULL;
    assert_int_equal(store_secret(store, "shop", "key", &secret, NULL), 0);
    assert_string_equal(secret_data_text(secret, "token"), "hunter2");
    size_t size;
    assert_memory_equal(secret_data_get(secret, "a", &size), "a\0b", 4);
    assert_int_equal(size, 3);
    assert_null(secret_data_text(secret, "a"));
    assert_null(secret_data_get(secret, "b", &size));
    assert_string_equal(secret_data_version(secret), object_resource_version(object));
    put_file(place, "secret.yaml", SECRET("changed"));
    cleanup_secret_data struct secret_data *changed = NULL;
    assert_int_equal(store_secret(store, "shop", "key", &changed, NULL), 0);
    assert_string_equal(secret_data_text(changed, "token"), "changed");
    assert_string_not_equal(secret_data_version(secret), secret_data_version(changed));
    cleanup_error struct error err = {0};
    assert_int_equal(store_secret(store, "shop", "none", &changed, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    store_free(store);
}

static void test_store_knows_labels_of_namespaces(void **state)
{
    struct place *place = *state;
    put_file(place, "ns.yaml",
             "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n");
    struct store *store = open_store(place);
    cleanup_json json_t *shop = NULL;
    cleanup_json json_t *other = NULL;
    assert_int_equal(store_namespace_labels(store, "shop", &shop, NULL), 0);
    assert_int_equal(store_namespace_labels(store, "other", &other, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(shop, "env")), "prod");
    assert_string_equal(json_string_value(json_object_get(shop, LABEL_NAMESPACE_NAME)), "shop");
    assert_int_equal(json_object_size(other), 1);
    store_free(store);
}

static void test_store_marks_what_is_invalid(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "soon"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_int_equal(object_problem(web), OBJECT_INVALID);
    assert_string_equal(object_problem_message(web),
                        "Bundle shop/web: spec.interval: \"soon\" is no duration; write it like "
                        "10m");
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    cleanup_json json_t *fixed = get(store, "Bundle", "web");
    assert_int_equal(object_problem(fixed), OBJECT_FINE);
    assert_int_equal(object_generation(fixed), 2);
    store_free(store);
}

static void test_store_refuses_a_missing_configuration(void **state)
{
    struct place *place = *state;
    assert_int_equal(rmdir(place->config), 0);
    struct store_files_options options = {.config_dir = place->config, .state_dir = place->state};
    struct store *store = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(store_files_open(&options, &store, &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void test_store_read_only_writes_nothing(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    struct store_files_options options = {
        .config_dir = place->config, .state_dir = place->state, .read_only = true};
    struct store *store = NULL;
    assert_int_equal(store_files_open(&options, &store, NULL), 0);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_string_equal(object_uid(web), "");
    cleanup_error struct error err = {0};
    assert_int_equal(store_put_status(store, web, web, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    assert_int_equal(store_delete(store, "Bundle", "shop", "web", &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    store_free(store);
    assert_false(file_exists(place->state));
}

static void test_store_keeps_what_a_bad_file_defined(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m") "---\n" POLICY);
    put_file(place, "b.yaml", BUNDLE("api", "1m"));
    struct store *store = open_store(place);
    put_file(place, "a.yaml", "kind: [\n");
    cleanup_json json_t *web = get(store, "Bundle", "web");
    cleanup_json json_t *policy = get(store, "TrustPolicy", "prod");
    cleanup_json json_t *api = get(store, "Bundle", "api");
    assert_int_equal(object_problem(web), OBJECT_UNREADABLE);
    assert_non_null(strstr(object_problem_message(web), "a.yaml:"));
    assert_string_equal(object_spec_string(web, "interval"), "1m");
    assert_int_equal(object_problem(policy), OBJECT_UNREADABLE);
    assert_int_equal(object_problem(api), OBJECT_FINE);
    cleanup_json json_t *problems = store_files_problems(store);
    assert_int_equal(json_array_size(problems), 1);
    // Status can be written meanwhile.
    cleanup_json json_t *status = json_pack("{s:i}", "a", 1);
    assert_int_equal(store_put_status(store, web, status, NULL, NULL), 0);
    store_free(store);

    struct store *again = open_store(place);
    cleanup_json json_t *after = get(again, "Bundle", "web");
    assert_int_equal(object_problem(after), OBJECT_UNREADABLE);
    assert_string_equal(object_uid(after), object_uid(web));
    cleanup_json json_t *policies = NULL;
    assert_int_equal(store_list(again, "TrustPolicy", NULL, &policies, NULL), 0);
    assert_int_equal(json_array_size(policies), 1);
    put_file(place, "a.yaml", BUNDLE("web", "1m") "---\n" POLICY);
    cleanup_json json_t *healed = get(again, "Bundle", "web");
    assert_int_equal(object_problem(healed), OBJECT_FINE);
    assert_int_equal(object_generation(healed), 1);
    store_free(again);
}

static void test_store_stands_in_for_a_policy_never_read(void **state)
{
    struct place *place = *state;
    put_file(place, "policy.yaml", POLICY "  bad\n");
    put_file(place, "web.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *policies = NULL;
    assert_int_equal(store_list(store, "TrustPolicy", NULL, &policies, NULL), 0);
    assert_int_equal(json_array_size(policies), 1);
    const json_t *stand_in = json_array_get(policies, 0);
    assert_int_equal(object_problem(stand_in), OBJECT_UNREADABLE);
    assert_memory_equal(object_name(stand_in), "unreadable-", 11);
    assert_null(jval_get(stand_in, "spec.match.namespaces"));
    put_file(place, "policy.yaml", POLICY);
    cleanup_json json_t *fixed = NULL;
    assert_int_equal(store_list(store, "TrustPolicy", NULL, &fixed, NULL), 0);
    assert_int_equal(json_array_size(fixed), 1);
    assert_string_equal(object_name(json_array_get(fixed, 0)), "prod");
    // A policy without name is none that could be told from others.
    put_file(place, "policy.yaml", "apiVersion: sealift.dev/v1alpha1\nkind: TrustPolicy\n");
    cleanup_json json_t *nameless = NULL;
    assert_int_equal(store_list(store, "TrustPolicy", NULL, &nameless, NULL), 0);
    assert_int_equal(json_array_size(nameless), 2);
    store_free(store);
}

static void test_store_refuses_two_definitions(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", BUNDLE("web", "1m"));
    put_file(place, "b.yaml", BUNDLE("web", "2m"));
    struct store *store = open_store(place);
    cleanup_json json_t *web = get(store, "Bundle", "web");
    assert_int_equal(object_problem(web), OBJECT_UNREADABLE);
    assert_non_null(strstr(object_problem_message(web), "a.yaml and b.yaml both define it"));
    assert_string_equal(object_spec_string(web, "interval"), "1m");
    remove_file(place, "a.yaml");
    cleanup_json json_t *moved = get(store, "Bundle", "web");
    assert_int_equal(object_problem(moved), OBJECT_FINE);
    assert_string_equal(object_spec_string(moved, "interval"), "2m");
    assert_string_equal(object_uid(moved), object_uid(web));
    put_file(place, "b.yaml", BUNDLE("web", "2m") "---\n" BUNDLE("web", "3m"));
    cleanup_json json_t *twice = get(store, "Bundle", "web");
    assert_int_equal(object_problem(twice), OBJECT_UNREADABLE);
    store_free(store);
}

static void test_store_names_what_it_cannot_take(void **state)
{
    struct place *place = *state;
    put_file(place, "a.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n");
    put_file(place, "b.yaml", BUNDLE("web", "1m"));
    struct store *store = open_store(place);
    cleanup_json json_t *problems = store_files_problems(store);
    assert_int_equal(json_array_size(problems), 1);
    assert_string_equal(json_string_value(json_array_get(problems, 0)),
                        "a.yaml:1: Deployment x: kind: \"Deployment\" is no kind of sealift; there "
                        "are Bundle, Sync, Hook, TrustPolicy, Secret, ConfigMap and Namespace");
    store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_store_reads_objects_with_identity),
        STORE_TEST(test_store_hands_secrets_out_only_when_asked),
        STORE_TEST(test_store_knows_labels_of_namespaces),
        STORE_TEST(test_store_marks_what_is_invalid),
        STORE_TEST(test_store_refuses_a_missing_configuration),
        STORE_TEST(test_store_read_only_writes_nothing),
        STORE_TEST(test_store_keeps_what_a_bad_file_defined),
        STORE_TEST(test_store_stands_in_for_a_policy_never_read),
        STORE_TEST(test_store_refuses_two_definitions),
        STORE_TEST(test_store_names_what_it_cannot_take),
    };
    json_object_seed(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
