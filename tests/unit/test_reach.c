// Whom a change of policies or labels may concern.
#include "controller/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "controller/roster.h"

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    assert_int_equal(jval_parse(text, strlen(text), "test", &value, NULL), 0);
    return value;
}

static void add_namespace(struct roster *roster, const char *name, const char *env)
{
    cleanup_json json_t *value = json_pack("{s:s, s:{s:s, s:{s:s}}}", "kind", "Namespace",
                                           "metadata", "name", name, "labels", "env", env);
    roster_put(roster, value);
}

static const char sync_text[] =
    "{\"kind\": \"Sync\", \"metadata\": {\"namespace\": \"shop\", \"name\": \"web\"},"
    " \"spec\": {\"targetNamespace\": \"run\", \"allowNamespaces\": [\"extra\"]}}";

static void test_reach_of_a_policy(void **state)
{
    (void)state;
    static const struct {
        const char *match;
        bool governs;
    } cases[] = {
        {"{}", true},
        {"{\"namespaces\": {\"matchLabels\": {\"env\": \"prod\"}}}", true},
        {"{\"namespaces\": {\"matchLabels\": {\"env\": \"dev\"}}}", true},
        {"{\"namespaces\": {\"matchLabels\": {\"env\": \"test\"}}}", true},
        {"{\"namespaces\": {\"matchLabels\": {\"env\": \"other\"}}}", false},
        {"{\"namespaces\": {\"matchLabels\": {\"kubernetes.io/metadata.name\": \"run\"}}}", true},
        {"{\"namespaces\": {\"matchLabels\": {\"kubernetes.io/metadata.name\": \"b\"}}}", false},
        {"{\"namespaces\": {\"matchLabels\": 5}}", true},
        {"\"nothing\"", true},
    };
    struct roster namespaces;
    roster_init(&namespaces, free);
    add_namespace(&namespaces, "shop", "prod");
    add_namespace(&namespaces, "run", "dev");
    add_namespace(&namespaces, "extra", "test");
    add_namespace(&namespaces, "b", "other");
    cleanup_json json_t *sync = parse(sync_text);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *text = xasprintf("{\"spec\": {\"match\": %s}}", cases[i].match);
        cleanup_json json_t *policy = parse(text);
        if (reach_governs(policy, sync, &namespaces) != cases[i].governs)
            fail_msg("%s", cases[i].match);
    }
    // Labels that nobody knows may be any.
    roster_remove(&namespaces, "/extra");
    cleanup_json json_t *policy =
        parse("{\"spec\": {\"match\": {\"namespaces\": {\"matchLabels\": {\"env\": \"x\"}}}}}");
    assert_true(reach_governs(policy, sync, &namespaces));
    roster_free(&namespaces);
}

static void test_reach_of_a_sync(void **state)
{
    (void)state;
    cleanup_json json_t *sync = parse(sync_text);
    assert_true(reach_writes_to(sync, "shop"));
    assert_true(reach_writes_to(sync, "run"));
    assert_true(reach_writes_to(sync, "extra"));
    assert_false(reach_writes_to(sync, "other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach_of_a_policy),
        cmocka_unit_test(test_reach_of_a_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
