// The definitions for Kubernetes: complete, within bounds, and as committed.
#include "api/crd.h"
#include "api/crd_internal.h"
#include "api/kind.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const ours[] = {"Bundle", "Sync", "Hook", "TrustPolicy"};

// deploy/crds is made from the tables; UPDATE_DOCS=1 writes it anew.
static void test_crd_files_are_up_to_date(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ours); i++) {
        cleanup_error struct error err = {0};
        cleanup_strbuf struct strbuf out;
        strbuf_init(&out, 1 << 20);
        if (api_crd_yaml(ours[i], &out, &err) < 0)
            fail_msg("%s", error_message(&err));
        cleanup_free char *name = api_crd_file(ours[i]);
        cleanup_free char *path = xasprintf("%s/../../../deploy/crds/%s", TEST_DATA, name);
        if (getenv("UPDATE_DOCS") != NULL)
            assert_int_equal(file_write_swap(path, out.data, out.len, 0644, &err), 0);
        cleanup_free char *text = NULL;
        if (file_read(path, 1 << 20, &text, NULL, &err) < 0 || strcmp(text, out.data) != 0)
            fail_msg("deploy/crds/%s is stale; run UPDATE_DOCS=1 unit_crd", name);
    }
}

static const struct field *find_row(const struct kind_table *table, const char *path)
{
    for (size_t i = 0; i < table->n_fields; i++) {
        if (strcmp(table->fields[i].path, path) == 0)
            return &table->fields[i];
    }
    return NULL;
}

// A rule that only the file check knows would let a cluster take what files refuse.
static void test_crd_every_rule_reaches_the_api_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ours); i++) {
        const struct kind_table *table = kind_table_find(ours[i]);
        rules_foreach (table, rule) {
            const struct field *row = find_row(table, rule->path);
            if (rule->holds == NULL && (row == NULL || row->any_of == NULL))
                fail_msg("%s: the rule \"%s\" has no CEL", ours[i], rule->sentence);
            if (rule->at != NULL)
                assert_memory_equal(rule->path, rule->at, strlen(rule->at));
        }
        for (size_t j = 0; j < table->n_fields; j++) {
            cleanup_vec struct vec conditions = CRD_CONDITIONS;
            crd_add_format(&conditions, table->fields[j].check);
            if (table->fields[j].required && table->fields[j].example == NULL)
                fail_msg("%s: %s is required, and nothing says how to write it", ours[i],
                         table->fields[j].path);
            assert_true((conditions.len > 0) == (table->fields[j].check != NULL));
        }
    }
}

static void walk(const char *at, const json_t *schema)
{
    const char *type = jval_string_or(schema, "type", "");
    if (strcmp(type, "string") == 0 && strncmp(at, "status", 6) != 0 &&
        jval_get(schema, "maxLength") == NULL)
        fail_msg("%s: a string without a bound", at);
    if (strcmp(type, "array") == 0 && strncmp(at, "status", 6) != 0 &&
        jval_get(schema, "maxItems") == NULL)
        fail_msg("%s: a list without a bound", at);
    const char *name;
    json_t *child;
    jval_foreach (jval_object(schema, "properties"), name, child) {
        cleanup_free char *path = xasprintf("%s.%s", at, name);
        walk(path, child);
    }
    if (jval_object(schema, "items") != NULL)
        walk(at, jval_object(schema, "items"));
    size_t i;
    json_t *rule;
    json_array_foreach (jval_array(schema, "x-kubernetes-validations"), i, rule) {
        const char *message = jval_string(rule, "message");
        assert_non_null(message);
        assert_true(strlen(message) <= 2048 && strchr(message, '\n') == NULL);
        const char *expression = jval_string(rule, "messageExpression");
        assert_true(expression == NULL || strchr(expression, '\n') == NULL);
    }
}

static void test_crd_schemas_are_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ours); i++) {
        cleanup_json json_t *crd = api_crd(ours[i]);
        const json_t *version = json_array_get(jval_array(crd, "spec.versions"), 0);
        const json_t *root = jval_object(version, "schema.openAPIV3Schema.properties");
        walk("spec", jval_object(root, "spec"));
        walk("status", jval_object(root, "status"));
        assert_non_null(jval_object(version, "subresources.status"));
    }
    assert_null(api_crd("Secret"));
    assert_null(api_crd("Nothing"));
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 20);
    assert_int_equal(api_crd_yaml("Secret", &out, NULL), -1);
}

static void test_crd_is_cluster_scoped_where_tenants_must_not_reach(void **state)
{
    (void)state;
    cleanup_json json_t *policy = api_crd("TrustPolicy");
    assert_string_equal(jval_string_or(policy, "spec.scope", ""), "Cluster");
    cleanup_json json_t *bundle = api_crd("Bundle");
    assert_string_equal(jval_string_or(bundle, "spec.scope", ""), "Namespaced");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crd_files_are_up_to_date),
        cmocka_unit_test(test_crd_every_rule_reaches_the_api_server),
        cmocka_unit_test(test_crd_schemas_are_bounded),
        cmocka_unit_test(test_crd_is_cluster_scoped_where_tenants_must_not_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
