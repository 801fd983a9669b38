#include "base/object_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"

static void test_object_path_tells_identities_apart(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        const char *kind;
        const char *ns;
        const char *name;
        const char *path;
    } rows[] = {
        {"apps", "Deployment", "shop", "web", "shop/Deployment.apps/web.yaml"},
        {"", "Namespace", NULL, "shop", "_/Namespace/shop.yaml"},
        {NULL, "ConfigMap", "", "a.b", "_/ConfigMap/a.b.yaml"},
        {"rbac.authorization.k8s.io", "ClusterRole", NULL, "system:node",
         "_/ClusterRole.rbac.authorization.k8s.io/system:node.yaml"},
        {"x", "K", "_", "..", "%5F/K.x/%2E..yaml"},
        {"x", "K", "a/b", "c%2F/\n\\d", "a%2Fb/K.x/c%252F%2F%0A%5Cd.yaml"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_free char *path =
            object_path(rows[i].group, rows[i].kind, rows[i].ns, rows[i].name);
        assert_string_equal(path, rows[i].path);
    }
}

static void test_object_path_cuts_long_names(void **state)
{
    (void)state;
    char name[254];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cleanup_free char *one = object_path("", "K", NULL, name);
    name[252] = 'b';
    cleanup_free char *two = object_path("", "K", NULL, name);
    assert_int_equal(strlen(one), strlen("_/K/") + 200 + strlen(".yaml"));
    assert_string_not_equal(one, two);
    assert_memory_equal(one, two, 190);
    name[200] = '\0';
    cleanup_free char *whole = object_path("", "K", NULL, name);
    assert_int_equal(strlen(whole), strlen("_/K/") + 200 + strlen(".yaml"));
    assert_int_equal(whole[strlen("_/K/") + 191], 'a');
}

static void test_object_path_knows_what_must_be_rendered(void **state)
{
    (void)state;
    assert_true(object_path_needs_rendering("kustomization.yaml"));
    assert_true(object_path_needs_rendering("a/b/Kustomization"));
    assert_true(object_path_needs_rendering("a/Chart.yaml"));
    assert_false(object_path_needs_rendering("Chart.yaml/web.yaml"));
    assert_false(object_path_needs_rendering("a/my-kustomization.yaml"));
}

static void test_object_path_text_names_objects(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *text;
    } cases[] = {
        {"shop/Deployment.apps/web.yaml", "Deployment shop/web"},
        {"_/Namespace/shop.yaml", "Namespace shop"},
        {"_/ClusterRole.rbac.authorization.k8s.io/system:node.yaml", "ClusterRole system:node"},
        {"%5F/ConfigMap/a%2Fb.yaml", "ConfigMap _/a/b"},
        {"shop/ConfigMap/100%.yaml", "ConfigMap shop/100%"},
        // Files that are no objects of ours.
        {"sealift-shop-web-1234abcd.yaml", "sealift-shop-web-1234abcd.yaml"},
        {"shop/ConfigMap/foreign", "shop/ConfigMap/foreign"},
        {"shop/ConfigMap/.yaml", "shop/ConfigMap/.yaml"},
        {"shop/ConfigMap/a/b.yaml", "shop/ConfigMap/a/b.yaml"},
        {"apps/prod/web.yaml", "apps/prod/web.yaml"},
        {"/A/b.yaml", "/A/b.yaml"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *text = object_path_text(cases[i].path);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object_path_tells_identities_apart),
        cmocka_unit_test(test_object_path_cuts_long_names),
        cmocka_unit_test(test_object_path_knows_what_must_be_rendered),
        cmocka_unit_test(test_object_path_text_names_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
